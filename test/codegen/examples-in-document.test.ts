import { Ajv2020 } from "ajv/dist/2020.js";
import formats from "ajv-formats";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { emitOpenapi } from "../../codegen/emit/openapi.ts";
import studio from "../../examples/studio/resources.ts";
import { price } from "../../schema/index.ts";
import { decodeHeader } from "../../src/protocol/headers.ts";
import awkward from "../fixtures/awkward/resources.ts";
import shop from "../fixtures/shop/resources.ts";
import { apiWith, modelOf } from "./definitions.ts";

type Node = Readonly<Record<string, unknown>>;

const isNode = (value: unknown): value is Node => typeof value === "object" && value !== null;

async function documentOf(api: unknown): Promise<Node> {
  return JSON.parse(emitOpenapi(await modelOf(api)));
}

/** Every place that has a schema and examples of it. */
function places(node: unknown, document: Node, at = "#"): { at: string; value: unknown }[] {
  if (!isNode(node)) return [];
  const own =
    isNode(node.schema) && isNode(node.examples) && !Array.isArray(node.examples)
      ? Object.entries(node.examples).map(([name, example]) => ({
          at: `${at}/examples/${name}`,
          value: (resolved(example, document) as Node).value,
        }))
      : [];
  const inner = Object.entries(node).flatMap(([name, member]) =>
    places(member, document, `${at}/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`),
  );
  return [...own, ...inner];
}

function resolved(node: unknown, document: Node): unknown {
  if (!isNode(node) || typeof node.$ref !== "string") return node;
  return node.$ref
    .split("/")
    .slice(1)
    .reduce<unknown>((found, key) => (found as Node)[key], document);
}

/** What a JSON Schema validator has against the examples of a document. */
function wrong(document: Node): string[] {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  formats.default(ajv);
  ajv.addSchema({ $id: "https://document.example/", ...document });
  return places(document, document).flatMap(({ at, value }) => {
    const pointer = `${at.split("/examples/")[0]}/schema`;
    const check = ajv.getSchema(`https://document.example/${encodeURI(pointer)}`);
    if (check === undefined) return [`${at} has no schema`];
    return check(value) ? [] : [`${at} ${ajv.errorsText(check.errors)}`];
  });
}

describe.each([
  ["studio", studio],
  ["shop", shop],
  ["awkward", awkward],
])("openapi.json of the %s", (_, api) => {
  it("has an example of every body, parameter of the input and answer, and each keeps to its schema", async () => {
    const document = await documentOf(api);
    expect(wrong(document)).toEqual([]);
    const operations = Object.entries(document.paths as Record<string, Record<string, Node>>).flatMap(
      ([path, item]) =>
        Object.entries(item).map(([method, operation]) => ({ at: `${method} ${path}`, operation })),
    );
    for (const { at, operation } of operations.filter(({ operation }) => operation["x-resource402"])) {
      const {
        requestBody,
        parameters = [],
        responses,
      } = operation as {
        requestBody?: { content: Record<string, Node> };
        parameters?: Node[];
        responses: Record<string, { content: Record<string, Node> }>;
      };
      if (requestBody !== undefined)
        expect(requestBody.content["application/json"]?.examples, at).toBeDefined();
      for (const parameter of parameters.filter(({ in: where }) => where === "path")) {
        expect(parameter.examples, `${at} ${parameter.name}`).toBeDefined();
      }
      expect(responses["200"]?.content["application/json"]?.examples, at).toBeDefined();
    }
  });
});

it("the check would notice an example that its schema does not accept", async () => {
  const document = JSON.parse(JSON.stringify(await documentOf(studio)));
  document.paths["/v1/caption"].post.requestBody.content["application/json"].examples.example1.value.tone =
    "rude";
  expect(wrong(document)).toEqual([expect.stringContaining("must be equal to one of the allowed values")]);
});

it("shows the challenge of both versions for the same price", async () => {
  const { components } = (await documentOf(studio)) as { components: Record<string, Record<string, Node>> };
  const header = components.headers?.PaymentRequired?.example;
  const challenge = decodeHeader(String(header)) as { x402Version: number; accepts: { amount: string }[] };
  const response = components.responses?.PaymentRequired as {
    headers: Node;
    content: Record<
      string,
      { examples: { unpaid: { value: { accepts: { maxAmountRequired: string }[] } } } }
    >;
  };
  const body = response.content["application/json"]?.examples.unpaid.value;
  expect(response.headers).toEqual({ "PAYMENT-REQUIRED": { $ref: "#/components/headers/PaymentRequired" } });
  expect(challenge.x402Version).toBe(2);
  expect(challenge.accepts[0]?.amount).toBe(body?.accepts[0]?.maxAmountRequired);
});

describe("a generated example", () => {
  const exampleOf = async (input: object): Promise<unknown> => {
    const api = apiWith({
      input: z.object({ field: input }),
      price: price.fixed("0.01", { per: "call" }),
    } as never);
    const document = (await documentOf(api)) as {
      paths: Record<
        string,
        {
          post: {
            requestBody: {
              content: Record<string, { examples?: Record<string, { value: { field: unknown } }> }>;
            };
          };
        }
      >;
    };
    expect(wrong(document as never)).toEqual([]);
    return document.paths["/v1/caption"]?.post.requestBody.content["application/json"]?.examples?.example1
      ?.value.field;
  };
  const text = z.string().describe("A text.");

  it.each([
    ["a text of a certain length", z.string().min(3).max(5)],
    ["a code", z.string().regex(/^[A-Z]{3}$/)],
    ["an address on a chain", z.string().regex(/^0x[0-9a-fA-F]{40}$/)],
    ["a colour", z.string().regex(/^#[0-9a-f]{6}$/)],
    ["a time", z.iso.datetime()],
    ["an e-mail address", z.email()],
    ["an address", z.url()],
    ["a step", z.number().multipleOf(0.25).min(0.1).max(1)],
    ["a number above another", z.number().gt(0).lt(1)],
    ["a whole number in a range", z.int().min(7).max(9)],
    ["a list of three", z.array(text).min(3).max(4)],
    ["a tuple", z.tuple([text, z.int().min(2)])],
    ["a map", z.record(z.string(), z.int())],
    [
      "a choice of objects",
      z.discriminatedUnion("kind", [
        z.object({ kind: z.literal("a").describe("A."), of: text }),
        z.object({ kind: z.literal("b").describe("B.") }),
      ]),
    ],
    ["null or more", z.int().min(5).nullable()],
  ])("keeps to its schema when it is %s", async (_, schema) => {
    expect(await exampleOf((schema as z.ZodType).describe("What it is."))).toBeDefined();
  });

  it("is left out rather than wrong when no plain value would do", async () => {
    expect(
      await exampleOf(
        z
          .string()
          .regex(/^(?=.*7)[a-z]+7[A-Z]{2}x$/)
          .describe("What it is."),
      ),
    ).toBeUndefined();
  });
});

it("an error code that every object has a member of is documented as any other", async () => {
  const document = await documentOf(apiWith({ errors: { constructor: "No plan was given." } }));
  expect(JSON.stringify(document)).toContain("urn:problem-type:resource402:constructor");
});

it("openapi.json has no example with a member that readers take for a reference", async () => {
  const named = z.object({ $ref: z.string().max(9).describe("A name.") });
  const text = emitOpenapi(await modelOf(apiWith({ input: z.object({ of: named.describe("What.") }) })));
  expect(
    JSON.parse(text).paths["/v1/caption"].post.requestBody.content["application/json"].examples,
  ).toBeUndefined();
  expect(text).not.toMatch(/"\$ref": "(?!#)/);
});
