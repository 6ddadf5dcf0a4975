import { describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { readCallInput, unknownFields } from "../../codegen/cli/call-input.ts";
import type { JsonSchema, ResourceModel } from "../../codegen/model.ts";
import { readDocument } from "../../codegen/read/document.ts";
import { apiWith, modelOf } from "./definitions.ts";

const text = z.string().max(9).describe("What to say.");
const tone = z.enum(["plain", "loud"]).default("plain").describe("How to say it.");
const plain = z.object({ text, tone });

const NO_FIELD = 'order has no field "b".';

describe("the input of a call", () => {
  it.each([
    ["an object", plain, ["txt"], 'caption has no field "txt" (did you mean "text"?).'],
    [
      "an object in two parts",
      z.object({ text }).and(z.object({ tone })),
      ["text", "tne", "xyz"],
      'caption has no field "tne" (did you mean "tone"?), and no "xyz".',
    ],
    ["an object of known fields", plain, ["text", "tone"], undefined],
    ["an object with a catch-all", plain.catchall(z.string().max(9)), ["other"], undefined],
    ["a loose object", z.looseObject({ text }), ["other"], undefined],
    ["a record", z.record(z.string(), z.string().max(9)), ["other"], undefined],
    ["an object with a record", plain.and(z.record(z.string(), z.string().max(9))), ["other"], undefined],
    ["a union", z.union([plain, z.object({ url: text })]), ["other"], undefined],
  ])("names the unknown fields of %s", async (_, input, names, said) => {
    const model = await modelOf(apiWith({ input }));
    expect(unknownFields(model, model.resources[0] as ResourceModel, names)).toBe(said);
  });

  it.each<[string, object, string | undefined]>([
    ["and takes others", { additionalProperties: true }, undefined],
    ["and takes others of a kind", { additionalProperties: { type: "string" } }, undefined],
    ["and names one beside them", { properties: { extra: {} } }, 'caption has no field "other".'],
    [
      "and takes no others",
      { properties: { extra: {} }, additionalProperties: false },
      'caption has no field "other".',
    ],
  ])("asks of an object that is put together from parts %s what it says itself", async (_, own, said) => {
    const model = await modelOf(apiWith({ input: plain }));
    const parts = { allOf: [model.schemas.CaptionInput as JsonSchema], ...own };
    const names = ["text", ...("properties" in own ? ["extra"] : []), "other"];
    const changed = { ...model, schemas: { ...model.schemas, CaptionInput: parts } };
    expect(unknownFields(changed, model.resources[0] as ResourceModel, names)).toBe(said);
  });

  it("is sent with a field that another make's document leaves open, and may be misspelt: that is said", async () => {
    const schema = { type: "object", properties: { text: { type: "string" } } };
    const post = {
      operationId: "order",
      requestBody: { content: { "application/json": { schema } } },
      responses: { 200: { description: "It." } },
    };
    const head = { openapi: "3.1.0", info: { title: "Foreign", version: "1" } };
    const { model } = readDocument({ ...head, paths: { "/orders": { post } } }, { source: "foreign.json" });
    const said = vi.spyOn(console, "error").mockImplementation(() => {});
    try {
      const input = await readCallInput({ field: ["txt=a"] }, model, model.resources[0] as ResourceModel);
      expect(input).toEqual({ txt: "a" });
      expect(said.mock.calls.flat().join("\n")).toContain(
        'The document of order does not declare "txt" (did you mean "text"?). The input is sent unchanged.',
      );
    } finally {
      said.mockRestore();
    }
  });

  it("of another make's operation that is asked by GET has no field but its parameters", () => {
    const parameters = [{ name: "symbol", in: "query", schema: { type: "string" } }];
    const { model } = readDocument(
      {
        ...{ openapi: "3.1.0", info: { title: "Foreign", version: "1" } },
        paths: {
          "/quote": { get: { operationId: "quote", parameters, responses: { 200: { description: "It." } } } },
        },
      },
      { source: "foreign.json" },
    );
    expect(unknownFields(model, model.resources[0] as ResourceModel, ["symbl"])).toBe(
      'quote has no field "symbl" (did you mean "symbol"?).',
    );
  });

  it("takes a field of any name by a flag where its schema does", async () => {
    const model = await modelOf(apiWith({ input: z.looseObject({ text }) }));
    const flags = { input: '{"text": "a"}', field: ["other=1"] };
    expect(await readCallInput(flags, model, model.resources[0] as ResourceModel)).toEqual({
      text: "a",
      other: 1,
    });
  });

  it.each([
    ["says nothing of its members", {}, undefined],
    ["names none", { type: "object" }, undefined],
    ["takes others", { type: "object", properties: { a: {} }, additionalProperties: true }, undefined],
    ["names some", { type: "object", properties: { a: {} } }, undefined],
    [
      "names some in two parts",
      { allOf: [{ properties: { a: {} } }, { properties: { c: {} } }], properties: { d: {} } },
      undefined,
    ],
    ["names all", { type: "object", properties: { a: {} }, additionalProperties: false }, NO_FIELD],
    [
      "names all in two parts",
      { allOf: [{ properties: { a: {} }, additionalProperties: false }, { properties: { c: {} } }] },
      NO_FIELD,
    ],
    [
      "names others by a pattern",
      { properties: { a: {} }, patternProperties: { "^b": {} }, additionalProperties: false },
      undefined,
    ],
  ])(
    "of another make's operation with a path parameter and a body that %s is held to that",
    (_, schema, said) => {
      const { model } = readDocument(
        {
          ...{ openapi: "3.1.0", info: { title: "Foreign", version: "1" } },
          paths: {
            "/orders/{id}": {
              post: {
                operationId: "order",
                parameters: [{ name: "id", in: "path", required: true, schema: { type: "string" } }],
                requestBody: { content: { "application/json": { schema } } },
                responses: { 200: { description: "It." } },
              },
            },
          },
        },
        { source: "foreign.json" },
      );
      expect(unknownFields(model, model.resources[0] as ResourceModel, ["id", "b"])).toBe(said);
    },
  );
});
