import { describe, expect, it } from "vitest";
import { emitClient } from "../../codegen/emit/client.ts";
import { emitOpenapi } from "../../codegen/emit/openapi.ts";
import { emitReference } from "../../codegen/emit/reference.ts";
import { DocumentError, readDocument } from "../../codegen/read/document.ts";
import studio from "../../examples/studio/resources.ts";
import awkward from "../fixtures/awkward/resources.ts";
import shop from "../fixtures/shop/resources.ts";
import { modelOf } from "./definitions.ts";

const source = "openapi.json";
const published = async (api: unknown) => JSON.parse(emitOpenapi(await modelOf(api)));

describe.each([
  ["studio", studio],
  ["shop", shop],
  ["awkward", awkward],
])("the published document of the %s", (_, api) => {
  it("is read into the model that it was written from, but for what only handlers see", async () => {
    const { definitionHash: _, ...model } = await modelOf(api);
    const resources = model.resources.map((resource) => ({ ...resource, inferred: [] }));
    const read = readDocument(await published(api), { source });
    expect(read.model).toEqual({ ...model, resources, source, handlerSchemas: {} });
    expect(read.notes).toEqual([]);
  });

  it("gives the same client, reference and document as the definition", async () => {
    const model = { ...(await modelOf(api)), source };
    const { model: read } = readDocument(await published(api), { source });
    expect(emitClient(read)).toBe(emitClient(model));
    expect(emitReference(read)).toBe(emitReference(model));
    expect(emitOpenapi(read)).toBe(emitOpenapi(model));
  });
});

describe("a document", () => {
  it("names where the API is, from where it was fetched if need be", async () => {
    const document = await published(studio);
    expect(readDocument(document, { source }).baseUrl).toBe("https://api.pixel.example");
    const here = { ...document, servers: [{ url: "/" }] };
    expect(readDocument(here, { source }).baseUrl).toBeUndefined();
    const url = "http://127.0.0.1:4020/openapi.json";
    expect(readDocument(here, { source, url }).baseUrl).toBe("http://127.0.0.1:4020");
  });

  it("of ours is refused when a name, a path, a price or a reference in it is not as we write it", async () => {
    const broken = async (change: (document: Awaited<ReturnType<typeof published>>) => void) => {
      const document = await published(studio);
      change(document);
      return () => readDocument(document, { source });
    };
    const caption = (document: { paths: Record<string, { post: Record<string, never> }> }) =>
      document.paths["/v1/caption"]?.post as unknown as Record<string, Record<string, unknown>>;
    const changes = [
      (document) => Object.assign(caption(document), { operationId: "x(){};evil" }),
      (document) => Object.assign(caption(document), { operationId: "constructor" }),
      (document) =>
        Object.assign(caption(document)["x-resource402"] ?? {}, { price: { kind: "fixed", usd: "1e9" } }),
      (document) => Object.assign(caption(document)["x-resource402"] ?? {}, { price: "0.01" }),
      (document) => Object.assign(caption(document)["x-resource402"] ?? {}, { timeoutMs: "soon" }),
      (document) => Object.assign(document.components.schemas, { "A B": {} }),
      (document) =>
        Object.assign(document.paths["/v1/caption"].post.requestBody.content["application/json"].schema, {
          properties: { a: { $ref: "#/x" } },
        }),
      (document) => delete document.components.schemas.CaptionOutput,
      (document) =>
        Object.assign(caption(document)["x-resource402"] ?? {}, { errors: [{ code: "A b", text: "x" }] }),
      (document) => Object.assign(document, { paths: {} }),
      (document) => Object.assign(document["x-resource402"], { format: 2 }),
    ] satisfies ((document: Awaited<ReturnType<typeof published>>) => unknown)[];
    for (const change of changes) expect(await broken(change), String(change)).toThrow(DocumentError);
  });

  it("that is none is refused with the fix", () => {
    for (const document of [null, [], "x", {}, { openapi: "3.1.0" }, { swagger: "2.0", paths: {} }]) {
      expect(() => readDocument(document, { source })).toThrow(
        /openapi\.json is not an OpenAPI 3 document\. Example/,
      );
    }
  });
});
