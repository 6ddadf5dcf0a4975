import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createProject, type Project } from "../codegen/project.ts";
import { openStranger, type Stranger } from "./stranger.ts";

const main = fileURLToPath(new URL("../../codegen/cli/main.ts", import.meta.url));
const BYTES = Uint8Array.from([0x50, 0x4b, 3, 4, 0xff, 0xfe, 0x80, 0]);
const KEY = generatePrivateKey();
let seller: Stranger;
let project: Project;

function operationOf(name: string, type: string) {
  return {
    post: {
      operationId: name,
      summary: `The ${name}.`,
      "x-payment-info": { price: { mode: "fixed", currency: "USD", amount: "0.01" } },
      requestBody: { content: { "application/json": { schema: { type: "object", properties: {} } } } },
      responses: { 200: { description: "It.", content: { [type]: { schema: {} } } } },
    },
  };
}

beforeAll(async () => {
  seller = await openStranger((app) => {
    const types = { image: "image/png", archive: "application/octet-stream", broken: "application/json" };
    const paths = Object.entries(types).map(([name, type]) => [`/paid/${name}`, operationOf(name, type)]);
    app.get("/openapi.json", (c) =>
      c.json({
        openapi: "3.1.0",
        info: { title: "Files", version: "1" },
        servers: [{ url: seller.url }],
        paths: Object.fromEntries(paths),
      }),
    );
    app.post("/paid/image", (c) => c.body(BYTES, 200, { "content-type": "image/png" }));
    app.post("/paid/archive", (c) => c.body(BYTES, 200, { "content-type": "application/octet-stream" }));
    app.post("/paid/broken", (c) => c.json({ orderId: "o1" }, 302));
  });
  await seller.world.fund(privateKeyToAccount(KEY).address, "1");
  project = createProject({});
  process.env.RESOURCE402_WALLET_KEY = KEY;
  process.env.XDG_STATE_HOME = join(project.folder, "state");
});

afterAll(async () => {
  delete process.env.RESOURCE402_WALLET_KEY;
  delete process.env.XDG_STATE_HOME;
  project[Symbol.dispose]();
  await seller[Symbol.asyncDispose]();
});

const call = (...words: readonly string[]) => project.run("call", ...words, "--from", seller.url, "--yes");

describe("resource402 call", () => {
  it("writes the bytes that were bought to a file, unchanged", async () => {
    expect(await call("archive", "-o", "a.zip")).toMatchObject({ code: 0, out: "" });
    expect(new Uint8Array(readFileSync(join(project.folder, "a.zip")))).toEqual(BYTES);
  });

  it("prints bytes in base64 with --json", async () => {
    const said = await call("image", "--json");
    const base64 = Buffer.from(BYTES).toString("base64");
    expect(JSON.parse(said.out)).toMatchObject({ output: { mediaType: "image/png", base64 } });
  });

  it("shows the answer of a seller that charged and gave no output", async () => {
    const said = await call("broken", "--json");
    expect(said.code).toBe(1);
    const { error } = JSON.parse(said.out);
    expect(error).toMatchObject({ charged: "yes", response: { status: 302, body: { orderId: "o1" } } });
    expect(said.err).toContain('The seller answered 302:\n{"orderId":"o1"}');
  });
});

describe("resource402 call, through a proxy that sends the seller its own Host", () => {
  it("is refused, says how to allow it, and buys once it is allowed", async () => {
    const forward = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
      const headers = Object.entries(request.headers).filter(
        ([name]) => !/^(host|connection|content-length)$/.test(name),
      );
      const answer = await fetch(seller.url + request.url, {
        ...{ method: request.method ?? "GET", headers: headers as [string, string][] },
        ...(request.method === "POST" ? { body: await text(request) } : {}),
      });
      const bytes = new Uint8Array(await answer.arrayBuffer());
      response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(bytes);
    };
    const proxy = createServer((request, response) => void forward(request, response));
    proxy.listen(0, "127.0.0.1");
    await once(proxy, "listening");
    try {
      const baseUrl = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
      const refused = await call("archive", "--base-url", baseUrl, "-o", "b.zip");
      const { host } = new URL(seller.url);
      expect(refused).toMatchObject({ code: 1, err: expect.stringContaining(`resourceHosts: ["${host}"]`) });
      expect(refused.err).toContain("Nothing was charged. On the command line: --resource-host");
      const allowed = await call("archive", "--base-url", baseUrl, "-o", "b.zip", "--resource-host", host);
      expect(allowed).toMatchObject({ code: 0 });
      expect(new Uint8Array(readFileSync(join(project.folder, "b.zip")))).toEqual(BYTES);
    } finally {
      proxy.close();
    }
  });
});

describe("resource402 mcp", () => {
  it("gives pictures and files as such, and an agent the answer behind an error", async () => {
    const client = new Client({ name: "test", version: "1" });
    const transport = new StdioClientTransport({
      ...{ command: process.execPath, args: [main, "mcp", seller.url], cwd: project.folder },
      env: { RESOURCE402_WALLET_KEY: KEY, PATH: "" },
    });
    await client.connect(transport);
    try {
      const data = Buffer.from(BYTES).toString("base64");
      const image = await client.callTool({ name: "image", arguments: {} });
      expect(image.content).toEqual([{ type: "image", data, mimeType: "image/png" }]);
      const archive = await client.callTool({ name: "archive", arguments: {} });
      const mimeType = "application/octet-stream";
      expect(archive.content).toMatchObject([{ type: "resource", resource: { mimeType, blob: data } }]);
      const broken = await client.callTool({ name: "broken", arguments: {} });
      expect(broken).toMatchObject({
        isError: true,
        content: [{ text: expect.stringContaining('The seller answered 302: {"orderId":"o1"}') }],
        _meta: { "resource402/charged": "yes", "resource402/response": { status: 302 } },
      });
    } finally {
      await client.close();
    }
  });
});
