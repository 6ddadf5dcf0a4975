import { describe, expect, it } from "vitest";
import { internals } from "../../codegen/doctor/checks/internals.ts";
import { type ExamineOptions, examine } from "../../codegen/doctor/examine.ts";
import { probeSampleOf, wrongTypeOf } from "../../codegen/doctor/schema.ts";
import { NothingThere } from "../../codegen/doctor/target.ts";
import { encodeHeader } from "../../src/protocol/index.ts";

type Routes = Readonly<Record<string, (request: Request) => Response | Promise<Response>>>;

/** A host that answers `METHOD /path` by the given routes, and everything else with 404. */
function host(routes: Routes) {
  const asked: string[] = [];
  const fetch: ExamineOptions["fetch"] = async (input, init) => {
    const request = new Request(input, init);
    const name = `${request.method} ${new URL(request.url).pathname}`;
    asked.push(name);
    return routes[name]?.(request) ?? new Response("not found", { status: 404 });
  };
  const look = (path: string, more: Partial<ExamineOptions> = {}) =>
    examine({ url: new URL(path, "https://seller.example"), fetch, ...more });
  return { asked, look };
}

const OFFER = {
  ...{ scheme: "exact", network: "eip155:84532", amount: "10000", maxTimeoutSeconds: 60 },
  ...{
    asset: "0x036CbD53842c5426634e7929541eC2318f3dCF7e",
    payTo: "0x000000000000000000000000000000000000dEaD",
  },
  extra: { name: "USDC", version: "2" },
};

function challenge(url: string, extensions: object = {}): Response {
  const required = { x402Version: 2, resource: { url }, accepts: [OFFER], extensions };
  return new Response("{}", { status: 402, headers: { "payment-required": encodeHeader(required) } });
}

const json = (value: unknown, headers: Record<string, string> = {}): Response =>
  Response.json(value, { headers });

describe("the target of an examination", () => {
  it("is the method that answers 402, when the user names none", async () => {
    const url = "https://seller.example/draw";
    expect((await host({ "POST /draw": () => challenge(url) }).look("/draw")).resources).toEqual([
      "POST /draw",
    ]);
    expect((await host({ "GET /draw": () => challenge(url) }).look("/draw")).resources).toEqual([
      "GET /draw",
    ]);
  });

  it("is the method that the bazaar extension names, when several answer 402", async () => {
    const said = {
      bazaar: { info: { input: { type: "http", method: "POST", body: { prompt: "a house" } } } },
    };
    const answer = () => challenge("https://seller.example/draw", said);
    const { resources } = await host({ "GET /draw": answer, "POST /draw": answer }).look("/draw");
    expect(resources).toEqual(["POST /draw"]);
  });

  it("is every resource that /.well-known/x402 lists, when there is no OpenAPI document", async () => {
    const { resources } = await host({
      "GET /.well-known/x402": () =>
        json({ version: 1, resources: ["https://seller.example/a", "POST /b", "https://other.example/c"] }),
      "GET /a": () => challenge("https://seller.example/a"),
      "POST /b": () => challenge("https://seller.example/b"),
    }).look("/");
    expect(resources).toEqual(["GET /a", "POST /b"]);
  });

  it("is at the server URL of the document, under a path of the same host", async () => {
    const paths = { "/draw": { post: { "x-payment-info": {}, responses: { "402": {} } } } };
    const openapi = { openapi: "3.1.0", servers: [{ url: "/api" }], paths };
    const { resources } = await host({
      "GET /openapi.json": () => json(openapi),
      "POST /api/draw": () => challenge("https://seller.example/api/draw"),
    }).look("/openapi.json");
    expect(resources).toEqual(["POST /api/draw"]);
  });

  it("is missing when no operation asks for a payment", async () => {
    await expect(host({ "GET /": () => new Response("hello") }).look("/")).rejects.toThrow(NothingThere);
    const free = { openapi: "3.1.0", paths: { "/free": { get: { responses: {} } } } };
    await expect(host({ "GET /openapi.json": () => json(free) }).look("/openapi.json")).rejects.toThrow(
      "https://seller.example/openapi.json describes no paid operation.",
    );
  });

  it("is the operation that the user names, whatever it answers", async () => {
    const { findings } = await host({}).look("/draw", { method: "post" });
    expect(findings.map(({ check }) => check)).toContain("challenge");
  });
});

describe("a host that behaves badly", () => {
  it.each<[string, Routes]>([
    [
      "invalid documents",
      { "GET /openapi.json": () => json({ openapi: "3.1.0", paths: { "/a": { post: null, get: [] } } }) },
    ],
    ["endless references", { "GET /openapi.json": () => json(ENDLESS) }],
    ["a challenge with odd values", { "POST /a": () => odd() }],
    [
      "a redirect",
      {
        "POST /a": () =>
          new Response(null, { status: 302, headers: { location: "https://elsewhere.example/" } }),
      },
    ],
    ["an endless body", { "POST /a": () => new Response(endless(), { status: 402 }) }],
  ])("with %s is examined to the end", async (_, routes) => {
    const { look, asked } = host(routes);
    const report = await look("/a", { method: "POST" });
    expect(report.findings.length).toBeGreaterThan(0);
    expect(report.skipped.filter(({ reason }) => reason.startsWith("it could not run"))).toEqual([]);
    expect(asked.length).toBeLessThan(100);
  });

  it("gets one retry after a 429, and no request after a second 429", async () => {
    const { look, asked } = host({
      "POST /a": () => new Response("", { status: 429, headers: { "retry-after": "0" } }),
    });
    await expect(look("/a", { method: "POST" })).rejects.toThrow(
      "https://seller.example cannot be examined: the server answers 429 (too many requests).",
    );
    expect(asked.filter((one) => one === "POST /a")).toHaveLength(2);
  });

  it("gets no more requests than --max-requests allows", async () => {
    const { look, asked } = host({ "POST /a": () => challenge("https://seller.example/a") });
    const { skipped } = await look("/a", { method: "POST", maxRequests: 9 });
    expect(asked).toHaveLength(9);
    expect(skipped.map(({ reason }) => reason)).toContain(
      "the limit of 9 requests is reached; increase --max-requests",
    );
  });

  it("is not waited for longer than the timeout", async () => {
    const { look } = host({
      "POST /a": (request) =>
        new Promise((_, reject) => {
          request.signal.addEventListener("abort", () => reject(request.signal.reason));
        }),
    });
    const { findings } = await look("/a", { method: "POST", timeoutMs: 20, slowMs: 10 });
    expect(findings.find(({ check }) => check === "challenge")?.evidence).toBe(
      "POST /a → the request timed out",
    );
  });

  it("gets nothing more once the examination is aborted", async () => {
    const aborting = new AbortController();
    const { look, asked } = host({
      "POST /a": () => {
        aborting.abort(new Error("enough"));
        return challenge("https://seller.example/a");
      },
    });
    await expect(look("/a", { method: "POST", signal: aborting.signal })).rejects.toThrow("enough");
    expect(asked.filter((one) => one === "POST /a")).toHaveLength(1);
  });

  it("cannot send control characters to the terminal through the evidence", async () => {
    const { look } = host({ "POST /a": () => new Response("\u001b[2Jgone\u0007", { status: 200 }) });
    const { findings } = await look("/a", { method: "POST" });
    expect(findings.find(({ check }) => check === "challenge")?.evidence).toContain("·[2Jgone·");
  });
});

const ENDLESS = {
  openapi: "3.1.0",
  paths: {
    "/a": {
      post: {
        requestBody: { content: { "application/json": { schema: { $ref: "#/components/schemas/Tree" } } } },
        responses: { "402": { $ref: "#/components/responses/402" } },
      },
    },
  },
  components: {
    schemas: {
      Tree: {
        type: "object",
        properties: {
          left: { $ref: "#/components/schemas/Tree" },
          all: { type: "array", items: { $ref: "#/components/schemas/Tree" } },
        },
        required: ["left"],
      },
    },
  },
};

function odd(): Response {
  const required = {
    ...{ x402Version: 2, resource: 7, extensions: [] },
    accepts: [null, { scheme: 1, network: {}, amount: "-5", extra: "x", payTo: null }, { amount: "1e9" }],
  };
  const body = {
    x402Version: 1,
    accepts: [{ maxAmountRequired: 3, outputSchema: { input: { bodyFields: { a: null } } } }],
  };
  return Response.json(body, { status: 402, headers: { "payment-required": encodeHeader(required) } });
}

function endless(): ReadableStream<Uint8Array> {
  return new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(65_536).fill(97)) });
}

describe("an internal detail in a response", () => {
  it.each([
    ["a stack trace", "Error: x\n    at run (/srv/api/index.js:10:3)"],
    ["a stack trace", 'Traceback (most recent call last):\n  File "main.py", line 3'],
    ["a file path of the server", '{"error":"ENOENT: /home/deploy/api/.env"}'],
    ["a file path of the server", "cannot load C:\\inetpub\\wwwroot\\app.dll"],
    ["a file path of the server", "src/routes/draw.ts:14:2"],
    ["a database query", "failed: SELECT * FROM jobs WHERE id = 1"],
    ["a database error", 'duplicate key value violates unique constraint "jobs_pkey"'],
    ["a runtime error", "TypeError: Cannot read properties of undefined (reading 'x')"],
    ["a runtime error", "Unexpected token } in JSON at position 4"],
    ["an internal network error", "connect ECONNREFUSED"],
    ["a secret", "postgres://api:hunter2@db/jobs"],
    ["an address of the internal network", "upstream 10.0.3.7 did not answer"],
  ])("is %s", (kind, text) => {
    expect(internals(text, "seller.example").map((one) => one.kind)).toContain(kind);
  });

  it.each([
    '{"title":"Invalid input","detail":"prompt: Too small: expected string to have >=1 characters"}',
    '{"instance":"/v1/orders/7","type":"https://seller.example/problems/usr/bad-input"}',
    '{"detail":"Select a size from the list.","path":"/prompt"}',
    '{"error":"Unsupported asset 0x036CbD53842c5426634e7929541eC2318f3dCF7e on eip155:84532"}',
    '{"detail":"The file /uploads/cat.png was not found."}',
  ])("is not %s", (text) => {
    expect(internals(text, "seller.example")).toEqual([]);
  });
});

describe("a sample of an input", () => {
  it.each([
    [{ type: "string", minLength: 20, maxLength: 21 }, 20],
    [{ type: "string", maxLength: 3 }, 3],
    [{ type: "array", minItems: 2, items: { type: "integer" } }, 2],
  ])("of %j has a length that fits", (schema, length) => {
    expect(probeSampleOf(schema)).toHaveLength(length);
  });

  it.each([
    [{ type: "integer", minimum: 7, multipleOf: 5 }, 10],
    [{ type: "number", exclusiveMinimum: 0, maximum: 1 }, 1],
    [{ enum: ["a", "b"] }, "a"],
    [{ type: "string", default: "x", examples: ["y"] }, "y"],
    [{ anyOf: [{ type: "boolean" }, { type: "null" }] }, true],
    [{ type: ["string", "null"], format: "date" }, "2026-01-31"],
    [{ type: "object", properties: { a: { type: "boolean" }, b: {} }, required: ["a"] }, { a: true }],
  ])("of %j is %j", (schema, value) => {
    expect(probeSampleOf(schema)).toEqual(value);
  });

  it.each([
    [{ type: "string" }, { not: "expected" }],
    [{ type: "object" }, ["not expected"]],
    [{ enum: ["a"] }, 7],
    [{}, undefined],
  ])("of the wrong type for %j is %j", (schema, value) => {
    expect(wrongTypeOf(schema)).toEqual(value);
  });
});
