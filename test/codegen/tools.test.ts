import { AjvJsonSchemaValidator } from "@modelcontextprotocol/server/validators/ajv";
import { price } from "resource402";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { emitOpenapi } from "../../codegen/emit/openapi.ts";
import { emitTools, type ToolModel } from "../../codegen/emit/tools.ts";
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
});
