import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createProject, type Project } from "./project.ts";

/** The commands on the API of another seller: its document in YAML, and what it is sent. */
const DOCUMENT = `openapi: 3.0.3
info: { title: Foreign, version: "1" }
servers: [{ url: http://localhost:9 }]
paths:
  /things/{thing-id}:copy:
    post:
      operationId: copy
      x-payment-info: { protocols: [x402], price: "0.01 EUR" }
      parameters:
        - { name: thing-id, in: path, required: true, schema: { type: string } }
        - { name: tags, in: query, explode: false, schema: { type: array, items: { type: string } } }
        - { name: X-Region, in: header, required: true, schema: { type: string } }
      requestBody: { content: { application/json: { schema: { type: object, required: [constructor], properties: { constructor: { type: string } } } } } }
      responses: { 200: { description: Done. }, 402: { description: Pay first. } }
`;

const sent: { readonly line: string; readonly headers: IncomingHttpHeaders; readonly body: string }[] = [];
let project: Project;
let url = "";

const server = createServer((request, response) => {
  if (request.url === "/openapi.yaml") return response.end(DOCUMENT);
  if (request.url === "/openapi.json") return response.writeHead(404).end();
  let body = "";
  request.on("data", (chunk) => {
    body += chunk;
  });
  request.on("end", () => {
    if (request.method === "POST")
      sent.push({ line: `${request.method} ${request.url}`, headers: request.headers, body });
    response.writeHead(200, { "content-type": "application/json" }).end('{"ok":true}');
  });
});

beforeAll(async () => {
  project = createProject({ "tsconfig.json": "{}" });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(() => {
  project[Symbol.dispose]();
  server.close();
});

const copy = (...flags: readonly string[]) =>
  project.run(
    "call",
    "copy",
    "--from",
    url,
    "--base-url",
    url,
    "-f",
    "thing-id=a/b",
    "-f",
    "constructor=x",
    ...flags,
  );

it("call asks for the header and for a ceiling, and sends nothing without them", async () => {
  expect(await copy()).toMatchObject({ code: 2, err: expect.stringContaining("Add --header 'X-Region: …'") });
  expect(await copy("-H", "X-Region")).toMatchObject({
    code: 2,
    err: expect.stringContaining("is not a valid header"),
  });
  const unpriced = await copy("-H", "X-Region: eu");
  expect(unpriced).toMatchObject({ code: 2, err: expect.stringContaining("--max-price") });
  expect(sent).toEqual([]);
});

it("call sends path, query, headers and body as the document says", async () => {
  const { code, out } = await copy(
    "-H",
    "X-Region: eu",
    "--max-price",
    "0.05",
    "-f",
    "tags=p",
    "-f",
    "tags=q",
    "--json",
  );
  expect(code).toBe(0);
  expect(JSON.parse(out)).toMatchObject({ output: { ok: true }, usd: "0.00" });
  expect(sent.map(({ line, body }) => [line, body])).toEqual([
    ["POST /things/a%2Fb:copy?tags=p,q", '{"constructor":"x"}'],
  ]);
  expect(sent[0]?.headers["x-region"]).toBe("eu");
});

it("generate says what it cannot read, and writes a client that asks for header and ceiling", async () => {
  const { code, err } = await project.run("generate", "--from", url, "--out", "foreign");
  expect(code).toBe(0);
  expect(err).toContain("states a price that cannot be read");
  const client = project.read("foreign/client.gen.ts");
  expect(client).toContain('readonly "X-Region": string;');
  expect(client).toContain("readonly copy: UnpricedResource<CopyInput, CopyOutput>;");
});

it("generate with --max-price writes a client with that ceiling", async () => {
  const { code, err } = await project.run(
    "generate",
    "--from",
    url,
    "--out",
    "capped",
    "--max-price",
    "0.25",
  );
  expect(code).toBe(0);
  expect(err).toContain("at most $0.25 is paid for it");
  expect(project.read("capped/client.gen.ts")).toContain('max: "0.25"');
});
