import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { readSource } from "../../codegen/cli/source.ts";
import { type ApiModel, choicesOf, fieldsOf, refTo } from "../../codegen/model.ts";
import { api, body, cent, one } from "../corpus/document.ts";

/** A document in parts: a path item, parameters and schemas that point at each other, in JSON and YAML. */
const main = api({
  "/run": { $ref: "paths/run.yaml" },
  "/other": { post: cent({ operationId: "other", ...body({ $ref: "./schemas.json#/Order" }) }) },
});
const FILES = {
  "api/openapi.json": JSON.stringify(main),
  "api/paths/run.yaml": `get:
  operationId: run
  x-payment-info: { price: "0.01", protocols: [x402] }
  parameters:
    - $ref: "../schemas.json#/parameters/size"
  responses:
    200: { description: Done., content: { application/json: { schema: { $ref: "../schemas.json#/Order" } } } }
    402: { description: Pay. }
`,
  "api/schemas.json": JSON.stringify({
    Order: {
      type: "object",
      properties: {
        id: { type: "string" },
        default: { $ref: "#/Order" },
        parts: { type: "array", items: { $ref: "#/Order" } },
      },
      required: ["id"],
    },
    parameters: { size: { name: "size", in: "query", required: true, schema: { $ref: "#/Size" } } },
    Size: { type: "string", enum: ["s", "l"] },
  }),
};

let folder: string;
let notes: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "external-"));
  notes = "";
  vi.spyOn(console, "error").mockImplementation((text) => {
    notes += `${text}\n`;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true });
});

function lay(files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}

const read = async (named: string) => (await readSource(named, undefined as never)).model;

/** What the document in parts comes to, wherever it is. */
function expectWhole(model: ApiModel): void {
  expect(model.resources.map(({ name, method, price }) => [name, method, price.kind])).toEqual([
    ["other", "POST", "fixed"],
    ["run", "GET", "fixed"],
  ]);
  const size = fieldsOf(model.schemas, { $ref: refTo("RunInput") })?.find(({ name }) => name === "size");
  expect(choicesOf(model.schemas, size?.schema ?? {})).toEqual(["s", "l"]);
  const order = fieldsOf(model.schemas, { $ref: refTo("RunOutput") }) ?? [];
  expect(order.map(({ name, required }) => `${name}${required ? "" : "?"}`)).toEqual([
    "id",
    "default?",
    "parts?",
  ]);
  const [, again] = order;
  expect(fieldsOf(model.schemas, again?.schema ?? {})).toHaveLength(3);
}

it("reads the files that a document refers to", async () => {
  lay(FILES);
  expectWhole(await read(join(folder, "api/openapi.json")));
  expect(notes).toBe("");
});

it("names what cannot be read, with the reason, and follows nothing to another place", async () => {
  const schema = {
    type: "object",
    properties: {
      a: { $ref: "none.json#/A" },
      b: { $ref: "https://other.example/b.json" },
      c: { $ref: "/etc/hosts" },
    },
  };
  lay({ "openapi.json": JSON.stringify(one("post", cent(body(schema)))) });
  expect((await read(join(folder, "openapi.json"))).resources).toHaveLength(1);
  expect(notes).toContain("none.json cannot be read: there is no such file. What refers to it is not typed");
  expect(notes).toContain(
    "https://other.example/b.json cannot be read: it is not at the place of the document",
  );
  expect(notes).toContain("/etc/hosts cannot be read: it is not a file of JSON or YAML");
});

it("fetches what a document refers to from its own origin alone", async () => {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? "");
    const text = FILES[`api${request.url}` as keyof typeof FILES];
    response.writeHead(text === undefined ? 404 : 200).end(text);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  try {
    expectWhole(await read(`http://127.0.0.1:${port}/openapi.json`));
    expect(notes).not.toContain("cannot be read");
    expect(asked.filter((path) => path === "/schemas.json")).toHaveLength(1);
  } finally {
    server.close();
  }
});
