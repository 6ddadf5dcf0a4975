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

/** A wrong definition, and the place of the one mistake that the compiler reports for it. */
type Case = readonly [given: string, api: unknown, path: string];

const GOLDEN = "../golden/mistakes.txt";
/** All cases, by their suite. */
const suites = new Map<string, readonly Case[]>();

async function mistakesOf(api: unknown) {
  const compilation = await compile(api);
  return "mistakes" in compilation ? compilation.mistakes : [];
}

const suite = (name: string, cases: readonly Case[]): void => {
  suites.set(name, cases);
  describe(name, () => {
    it.each(cases)("refuses %s", async (_, api, path) => {
      const mistakes = await mistakesOf(api);
      expect(mistakes.map(({ path, severity }) => ({ path, severity }))).toEqual([
        { path, severity: "error" },
      ]);
    });
  });
};

suite("the definition as a whole", [
  ["a missing default export", undefined, ""],
  ["another default export", { resources: {} }, ""],
  ["an empty title", apiWith({}, { title: " " }), "title"],
  ["a missing version", apiWith({}, { version: undefined }), "version"],
  ["a missing description", apiWith({}, { description: "" }), "description"],
  ["an API without resources", apiWith({}, { resources: {} }), "resources"],
  ["an undefined resource", apiWith({}, { resources: { caption: undefined } }), "resources.caption"],
]);

suite("names", [
  ["a name that is not a valid identifier", apiOf({ "draw-image": {} }), "resources.draw-image"],
  ["then", apiOf({ [promised]: {} }), "resources.then"],
  ["constructor", apiOf({ constructor: {} }), "resources.constructor"],
  ["__proto__", apiOf({ ["__proto__"]: {} }), "resources.__proto__"],
  ["a keyword", apiOf({ delete: {} }), "resources.delete"],
  [
    "names that differ only in case",
    apiOf({ drawImage: {}, drawimage: { path: "/v1/other" } }),
    "resources.drawimage",
  ],
]);

suite("texts, durations and codes", [
  ["an unknown member", apiWith({ cost: { compute: "0.01" } }), "resources.caption.cost"],
  [
    "an unknown member of a job",
    apiWith({ job: { timeout: "1m", retrys: 2 } } as never),
    "resources.caption.job.retrys",
  ],
  ["a member of a job outside of the job", apiWith({ retries: 2 } as never), "resources.caption.retries"],
  ["an unknown charge mode", apiWith({ charge: "later" } as never), "resources.caption.charge"],
  [
    "a price that has too many decimal places",
    apiWith({ price: price.fixed("0.0000015", { per: "caption" }) }),
    "resources.caption.price.usd",
  ],
  ["a missing summary", apiWith({ summary: undefined }), "resources.caption.summary"],
  ["an unknown method", apiWith({ method: "PUT" }), "resources.caption.method"],
  ["a timeout without a unit", apiWith({ timeout: "30" }), "resources.caption.timeout"],
  ["a job without a timeout", apiWith({ job: {} }), "resources.caption.job.timeout"],
  [
    "a retention that is not a duration",
    apiWith({ job: { timeout: "1m", retention: "a day" } }),
    "resources.caption.job.retention",
  ],
  [
    "a start deadline without a unit",
    apiWith({ job: { timeout: "1m", startWithin: 300 } }),
    "resources.caption.job.startWithin",
  ],
  [
    "a fractional number of retries",
    apiWith({ job: { timeout: "1m", retries: 0.5 } }),
    "resources.caption.job.retries",
  ],
  [
    "more retries than the maximum",
    apiWith({ job: { timeout: "1m", retries: 21 } }),
    "resources.caption.job.retries",
  ],
  ["retries as a string", apiWith({ job: { timeout: "1m", retries: "3" } }), "resources.caption.job.retries"],
  [
    "a backoff that is not a valid duration",
    apiWith({ job: { timeout: "1m", retries: 1, backoff: "soon" } }),
    "resources.caption.job.backoff",
  ],
  [
    "a backoff above the maximum",
    apiWith({ job: { timeout: "1m", retries: 1, backoff: "1h" } }),
    "resources.caption.job.backoff",
  ],
  [
    "a backoff without retries",
    apiWith({ job: { timeout: "1m", backoff: "1s" } }),
    "resources.caption.job.backoff",
  ],
  [
    "a concurrency of zero",
    apiWith({ job: { timeout: "1m", concurrency: 0 } }),
    "resources.caption.job.concurrency",
  ],
  [
    "an infinite queue",
    apiWith({ job: { timeout: "1m", maxQueued: Number.POSITIVE_INFINITY } }),
    "resources.caption.job.maxQueued",
  ],
  ["a cache without a unit", apiWith({ cache: "60" }), "resources.caption.cache"],
  ["a cache of jobs", apiWith({ job: { timeout: "1m" }, cache: "1h" }), "resources.caption.cache"],
  [
    "an unknown cancel policy",
    apiWith({ job: { timeout: "1m" }, cancel: "never" }),
    "resources.caption.cancel",
  ],
  ["a cancel policy of a synchronous resource", apiWith({ cancel: "forbid" }), "resources.caption.cancel"],
  [
    "cancel: keep for a free job",
    apiWith({ job: { timeout: "1m" }, price: price.free(), cancel: "keep" }),
    "resources.caption.cancel",
  ],
  [
    "cancel: keep for a job that is charged after its work",
    apiWith({ job: { timeout: "1m" }, charge: "after", cancel: "keep" }),
    "resources.caption.cancel",
  ],
  [
    "a cached response that is free",
    apiWith({ cache: "1h", cacheIsFree: true }),
    "resources.caption.cacheIsFree",
  ],
  [
    "a loggable field that the input does not have",
    apiWith({ loggable: ["text", "ton"] }),
    "resources.caption.loggable.1",
  ],
  ["loggable fields as one string", apiWith({ loggable: "text" }), "resources.caption.loggable"],
  ["tags as one string", apiWith({ tags: "a,b" }), "resources.caption.tags"],
  [
    "an error code in camel case",
    apiWith({ errors: { ContentFiltered: "Refused." } }),
    "resources.caption.errors.ContentFiltered",
  ],
  [
    "a reserved error code",
    apiWith({ errors: { timeout: "Too late." } }),
    "resources.caption.errors.timeout",
  ],
  ["an error without a text", apiWith({ errors: { refused: "" } }), "resources.caption.errors.refused"],
  [
    "an artifactUrl that the output does not have",
    apiWith({ job: { timeout: "1m", artifactUrl: "captoin" } }),
    "resources.caption.job.artifactUrl",
  ],
  [
    "a response that is not a string",
    apiWith({
      output: z.object({ n: z.number().describe("N of it.") }),
      job: { timeout: "1m", response: "n" },
    }),
    "resources.caption.job.response",
  ],
]);

suite("schemas", [
  ["a plain object as a schema", apiWith({ input: {} }), "resources.caption.input"],
  [
    "a field without a description",
    apiWith({ input: input({ mode: z.boolean() }) }),
    "resources.caption.input.mode",
  ],
  [
    "a field that every object inherits",
    apiWith({ input: input({ constructor: z.boolean().default(false).describe("Whether to build.") }) }),
    "resources.caption.input.constructor",
  ],
  [
    "an undescribed field of the output",
    apiWith({ output: z.object({ caption: z.string() }) }),
    "resources.caption.output.caption",
  ],
  [
    "an undescribed field inside an object",
    apiWith({ input: input({ size: z.object({ width: z.int().max(9) }).describe("How large.") }) }),
    "resources.caption.input.size.width",
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
  ],
  [
    "an undescribed field inside one option of a union",
    apiWith({
      input: input({
        of: z.union([z.object({ deep: z.string().max(9) }), z.string().max(9)]).describe("What."),
      }),
    }),
    "resources.caption.input.of.deep",
  ],
  [
    "an undescribed field inside a record",
    apiWith({
      input: input({ by: z.record(z.string(), z.object({ n: z.int().max(9) })).describe("By name.") }),
    }),
    "resources.caption.input.by.*.n",
  ],
  ["an input that is a string", apiWith({ input: z.string() }), "resources.caption.input"],
  [
    "an input that is an object or a list",
    apiWith({ input: z.union([z.object({ text }), z.array(text)]) }),
    "resources.caption.input",
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
  ],
  [
    "an output whose transform has no output schema",
    apiWith({ output: z.object({ n: z.string().transform((s) => s.length) }) }),
    "resources.caption.output.n",
  ],
  ["an output of z.any()", apiWith({ output: z.any() }), "resources.caption.output"],
  [
    "a date in a zod 3 schema",
    apiWith({ input: z3.object({ at: z3.date().describe("When.") }) }),
    "resources.caption.input.at",
  ],
  [
    "a library that cannot write JSON Schema",
    apiWith({ input: v.object({ text: v.string() }) }),
    "resources.caption.input",
  ],
  [
    "an id that is not a valid type name",
    apiWith({
      input: input({
        at: z.object({ x: z.int().max(9).describe("X.") }).meta({ id: "my-point", description: "Where." }),
      }),
    }),
    "resources.caption.input",
  ],
  [
    "an id that is the name of a library schema",
    apiWith({
      output: z.object({
        p: z.object({ x: z.int().describe("X.") }).meta({ id: "Problem", description: "Where." }),
      }),
    }),
    "resources.caption.output",
  ],
  [
    "an id that is the name of an input schema",
    apiWith({
      output: z.object({
        p: z.object({ x: z.int().describe("X.") }).meta({ id: "CaptionInput", description: "Where." }),
      }),
    }),
    "resources.caption.output",
  ],
]);

suite("prices", [
  ["a string as a price", apiWith({ price: "0.01" }), "resources.caption.price"],
  [
    "an amount in words",
    apiWith({ price: { kind: "fixed", usd: "ten cents", per: "image" } }),
    "resources.caption.price.usd",
  ],
  [
    "a float in a table",
    apiWith({
      price: { kind: "byChoice", field: "tone", table: { plain: 0.1, witty: "1", loud: "1" }, per: "image" },
    }),
    "resources.caption.price.table.plain",
  ],
  [
    "a table that misses a choice",
    apiWith({ price: price.byChoice("tone", { plain: "0.01", witty: "0.02" }, perImage) }),
    "resources.caption.price.table",
  ],
  [
    "a table with a row for no choice",
    apiWith({
      price: price.byChoice("tone", { plain: "0.01", witty: "0.02", loud: "0.03", Loud: "1" }, perImage),
    }),
    "resources.caption.price.table.Loud",
  ],
  [
    "a table over literals that misses one",
    apiWith({
      input: input({ scale: z.union([z.literal(2), z.literal(4)]).describe("How large.") }),
      price: price.byChoice("scale", { 2: "0.01" }, perImage),
    }),
    "resources.caption.price.table",
  ],
  [
    "a table over a boolean that misses one",
    apiWith({
      input: input({ large: z.boolean().default(false).describe("Whether it is large.") }),
      price: price.byChoice("large", { true: "0.01" }, perImage),
    }),
    "resources.caption.price.table",
  ],
  [
    "a unit that is not a string",
    apiWith({ price: price.sum(price.fixed("0.01", { per: 7 as never })) }),
    "resources.caption.price.parts.0.per",
  ],
  [
    "a table over free text",
    apiWith({ price: price.byChoice("text", { a: "0.01" }, perImage) }),
    "resources.caption.price.field",
  ],
  [
    "a table over a choice that may be absent",
    apiWith({
      input: input({ mode: z.enum(["a", "b"]).optional().describe("Which.") }),
      price: price.byChoice("mode", { a: "0.01", b: "0.02" }, perImage),
    }),
    "resources.caption.price.field",
  ],
  [
    "a misspelt field",
    apiWith({ price: price.byChoice("tnoe", { plain: "0.01" }, perImage) }),
    "resources.caption.price.field",
  ],
  [
    "a misspelt field inside a sum",
    apiWith({ price: price.sum(price.fixed("0.01", perImage), price.perUnit("cuont", "0.01")) }),
    "resources.caption.price.parts.1.field",
  ],
  [
    "a price per unit of a boolean",
    apiWith({ input: input({ big: z.boolean().describe("Whether.") }), price: price.perUnit("big", "0.01") }),
    "resources.caption.price.field",
  ],
  [
    "a unit of zero",
    apiWith({ price: price.perUnit("count", "0.01", { unit: 0 }) }),
    "resources.caption.price.unit",
  ],
  [
    "a count without an upper bound",
    apiWith({
      input: z.object({ text: z.string().describe("What to say.") }),
      price: price.perUnit("text", "0.01"),
    }),
    "resources.caption.price",
  ],
  [
    "a count that may be negative",
    apiWith({ input: input({ n: z.int().max(9).describe("How many.") }), price: price.perUnit("n", "0.01") }),
    "resources.caption.price.field",
  ],
  [
    "a min above the max",
    apiWith({ price: price.perUnit("count", "0.01", { min: "2", max: "1" }) }),
    "resources.caption.price",
  ],
  [
    "a quote whose min is above its max",
    apiWith({ price: price.quoted({ min: "0.5", max: "0.05", per: "run" }) }),
    "resources.caption.price",
  ],
  ["a sum without parts", apiWith({ price: price.sum() }), "resources.caption.price"],
  [
    "costs that the lowest price does not cover",
    apiWith({
      price: price.byChoice("tone", { plain: "0.01", witty: "0.02", loud: "0.05" }, perImage),
      costs: { compute: "0.008", storage: "0.001", margin: 0.3 },
    }),
    "resources.caption.costs",
  ],
  [
    "a margin of 100 %",
    apiWith({ costs: { compute: "0.001", margin: 1 } }),
    "resources.caption.costs.margin",
  ],
  ["a number as a cost", apiWith({ costs: { api: 0.002 } }), "resources.caption.costs.api"],
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
  ["a path without a slash", apiWith({ path: "v1/caption" }), "resources.caption.path"],
  ["a parameter that is not a field", apiWith({ path: "/v1/captions/:id" }), "resources.caption.path"],
  ["a misspelt parameter", apiWith({ path: "/v1/captions/:tonne" }), "resources.caption.path"],
  ["a parameter that may be absent", apiWith({ path: "/v1/captions/:tone" }), "resources.caption.path"],
  [
    "a parameter that is a list",
    apiWith({ input: input({ ids: z.array(text).max(9).describe("Which.") }), path: "/v1/captions/:ids" }),
    "resources.caption.path",
  ],
  [
    "a list in a query that may be empty, with another default",
    apiWith({
      method: "GET",
      input: input({ ids: z.array(text).max(9).default(["a"]).describe("Which.") }),
    }),
    "resources.caption.input.ids",
  ],
  ["a parameter twice", apiWith({ path: "/v1/captions/:text/:text" }), "resources.caption.path"],
  [
    "one path for two resources",
    apiOf({ caption: {}, title: { path: "/v1/caption" } }),
    "resources.title.path",
  ],
  [
    "a path that another one hides",
    apiOf({ caption: { path: "/v1/captions/:text" }, title: { path: "/v1/captions/all" } }),
    "resources.title.path",
  ],
  ["the path of jobs", apiWith({ path: "/v1/jobs/:text" }), "resources.caption.path"],
  [
    "an object in a query",
    apiWith({
      method: "GET",
      input: input({ size: z.object({ w: z.int().max(9).describe("W.") }).describe("Size.") }),
    }),
    "resources.caption.input.size",
  ],
  [
    "a union as the input of GET",
    apiWith({ method: "GET", input: z.union([z.object({ text }), z.object({ other: text })]) }),
    "resources.caption.input",
  ],
]);

suite("examples", [
  [
    "an input that is not valid",
    apiWith({ examples: [{ input: { text: "" }, output: { caption: "x" } }] }),
    "resources.caption.examples.0.input.text",
  ],
  [
    "an output that is not valid",
    apiWith({ examples: [{ input: { text: "x" }, output: { caption: 1 } }] }),
    "resources.caption.examples.0.output.caption",
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

it("says what is wrong and how to fix it, in the words of the golden file", async () => {
  const lines: string[] = [];
  for (const [name, cases] of suites) {
    lines.push(`## ${name}`, "");
    for (const [given, api] of cases) {
      lines.push(given);
      for (const { path, problem, fix } of await mistakesOf(api)) {
        lines.push(`  error  ${path}: ${problem}`, `    fix: ${fix}`);
      }
    }
    lines.push("");
  }
  await expect(lines.join("\n")).toMatchFileSnapshot(GOLDEN);
});
