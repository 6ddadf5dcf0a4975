import { expect, it } from "vitest";
import { emitOpenapi } from "../../codegen/emit/openapi.ts";
import { emitReference } from "../../codegen/emit/reference.ts";
import { readDocument } from "../../codegen/read/document.ts";
import { objectRoot } from "../../codegen/tool-input.ts";

const level = (index: number) => ({ $ref: `#/components/schemas/L${index}` });

/** A small document with a chain of schemas, each of which names the next one several times. */
function bomb(levels: number, make: (next: object) => object): unknown {
  const last = { type: "object", properties: { a: { type: "string" } }, required: ["a"] };
  const chain = Array.from({ length: levels }, (_, index) => [`L${index}`, make(level(index + 1))]);
  const json = (schema: object) => ({ content: { "application/json": { schema } } });
  return {
    openapi: "3.1.0",
    info: { title: "Bomb", version: "1" },
    servers: [{ url: "https://bomb.example" }],
    paths: {
      "/v1/echo": {
        post: {
          operationId: "echo",
          "x-payment-info": {
            price: { mode: "fixed", currency: "USD", amount: "0.01" },
            protocols: ["x402"],
          },
          requestBody: json(level(0)),
          responses: { 200: { description: "OK", ...json({ type: "object" }) }, 402: { description: "Pay" } },
        },
      },
    },
    components: { schemas: { ...Object.fromEntries(chain), [`L${levels}`]: last } },
  };
}

it.each([
  ["allOf, twice", 24, (next: object) => ({ allOf: [next, next] })],
  [
    "allOf, twice, with texts beside",
    24,
    (next: object) => ({ allOf: [next, { ...next, description: "x" }] }),
  ],
  ["anyOf, ten times", 8, (next: object) => ({ anyOf: Array.from({ length: 10 }, () => next) })],
  ["allOf and anyOf", 24, (next: object) => ({ allOf: [next, { anyOf: [next, next] }] })],
])("reads a document in which each schema names the next one in %s", (_, levels, make) => {
  const begun = process.threadCpuUsage();
  const { model } = readDocument(bomb(levels, make), { source: "bomb.json" });
  const [echo] = model.resources;
  expect(echo?.name).toBe("echo");
  emitOpenapi(model);
  emitReference(model);
  objectRoot(model.schemas, model.schemas.EchoInput ?? {});
  // 2^24 steps take at least ten times as long.
  expect(process.threadCpuUsage(begun).user / 1_000).toBeLessThan(2_000);
});
