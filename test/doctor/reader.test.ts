import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it } from "vitest";
import { type ExamineOptions, examine } from "../../codegen/doctor/examine.ts";
import { encodeHeader } from "../../src/protocol/index.ts";
import { api, body, cent, paid, query } from "../corpus/document.ts";

/** A seller of one document. It answers 402 to every request and remembers what it was sent. */
function seller(
  document: string | object,
  refuses: (request: Request) => Promise<boolean> = async () => false,
) {
  const sent: { readonly url: string; readonly type: string | null; readonly body: string }[] = [];
  const text = typeof document === "string" ? document : JSON.stringify(document);
  const fetch: ExamineOptions["fetch"] = async (input, init) => {
    const request = new Request(input, init);
    const { pathname } = new URL(request.url);
    if (pathname === "/openapi.json" && text.startsWith("{")) return new Response(text);
    if (pathname === "/openapi.yaml" && !text.startsWith("{")) return new Response(text);
    if (/^\/(llms|openapi|\.well-known)/.test(pathname)) return new Response("none", { status: 404 });
    const isRefused = await refuses(request.clone());
    const type = request.headers.get("content-type");
    sent.push({ url: request.url.replace("https://api.example", ""), type, body: await request.text() });
    if (isRefused) return new Response('{"detail":"wrong"}', { status: 400 });
    const required = { x402Version: 2, resource: { url: request.url }, accepts: [OFFER] };
    return new Response("{}", { status: 402, headers: { "payment-required": encodeHeader(required) } });
  };
  const look = (more: Partial<ExamineOptions> = {}) =>
    examine({ url: new URL("https://api.example/"), fetch, ...more });
  return { sent, look };
}

const OFFER = {
  ...{ scheme: "exact", network: "eip155:84532", amount: "10000", maxTimeoutSeconds: 60 },
  ...{
    asset: "0x036CbD53842c5426634e7929541eC2318f3dCF7e",
    payTo: "0x000000000000000000000000000000000000dEaD",
  },
  extra: { name: "USDC", version: "2" },
};

describe("the doctor reads a document as the client does", () => {
  it("in YAML", async () => {
    const yaml = `openapi: 3.1.0\ninfo: { title: A, version: "1" }\npaths:\n  /run:\n    post:\n      x-payment-info: { price: "0.01", protocols: [x402] }\n      responses: { "402": { description: Pay. } }\n`;
    const report = await seller(yaml).look();
    expect(report.resources).toEqual(["POST /run"]);
    expect(report.findings.map(({ check }) => check)).not.toContain("discovery-openapi");
  });

  it("of more than 256 kB", async () => {
    const document = api({ "/run": { post: cent() } }, { "x-filler": "x".repeat(300_000) });
    expect((await seller(document).look()).resources).toEqual(["POST /run"]);
  });

  it("and sends lists, forms and fixed headers as it says", async () => {
    const symbols = query(
      "symbols",
      { type: "array", items: { type: "string" } },
      {
        ...{ required: true, explode: false, example: ["BTC", "ETH"] },
      },
    );
    const form = {
      requestBody: {
        required: true,
        content: {
          "application/x-www-form-urlencoded": {
            schema: {
              type: "object",
              properties: { q: { type: "string", example: "a b" } },
              required: ["q"],
            },
          },
        },
      },
    };
    const document = api({
      "/list": { get: cent({ parameters: [symbols] }) },
      "/form": { post: cent(form) },
    });
    const { sent, look } = seller(document);
    const report = await look();
    expect(sent.map(({ url }) => url)).toContain("/list?symbols=BTC,ETH");
    expect(sent).toContainEqual({ url: "/form", type: "application/x-www-form-urlencoded", body: "q=a+b" });
    // A form is not JSON, so a body that is not JSON proves nothing.
    const found = report.findings.filter(({ resource }) => resource === "POST /form");
    expect(found.map(({ check }) => check)).not.toContain("input-json");
  });

  it("and tries no body where the operation takes none", async () => {
    const { look } = seller(api({ "/run": { post: cent() } }));
    const { findings } = await look();
    expect(findings.map(({ check }) => check).filter((id) => id.startsWith("input-"))).toEqual([]);
  });

  it("and tries no body where no document describes one and none is given", async () => {
    const { look } = seller("{}");
    const ids = async (more: Partial<ExamineOptions>) => {
      const url = new URL("https://api.example/run");
      return (await look({ url, method: "POST", ...more })).findings.map(({ check }) => check);
    };
    expect(await ids({})).not.toContain("input-json");
    expect(await ids({ input: { text: "a" } })).toContain("input-json");
  });

  it("and leaves out what is paid otherwise or needs a key", async () => {
    const document = api(
      {
        "/mpp": { post: paid({ protocols: ["mpp"], price: "0.01" }) },
        "/key": { post: cent({ security: [{ key: [] }] }) },
        "/run": { post: cent() },
      },
      { components: { securitySchemes: { key: { type: "apiKey", in: "header", name: "X-Key" } } } },
    );
    const report = await seller(document).look();
    expect(report.resources).toEqual(["POST /run"]);
    expect(report.left).toEqual([
      { name: "POST /mpp", reason: "it is paid with mpp, not with x402" },
      { name: "POST /key", reason: "it needs the request header X-Key: give it with --header" },
    ]);
    const keyed = await seller(document).look({ headers: { "x-key": "secret" } });
    expect(keyed.resources).toEqual(["POST /key", "POST /run"]);
  });

  it.each(["0.01 USDC", "$0.01", 0.01, { min: "0.001", max: "0.02" }, { amount: "10000", decimals: 6 }])(
    "and compares the price %j with the challenge",
    async (price) => {
      const report = await seller(api({ "/run": { post: paid({ protocols: ["x402"], price }) } })).look();
      const ids = report.findings.map(({ check }) => check);
      expect(ids).not.toContain("price-document");
      expect(report.passed.map(({ check }) => check)).toContain("price-document");
    },
  );

  it.each(["0.02 USDC", 0.5, { minPrice: "0.02", maxPrice: "0.03" }])(
    "and finds that the price %j differs from the challenge",
    async (price) => {
      const report = await seller(api({ "/run": { post: paid({ protocols: ["x402"], price }) } })).look();
      expect(report.findings.map(({ check }) => check)).toContain("price-document");
    },
  );

  it("and says why it cannot be read", async () => {
    const url = new URL("https://api.example/openapi.json");
    await expect(seller('{"openapi":"3.1.0","paths":{}}').look({ url })).rejects.toThrow(
      "https://api.example/openapi.json describes nothing that can be called.",
    );
  });

  it("and tries the example of the document", async () => {
    const schema = {
      type: "object",
      properties: { code: { type: "string", pattern: "^X\\d+$" } },
      required: ["code"],
    };
    const { requestBody } = body(schema) as { requestBody: { content: Record<string, object> } };
    Object.assign(requestBody.content["application/json"] ?? {}, {
      examples: { one: { value: { code: "X1" } } },
    });
    const { sent, look } = seller(api({ "/run": { post: cent({ requestBody }) } }), async (request) => {
      const text = await request.text();
      return text !== "" && !text.includes('"X1"');
    });
    const report = await look();
    expect(sent.map((one) => one.body)).toContain('{"code":"X1"}');
    expect(report.passed.map(({ check }) => check)).toContain("input-example");
  });
});

describe("a connection that breaks", () => {
  /** A server on loopback that answers as `answer` says. */
  async function listening(answer: (request: IncomingMessage, response: ServerResponse) => void) {
    const server = createServer(answer);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const url = new URL(`http://127.0.0.1:${port}/run`);
    const stop = async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    };
    return { url, [Symbol.asyncDispose]: stop };
  }

  function challenge(request: IncomingMessage, response: ServerResponse): void {
    const required = {
      x402Version: 2,
      resource: { url: `http://${request.headers.host}${request.url}` },
      accepts: [OFFER],
    };
    response
      .writeHead(402, { "payment-required": encodeHeader(required), "cache-control": "no-store" })
      .end("{}");
  }

  it("once does not count against the resource", async () => {
    const seen = new Map<string, number>();
    await using server = await listening((request, response) => {
      if (request.method !== "POST") return void response.writeHead(404).end();
      const key =
        `${request.url} ${request.headers["content-length"]} ${JSON.stringify(request.headers)}`.replace(
          /"connection":"[^"]*",?/,
          "",
        );
      const count = (seen.get(key) ?? 0) + 1;
      seen.set(key, count);
      if (count === 1) return void request.socket.destroy();
      request.resume().on("end", () => challenge(request, response));
    });
    const { findings } = await examine({ url: server.url, method: "POST", input: { q: "a" } });
    expect(findings.filter(({ evidence }) => evidence.includes("the connection broke"))).toEqual([]);
  });

  it("while a large body is sent says nothing about other requests", async () => {
    await using server = await listening((request, response) => {
      if (request.method !== "POST") return void response.writeHead(404).end();
      if (Number(request.headers["content-length"]) > 100_000) {
        response.writeHead(413, { "content-type": "application/json" }).end('{"detail":"too large"}');
        return void request.socket.destroySoon();
      }
      request.resume().on("end", () => challenge(request, response));
    });
    const { findings, passed } = await examine({ url: server.url, method: "POST", input: { q: "a" } });
    expect(findings.filter(({ evidence }) => evidence.includes("the connection broke"))).toEqual([]);
    expect(passed.map(({ check }) => check)).toContain("input-size");
  });
});
