import { api, body, cent, one, type Sample } from "./document.ts";

const text = { type: "string" };
const number = { type: "number" };

function shaped(name: string, schema: unknown, use: string, components: object = {}): Sample {
  return {
    name,
    document: one("post", cent(body(schema)), { components: { schemas: components } }),
    calls: { run: "POST /run 0.01" },
    use,
  };
}

const Base = { type: "object", required: ["id"], properties: { id: text, note: text } };

/** Schemas in the shapes that documents have. */
export const SCHEMAS: readonly Sample[] = [
  shaped(
    "free-form objects",
    {
      type: "object",
      required: ["args"],
      properties: { args: { type: "object" }, more: { type: "object", properties: {} } },
    },
    `c.run({ args: { a: 1, b: { c: [] } }, more: { x: 1 } })`,
  ),
  shaped("a free-form body", { type: "object" }, `c.run({ anything: 1 })`),
  shaped("a list of itself", { $ref: "#/components/schemas/Root" }, `c.run({ value: ["a", ["b"]] })`, {
    Root: {
      type: "object",
      required: ["value"],
      properties: { value: { $ref: "#/components/schemas/Tree" } },
    },
    Tree: { anyOf: [text, { type: "array", items: { $ref: "#/components/schemas/Tree" } }] },
  }),
  shaped(
    "any JSON",
    { type: "object", required: ["value"], properties: { value: { $ref: "#/components/schemas/Json" } } },
    `c.run({ value: [1, null, { q: true }] })`,
    {
      Json: {
        oneOf: [
          text,
          number,
          { type: "boolean" },
          { type: "null" },
          { type: "array", items: { $ref: "#/components/schemas/Json" } },
          { type: "object", additionalProperties: { $ref: "#/components/schemas/Json" } },
        ],
      },
    },
  ),
  shaped("two that hold each other", { $ref: "#/components/schemas/A" }, `c.run({ b: { a: { b: {} } } })`, {
    A: { type: "object", properties: { b: { $ref: "#/components/schemas/B" } } },
    B: { type: "object", properties: { a: { $ref: "#/components/schemas/A" } } },
  }),
  shaped(
    "required members that one part only names",
    { allOf: [{ $ref: "#/components/schemas/Base" }, { required: ["note"] }] },
    `c.run({ id: "a", note: "b" });\n// @ts-expect-error the note is required\nc.run({ id: "a" })`,
    { Base },
  ),
  shaped(
    "one of two members is required",
    {
      type: "object",
      properties: { url: text, text },
      anyOf: [{ required: ["url"] }, { required: ["text"] }],
    },
    `c.run({ url: "a" });\n// @ts-expect-error one of them\nc.run({})`,
  ),
  shaped(
    "members beside a union",
    {
      type: "object",
      required: ["mode"],
      properties: { mode: text },
      oneOf: [
        { properties: { a: number }, required: ["a"] },
        { properties: { b: text }, required: ["b"] },
      ],
    },
    `c.run({ mode: "x", a: 1 });\nc.run({ mode: "x", b: "y" })`,
  ),
  shaped(
    "a union by its tag",
    {
      oneOf: [{ $ref: "#/components/schemas/Cat" }, { $ref: "#/components/schemas/Dog" }],
      discriminator: { propertyName: "kind", mapping: { cat: "#/components/schemas/Cat", dog: "Dog" } },
    },
    `c.run({ kind: "cat", lives: 9 });\n// @ts-expect-error a dog has no lives\nc.run({ kind: "dog", lives: 9 })`,
    {
      Cat: { type: "object", required: ["kind", "lives"], properties: { kind: text, lives: number } },
      Dog: {
        type: "object",
        required: ["kind", "tricks"],
        properties: { kind: text, tricks: { type: "array", items: text } },
      },
    },
  ),
  shaped(
    "members that every object inherits",
    {
      type: "object",
      additionalProperties: false,
      required: ["constructor"],
      properties: { constructor: text, hasOwnProperty: number, ["__proto__"]: text },
    },
    `c.run({ constructor: "a" })`,
  ),
  shaped(
    "nullable of 3.0",
    {
      type: "object",
      properties: {
        a: { ...text, nullable: true },
        b: { $ref: "#/components/schemas/Base", nullable: true },
        c: { type: "string", enum: ["x", null], nullable: true },
      },
    },
    `c.run({ a: null, b: null, c: null })`,
    { Base },
  ),
  shaped(
    "several types",
    { type: "object", properties: { a: { type: ["string", "null"] }, b: { type: ["integer", "string"] } } },
    `c.run({ a: null, b: "1" })`,
  ),
  shaped(
    "a description beside a reference",
    { type: "object", properties: { base: { $ref: "#/components/schemas/Base", description: "The base." } } },
    `c.run({ base: { id: "a" } })`,
    { Base },
  ),
  shaped(
    "members of other kinds",
    { type: "object", properties: { a: number }, additionalProperties: text },
    `c.run({ a: 1, b: "x" })`,
  ),
  shaped(
    "a map",
    { type: "object", properties: { scores: { type: "object", additionalProperties: number } } },
    `c.run({ scores: { a: 1 } })`,
  ),
  shaped(
    "what only an answer has",
    { type: "object", required: ["id", "name"], properties: { id: { ...text, readOnly: true }, name: text } },
    `c.run({ name: "a" })`,
  ),
  shaped(
    "names that code cannot hold",
    {
      type: "object",
      required: ["content-type"],
      properties: { "content-type": text, "2nd": number, größe: number },
    },
    `c.run({ "content-type": "a", "größe": 2 })`,
  ),
  {
    name: "pointers of every form",
    document: api(
      {
        "/a": {
          post: { operationId: "a", ...cent(body({ $ref: "#/components/schemas/With%20space~1slash" })) },
        },
        "/b": {
          post: {
            operationId: "b",
            ...cent(body({ $ref: "#/paths/~1a/post/responses/200/content/application~1json/schema" })),
          },
        },
        "/c": {
          post: { operationId: "c", ...cent(body({ $ref: "#/components/schemas/List/prefixItems/0" })) },
        },
        "/d": {
          post: { operationId: "d", ...cent({ requestBody: { $ref: "#/components/requestBodies/Body" } }) },
        },
        "/e": { $ref: "#/components/pathItems/Shared" },
      },
      {
        components: {
          schemas: {
            "With space/slash": { type: "object", required: ["x"], properties: { x: text } },
            List: {
              type: "array",
              prefixItems: [{ type: "object", required: ["first"], properties: { first: number } }],
            },
          },
          requestBodies: {
            Body: {
              content: {
                "application/json": { schema: { type: "object", required: ["y"], properties: { y: text } } },
              },
            },
          },
          pathItems: { Shared: { get: { operationId: "e", ...cent() } } },
        },
      },
    ),
    calls: { a: "POST /a 0.01", b: "POST /b 0.01", c: "POST /c 0.01", d: "POST /d 0.01", e: "GET /e 0.01" },
    use: `c.a({ x: "1" }); c.b({ any: 1 }); c.c({ first: 1 }); c.d({ y: "1" }); c.e({})`,
  },
  {
    name: "a reference into another document",
    document: one(
      "post",
      cent(body({ type: "object", properties: { a: { $ref: "https://schemas.example/a.json" } } })),
    ),
    calls: { run: "POST /run 0.01" },
    notes: [
      "The reference https://schemas.example/a.json leads nowhere in this document: its values are not typed",
    ],
    use: `c.run({ a: 1 })`,
  },
];
