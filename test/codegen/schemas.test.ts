import { describe, expect, it } from "vitest";
import { z } from "zod";
import * as z3 from "zod/v3";
import { emitTypes } from "../../codegen/emit/declarations.ts";
import type { JsonSchema } from "../../codegen/model.ts";
import { apiOf, apiWith, modelOf } from "./definitions.ts";

/** What zod takes as an integer. */
const integer = { type: "integer", minimum: Number.MIN_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER };

/** What zod takes as a URL: letters of any script included, which the format `uri` refuses. */
const url = {
  type: "string",
  maxLength: 99,
  pattern: "^\\s*[A-Za-z][A-Za-z0-9+.-]*:",
  examples: ["https://example.com/"],
};

/** What becomes of one field of the input. */
async function fieldOf(schema: unknown): Promise<JsonSchema | undefined> {
  const input = z.object({ field: schema as z.ZodType });
  return (await modelOf(apiWith({ input }))).schemas.CaptionInput?.properties?.field;
}

describe("a zod schema becomes JSON Schema", () => {
  const described = { description: "It." };
  it.each<[string, z.ZodType, JsonSchema]>([
    ["an integer with the range in which a double is exact", z.int(), integer],
    ["an integer with its own bounds", z.int().min(1).max(9), { type: "integer", minimum: 1, maximum: 9 }],
    ["a URL", z.url().max(99), url],
    ["a date without zod's pattern", z.iso.date(), { type: "string", format: "date" }],
    ["a pattern of its own", z.string().regex(/^a+$/), { type: "string", pattern: "^a+$" }],
    ["a prefix without an unknown format", z.string().startsWith("a"), { type: "string", pattern: "^a.*" }],
    ["a choice", z.enum(["a", "b"]), { type: "string", enum: ["a", "b"] }],
    ["a default", z.boolean().default(true), { type: "boolean", default: true }],
    [
      "a list that is readonly in TypeScript only",
      z.array(z.int()).max(2).readonly(),
      { type: "array", items: integer, maxItems: 2 },
    ],
    [
      "a tuple with a rest",
      z.tuple([z.string()], z.int()),
      { type: "array", prefixItems: [{ type: "string" }], items: integer, minItems: 1 },
    ],
  ])("%s", async (_, schema, want) => {
    expect(await fieldOf(schema.describe("It."))).toEqual({ ...described, ...want });
  });

  it("a nullable with its description outside", async () => {
    expect(await fieldOf(z.string().max(9).describe("It.").nullable())).toEqual({
      ...described,
      anyOf: [{ type: "string", maxLength: 9 }, { type: "null" }],
    });
  });

  it("a record with closed keys as an object", async () => {
    const schema = z.partialRecord(z.enum(["a", "b"]), z.int()).describe("It.");
    const member = { description: "It.", ...integer };
    expect(await fieldOf(schema)).toEqual({
      ...described,
      type: "object",
      properties: { a: member, b: member },
      additionalProperties: false,
    });
  });
});

describe("the faces of a schema", () => {
  const text = z.string().max(9).describe("It.");
  const flag = z.boolean().default(false).describe("Whether.");

  it("are one where validation changes nothing", async () => {
    const { schemas, handlerSchemas } = await modelOf(apiWith({ input: z.object({ text }) }));
    expect(Object.keys(schemas)).toEqual(["CaptionInput", "CaptionOutput"]);
    expect(handlerSchemas).toEqual({
      CaptionArgs: { $ref: "#/components/schemas/CaptionInput" },
      CaptionResult: { $ref: "#/components/schemas/CaptionOutput" },
    });
  });

  it("differ in what is required where there are defaults", async () => {
    const { schemas, handlerSchemas } = await modelOf(
      apiWith({ input: z.object({ flag }), output: z.object({ flag }) }),
    );
    expect(schemas.CaptionInput?.required).toBeUndefined();
    expect(handlerSchemas.CaptionArgs?.required).toEqual(["flag"]);
    expect(handlerSchemas.CaptionResult?.required).toBeUndefined();
    expect(schemas.CaptionOutput?.required).toEqual(["flag"]);
  });

  it("are inferred from the definition where JSON Schema cannot hold them", async () => {
    const when = z.iso
      .datetime()
      .transform((text) => new Date(text))
      .describe("When.");
    const model = await modelOf(apiWith({ input: z.object({ when }) }));
    expect(model.resources[0]?.inferred).toEqual(["Args"]);
    expect(Object.keys({ ...model.schemas, ...model.handlerSchemas })).toEqual([
      "CaptionInput",
      "CaptionOutput",
      "CaptionResult",
    ]);
  });

  it("leave out a default that differs between calls", async () => {
    const seed = z
      .int()
      .min(0)
      .max(9)
      .default(() => Math.random())
      .describe("Seed.");
    const { schemas, handlerSchemas } = await modelOf(apiWith({ input: z.object({ seed }) }));
    const published = { description: "Seed.", type: "integer", minimum: 0, maximum: 9 };
    expect(schemas.CaptionInput).toEqual({ type: "object", properties: { seed: published } });
    expect(handlerSchemas.CaptionArgs?.required).toEqual(["seed"]);
  });
});

describe("schemas with an id", () => {
  const plain = z.object({ x: z.int().describe("X.") }).meta({ id: "Plain", description: "Plain." });
  const filled = z
    .object({ y: z.int().default(1).describe("Y.") })
    .meta({ id: "Filled", description: "Filled." });
  const around = z
    .object({ filled: filled.describe("Inner.") })
    .meta({ id: "Around", description: "Around." });

  it("are shared between resources, and between input and output", async () => {
    const input = z.object({ plain });
    const { schemas } = await modelOf(apiOf({ a: { input }, b: { output: z.object({ plain }) } }));
    expect(Object.keys(schemas)).toEqual(["AInput", "AOutput", "BInput", "BOutput", "Plain"]);
    expect(schemas.AInput?.properties?.plain).toEqual({ $ref: "#/components/schemas/Plain" });
    expect(schemas.BOutput?.properties?.plain).toEqual({ $ref: "#/components/schemas/Plain" });
  });

  it("become two when their faces differ, and so does what points at them", async () => {
    const { schemas } = await modelOf(apiWith({ input: z.object({ around }), output: z.object({ around }) }));
    expect(Object.keys(schemas)).toEqual([
      "Around",
      "AroundInput",
      "CaptionInput",
      "CaptionOutput",
      "Filled",
      "FilledInput",
    ]);
    expect(schemas.AroundInput?.properties?.filled?.$ref).toBe("#/components/schemas/FilledInput");
    expect(schemas.Filled?.required).toEqual(["y"]);
  });

  it("are kept from buyers when only handlers see them", async () => {
    const { schemas, handlerSchemas } = await modelOf(apiWith({ output: z.object({ filled }) }));
    expect(Object.keys(schemas)).toEqual(["CaptionInput", "CaptionOutput", "Filled"]);
    expect(Object.keys(handlerSchemas)).toContain("FilledInput");
  });
});

describe("a schema that holds itself", () => {
  const tree = z.object({
    name: z.string().max(9).describe("Name."),
    get left() {
      return tree.optional().describe("Left.");
    },
  });

  it("points at its own component when it is the whole input", async () => {
    const { schemas } = await modelOf(apiWith({ input: tree }));
    expect(schemas.CaptionInput?.properties?.left).toEqual({
      description: "Left.",
      $ref: "#/components/schemas/CaptionInput",
    });
  });

  it("gets a name from where it stands when it has none", async () => {
    const model = await modelOf(apiWith({ output: z.object({ tree: tree.describe("Tree.") }) }));
    expect(Object.keys(model.schemas)).toEqual(["CaptionInput", "CaptionOutput", "CaptionOutputTreeLeft"]);
    expect(emitTypes(model)).toContain("  left?: CaptionOutputTreeLeft;");
  });
});

describe("a zod 3 schema", () => {
  const leaf = z3.object({ text: z3.string().max(9).describe("Text.") });
  const tree: z3.ZodType = z3.object({
    name: z3.string().max(9).describe("Name."),
    children: z3.lazy(() => z3.array(tree).max(3)).describe("Children."),
  });
  const schema = z3.object({
    mode: z3.enum(["a", "b"]).default("a").describe("Mode."),
    first: leaf.describe("First."),
    second: leaf.nullable().describe("Second."),
    pair: z3.tuple([z3.string().max(9), z3.number().int().min(0).max(9)]).describe("Pair."),
    tree: tree.describe("Tree."),
    note: z3.string().max(9).optional().describe("Note."),
  });

  it("becomes the same JSON Schema as one of zod 4", async () => {
    const { schemas, handlerSchemas } = await modelOf(apiWith({ input: schema }));
    const text = { description: "Text.", type: "string", maxLength: 9 };
    const first = { type: "object", properties: { text }, required: ["text"] };
    expect(schemas.CaptionInput).toEqual({
      type: "object",
      properties: {
        mode: { description: "Mode.", type: "string", enum: ["a", "b"], default: "a" },
        first: { description: "First.", ...first },
        second: { description: "Second.", anyOf: [first, { type: "null" }] },
        pair: {
          description: "Pair.",
          type: "array",
          minItems: 2,
          maxItems: 2,
          prefixItems: [
            { type: "string", maxLength: 9 },
            { type: "integer", minimum: 0, maximum: 9 },
          ],
          items: false,
        },
        tree: expect.objectContaining({ description: "Tree." }),
        note: { description: "Note.", type: "string", maxLength: 9 },
      },
      required: ["first", "second", "pair", "tree"],
    });
    expect(handlerSchemas.CaptionArgs?.required).toEqual(["mode", "first", "second", "pair", "tree"]);
  });

  it("that transforms has its type inferred", async () => {
    const input = z3.object({ n: z3.string().max(9).transform(Number).describe("N.") });
    expect((await modelOf(apiWith({ input }))).resources[0]?.inferred).toEqual(["Args"]);
  });
});

describe("a schema of another library", () => {
  it("is taken through Standard JSON Schema", async () => {
    const json = (required: readonly string[]) => ({
      type: "object",
      properties: { text: { type: "string", maxLength: 9, description: "Text.", default: "hi" } },
      required,
    });
    const other = {
      "~standard": {
        version: 1,
        vendor: "other",
        validate: (value: unknown) => ({ value }),
        jsonSchema: {
          input: ({ target }: { target: string }) => ({ ...json([]), $comment: target }),
          output: () => json(["text"]),
        },
      },
    };
    const { schemas, handlerSchemas } = await modelOf(apiWith({ input: other }));
    expect(schemas.CaptionInput).toEqual({ ...json([]), $comment: "draft-2020-12" });
    expect(handlerSchemas.CaptionArgs).toEqual(json(["text"]));
  });
});
