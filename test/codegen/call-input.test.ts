import { describe, expect, it } from "vitest";
import { z } from "zod";
import { readInput, unknownFields } from "../../codegen/cli/call-input.ts";
import type { ResourceModel } from "../../codegen/model.ts";
import { readDocument } from "../../codegen/read/document.ts";
import { apiWith, modelOf } from "./definitions.ts";

const text = z.string().max(9).describe("What to say.");
const tone = z.enum(["plain", "loud"]).default("plain").describe("How to say it.");
const plain = z.object({ text, tone });

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
  ])("says of the fields of %s which it does not know", async (_, input, names, said) => {
    const model = await modelOf(apiWith({ input }));
    expect(unknownFields(model, model.resources[0] as ResourceModel, names)).toBe(said);
  });

  it("takes a field of any name by a flag where its schema does", async () => {
    const model = await modelOf(apiWith({ input: z.looseObject({ text }) }));
    const flags = { input: '{"text": "a"}', field: ["other=1"] };
    expect(await readInput(flags, model, model.resources[0] as ResourceModel)).toEqual({
      text: "a",
      other: 1,
    });
  });

  it.each([
    ["says nothing of its members", {}, undefined],
    ["names none", { type: "object" }, undefined],
    ["takes others", { type: "object", properties: { a: {} }, additionalProperties: true }, undefined],
    ["names all", { type: "object", properties: { a: {} } }, 'order has no field "b".'],
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
