import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import * as z3 from "zod/v3";
import { compile } from "../../codegen/compile.ts";
import { price } from "../../schema/index.ts";
import { apiOf, apiWith } from "./definitions.ts";

const text = z.string().max(100).describe("What to say.");
const input = (more: z.ZodRawShape) => z.object({ text, ...more });
// A variable, since the linter rejects a literal `then` member: it makes an object look like a promise.
const promised: string = "then";
const perImage = { per: "image" };

/** A wrong definition, and the mistake that the compiler reports for it: path, problem, fix. */
type Case = readonly [given: string, api: unknown, path: string, problem: string, fix: string];

async function mistakesOf(api: unknown) {
  const compilation = await compile(api);
  return "mistakes" in compilation ? compilation.mistakes : [];
}

const suite = (name: string, cases: readonly Case[]): void => {
  describe(name, () => {
    it.each(cases)("refuses %s", async (_, api, path, problem, fix) => {
      expect(await mistakesOf(api)).toEqual([{ path, problem, fix, severity: "error" }]);
    });
  });
};

suite("the definition as a whole", [
  [
    "a missing default export",
    undefined,
    "",
    "there is no default export",
    "write: export default defineApi({ … })",
  ],
  [
    "another default export",
    { resources: {} },
    "",
    "the default export is not an API definition",
    "write: export default defineApi({ … })",
  ],
  ["an empty title", apiWith({}, { title: " " }), "title", "is missing or empty", 'add title: "…"'],
  [
    "a missing version",
    apiWith({}, { version: undefined }),
    "version",
    "is missing or empty",
    'add version: "…"',
  ],
  [
    "a missing description",
    apiWith({}, { description: "" }),
    "description",
    "is missing or empty",
    'add description: "…"',
  ],
  [
    "an API without resources",
    apiWith({}, { resources: {} }),
    "resources",
    "is missing or empty",
    "add a resource",
  ],
  [
    "an undefined resource",
    apiWith({}, { resources: { caption: undefined } }),
    "resources.caption",
    "is not a valid resource",
    "use resource({ summary, input, output, price })",
  ],
]);

suite("names", [
  [
    "a name that is not a valid identifier",
    apiOf({ "draw-image": {} }),
    "resources.draw-image",
    '"draw-image" is not a valid identifier',
    'use letters and digits, and start with a letter: "generateImage"',
  ],
  [
    "then",
    apiOf({ [promised]: {} }),
    "resources.then",
    '"then" is a reserved name',
    'say what it does, such as "thenImage"',
  ],
  [
    "constructor",
    apiOf({ constructor: {} }),
    "resources.constructor",
    '"constructor" is a reserved name',
    'say what it does, such as "constructorImage"',
  ],
  [
    "__proto__",
    apiOf({ ["__proto__"]: {} }),
    "resources.__proto__",
    '"__proto__" is not a valid identifier',
    'use letters and digits, and start with a letter: "generateImage"',
  ],
  [
    "a keyword",
    apiOf({ delete: {} }),
    "resources.delete",
    '"delete" is a reserved name',
    'say what it does, such as "deleteImage"',
  ],
  [
    "names that differ only in case",
    apiOf({ drawImage: {}, drawimage: { path: "/v1/other" } }),
    "resources.drawimage",
    'differs from "drawImage" only in upper and lower case',
    "rename one of them",
  ],
]);

suite("texts, durations and codes", [
  [
    "an unknown member",
    apiWith({ cost: { compute: "0.01" } }),
    "resources.caption.cost",
    'is not known here (did you mean "costs"?)',
    'use one of "summary", "description", "input", "output", "price", "method", "path", "timeout", "job", "charge", "cancel", "errors", "costs", "tags", "deprecated", "examples", "cache", "concurrency" and "loggable"',
  ],
  [
    "an unknown member of a job",
    apiWith({ job: { timeout: "1m", retrys: 2 } } as never),
    "resources.caption.job.retrys",
    'is not known here (did you mean "retries"?)',
    'use one of "timeout", "retention", "retries", "backoff", "startWithin", "concurrency", "maxQueued", "artifactUrl" and "response"',
  ],
  [
    "a member of a job outside of the job",
    apiWith({ retries: 2 } as never),
    "resources.caption.retries",
    "is not known here: it belongs in `job`",
    "write job: { …, retries: … }",
  ],
  [
    "an unknown charge mode",
    apiWith({ charge: "later" } as never),
    "resources.caption.charge",
    '"later" is not known',
    'write "before" (settle, then run) or "after" (run, then settle)',
  ],
  [
    "a price that has too many decimal places",
    apiWith({ price: price.fixed("0.0000015", { per: "caption" }) }),
    "resources.caption.price.usd",
    "$0.0000015 has too many decimal places",
    "write at most 6 decimal places",
  ],
  [
    "a missing summary",
    apiWith({ summary: undefined }),
    "resources.caption.summary",
    "is missing or empty",
    "describe in one sentence what the buyer gets",
  ],
  [
    "an unknown method",
    apiWith({ method: "PUT" }),
    "resources.caption.method",
    '"PUT" is not supported',
    'use "POST" or "GET"',
  ],
  [
    "a timeout without a unit",
    apiWith({ timeout: "30" }),
    "resources.caption.timeout",
    '"30" is not a valid duration',
    'write a number and a unit: "20s", "2m", "24h"',
  ],
  [
    "a job without a timeout",
    apiWith({ job: {} }),
    "resources.caption.job.timeout",
    "is missing",
    'set the time limit of the job: timeout: "2m"',
  ],
  [
    "a retention that is not a duration",
    apiWith({ job: { timeout: "1m", retention: "a day" } }),
    "resources.caption.job.retention",
    '"a day" is not a valid duration',
    'write a number and a unit: "20s", "2m", "24h"',
  ],
  [
    "a start deadline without a unit",
    apiWith({ job: { timeout: "1m", startWithin: 300 } }),
    "resources.caption.job.startWithin",
    "300 is not a valid duration",
    'write a number and a unit: "20s", "2m", "24h"',
  ],
  [
    "a fractional number of retries",
    apiWith({ job: { timeout: "1m", retries: 0.5 } }),
    "resources.caption.job.retries",
    "0.5 is not a valid number of retries",
    "write a whole number from 0 to 20",
  ],
  [
    "more retries than the maximum",
    apiWith({ job: { timeout: "1m", retries: 21 } }),
    "resources.caption.job.retries",
    "21 is not a valid number of retries",
    "write a whole number from 0 to 20",
  ],
  [
    "retries as a string",
    apiWith({ job: { timeout: "1m", retries: "3" } }),
    "resources.caption.job.retries",
    '"3" is not a valid number of retries',
    "write a whole number from 0 to 20",
  ],
  [
    "a backoff that is not a valid duration",
    apiWith({ job: { timeout: "1m", retries: 1, backoff: "soon" } }),
    "resources.caption.job.backoff",
    '"soon" is not a valid duration',
    'write a number and a unit: "20s", "2m", "24h"',
  ],
  [
    "a backoff above the maximum",
    apiWith({ job: { timeout: "1m", retries: 1, backoff: "1h" } }),
    "resources.caption.job.backoff",
    '"1h" is longer than the maximum backoff',
    'write at most "10m"',
  ],
  [
    "a backoff without retries",
    apiWith({ job: { timeout: "1m", backoff: "1s" } }),
    "resources.caption.job.backoff",
    "applies to retries only, and the job has none",
    "add retries, or remove it",
  ],
  [
    "a concurrency of zero",
    apiWith({ job: { timeout: "1m", concurrency: 0 } }),
    "resources.caption.job.concurrency",
    "0 is not a valid limit",
    "write a whole number from 1",
  ],
  [
    "an infinite queue",
    apiWith({ job: { timeout: "1m", maxQueued: Number.POSITIVE_INFINITY } }),
    "resources.caption.job.maxQueued",
    "Infinity is not a valid limit",
    "write a whole number from 1",
  ],
  [
    "a cache without a unit",
    apiWith({ cache: "60" }),
    "resources.caption.cache",
    '"60" is not a valid duration',
    'write a number and a unit: "20s", "2m", "24h"',
  ],
  [
    "a cache of jobs",
    apiWith({ job: { timeout: "1m" }, cache: "1h" }),
    "resources.caption.cache",
    "applies to a synchronous resource only, not to a job",
    "remove it; job.retention sets how long buyers can fetch the result",
  ],
  [
    "an unknown cancel policy",
    apiWith({ job: { timeout: "1m" }, cancel: "never" }),
    "resources.caption.cancel",
    '"never" is not a known policy',
    'use one of "refund", "keep" and "forbid"',
  ],
  [
    "a cancel policy of a synchronous resource",
    apiWith({ cancel: "forbid" }),
    "resources.caption.cancel",
    "is only for jobs: a synchronous call cannot be canceled",
    "add a job, or remove it",
  ],
  [
    "cancel: keep for a free job",
    apiWith({ job: { timeout: "1m" }, price: price.free(), cancel: "keep" }),
    "resources.caption.cancel",
    "keeps a price, but the resource is free",
    'remove it, or write "forbid"',
  ],
  [
    "cancel: keep for a job that is charged after its work",
    apiWith({ job: { timeout: "1m" }, charge: "after", cancel: "keep" }),
    "resources.caption.cancel",
    "keeps a price that is not charged yet when a job is canceled",
    'write charge: "before", or remove it',
  ],
  [
    "a cached response that is free",
    apiWith({ cache: "1h", cacheIsFree: true }),
    "resources.caption.cacheIsFree",
    "is not known here",
    'use one of "summary", "description", "input", "output", "price", "method", "path", "timeout", "job", "charge", "cancel", "errors", "costs", "tags", "deprecated", "examples", "cache", "concurrency" and "loggable"',
  ],
  [
    "a loggable field that the input does not have",
    apiWith({ loggable: ["text", "ton"] }),
    "resources.caption.loggable.1",
    'the input has no field "ton" (did you mean "tone"?)',
    'use one of "text", "tone" and "count"',
  ],
  [
    "loggable fields as one string",
    apiWith({ loggable: "text" }),
    "resources.caption.loggable",
    "is not a list",
    "write [ … ]",
  ],
  ["tags as one string", apiWith({ tags: "a,b" }), "resources.caption.tags", "is not a list", "write [ … ]"],
  [
    "an error code in camel case",
    apiWith({ errors: { ContentFiltered: "Refused." } }),
    "resources.caption.errors.ContentFiltered",
    '"ContentFiltered" is not a valid error code',
    'write it like "content_filtered"',
  ],
  [
    "a reserved error code",
    apiWith({ errors: { timeout: "Too late." } }),
    "resources.caption.errors.timeout",
    '"timeout" is a reserved error code',
    "choose another code",
  ],
  [
    "an error without a text",
    apiWith({ errors: { refused: "" } }),
    "resources.caption.errors.refused",
    "has no text",
    "write a message for buyers",
  ],
  [
    "an artifactUrl that the output does not have",
    apiWith({ job: { timeout: "1m", artifactUrl: "captoin" } }),
    "resources.caption.job.artifactUrl",
    'the output has no field "captoin" (did you mean "caption"?)',
    'use one of "caption"',
  ],
  [
    "a response that is not a string",
    apiWith({
      output: z.object({ n: z.number().describe("N of it.") }),
      job: { timeout: "1m", response: "n" },
    }),
    "resources.caption.job.response",
    '"n" is not a string',
    "name a field that is a string",
  ],
]);

suite("schemas", [
  [
    "a plain object as a schema",
    apiWith({ input: {} }),
    "resources.caption.input",
    "is not a valid schema",
    "use z.object({ … })",
  ],
  [
    "a field without a description",
    apiWith({ input: input({ mode: z.boolean() }) }),
    "resources.caption.input.mode",
    "has no description",
    'add .describe("…")',
  ],
  [
    "a field that every object inherits",
    apiWith({ input: input({ constructor: z.boolean().default(false).describe("Whether to build.") }) }),
    "resources.caption.input.constructor",
    "has a name that every JavaScript object inherits",
    "rename it",
  ],
  [
    "an undescribed field of the output",
    apiWith({ output: z.object({ caption: z.string() }) }),
    "resources.caption.output.caption",
    "has no description",
    'add .describe("…")',
  ],
  [
    "an undescribed field inside an object",
    apiWith({ input: input({ size: z.object({ width: z.int().max(9) }).describe("How large.") }) }),
    "resources.caption.input.size.width",
    "has no description",
    'add .describe("…")',
  ],
  [
    "an undescribed field inside a list",
    apiWith({
      input: input({
        people: z
          .array(z.object({ name: z.string().max(9) }))
          .max(9)
          .describe("Who."),
      }),
    }),
    "resources.caption.input.people[].name",
    "has no description",
    'add .describe("…")',
  ],
  [
    "an undescribed field inside one option of a union",
    apiWith({
      input: input({
        of: z.union([z.object({ deep: z.string().max(9) }), z.string().max(9)]).describe("What."),
      }),
    }),
    "resources.caption.input.of.deep",
    "has no description",
    'add .describe("…")',
  ],
  [
    "an undescribed field inside a record",
    apiWith({
      input: input({ by: z.record(z.string(), z.object({ n: z.int().max(9) })).describe("By name.") }),
    }),
    "resources.caption.input.by.*.n",
    "has no description",
    'add .describe("…")',
  ],
  [
    "an input that is a string",
    apiWith({ input: z.string() }),
    "resources.caption.input",
    "is not an object",
    "wrap it: z.object({ … })",
  ],
  [
    "an input that is an object or a list",
    apiWith({ input: z.union([z.object({ text }), z.array(text)]) }),
    "resources.caption.input",
    "is not an object",
    "wrap it: z.object({ … })",
  ],
  [
    "a date in the input",
    apiWith({
      input: input({
        when: z
          .array(z.object({ at: z.date().describe("When.") }))
          .max(9)
          .describe("Times."),
      }),
    }),
    "resources.caption.input.when[].at",
    "z.date() cannot be expressed as JSON Schema",
    "use z.iso.datetime()",
  ],
  [
    "an output whose transform has no output schema",
    apiWith({ output: z.object({ n: z.string().transform((s) => s.length) }) }),
    "resources.caption.output.n",
    "the result of a transform cannot be expressed as JSON Schema",
    "declare the output: .transform(…).pipe(z.string())",
  ],
  [
    "an output of z.any()",
    apiWith({ output: z.any() }),
    "resources.caption.output",
    "does not describe its value",
    "declare its type, such as z.object({ … })",
  ],
  [
    "a date in a zod 3 schema",
    apiWith({ input: z3.object({ at: z3.date().describe("When.") }) }),
    "resources.caption.input.at",
    "z.date() cannot be expressed as JSON Schema",
    "use z.iso.datetime()",
  ],
  [
    "a library that cannot write JSON Schema",
    apiWith({ input: v.object({ text: v.string() }) }),
    "resources.caption.input",
    "is a schema of valibot, which offers no Standard JSON Schema",
    "wrap it in toStandardJsonSchema of @valibot/to-json-schema, or use zod",
  ],
  [
    "an id that is not a valid type name",
    apiWith({
      input: input({
        at: z.object({ x: z.int().max(9).describe("X.") }).meta({ id: "my-point", description: "Where." }),
      }),
    }),
    "resources.caption.input",
    'the id "my-point" is not a valid type name',
    'use letters and digits, and start with a capital: "Address"',
  ],
  [
    "an id that is the name of a library schema",
    apiWith({
      output: z.object({
        p: z.object({ x: z.int().describe("X.") }).meta({ id: "Problem", description: "Where." }),
      }),
    }),
    "resources.caption.output",
    'the name "Problem" is already used',
    "give the schema another id",
  ],
  [
    "an id that is the name of an input schema",
    apiWith({
      output: z.object({
        p: z.object({ x: z.int().describe("X.") }).meta({ id: "CaptionInput", description: "Where." }),
      }),
    }),
    "resources.caption.output",
    'the name "CaptionInput" is already used',
    "give the schema another id",
  ],
]);

suite("prices", [
  [
    "a string as a price",
    apiWith({ price: "0.01" }),
    "resources.caption.price",
    "is not a valid price",
    'use price.fixed("0.01", { per: "image" }), price.byChoice(…), … or price.free()',
  ],
  [
    "an amount in words",
    apiWith({ price: { kind: "fixed", usd: "ten cents", per: "image" } }),
    "resources.caption.price.usd",
    '"ten cents" is not a valid amount',
    'write a plain decimal in quotes, such as "0.05"',
  ],
  [
    "a float in a table",
    apiWith({
      price: { kind: "byChoice", field: "tone", table: { plain: 0.1, witty: "1", loud: "1" }, per: "image" },
    }),
    "resources.caption.price.table.plain",
    "0.1 is not a valid amount",
    'write a plain decimal in quotes, such as "0.05"',
  ],
  [
    "a table that misses a choice",
    apiWith({ price: price.byChoice("tone", { plain: "0.01", witty: "0.02" }, perImage) }),
    "resources.caption.price.table",
    'has no price for tone = "loud"',
    'add a row: "loud": "0.05"',
  ],
  [
    "a table with a row for no choice",
    apiWith({
      price: price.byChoice("tone", { plain: "0.01", witty: "0.02", loud: "0.03", Loud: "1" }, perImage),
    }),
    "resources.caption.price.table.Loud",
    '"Loud" is not one of the choices of tone (did you mean "loud"?)',
    'the choices are "plain", "witty" and "loud"',
  ],
  [
    "a table over literals that misses one",
    apiWith({
      input: input({ scale: z.union([z.literal(2), z.literal(4)]).describe("How large.") }),
      price: price.byChoice("scale", { 2: "0.01" }, perImage),
    }),
    "resources.caption.price.table",
    'has no price for scale = "4"',
    'add a row: "4": "0.05"',
  ],
  [
    "a table over a boolean that misses one",
    apiWith({
      input: input({ large: z.boolean().default(false).describe("Whether it is large.") }),
      price: price.byChoice("large", { true: "0.01" }, perImage),
    }),
    "resources.caption.price.table",
    'has no price for large = "false"',
    'add a row: "false": "0.05"',
  ],
  [
    "a unit that is not a string",
    apiWith({ price: price.sum(price.fixed("0.01", { per: 7 as never })) }),
    "resources.caption.price.parts.0.per",
    "is not a string",
    'write what the amount pays for, such as "image"',
  ],
  [
    "a table over free text",
    apiWith({ price: price.byChoice("text", { a: "0.01" }, perImage) }),
    "resources.caption.price.field",
    '"text" has no closed set of values',
    "use z.enum([…]), or price.perUnit",
  ],
  [
    "a table over a choice that may be absent",
    apiWith({
      input: input({ mode: z.enum(["a", "b"]).optional().describe("Which.") }),
      price: price.byChoice("mode", { a: "0.01", b: "0.02" }, perImage),
    }),
    "resources.caption.price.field",
    '"mode" may be absent, and an absent value has no price',
    "give it a default",
  ],
  [
    "a misspelt field",
    apiWith({ price: price.byChoice("tnoe", { plain: "0.01" }, perImage) }),
    "resources.caption.price.field",
    'there is no field "tnoe" (did you mean "tone"?)',
    'use one of "text", "tone" and "count"',
  ],
  [
    "a misspelt field inside a sum",
    apiWith({ price: price.sum(price.fixed("0.01", perImage), price.perUnit("cuont", "0.01")) }),
    "resources.caption.price.parts.1.field",
    'there is no field "cuont" (did you mean "count"?)',
    'use one of "text", "tone" and "count"',
  ],
  [
    "a price per unit of a boolean",
    apiWith({ input: input({ big: z.boolean().describe("Whether.") }), price: price.perUnit("big", "0.01") }),
    "resources.caption.price.field",
    '"big" cannot be counted',
    "use a number, a string or a list",
  ],
  [
    "a unit of zero",
    apiWith({ price: price.perUnit("count", "0.01", { unit: 0 }) }),
    "resources.caption.price.unit",
    "0 is not a valid size of a unit",
    "write a number above zero, such as 1000",
  ],
  [
    "a count without an upper bound",
    apiWith({
      input: z.object({ text: z.string().describe("What to say.") }),
      price: price.perUnit("text", "0.01"),
    }),
    "resources.caption.price",
    'has no upper bound, because "text" has none',
    'add .max(…) to text, or { max: "1.00" } to the price',
  ],
  [
    "a count that may be negative",
    apiWith({ input: input({ n: z.int().max(9).describe("How many.") }), price: price.perUnit("n", "0.01") }),
    "resources.caption.price.field",
    '"n" may be negative, and a negative count has no price',
    "add .min(0)",
  ],
  [
    "a min above the max",
    apiWith({ price: price.perUnit("count", "0.01", { min: "2", max: "1" }) }),
    "resources.caption.price",
    "min $2 is greater than max $1",
    "swap them, or correct one",
  ],
  [
    "a quote whose min is above its max",
    apiWith({ price: price.quoted({ min: "0.5", max: "0.05", per: "run" }) }),
    "resources.caption.price",
    "min $0.5 is greater than max $0.05",
    "swap them, or correct one",
  ],
  [
    "a sum without parts",
    apiWith({ price: price.sum() }),
    "resources.caption.price",
    "is a sum without parts",
    "add a part, or use price.free()",
  ],
  [
    "costs that the lowest price does not cover",
    apiWith({
      price: price.byChoice("tone", { plain: "0.01", witty: "0.02", loud: "0.05" }, perImage),
      costs: { compute: "0.008", storage: "0.001", margin: 0.3 },
    }),
    "resources.caption.costs",
    "the lowest price, $0.01, does not cover the costs and the margin: $0.002857142857142858 is missing",
    "charge at least $0.012857142857142858",
  ],
  [
    "a margin of 100 %",
    apiWith({ costs: { compute: "0.001", margin: 1 } }),
    "resources.caption.costs.margin",
    "1 is not a valid margin",
    "write a fraction from 0 to below 1, such as 0.3 for 30 %",
  ],
  [
    "a number as a cost",
    apiWith({ costs: { api: 0.002 } }),
    "resources.caption.costs.api",
    "0.002 is not a valid amount",
    'write a decimal such as "0.008"',
  ],
]);

describe("prices by a field that validation changes", () => {
  const unstable = '"text" %s by validation, so buyers cannot compute the price from what they send';
  it.each([
    [
      "trimmed",
      input({ text: z.string().max(9).trim().describe("What.") }),
      "is overwritten (trimmed, changed in case)",
    ],
    [
      "in small letters",
      input({ text: z.string().max(9).toLowerCase().describe("What.") }),
      "is overwritten (trimmed, changed in case)",
    ],
    [
      "transformed",
      input({
        text: z
          .string()
          .max(9)
          .transform((s) => s)
          .pipe(z.string().max(9))
          .describe("What."),
      }),
      "is transformed",
    ],
    ["coerced", input({ text: z.coerce.string().max(9).describe("What.") }), "is coerced"],
    [
      "preprocessed",
      input({ text: z.preprocess((x) => x, z.string().max(9)).describe("What.") }),
      "is transformed",
    ],
    [
      "caught",
      input({ text: z.string().max(9).catch("x").describe("What.") }),
      "is replaced when it is not valid",
    ],
    [
      "trimmed by zod 3",
      z3.object({ text: z3.string().trim().max(9).describe("What.") }),
      "is overwritten (trimmed, changed in case)",
    ],
    ["inside a transformed object", input({}).transform((all) => all), "is transformed"],
  ])("refuses a field that is %s", async (_, input, change) => {
    expect(await mistakesOf(apiWith({ input, price: price.perUnit("text", "0.01") }))).toEqual([
      {
        path: "resources.caption.price.field",
        problem: unstable.replace("%s", change),
        fix: "price by a field that validation does not change",
        severity: "error",
      },
    ]);
  });

  it("refuses a change that only an example reveals", async () => {
    const schema = input({}).extend({}) as object as Record<string, unknown>;
    const standard = (schema["~standard"] ?? {}) as object;
    const shouting = {
      "~standard": {
        ...standard,
        vendor: "other",
        jsonSchema: {
          input: () => z.toJSONSchema(input({})),
          output: () => z.toJSONSchema(input({})),
        },
        validate: (value: { text: string }) => ({ value: { text: value.text.trim() } }),
      },
    };
    const examples = [{ input: { text: " hi " }, output: { caption: "hi" } }];
    const api = apiWith({ input: shouting, price: price.perUnit("text", "0.01"), examples });
    expect(await mistakesOf(api)).toMatchObject([
      { problem: 'validation changes "text", so buyers cannot compute the price from what they send' },
    ]);
  });

  it("refuses a default that differs between calls", async () => {
    let calls = 0;
    const n = z
      .int()
      .min(0)
      .max(99)
      .default(() => ++calls)
      .describe("How many.");
    const api = apiWith({ input: input({ n }), price: price.perUnit("n", "0.01") });
    expect(await mistakesOf(api)).toMatchObject([
      { problem: 'the default of "n" differs between calls, so buyers cannot compute the price' },
    ]);
  });
});

suite("paths", [
  [
    "a path without a slash",
    apiWith({ path: "v1/caption" }),
    "resources.caption.path",
    '"v1/caption" is not a valid path',
    'write "/" and segments of letters, digits, ".", "_", "~", "-" or ":name": "/v1/images/:id"',
  ],
  [
    "a parameter that is not a field",
    apiWith({ path: "/v1/captions/:id" }),
    "resources.caption.path",
    '":id" is not a field of the input',
    "rename it, or add id to the input",
  ],
  [
    "a misspelt parameter",
    apiWith({ path: "/v1/captions/:tonne" }),
    "resources.caption.path",
    '":tonne" is not a field of the input (did you mean "tone"?)',
    "rename it, or add tonne to the input",
  ],
  [
    "a parameter that may be absent",
    apiWith({ path: "/v1/captions/:tone" }),
    "resources.caption.path",
    '":tone" may be absent',
    "make the field required, without a default",
  ],
  [
    "a parameter that is a list",
    apiWith({ input: input({ ids: z.array(text).max(9).describe("Which.") }), path: "/v1/captions/:ids" }),
    "resources.caption.path",
    '":ids" is not one string, number or boolean',
    "use a plain field in the path",
  ],
  [
    "a list in a query that may be empty, with another default",
    apiWith({
      method: "GET",
      input: input({ ids: z.array(text).max(9).default(["a"]).describe("Which.") }),
    }),
    "resources.caption.input.ids",
    "may be empty; a query cannot carry an empty list, so the default would apply",
    'add .min(1), or use method: "POST"',
  ],
  [
    "a parameter twice",
    apiWith({ path: "/v1/captions/:text/:text" }),
    "resources.caption.path",
    '"/v1/captions/:text/:text" names a parameter twice',
    "give each parameter a name of its own",
  ],
  [
    "one path for two resources",
    apiOf({ caption: {}, title: { path: "/v1/caption" } }),
    "resources.title.path",
    'POST /v1/caption is also the route of "caption"',
    "give one of them another path",
  ],
  [
    "a path that another one hides",
    apiOf({ caption: { path: "/v1/captions/:text" }, title: { path: "/v1/captions/all" } }),
    "resources.title.path",
    'POST /v1/captions/all is also the route of "caption"',
    "give one of them another path",
  ],
  [
    "the path of jobs",
    apiWith({ path: "/v1/jobs/:text" }),
    "resources.caption.path",
    '"/v1/jobs/:text" conflicts with the job status route /v1/jobs/:jobId',
    "choose another path",
  ],
  [
    "an object in a query",
    apiWith({
      method: "GET",
      input: input({ size: z.object({ w: z.int().max(9).describe("W.") }).describe("Size.") }),
    }),
    "resources.caption.input.size",
    "cannot be sent in a query: a query carries strings, numbers, booleans and lists of those",
    'use one of those types, or method: "POST"',
  ],
  [
    "a union as the input of GET",
    apiWith({ method: "GET", input: z.union([z.object({ text }), z.object({ other: text })]) }),
    "resources.caption.input",
    "is not a plain object, so path and query cannot carry it",
    "use z.object({ … }), or POST",
  ],
]);

suite("examples", [
  [
    "an input that is not valid",
    apiWith({ examples: [{ input: { text: "" }, output: { caption: "x" } }] }),
    "resources.caption.examples.0.input.text",
    "Too small: expected string to have >=1 characters",
    "fix the example or the schema",
  ],
  [
    "an output that is not valid",
    apiWith({ examples: [{ input: { text: "x" }, output: { caption: 1 } }] }),
    "resources.caption.examples.0.output.caption",
    "Invalid input: expected string, received number",
    "fix the example or the schema",
  ],
]);

describe("several mistakes", () => {
  it("are all reported at once, in the order of the definition", async () => {
    const api = apiOf(
      {
        zebra: { timeout: "1", summary: "" },
        apple: { input: z.object({ a: z.string(), b: z.string() }), price: price.perUnit("c", "0.01") },
      },
      { title: "" },
    );
    expect((await mistakesOf(api)).map(({ path }) => path)).toEqual([
      "title",
      "resources.zebra.summary",
      "resources.zebra.timeout",
      "resources.apple.input.a",
      "resources.apple.input.b",
      "resources.apple.price.field",
    ]);
  });

  it("include a field of a shared schema only once", async () => {
    const point = z.object({ x: z.int() }).meta({ id: "OnePoint", description: "Where." });
    const api = apiOf({ a: { output: z.object({ p: point }) }, b: { output: z.object({ p: point }) } });
    expect((await mistakesOf(api)).map(({ path }) => path)).toEqual(["resources.a.output.p.x"]);
  });

  it("include two different schemas with the same id", async () => {
    const one = z.object({ x: z.int().describe("X.") }).meta({ id: "Twice", description: "One." });
    const two = z.object({ y: z.int().describe("Y.") }).meta({ id: "Twice", description: "Two." });
    const api = apiOf({ a: { output: z.object({ one }) }, b: { output: z.object({ two }) } });
    expect(await mistakesOf(api)).toEqual([
      {
        path: "resources.b.output",
        problem: 'the name "Twice" refers to two different schemas',
        fix: "give one of them another id",
        severity: "error",
      },
    ]);
  });
});
