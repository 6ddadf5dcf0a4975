import fc from "fast-check";
import { z } from "zod";
import { defineApi, price } from "../../schema/index.ts";

/** Random definitions: every kind of resource, price and schema that the compiler takes, with names that are hard to write. */

const WORDS = ["alpha", "beta", "class", "content-type", "2nd", "größe", "$ref", "user_id", "X"];
const ABOUT = ["What it is.", "Ends */ early, `quoted` | piped.", "Two\nlines.", "寸 and more."];

const about = fc.constantFrom(...ABOUT);
const wordOf = fc.constantFrom(...WORDS);

/** Schemas that have a name of their own, and are shared by what uses them. */
const address = z
  .object({
    street: z.string().max(80).describe("Street."),
    country: z.enum(["de", "jp"]).default("de").describe("Where."),
  })
  .meta({ id: "Address", description: "A postal address." });
const folder = z
  .object({
    name: z.string().max(9).describe("Its name."),
    get inside(): z.ZodDefault<z.ZodArray<z.ZodType>> {
      return z.array(folder).max(3).default([]).describe("Folders in it.");
    },
  })
  .meta({ id: "Folder" });

const text = fc.constantFrom<z.ZodType>(
  z.string().min(1).max(100),
  z.string().regex(/^[a-z]{1,5}$/i),
  z.url().max(200),
  z.email().max(200),
  z.iso.datetime(),
  z.uuid(),
  z.enum(["plain", "witty"]),
  z.enum(['a"b', "c`d"]),
  z.literal("one"),
);
const scalar = fc.oneof(
  text,
  fc.constantFrom<z.ZodType>(
    z.int().min(0).max(10),
    z.int().min(-5).max(1_000_000),
    z.number().multipleOf(0.5).min(0).max(9.5),
    z.boolean(),
  ),
);

/** A schema of some depth. */
const { value } = fc.letrec<{ value: z.ZodType; object: z.ZodType }>((tie) => ({
  object: fc
    .dictionary(wordOf, fc.tuple(tie("value"), about), { minKeys: 1, maxKeys: 3, noNullPrototype: true })
    .map((fields) =>
      z.object(
        Object.fromEntries(Object.entries(fields).map(([name, [one, said]]) => [name, one.describe(said)])),
      ),
    ),
  value: fc.oneof(
    { maxDepth: 2, depthSize: "small" },
    { arbitrary: scalar, weight: 4 },
    { arbitrary: fc.constantFrom<z.ZodType>(address, folder), weight: 1 },
    { arbitrary: tie("value").map((one) => z.array(one).max(3)), weight: 1 },
    { arbitrary: tie("object"), weight: 1 },
    { arbitrary: tie("value").map((one) => one.nullable()), weight: 1 },
    { arbitrary: tie("value").map((one) => z.record(z.string().max(9), one)), weight: 1 },
    { arbitrary: fc.tuple(scalar, scalar).map(([a, b]) => z.tuple([a, b])), weight: 1 },
    { arbitrary: fc.tuple(scalar, tie("object")).map(([a, b]) => z.union([a, b])), weight: 1 },
  ),
}));

type Need = "required" | "optional";
const field = fc.tuple(value, fc.constantFrom<Need>("required", "optional"), about);
const fields = (one: typeof field) =>
  fc.dictionary(wordOf, one, { minKeys: 0, maxKeys: 5, noNullPrototype: true }).map((all) =>
    Object.fromEntries(
      Object.entries(all).map(([name, [schema, need, said]]) => {
        return [name, (need === "optional" ? schema.optional() : schema).describe(said)];
      }),
    ),
  );
/** A query holds texts, numbers, and lists of them. */
const flat = fc.tuple(
  fc.oneof(
    scalar,
    scalar.map((one) => z.array(one).max(3)),
  ),
  fc.constantFrom<Need>("required", "optional"),
  about,
);

const prices = fc.constantFrom(
  price.free(),
  price.fixed("0.01", { per: "call" }),
  price.fixed("0.0025", { per: "word" }),
  price.quoted({ min: "0.01", max: "0.50", per: "task" }),
  price.byChoice("tier", { low: "0.01", high: "0.20" }, { per: "image" }),
  price.perUnit("seconds", "0.001", { per: "second" }),
);

const output = fc.oneof(
  fields(field).map((all) => z.object({ ...all, ok: z.boolean().describe("Whether it went well.") })),
  fc.constantFrom<z.ZodType>(address, folder),
);

const resource = fc
  .record({
    isGet: fc.boolean(),
    all: fields(field),
    flat: fields(flat as typeof field),
    output,
    price: prices,
    hasPath: fc.boolean(),
    isJob: fc.boolean(),
    errors: fc.constantFrom({}, { refused: "It was refused, */ even here." }),
    tags: fc.constantFrom([], ["drawing"], ["a b", "c"]),
    deprecated: fc.constantFrom(undefined, true as const),
    description: fc.option(about, { nil: undefined }),
    summary: fc.constantFrom("Draw an image.", "Say `it` again, with | and */.", "Look 寸 up."),
  })
  .map(({ isGet, hasPath, isJob, all, flat, errors, ...rest }) => (name: string) => {
    const priced = {
      ...("field" in rest.price && rest.price.field === "tier"
        ? { tier: z.enum(["low", "high"]).default("low").describe("How good.") }
        : {}),
      ...(JSON.stringify(rest.price).includes('"seconds"')
        ? { seconds: z.int().min(1).max(60).describe("How long.") }
        : {}),
    };
    const path = hasPath ? { path: `/v1/${name}/:place` } : {};
    const place = hasPath ? { place: z.string().min(1).max(20).describe("Where.") } : {};
    return {
      ...rest,
      ...path,
      ...(isGet ? { method: "GET" } : {}),
      ...(isJob && !isGet ? { job: { timeout: "1m" } } : { timeout: "20s" }),
      ...(Object.keys(errors).length === 0 ? {} : { errors }),
      input: z.object({ ...(isGet ? flat : all), ...place, ...priced }),
    };
  });

/** A whole definition. */
export const definitions: fc.Arbitrary<unknown> = fc
  .array(resource, { minLength: 1, maxLength: 4 })
  .map((made) =>
    defineApi({
      ...{ title: "Random */ `API`", version: "1.0.0", description: "Made by chance." },
      contact: { name: "Chance", url: "https://chance.example" },
      license: { name: "Terms", url: "https://chance.example/terms" },
      servers: [{ url: "https://chance.example" }],
      resources: Object.fromEntries(made.map((one, index) => [`call${index + 1}`, one(`call${index + 1}`)])),
    } as never),
  );
