import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import * as z3 from "zod/v3";
import { compile } from "../../codegen/compile.ts";
import { emitOpenapi } from "../../codegen/emit/openapi.ts";
import { refTo } from "../../codegen/model.ts";
import { soundSampleOf } from "../../codegen/sample.ts";
import { apiWith, modelOf } from "./definitions.ts";

/**
 * The published schema accepts what the server accepts, with these exceptions: refinements and the length of texts beyond
 * the Basic Multilingual Plane (zod counts UTF-16 units), values that `.catch()` replaces, values that `z.coerce` and
 * `.trim()` convert, fractional steps, and what zod checks of a URL, a JWT and a hash beside their form.
 */
async function publishedOf(field: z.ZodType): Promise<(value: unknown) => boolean> {
  const { schemas } = await modelOf(apiWith({ input: z.object({ field: field.describe("It.") }) }));
  const ajv = new Ajv2020({ strict: false, allErrors: false });
  (addFormats as unknown as (ajv: Ajv2020) => void)(ajv);
  const components = JSON.parse(JSON.stringify(schemas));
  const validate = ajv.compile({ components: { schemas: components }, $ref: refTo("CaptionInput") });
  return (value) => validate({ field: value });
}

const accepts = (field: z.ZodType, value: unknown): boolean => field.safeParse(value).success;

type Case = readonly [name: string, schema: z.ZodType, values: readonly unknown[]];

/** A pattern that the oldest target of TypeScript here has no literal for. */
const SETS = ["^[\\p{L}--[a-z]]+$", "v"] as const;
const TEXTS = [
  "",
  "a",
  "A",
  "AAPL",
  "aapl",
  "a\nb",
  "a b",
  "a.b",
  "x\na\ny",
  "it's",
  "Åsa",
  "åsa",
  "1",
  "0aF",
  "{a}",
  "a-b",
  "_",
];
const URLS = [
  "https://example.com/",
  "https://exämple.com/ö",
  "http://localhost:3000",
  "https://a.b/c d",
  "mailto:a@b.cd",
];
const TIMES = [
  "2026-01-31T12:00:00Z",
  "2026-01-31T12:00:00.5Z",
  "2026-01-31T12:00:00+02:00",
  "2026-01-31T12:00:00",
  "2026-02-30T12:00:00Z",
  "2026-01-31T12:00Z",
  "2026-01-31T23:59:60Z",
];

describe("what is published accepts what the server accepts", () => {
  it.each<Case>([
    ["a pattern for any case", z.string().regex(/^[a-z]{1,5}$/i), TEXTS],
    ["letters outside of a class for any case", z.string().regex(/^aapl|x$/i), TEXTS],
    ["accented letters for any case", z.string().regex(/^[à-ÿ]sa$/iu), TEXTS],
    ["a point that takes line ends", z.string().regex(/^a.b$/s), TEXTS],
    ["lines", z.string().regex(/^a$/m), TEXTS],
    ["a sticky pattern", z.string().regex(/a/y), TEXTS],
    ["escapes that only patterns without u have", z.string().regex(/^it's$|^_$|^{a}$/), TEXTS],
    ["a class with a hyphen", z.string().regex(/^[\w-]+$/), TEXTS],
    ["properties of Unicode", z.string().regex(/^\p{L}+$/u), TEXTS],
    ["several patterns", z.string().regex(/a/i).regex(/p/i), TEXTS],
    [
      "keys of a record for any case",
      z.record(z.string().regex(/^a/i).max(9), z.int()),
      [{}, { a: 1 }, { A: 1 }, { b: 1 }],
    ],
    ["a template", z.templateLiteral(["a", z.int()]), ["a1", "a", "ab", "a1.5"]],
    ["a URL", z.url(), [...URLS, "no url"]],
    ["a date and time in UTC", z.iso.datetime(), TIMES],
    ["a date and time with offset", z.iso.datetime({ offset: true }), TIMES],
    ["a local date and time", z.iso.datetime({ local: true }), TIMES],
    ["a date", z.iso.date(), ["2026-01-31", "2026-02-30", "2024-02-29", "26-01-31"]],
    ["a time of minutes", z.iso.time({ precision: -1 }), ["07:30", "07:30:00", "24:00"]],
    ["a duration", z.iso.duration(), ["PT1H", "PT1.5S", "P1W", "P1Y2M", "P", "1H"]],
    [
      "a UUID",
      z.uuid(),
      [
        "123e4567-e89b-42d3-a456-426614174000",
        "123e4567-e89b-02d3-a456-426614174000",
        "urn:uuid:123e4567-e89b-42d3-a456-426614174000",
      ],
    ],
    ["an e-mail address", z.email(), ["a@b.cd", "a@localhost", "a..b@c.de", "a+b@c.de", "ä@b.cd"]],
    ["an IPv4 address", z.ipv4(), ["192.0.2.1", "256.0.0.1", "1.2.3"]],
    ["an IPv6 address", z.ipv6(), ["2001:db8::1", "::", "1:2:3"]],
    ["base64", z.base64(), ["", "aGk=", "aGk", "a b="]],
    ["an integer", z.int(), [0, 1.5, 2 ** 53, -(2 ** 53), 1e300, 1e21]],
    ["an integer of 32 bits", z.int32(), [0, 2 ** 31, -(2 ** 31), 1.5]],
    ["a number", z.number(), [0, 1.5, 1e308, -1e308, 5e-324]],
    [
      "a number below infinity",
      z.number().max(Number.POSITIVE_INFINITY).min(Number.NEGATIVE_INFINITY),
      [0, 1e308],
    ],
    ["a step", z.number().multipleOf(0.25), [0.25, 0.3]],
    ["JSON", z.json(), [1, null, [1, null, { q: true }], { a: { b: [] } }]],
    ["a strict object", z.strictObject({ a: z.int().describe("A.") }), [{ a: 1 }, { a: 1, b: 2 }, {}]],
    ["a loose object", z.looseObject({ a: z.int().describe("A.") }), [{ a: 1, b: 2 }, {}]],
    [
      "a tuple",
      z.tuple([z.string(), z.int().optional()], z.boolean()),
      [["a"], ["a", 1], ["a", 1, true], [], ["a", 1, 2]],
    ],
    ["a union", z.union([z.string().max(3), z.int().min(5)]), ["abc", "abcd", 4, 5]],
    ["a choice or nothing", z.enum(["a", "b"]).nullable(), ["a", null, "c"]],
    [
      "a closed record",
      z.record(z.enum(["a", "b"]), z.int()),
      [{ a: 1 }, { a: 1, b: 2 }, { a: 1, b: 2, c: 3 }],
    ],
    [
      "an intersection",
      z.intersection(z.object({ a: z.int().describe("A.") }), z.object({ b: z.int().describe("B.") })),
      [{ a: 1 }, { a: 1, b: 2 }],
    ],
  ])("%s", async (_, schema, values) => {
    const published = await publishedOf(schema);
    for (const value of values) expect([value, published(value)]).toEqual([value, accepts(schema, value)]);
  });

  it("a member that falls back may be left out", async () => {
    const input = z.object({
      steps: z.int().min(1).max(9).catch(3).describe("How many."),
      wide: z.int().catch(1).optional().describe("It."),
    });
    const { schemas } = await modelOf(apiWith({ input }));
    expect(schemas.CaptionInput?.required).toBeUndefined();
    expect(schemas.CaptionInput?.properties?.steps?.default).toBe(3);
  });

  it("patterns of zod 3 keep what their flags mean", async () => {
    const field = z3.z
      .string()
      .max(5)
      .regex(/^[a-z]+$/i)
      .describe("It.");
    const { schemas } = await modelOf(apiWith({ input: z3.z.object({ field }) }));
    const pattern = String(schemas.CaptionInput?.properties?.field?.pattern);
    expect(new RegExp(pattern, "u").test("AbC")).toBe(true);
  });

  it.each([
    ["a file", z.file(), "z.file() cannot be expressed"],
    ["a pattern with the flag v", z.string().regex(new RegExp(...SETS)), "which cannot be expressed"],
    ["a group that is repeated in any case", z.string().regex(/^(a)\1$/i), "which cannot be expressed"],
    [
      "an infinite default",
      z.number().default(Number.POSITIVE_INFINITY),
      "has a default that JSON cannot hold",
    ],
    ["an infinite bound", z.number().min(Number.POSITIVE_INFINITY), "so it takes no number"],
  ])("%s is refused with a fix", async (_, schema, problem) => {
    const compilation = await compile(apiWith({ input: z.object({ field: schema.describe("It.") }) }));
    expect("mistakes" in compilation ? compilation.mistakes : []).toEqual([
      expect.objectContaining({
        path: "resources.caption.input.field",
        problem: expect.stringContaining(problem),
        fix: expect.any(String),
      }),
    ]);
  });
});

const plainText = fc.string({ unit: fc.constantFrom(..."abAB01 -_.\néÉ"), maxLength: 6 });
const flags = fc.constantFrom("", "i", "s", "m", "u", "iu", "im");
const expression = fc
  .tuple(
    fc.constantFrom("^[a-b]+$", "^a.b$", "^[^A-Z]*$", "a|B", "^\\w{2,}$", "^(?:a|é)+$", "^[-_.]$", "\\d"),
    flags,
  )
  .map(([source, flag]) => new RegExp(source, flag));

/** Schemas of one value, and values that some of them accept. */
const leaf: fc.Arbitrary<z.ZodType> = fc.oneof(
  expression.map((pattern) => z.string().regex(pattern)),
  fc.tuple(fc.nat(3), fc.nat(5)).map(([low, more]) =>
    z
      .string()
      .min(low)
      .max(low + more),
  ),
  fc.tuple(fc.integer({ min: -5, max: 5 }), fc.nat(9)).map(([low, more]) =>
    z
      .int()
      .min(low)
      .max(low + more),
  ),
  fc.constantFrom<z.ZodType>(
    z.int(),
    z.number(),
    z.boolean(),
    z.null(),
    z.literal(["a", 1, null]),
    z.enum(["a", "AB"]),
  ),
);
const { schema: anySchema } = fc.letrec<{ schema: z.ZodType }>((tie) => ({
  schema: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    leaf,
    tie("schema").map((one) => z.array(one).max(3)),
    tie("schema").map((one) => one.nullable()),
    fc.tuple(tie("schema"), tie("schema")).map(([a, b]) => z.union([a, b])),
    fc
      .tuple(tie("schema"), tie("schema"))
      .map(([a, b]) => z.object({ a: a.describe("A."), b: b.optional().describe("B.") })),
    tie("schema").map((one) => z.record(z.string().regex(/^[ab]$/i), one)),
    fc.tuple(tie("schema"), tie("schema")).map(([a, b]) => z.tuple([a], b)),
  ),
}));
const { value: anyValue } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    plainText,
    fc.constantFrom<unknown>(null, true, false, 0, 1, -3, 7, 1.5, 2 ** 53, 1e300, 5e-324),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(fc.constantFrom("a", "b", "A", "c"), tie("value"), { maxKeys: 3 }),
  ),
}));

it("holds for schemas that are made up", async () => {
  await fc.assert(
    fc.asyncProperty(
      anySchema,
      fc.array(anyValue, { minLength: 20, maxLength: 40 }),
      async (schema, values) => {
        const published = await publishedOf(schema);
        for (const value of values)
          expect([value, published(value)]).toEqual([value, accepts(schema, value)]);
      },
    ),
    process.env.ACCEPTED_RUNS ? { numRuns: Number(process.env.ACCEPTED_RUNS) } : { numRuns: 150, seed: 402 },
  );
});

it("makes up only examples that the schema accepts", async () => {
  await fc.assert(
    fc.asyncProperty(anySchema, async (schema) => {
      const { schemas } = await modelOf(apiWith({ input: z.object({ field: schema.describe("It.") }) }));
      const sample = soundSampleOf(schemas, { $ref: refTo("CaptionInput") }) as
        | { field: unknown }
        | undefined;
      if (sample !== undefined)
        expect([sample.field, accepts(schema, sample.field)]).toEqual([sample.field, true]);
    }),
    { numRuns: 150, seed: 402 },
  );
});

it("asks for examples where the one that is made up is refused, and publishes none", async () => {
  const code = z
    .string()
    .max(9)
    .refine((text) => text.startsWith("K-"), "must begin with K-")
    .describe("Which.");
  const compilation = await compile(apiWith({ input: z.object({ code }) }));
  expect(compilation.advice).toContainEqual(
    expect.objectContaining({
      path: "resources.caption",
      problem: expect.stringContaining("must begin with K-"),
      fix: expect.stringContaining("examples"),
    }),
  );
  if (!("model" in compilation)) throw new Error("does not compile");
  const { paths } = JSON.parse(emitOpenapi(compilation.model));
  expect(paths["/v1/caption"].post.requestBody.content["application/json"].examples).toBeUndefined();
});
