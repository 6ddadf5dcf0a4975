import { request as requestNode } from "node:http";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type ServedShop, serveShop } from "./served.ts";
import { latch, until } from "./shop.ts";

const main = fileURLToPath(new URL("../../codegen/cli/main.ts", import.meta.url));
let served: ServedShop;
let through: ServedShop["shop"]["network"];
let handlers: ServedShop["shop"]["handlers"];
let before: bigint;
const open = new Set<Client>();

beforeAll(async () => {
  served = await serveShop();
  through = served.shop.network;
  handlers = { ...served.shop.handlers };
});

beforeEach(async () => {
  before = await served.paid();
});

afterEach(async () => {
  for (const client of open) await client.close();
  open.clear();
  served.shop.network = through;
  Object.assign(served.shop.handlers, handlers);
});

afterAll(() => served[Symbol.asyncDispose]());

/** A job that ends once a step of it has been heard: one that has ended before is its result alone, and has no steps. */
function drawUntilHeard(steps: readonly unknown[]): void {
  served.shop.handlers.render = async (input, call) => {
    call.progress(40, "drawing");
    await until(
      async () => steps.length,
      (heard) => heard > 0,
    );
    return handlers.render(input, call);
  };
}

const paid = async () => (await served.paid()) - before;

/** The command as an agent's program starts it, what it has written to standard error, and what it wrote that is not a message. */
async function agent(flags: readonly string[] = [], env: Record<string, string> = {}) {
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [main, "mcp", "--base-url", served.url, ...flags],
    cwd: served.project.folder,
    stderr: "pipe",
    env: { RESOURCE402_WALLET_KEY: served.key, PATH: "", ...env },
  });
  const said = { err: "" };
  transport.stderr?.on("data", (piece: Buffer) => {
    said.err += piece;
  });
  const client = new Client({ name: "test", version: "1" });
  const unread: Error[] = [];
  client.onerror = (error) => unread.push(error);
  await client.connect(transport).catch((error: unknown) => {
    throw new Error(`the command did not start: ${said.err}`, { cause: error });
  });
  open.add(client);
  // So that it holds results to their schemas.
  await client.listTools();
  return { client, said, transport, unread };
}

interface Told {
  readonly isError?: boolean;
  readonly structuredContent?: Record<string, unknown>;
  readonly _meta?: Record<string, unknown>;
  readonly text: string;
}

async function use(
  client: Client,
  name: string,
  input: Record<string, unknown>,
  options: Parameters<Client["callTool"]>[2] = {},
): Promise<Told> {
  const result = await client.callTool({ name, arguments: input }, undefined, options);
  const content = result.content as { type: string; text: string }[];
  return { ...result, text: content.map(({ text }) => text).join("\n") } as Told;
}

describe("resource402 mcp, over standard input and output", () => {
  it("offers each resource as a tool that says what it costs, and the most it can cost", async () => {
    const { client, said } = await agent();
    expect(client.getServerVersion()).toMatchObject({ name: "Shop", version: "1.0.0" });
    expect(client.getInstructions()).toContain("at most $1.00");
    await expect
      .poll(() => said.err)
      .toMatch(
        /Shop at http:\/\/127.*: 13 tools \(resource402_spending and resource402_resume among them\) over .*0x\w{40} pays at most \$1\.00 in all\./,
      );
    const { tools } = await client.listTools();
    expect(tools).toHaveLength(13);
    const tool = (name: string) => tools.find((one) => one.name === name);
    expect(tool("render")).toMatchObject({
      title: "Render",
      description: expect.stringMatching(
        /^Draw a picture\.(?:.|\n)*\$0\.02 when `size` is `small`(?:.|\n)*Runs as a job(?:.|\n)*never costs more than \$0\.10/,
      ),
      inputSchema: {
        properties: {
          size: { description: "How large.", enum: ["small", "large"], default: "small" },
        },
        required: ["prompt"],
      },
      outputSchema: { type: "object", properties: { url: {}, note: {} } },
      annotations: { readOnlyHint: false, destructiveHint: false },
    });
    expect(tool("ping")?.annotations?.readOnlyHint).toBe(true);
    // A GET that has to be paid changes something.
    expect(tool("quoteOf")?.annotations?.readOnlyHint).toBe(false);
  });

  it("buys an answer, and gives its receipt beside it", async () => {
    const { client } = await agent();
    const told = await use(client, "echo", { text: "hello" });
    expect(told).toMatchObject({ structuredContent: { text: "hello" }, text: '{"text":"hello"}' });
    expect(told.isError).toBeUndefined();
    expect(told._meta).toEqual({
      "resource402/idempotencyKey": expect.stringMatching(/^mcp_\w{32}$/),
      "resource402/receipt": expect.objectContaining({ amount: "0.01", currency: "USDC" }),
    });
    expect(await paid()).toBe(10_000n);
  });

  it("waits for a job and tells how it goes, by numbers that only rise", async () => {
    const { client } = await agent();
    const steps: { progress: number; total?: number | undefined }[] = [];
    drawUntilHeard(steps);
    const told = await use(client, "render", { prompt: "x" }, { onprogress: (step) => steps.push(step) });
    expect(told.structuredContent).toEqual({ url: "https://pictures.test/small", note: "x" });
    expect(told._meta).toMatchObject({
      "resource402/jobId": expect.stringMatching(/^job_/),
      "resource402/receipt": { amount: "0.02" },
    });
    expect(steps.length).toBeGreaterThan(0);
    expect(steps.every(({ total }) => total === 100)).toBe(true);
    const numbers = steps.map(({ progress }) => progress);
    expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
    expect(await paid()).toBe(20_000n);
  });

  it("gives the receipt of a job that is paid when it is done", async () => {
    const { client } = await agent();
    const told = await use(client, "bake", { loaf: "rye" });
    expect(told._meta).toMatchObject({ "resource402/receipt": { amount: "0.04" } });
  });

  it("signs nothing that is more than the budget has left, and tells what was spent", async () => {
    const { client } = await agent(["--budget", "0.05"]);
    expect((await use(client, "bake", { loaf: "one" })).isError).toBeUndefined();
    const { verify } = served.shop.asked;
    const told = await use(client, "brew", { cup: "mine" });
    expect(told).toMatchObject({
      isError: true,
      text: expect.stringMatching(/costs \$0\.03(?:.|\n)*\$0\.01 of the budget is left/),
      _meta: { "resource402/reason": "over_budget", "resource402/charged": "no" },
    });
    expect(served.shop.asked.verify).toBe(verify);
    expect(await paid()).toBe(40_000n);
    const spending = JSON.parse((await use(client, "resource402_spending", {})).text);
    expect(spending).toMatchObject({
      ...{ budgetUsd: "0.05", leftUsd: "0.01", paymentCount: 1, open: [] },
      payments: [{ tool: "bake", usd: "0.04", charged: "yes", transaction: expect.stringMatching(/^0x/) }],
    });
  });

  it("lets calls that are made at once not spend more than the budget together", async () => {
    const { client } = await agent(["--budget", "0.02"]);
    const texts = ["a", "b", "c", "d"];
    const told = await Promise.all(texts.map((text) => use(client, "echo", { text })));
    expect(told.filter(({ isError }) => !isError)).toHaveLength(2);
    expect(await paid()).toBe(20_000n);
  });

  it("tells two calls of one tool apart", async () => {
    const { client } = await agent();
    const told = await Promise.all(["a", "b"].map((text) => use(client, "echo", { text })));
    expect(told.map(({ structuredContent }) => structuredContent?.text)).toEqual(["a", "b"]);
    const receipts = told.map(({ _meta }) => _meta?.["resource402/receipt"] as { transaction: string });
    expect(receipts[0]?.transaction).not.toBe(receipts[1]?.transaction);
  });

  it("keeps to --max-per-call", async () => {
    const { client } = await agent(["--max-per-call", "0.05"]);
    const told = await use(client, "render", { prompt: "x", size: "large" });
    expect(told).toMatchObject({ isError: true, text: expect.stringContaining("--max-per-call") });
    expect(told._meta).toMatchObject({ "resource402/reason": "over_ceiling" });
    expect(await paid()).toBe(0n);
  });

  it("answers input that is not valid with what is wrong, free of charge, without asking the seller", async () => {
    const { client } = await agent();
    let asked = 0;
    served.shop.network = (request) => {
      asked += 1;
      return through(request);
    };
    const told = await use(client, "echo", { text: "x", tone: "soft" });
    expect(told).toMatchObject({
      isError: true,
      text: expect.stringMatching(/input\/tone(?:.|\n)*Nothing was charged/),
    });
    expect(told._meta).toEqual({ "resource402/code": "invalid_input", "resource402/charged": "no" });
    expect(asked).toBe(0);
    expect(await use(client, "nothing", {})).toMatchObject({ isError: true });
  });

  it("signs nothing for an input with a field that is unknown, and names the one that may be meant", async () => {
    const { client } = await agent();
    const told = await use(client, "render", { prompt: "x", sise: "large" });
    expect(told).toMatchObject({
      isError: true,
      text: 'The input of render is not valid: render has no field "sise" (did you mean "size"?).\nNothing was charged.',
    });
    expect(told._meta).toEqual({ "resource402/code": "invalid_input", "resource402/charged": "no" });
    expect(await paid()).toBe(0n);
  });

  it("reports what became of the money of a failed job", async () => {
    served.shop.handlers.render = (_, ctx) => ctx.fail("refused");
    const { client } = await agent();
    const told = await use(client, "render", { prompt: "x" });
    expect(told).toMatchObject({
      isError: true,
      text: expect.stringMatching(/The prompt was refused\.(?:.|\n)*The seller owes it back\./),
      _meta: {
        "resource402/code": "failed",
        "resource402/failure": "refused",
        "resource402/charged": "yes",
        "resource402/paymentState": "refund_owed",
        "resource402/receipt": { amount: "0.02" },
      },
    });
  });

  it("cancels the job of a call that is cancelled", async () => {
    const { opened, open } = latch();
    let aborted = false;
    served.shop.handlers.render = async (_, ctx) => {
      open();
      await new Promise((stop) => ctx.signal.addEventListener("abort", stop));
      aborted = true;
      return { url: "https://pictures.test/x", note: "x" };
    };
    const { client } = await agent();
    const cancelled = new AbortController();
    const call = use(client, "render", { prompt: "x" }, { signal: cancelled.signal });
    await opened;
    cancelled.abort("the picture is no longer wanted");
    await expect(call).rejects.toThrow();
    const spending = await until(
      async () => JSON.parse((await use(client, "resource402_spending", {})).text),
      ({ payments }) => payments[0]?.paymentState === "refund_owed",
    );
    expect(spending.payments).toMatchObject([{ tool: "render", charged: "yes" }]);
    expect(aborted).toBe(true);
  });

  it("leaves the job of a call alone that the client has waited too long for, and resumes it unpaid", async () => {
    const { opened: late, open: go } = latch();
    served.shop.network = async (request) => {
      if (new URL(request.url).pathname.startsWith("/v1/jobs/")) await late;
      return through(request);
    };
    const { client } = await agent();
    const patience = new AbortController();
    const call = use(client, "render", { prompt: "late" }, { signal: patience.signal });
    const spending = async () => JSON.parse((await use(client, "resource402_spending", {})).text);
    const { open } = await until(spending, ({ open }) => open[0]?.jobId !== undefined);
    expect(open).toMatchObject([{ tool: "render", usd: "0.02", jobId: expect.stringMatching(/^job_/) }]);
    // What the SDK's client says when its own time is up.
    patience.abort("McpError: MCP error -32001: Request timed out");
    await expect(call).rejects.toThrow(/timed out/i);
    go();
    const { idempotencyKey } = open[0];
    const told = await use(client, "resource402_resume", { idempotencyKey });
    expect(told).toMatchObject({ structuredContent: { note: "late" } });
    expect(await paid()).toBe(20_000n);
    expect(await use(client, "resource402_resume", { idempotencyKey })).toMatchObject({ isError: true });
  });

  it("charges once for calls under one key of the client", async () => {
    const { client } = await agent();
    const params = {
      ...{ name: "echo", arguments: { text: "once" } },
      _meta: { "resource402/idempotencyKey": "agent-0123456789-x" },
    };
    await client.callTool(params);
    await client.callTool(params);
    expect(await paid()).toBe(10_000n);
  });

  it("finds after a crash what was paid for before it, in the folder of --calls", async () => {
    const calls = ["--calls", join(served.project.folder, "calls")];
    const first = await agent(calls);
    const { opened: isPaid, open } = latch();
    let isLost = true;
    served.shop.network = async (request) => {
      const answer = await through(request);
      if (!isLost || !request.headers.has("payment-signature")) return answer;
      open();
      return new Promise(() => {});
    };
    const lost = use(first.client, "echo", { text: "crash" }).catch(() => "lost");
    await isPaid;
    process.kill(first.transport.pid ?? 0, "SIGKILL");
    expect(await lost).toBe("lost");
    isLost = false;
    const { client } = await agent(calls);
    const spending = JSON.parse((await use(client, "resource402_spending", {})).text);
    const [{ idempotencyKey }] = spending.open;
    const told = await use(client, "resource402_resume", { idempotencyKey });
    expect(told).toMatchObject({ structuredContent: { text: "crash" } });
    expect(await paid()).toBe(10_000n);
  });

  it("calls free resources without a wallet, and reports what the others cost and how to pay", async () => {
    const { client, said } = await agent([], { RESOURCE402_WALLET_KEY: "" });
    await expect
      .poll(() => said.err)
      .toContain("No wallet: agents can call only free tools. Set RESOURCE402_WALLET_KEY");
    expect(await use(client, "ping", {})).toMatchObject({ structuredContent: { open: true } });
    const told = await use(client, "render", { prompt: "x", size: "large" });
    expect(told).toMatchObject({
      isError: true,
      text: expect.stringMatching(
        /costs \$0\.10, and this server has no wallet(?:.|\n)*RESOURCE402_WALLET_KEY/,
      ),
      _meta: { "resource402/reason": "no_payer", "resource402/charged": "no" },
    });
  });

  it("gives what was paid for even when it breaks the published schema", async () => {
    const { client } = await agent();
    served.shop.network = async (request) => {
      const answer = await through(request);
      if (answer.status !== 200) return answer;
      return Response.json({ text: 7 }, { headers: answer.headers });
    };
    const told = await use(client, "echo", { text: "x" });
    expect(told).toMatchObject({
      structuredContent: { text: 7 },
      text: expect.stringContaining('{"text":7}'),
    });
    expect(told.isError).toBeUndefined();
    expect(told._meta).toMatchObject({
      "resource402/receipt": { amount: "0.01" },
      "resource402/warning": expect.stringContaining("differs from the schema"),
    });
  });

  it("keeps what a definition prints out of the protocol", async () => {
    const text = served.project.read("resources.ts");
    served.project.write("chatty.ts", `console.log("reading");\n${text}`);
    const { client, said, unread } = await agent(["chatty.ts"]);
    expect(await use(client, "ping", {})).toMatchObject({ structuredContent: { open: true } });
    expect(unread).toEqual([]);
    await expect.poll(() => said.err).toContain("reading");
  });

  it("ends when its client has gone", async () => {
    const { client, transport } = await agent();
    const pid = transport.pid ?? 0;
    await client.close();
    open.delete(client);
    await until(
      async () => isRunning(pid),
      (running) => !running,
    );
  });

  it.each([
    [["--budget", "lots"], '--budget "lots" is not a valid amount'],
    [["--http", "99999"], "is not a valid port"],
    [["--http", "0", "--host", "0.0.0.0"], "set RESOURCE402_MCP_TOKEN"],
    [["--http", "0", "--host", "127.0.0.1.evil.example"], "set RESOURCE402_MCP_TOKEN"],
    [["--http", "0", "--token", "short"], "at least 16 characters"],
    [["--token", "0123456789abcdef"], "Add --http"],
  ])("refuses %s with the fix, and writes nothing to standard output", async (flags, problem) => {
    const said = await served.project.run("mcp", "--base-url", served.url, ...flags);
    expect(said).toMatchObject({ code: 2, out: "", err: expect.stringContaining(problem) });
  });
});

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** A first request by hand, as fetch does not let one choose the host. */
function initialize(
  url: URL,
  headers: Record<string, string>,
): Promise<{ status: number | undefined; challenge: string | undefined }> {
  const params = {
    ...{ protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "x", version: "1" } },
  };
  return new Promise((resolve, reject) => {
    const asked = requestNode(url, {
      method: "POST",
      headers: {
        ...{ "content-type": "application/json", accept: "application/json, text/event-stream" },
        ...headers,
      },
    });
    asked.once("response", (answer) => {
      answer.destroy();
      resolve({ status: answer.statusCode, challenge: answer.headers["www-authenticate"] });
    });
    asked.once("error", reject);
    asked.end(JSON.stringify({ jsonrpc: "2.0", id: 1, method: "initialize", params }));
  });
}

describe("resource402 mcp, over streamable HTTP", () => {
  let url: URL;
  let command: ReturnType<ServedShop["project"]["start"]>;

  beforeAll(async () => {
    process.env.RESOURCE402_WALLET_KEY = served.key;
    const flags = ["--base-url", served.url, "--http", "0", "--budget", "0.03"];
    command = served.project.start("mcp", ...flags);
    const said = await command.until("in all.");
    delete process.env.RESOURCE402_WALLET_KEY;
    expect(said).toContain("Every process on this machine can call them");
    url = new URL(/http:\/\/127\.0\.0\.1:\d+\/mcp/.exec(said)?.[0] ?? "");
  });

  afterAll(async () => {
    command.process.kill("SIGTERM");
    await until(
      async () => command.process.exitCode,
      (code) => code === 0,
    );
  });

  async function agent(): Promise<Client> {
    const client = new Client({ name: "test", version: "1" });
    // Its optional members are declared in a way that strict options do not accept.
    await client.connect(new StreamableHTTPClientTransport(url) as Parameters<Client["connect"]>[0]);
    open.add(client);
    await client.listTools();
    return client;
  }

  it("serves several clients at once, with progress, from one budget", async () => {
    const [one, other] = await Promise.all([agent(), agent()]);
    const steps: number[] = [];
    drawUntilHeard(steps);
    const told = await use(
      one,
      "render",
      { prompt: "x" },
      { onprogress: ({ progress }) => steps.push(progress) },
    );
    expect(told).toMatchObject({ structuredContent: { note: "x" } });
    expect(steps.length).toBeGreaterThan(0);
    const refused = await use(other, "render", { prompt: "y" });
    expect(refused._meta).toMatchObject({ "resource402/reason": "over_budget" });
    expect(await paid()).toBe(20_000n);
  });

  it.each([
    ["a name that a page has made its own", { host: "evil.example" }, "/mcp", 403],
    ["a page of another origin", { origin: "https://evil.example" }, "/mcp", 403],
    ["a page of this machine at another port", { origin: "http://localhost:1" }, "/mcp", 403],
    ["a page without an origin of its own", { origin: "null" }, "/mcp", 403],
    ["a session that is not there", { "mcp-session-id": "unknown" }, "/mcp", 404],
    ["another path", {}, "/", 404],
  ])("refuses %s", async (_, headers, path, status) => {
    expect(await initialize(new URL(path, url), headers)).toMatchObject({ status });
  });

  it("answers who names it localhost", async () => {
    for (const headers of [{ host: `localhost:${url.port}` }, { origin: url.origin }]) {
      expect(await initialize(url, headers)).toMatchObject({ status: 200 });
    }
  });
});

describe("resource402 mcp, over streamable HTTP with a token", () => {
  const TOKEN = "a-token-of-some-length";
  let url: URL;
  let command: ReturnType<ServedShop["project"]["start"]>;

  beforeAll(async () => {
    const env = { RESOURCE402_WALLET_KEY: served.key, RESOURCE402_MCP_TOKEN: TOKEN };
    Object.assign(process.env, env);
    // Where others reach it: what is not safe without a token.
    command = served.project.start("mcp", "--base-url", served.url, "--http", "0", "--host", "0.0.0.0");
    for (const name of Object.keys(env)) delete process.env[name];
    const said = await command.until("in all.");
    expect(said).not.toContain("on this machine");
    expect(said).not.toContain(TOKEN);
    url = new URL(/http:\/\/localhost:\d+\/mcp/.exec(said)?.[0] ?? "");
  });

  afterAll(() => void command.process.kill("SIGTERM"));

  async function agent(headers: Record<string, string>): Promise<Client> {
    const client = new Client({ name: "test", version: "1" });
    const transport = new StreamableHTTPClientTransport(url, { requestInit: { headers } });
    await client.connect(transport as Parameters<Client["connect"]>[0]);
    open.add(client);
    return client;
  }

  it("sells to who sends it", async () => {
    const client = await agent({ authorization: `Bearer ${TOKEN}` });
    expect((await client.listTools()).tools.length).toBeGreaterThan(3);
    expect(await use(client, "echo", { text: "hello" })).toMatchObject({ text: '{"text":"hello"}' });
    expect(await paid()).toBe(10_000n);
  });

  it("does not serve a client without it, or with another, and says what to send", async () => {
    await expect(agent({})).rejects.toThrow(/Authorization: Bearer <token>/);
    await expect(agent({ authorization: `Bearer ${TOKEN}x` })).rejects.toThrow(/Bearer <token>/);
    expect(await initialize(url, {})).toEqual({ status: 401, challenge: 'Bearer realm="mcp"' });
  });

  it("asks for it with every request of a session, whatever its method", async () => {
    const client = await agent({ authorization: `Bearer ${TOKEN}` });
    const session = (client.transport as StreamableHTTPClientTransport).sessionId ?? "";
    for (const method of ["GET", "POST", "DELETE"]) {
      const answer = await fetch(url, { method, headers: { "mcp-session-id": session } });
      expect(answer.status, method).toBe(401);
    }
    await client.ping();
  });

  it("refuses a page by its origin and by the name it calls the server, even with the token", async () => {
    const authorization = `Bearer ${TOKEN}`;
    for (const headers of [{ host: "evil.example" }, { origin: "https://evil.example" }]) {
      expect(await initialize(url, { ...headers, authorization })).toMatchObject({ status: 403 });
    }
  });
});
