import { describe, expect, it } from "vitest";
import { z } from "zod";
import type { Change } from "../../codegen/diff/change.ts";
import { compareModels } from "../../codegen/diff/models.ts";
import { price } from "../../schema/index.ts";
import { apiOf, apiWith, modelOf } from "./definitions.ts";

const lines = (changes: readonly Change[]): string[] =>
  changes.map(({ kind, isWorse, resource, path, text }) => {
    const verdict = kind === "price" ? (isWorse ? "dearer" : "cheaper") : kind;
    const place = [resource === "caption" ? "" : resource || "API", path].filter((name) => name !== "");
    return `${verdict} ${place.join(" ")}: ${text}`;
  });

const input = (more: z.ZodRawShape): object => ({
  input: z.object({ text: z.string().min(1).max(100).describe("What to say."), ...more }),
});
const output = (more: z.ZodRawShape): object => ({
  output: z.object({ caption: z.string().describe("One sentence."), ...more }),
});
/** The same member `field` of input and output. */
const taken = (schema: z.ZodType): object => input({ field: schema.describe("Some field.") });
const given = (schema: z.ZodType): object => output({ field: schema.describe("Some field.") });
const string = z.string().max(50);
const number = z.number().min(0).max(9);
const circle = z.object({
  kind: z.literal("circle").describe("Round."),
  radius: number.describe("In metres."),
});
const line = z.object({
  kind: z.literal("line").describe("Straight."),
  length: number.describe("In metres."),
});
const perImage = { per: "image" };
const sized = (price: object, more: z.ZodRawShape = {}): object => ({
  ...input({
    size: z.enum(["s", "l"]).default("s").describe("How large."),
    words: z.int().min(1).max(1000).describe("How many."),
    ...more,
  }),
  price,
});
const job = { timeout: "2m", retention: "24h" } as const;

/** What differs between two states of one API; what is told of the way there, and of the way back. */
type Case = [name: string, was: object, now: object, there: readonly string[], back: readonly string[]];

const CASES: readonly Case[] = [
  ["an optional input field more", input({}), taken(string.optional()), [], []],
  ["a required input field more", input({}), taken(string), [], []],
  ["an input field with a default more", input({}), taken(string.default("x")), [], []],
  [
    "a renamed input field",
    input({ colour: z.string().max(9).describe("Of the sky.") }),
    input({ color: z.string().max(9).describe("Of the sky.") }),
    [],
    [],
  ],
  ["an input field that must be given", taken(string.optional()), taken(string), [], []],
  ["another default", taken(string.default("a")), taken(string.default("b")), [], []],
  ["a default where there was none", taken(string.optional()), taken(string.default("b")), [], []],
  ["a default where it had to be given", taken(string), taken(string.default("b")), [], []],
  ["another type", taken(string), taken(number), [], []],
  ["whole numbers only", taken(z.number().min(0).max(9)), taken(z.int().min(0).max(9)), [], []],
  ["null taken too", taken(string), taken(string.nullable()), [], []],
  ["a choice more", taken(z.enum(["a", "b"])), taken(z.enum(["a", "b", "c"])), [], []],
  ["free text instead of choices", taken(z.enum(["a", "b"])), taken(string), [], []],
  ["shorter texts", taken(z.string().max(50)), taken(z.string().max(40)), [], []],
  ["a least length", taken(z.string().max(50)), taken(z.string().min(2).max(50)), [], []],
  ["an open lower end", taken(z.number().min(0).max(9)), taken(z.number().gt(0).max(9)), [], []],
  ["a higher lower end", taken(z.number().min(0).max(9)), taken(z.number().min(1).max(9)), [], []],
  ["steps", taken(z.number().min(0).max(9)), taken(z.number().min(0).max(9).multipleOf(0.5)), [], []],
  [
    "finer steps",
    taken(z.number().min(0).max(9).multipleOf(1)),
    taken(z.number().min(0).max(9).multipleOf(0.1)),
    [],
    [],
  ],
  ["a format", taken(z.string().max(99)), taken(z.url().max(99)), [], []],
  ["a pattern", taken(z.string().max(9).regex(/^a/)), taken(z.string().max(9).regex(/^b/)), [], []],
  ["fewer entries", taken(z.array(string).max(5)), taken(z.array(string).max(4)), [], []],
  [
    "other entries",
    taken(z.array(z.string().max(5)).max(5)),
    taken(z.array(z.string().max(4)).max(5)),
    [],
    [],
  ],
  ["a tuple", taken(z.tuple([string, number])), taken(z.tuple([string, z.number().min(0).max(8)])), [], []],
  [
    "a form more",
    taken(z.discriminatedUnion("kind", [circle])),
    taken(z.discriminatedUnion("kind", [circle, line])),
    [],
    [],
  ],
  [
    "a field of a form",
    taken(z.discriminatedUnion("kind", [circle, line])),
    taken(
      z.discriminatedUnion("kind", [
        circle.extend({ radius: z.number().min(0).max(5).describe("In metres.") }),
        line,
      ]),
    ),
    [],
    [],
  ],
  [
    "values of a map",
    taken(z.record(z.string(), z.string().max(5))),
    taken(z.record(z.string(), z.string().max(4))),
    [],
    [],
  ],
  [
    "keys of a map",
    taken(z.record(z.enum(["a", "b"]), string)),
    taken(z.record(z.enum(["a", "b", "c"]), string)),
    [],
    [],
  ],
  [
    "unknown fields refused",
    input({}),
    { input: z.strictObject({ text: z.string().min(1).max(100).describe("What to say.") }) },
    [],
    [],
  ],
  [
    "another description of a field",
    taken(string),
    input({ field: string.describe("Other words.") }),
    [],
    [],
  ],
  [
    "a deprecated field",
    taken(string.optional()),
    input({ field: string.optional().meta({ description: "Some field.", deprecated: true }) }),
    [],
    [],
  ],

  ["an output field more", output({}), given(string), [], []],
  [
    "a renamed output field",
    output({ url: z.url().describe("The image.") }),
    output({ imageUrl: z.url().describe("The image.") }),
    [],
    [],
  ],
  ["an output field that may be absent", given(string), given(string.optional()), [], []],
  ["an output that may be null", given(string), given(string.nullable()), [], []],
  ["a value more that is given", given(z.enum(["a", "b"])), given(z.enum(["a", "b", "c"])), [], []],
  ["a longer text that is given", given(z.string().max(5)), given(z.string().max(6)), [], []],
  ["fractions that are given", given(z.int()), given(z.number()), [], []],

  [
    "a higher price",
    { price: price.fixed("0.10", perImage) },
    { price: price.fixed("0.12", perImage) },
    [],
    [],
  ],
  ["a price where there was none", { price: price.free() }, { price: price.fixed("0.10", perImage) }, [], []],
  [
    "a dearer choice",
    sized(price.byChoice("size", { s: "0.02", l: "0.10" }, perImage)),
    sized(price.byChoice("size", { s: "0.02", l: "0.15" }, perImage)),
    [],
    [],
  ],
  [
    "one price for all choices",
    sized(price.byChoice("size", { s: "0.02", l: "0.10" }, perImage)),
    sized(price.fixed("0.05", perImage)),
    [],
    [],
  ],
  [
    "a default that costs more",
    sized(price.byChoice("size", { s: "0.02", l: "0.10" }, perImage)),
    sized(price.byChoice("size", { s: "0.02", l: "0.10" }, perImage), {
      size: z.enum(["s", "l"]).default("l").describe("How large."),
    }),
    [],
    [],
  ],
  [
    "a renamed field that is priced",
    sized(price.byChoice("size", { s: "0.02", l: "0.10" }, perImage)),
    {
      ...input({
        sizes: z.enum(["s", "l"]).default("s").describe("How large."),
        words: z.int().min(1).max(1000).describe("How many."),
      }),
      price: price.byChoice("sizes", { s: "0.02", l: "0.12" }, perImage),
    },
    [],
    [],
  ],
  [
    "a dearer unit",
    sized(price.perUnit("words", "0.002", { per: "word" })),
    sized(price.perUnit("words", "0.003", { per: "word" })),
    [],
    [],
  ],
  [
    "a coarser unit at the same rate",
    sized(price.perUnit("words", "0.002", { per: "word" })),
    sized(price.perUnit("words", "0.02", { unit: 10, per: "10 words" })),
    [],
    [],
  ],
  [
    "another unit at a lower rate",
    sized(price.perUnit("words", "0.10", { unit: 10, per: "10 words" })),
    sized(price.perUnit("words", "0.06", { unit: 7, per: "7 words" })),
    [],
    [],
  ],
  [
    "a least amount",
    sized(price.perUnit("words", "0.002", { per: "word" })),
    sized(price.perUnit("words", "0.002", { per: "word", min: "0.01" })),
    [],
    [],
  ],
  [
    "a lower most amount",
    sized(price.perUnit("words", "0.002", { per: "word", max: "0.10" })),
    sized(price.perUnit("words", "0.002", { per: "word", max: "0.05" })),
    [],
    [],
  ],
  [
    "a part more of a sum",
    sized(price.sum(price.fixed("0.01", { per: "call" }))),
    sized(price.sum(price.fixed("0.01", { per: "call" }), price.perUnit("words", "0.001", { per: "word" }))),
    [],
    [],
  ],
  [
    "a dearer part of a sum",
    sized(price.sum(price.fixed("0.01", { per: "call" }), price.perUnit("words", "0.001", { per: "word" }))),
    sized(price.sum(price.fixed("0.02", { per: "call" }), price.perUnit("words", "0.001", { per: "word" }))),
    [],
    [],
  ],
  [
    "higher bounds of a quote",
    { price: price.quoted({ min: "0.01", max: "0.50", per: "task" }) },
    { price: price.quoted({ min: "0.02", max: "0.60", per: "task" }) },
    [],
    [],
  ],
  [
    "a quote instead of a price",
    { price: price.fixed("0.05", { per: "task" }) },
    { price: price.quoted({ min: "0.01", max: "0.50", per: "task" }) },
    [],
    [],
  ],
  [
    "another word for what is paid",
    { price: price.fixed("0.10", perImage) },
    { price: price.fixed("0.10", { per: "picture" }) },
    [],
    [],
  ],

  ["charged before", { charge: "after" }, { charge: "before" }, [], []],
  ["a job", {}, { timeout: undefined, job, charge: "after" }, [], []],
  ["a shorter time-out", { timeout: "20s" }, { timeout: "10s" }, [], []],
  [
    "a shorter time for a job",
    { timeout: undefined, job },
    { timeout: undefined, job: { ...job, timeout: "1m" } },
    [],
    [],
  ],
  [
    "a result that is kept for less time",
    { timeout: undefined, job },
    { timeout: undefined, job: { ...job, retention: "12h" } },
    [],
    [],
  ],
  [
    "a job that must start in time",
    { timeout: undefined, job },
    { timeout: undefined, job: { ...job, startWithin: "5m" } },
    [],
    [],
  ],
  [
    "no file any more",
    { timeout: undefined, job: { ...job, artifactUrl: "field" }, ...given(z.url()) },
    { timeout: undefined, job, ...given(z.url()) },
    [],
    [],
  ],
  ["no cache any more", { cache: "10m" }, {}, [], []],
  ["an older cache", { cache: "10m" }, { cache: "20m" }, [], []],
  ["a cache that costs", { cache: "10m", cacheIsFree: true }, { cache: "10m" }, [], []],

  ["another method", { method: "GET" }, { method: "POST" }, [], []],
  ["another path", { path: "/v1/a" }, { path: "/v1/b" }, [], []],
  ["another name of a path parameter", { path: "/v1/a/:text" }, { path: "/v1/a/:text" }, [], []],
  ["an error code more", {}, { errors: { too_odd: "It is too odd." } }, [], []],
  [
    "other words for an error",
    { errors: { too_odd: "It is odd." } },
    { errors: { too_odd: "It is too odd." } },
    [],
    [],
  ],
  ["deprecation", {}, { deprecated: true }, [], []],
  ["another summary", { summary: "Describe an image." }, { summary: "Describe a picture." }, [], []],
  ["tags", {}, { tags: ["Images"] }, [], []],
];

describe("diff tells", () => {
  it.each(CASES)("%s", async (name, was, now, there, back) => {
    const [a, b] = await Promise.all([was, now].map((changes) => modelOf(apiWith(changes))));
    if (a === undefined || b === undefined) throw new Error("no model");
    console.log(JSON.stringify([name, lines(compareModels(a, b)), lines(compareModels(b, a))]));
  });
});
