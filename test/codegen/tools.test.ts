import { AjvJsonSchemaValidator } from "@modelcontextprotocol/server/validators/ajv";
import { price } from "resource402";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { emitOpenapi } from "../../codegen/emit/openapi.ts";
import { emitTools, type ToolModel } from "../../codegen/emit/tools.ts";
import { restored } from "../../codegen/mcp/names.ts";
import { readDocument } from "../../codegen/read/document.ts";
import awkward from "../fixtures/awkward/resources.ts";
import { apiWith, modelOf } from "./definitions.ts";

async function toolOf(changes: Parameters<typeof apiWith>[0]): Promise<ToolModel | undefined> {
  return emitTools(await modelOf(apiWith(changes)))[0];
}

describe("a resource becomes a tool", () => {
  it("whose schemas stand by themselves, however they refer to each other", async () => {
    const tools = emitTools(await modelOf(awkward));
    expect(tools.length).toBeGreaterThan(0);
    for (const { inputSchema, outputSchema } of tools) {
      for (const schema of [inputSchema, ...(outputSchema ? [outputSchema] : [])]) {
        const text = JSON.stringify(schema);
        const refs = [...text.matchAll(/"\$ref":"([^"]*)"/g)].map(([, ref = ""]) => ref);
        const known = Object.keys((schema.$defs ?? {}) as object).map((name) => `#/$defs/${name}`);
        expect(refs.filter((ref) => !known.includes(ref))).toEqual([]);
        expect(schema.type).toBe("object");
        // Throws where the schema does not compile.
        new AjvJsonSchemaValidator().getValidator({ ...schema });
      }
    }
  });

  it("and the same one from the published document as from the definition", async () => {
    const model = await modelOf(awkward);
    const published = readDocument(JSON.parse(emitOpenapi(model)), { source: model.source });
    expect(emitTools(published.model)).toEqual(emitTools(model));
  });

  it("that keeps descriptions and defaults, and lets the tree of a recursive input through", async () => {
    const tools = emitTools(await modelOf(awkward));
    const shapes = tools.find(({ name }) => name === "shapes");
    const label = { text: "a" };
    const input = {
      ...{ name: "root", shape: { kind: "circle", radius: 1 }, labels: [label], top: null, scores: {} },
      ...{ sizes: { s: 1, l: 2 }, path: ["a", 1], scale: 2, either: 1 },
      extra: { id: "123e4567-e89b-42d3-a456-426614174000" },
    };
    const validate = new AjvJsonSchemaValidator().getValidator({ ...shapes?.inputSchema });
    const twig = (children: unknown[]) => ({ name: "twig", children });
    expect(validate({ ...input, children: [twig([twig([])])] }).errorMessage).toBeUndefined();
    expect(validate({ ...input, children: [twig([{ name: "bare" }])] }).errorMessage).toContain("children");
    const address = JSON.stringify(tools.find(({ name }) => name === "schedule")?.inputSchema);
    expect(address).toContain('"default":"de"');
    expect(address).toContain("A postal address.");
  });

  it("whose tuples are read the same by draft 7, which knows none", async () => {
    const pair = z.tuple([z.string().max(9), z.int().min(0).max(9)]).describe("A pair.");
    const tool = await toolOf({ output: z.object({ pair }) });
    const validate = new AjvJsonSchemaValidator().getValidator({ ...tool?.outputSchema });
    expect(validate({ pair: ["a", 1] }).errorMessage).toBeUndefined();
    expect(validate({ pair: ["a", 1, 2] }).valid).toBe(false);
    expect(tool?.outputSchema?.properties?.pair?.prefixItems).toHaveLength(2);
  });

  it("with an output schema only where the output is an object", async () => {
    const list = z.array(z.string().max(9).describe("One.")).max(9).describe("All.");
    expect(await toolOf({ output: list })).not.toHaveProperty("outputSchema");
    const object = z.object({ text: z.string().describe("It.") });
    expect(await toolOf({ output: object })).toHaveProperty("outputSchema.properties.text");
  });

  it.each([
    ["GET", price.free(), true],
    ["GET", price.fixed("0.01", { per: "look-up" }), false],
    ["POST", price.free(), false],
  ] as const)("by %s at %j, and is read-only: %s", async (method, cost, isReadOnly) => {
    const input = z.object({ name: z.string().max(9).describe("Which.") });
    const tool = await toolOf({ method, price: cost, input });
    expect(tool?.isReadOnly).toBe(isReadOnly);
  });

  it("that says its price, and the most that a call can cost", async () => {
    const tool = await toolOf({ price: price.quoted({ min: "0.01", max: "0.50", per: "run" }) });
    expect(tool?.description).toContain("between $0.01 and $0.50 per run");
    expect(tool?.description).toContain("A call never costs more than $0.50.");
    expect((await toolOf({ price: price.free() }))?.description).not.toContain("never costs more");
  });

  it("whose input is one object, although the definition's is a union, with names that models accept", async () => {
    const tool = await toolOf({
      input: z.discriminatedUnion("source", [
        z.object({
          source: z.literal("text").describe("The text itself."),
          text: z.string().max(9).describe("What."),
        }),
        z.object({
          source: z.literal("page").describe("A page."),
          "größe in %": z.int().min(1).max(9).default(3).describe("How large."),
          "größe-in-%": z.strictObject({ "a b": z.int().max(9).describe("A.") }).describe("Within."),
        }),
      ]),
    });
    const schema = tool?.inputSchema;
    expect(schema).not.toHaveProperty("oneOf");
    expect(schema).not.toHaveProperty("anyOf");
    expect(schema?.type).toBe("object");
    expect(schema?.required).toEqual(["source"]);
    expect(schema?.properties?.source?.enum).toEqual(["text", "page"]);
    expect(schema?.description).toContain('{source: "text", text}');
    const names = [...JSON.stringify(schema).matchAll(/"([^"]*)":\{/g)].map(([, name = ""]) => name);
    expect(names.filter((name) => !/^[a-zA-Z0-9_.-]{1,64}$/.test(name))).toEqual([]);
    const [plain = "", dashed = ""] = Object.keys(schema?.properties ?? {}).slice(2);
    const given = { source: "page", [plain]: 5, [dashed]: { a_b: 1 } };
    expect(new AjvJsonSchemaValidator().getValidator({ ...schema } as never)(given).valid).toBe(true);
    const want = { source: "page", "größe in %": 5, "größe-in-%": { "a b": 1 } };
    expect(restored(given, tool?.names ?? {})).toEqual(want);
  });

  it("of a union of unions and parts: a member that differs is one of several", async () => {
    const common = z.object({ id: z.string().max(9).describe("Which.") });
    const options = z.union([
      z.object({ size: z.int().max(9).describe("How large.") }),
      z.object({ size: z.string().max(9).describe("Its size.") }),
    ]);
    const tool = await toolOf({ input: z.intersection(common, options) });
    expect(tool?.inputSchema.required).toEqual(["id", "size"]);
    expect(tool?.inputSchema.properties?.size?.anyOf).toHaveLength(2);
  });

  it("whose name and description are no longer than clients take", async () => {
    const long = `${"word ".repeat(400)}end.`;
    const model = await modelOf(apiWith({ description: long, summary: "Short." }));
    const [tool] = emitTools(model);
    expect(tool?.description.length).toBeLessThanOrEqual(1024);
    expect(tool?.description).toContain("A call never costs more than $0.01.");
  });

  it("without an end of recursion in its way", async () => {
    const tool = await toolOf({ input: z.object({ value: z.json().describe("Any.") }) });
    const validate = new AjvJsonSchemaValidator().getValidator({ ...tool?.inputSchema } as never);
    expect(validate({ value: [1, null, { q: true }] }).valid).toBe(true);
  });
});
