import { createServer, type Server as NodeServer, type RequestListener } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { getRequestListener } from "@hono/node-server";
import { Hono } from "hono";
import { evmPayer } from "resource402/evm";
import { listen, toNodeHandler } from "resource402/node";
import { afterEach, describe, expect, it } from "vitest";
import { createClient } from "../fixtures/shop/client.gen.ts";
import { openShop, post, type Shop } from "../flow/shop.ts";

const open: NodeServer[] = [];
afterEach(() => {
  for (const server of open.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function serve(listener: (...args: Parameters<RequestListener>) => unknown): Promise<string> {
  const server = createServer((request, response) => void listener(request, response));
  open.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const clientAt = (shop: Shop, baseUrl: string) =>
  createClient({ baseUrl, payer: evmPayer(shop.world.buyer) });

/** What `express.json()` does: reads the body, and leaves it in `req.body`. */
const parse =
  (handler: (...args: never[]) => unknown, base = ""): RequestListener =>
  async (incoming, outgoing) => {
    let text = "";
    for await (const chunk of incoming) text += String(chunk);
    const url = incoming.url ?? "";
    const cut = { originalUrl: url, baseUrl: base, url: url.slice(base.length) };
    Object.assign(incoming, cut, { body: text === "" ? {} : JSON.parse(text) });
    await handler(incoming as never, outgoing as never, (() => {}) as never);
  };

describe("toNodeHandler", () => {
  it.each([
    ["behind nothing", (handler: never) => handler as RequestListener, ""],
    ["behind a parser that has read the body", (handler: never) => parse(handler), ""],
    ["under a path that is cut off", (handler: never) => parse(handler, "/api"), "/api"],
    [
      "given the pair of Fastify",
      (handler: (...args: unknown[]) => unknown): RequestListener =>
        (incoming, outgoing) => {
          void parse((raw: { body: unknown }) => {
            const { body } = raw;
            Reflect.deleteProperty(raw, "body");
            return handler({ raw, body }, { raw: outgoing, hijack: () => {} });
          })(incoming, outgoing);
        },
      "",
    ],
    [
      "given the context of Koa",
      (handler: (...args: unknown[]) => unknown): RequestListener =>
        (req, res) => {
          void handler({ req, res, request: {}, originalUrl: req.url }, () => {});
        },
      "",
    ],
  ] as const)("sells calls and jobs %s, and starts the server", async (_, wrap, base) => {
    await using shop = await openShop();
    const handler = toNodeHandler(shop.server, { signals: false });
    const url = (await serve(wrap(handler as never))) + base;
    const client = clientAt(shop, url);
    expect(await client.echo({ text: "hi" })).toEqual({ text: "hi" });
    expect(await client.quoteOf({ symbol: "Ü/x" })).toMatchObject({ symbol: "Ü/x" });
    expect(await client.render({ prompt: "x" })).toMatchObject({ note: "x" });
    // A probe has no body, whatever the parser has made of it.
    expect((await fetch(`${url}/v1/echo`, { method: "POST" })).status).toBe(402);
    const form = await fetch(`${url}/v1/ping?x=1`);
    expect(form.status).toBe(200);
    expect(shop.logged.map(({ message }) => message)).toContain("server started");
    await handler.stop(0);
    expect(shop.logged.map(({ message }) => message)).toContain("server stopping");
  });

  it("refuses a form that a parser has understood, as it refuses the form itself", async () => {
    await using shop = await openShop();
    const url = await serve(parse(toNodeHandler(shop.server, { signals: false }) as never));
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    const answer = await fetch(`${url}/v1/echo`, { method: "POST", headers, body: '{"text":"x"}' });
    expect(answer.status).toBe(415);
  });
});

/** One connection, kept alive: the statuses of requests that are sent one after the other. */
async function statusesOver(url: string, requests: readonly string[]): Promise<string[]> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  const found: string[] = [];
  let buffer = "";
  socket.setEncoding("latin1").on("data", (part: string) => {
    buffer += part;
  });
  socket.on("error", () => {});
  for (const request of requests) {
    if (socket.destroyed) break;
    buffer = "";
    socket.write(request);
    const end = performance.now() + 10_000;
    while (
      !/\r\n\r\n[\s\S]*(\}|0\r\n\r\n)\s*$/.test(buffer) &&
      !socket.destroyed &&
      performance.now() < end
    ) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    found.push(/^HTTP\/1\.1 (\d+)/.exec(buffer)?.[1] ?? "closed");
    if (/connection: close/i.test(buffer)) break;
  }
  socket.destroy();
  return found;
}

it.each(["listen", "hono mount", "toNodeHandler"])("a 413 breaks no later request (%s)", async (place) => {
  await using shop = await openShop();
  const mounted = new Hono().mount("/", (request) => shop.server.fetch(request));
  const listener = getRequestListener((request) => mounted.fetch(request));
  const listening =
    place === "listen" ? await listen(shop.server, { port: 0, hostname: "127.0.0.1" }) : undefined;
  const url =
    listening?.url ??
    (await serve(place === "toNodeHandler" ? toNodeHandler(shop.server, { signals: false }) : listener));
  let failed = 0;
  for (let round = 0; round < 10; round += 1) {
    const large = await fetch(`${url}/v1/echo`, post({ text: "x".repeat(round % 2 ? 300_000 : 2_000_000) }));
    expect(large.status).toBe(413);
    await large.text();
    for (let next = 0; next < 6; next += 1) {
      const answer = await fetch(`${url}/v1/ping`).catch(() => undefined);
      await answer?.text();
      if (answer?.status !== 200) failed += 1;
    }
  }
  expect(failed).toBe(0);
  await listening?.close(0);
});

describe("listen", () => {
  it("closes connections that do not send their request in time", async () => {
    await using shop = await openShop();
    const limits = { headersTimeoutMs: 200, requestTimeoutMs: 400 };
    const listening = await listen(shop.server, { port: 0, hostname: "127.0.0.1", ...limits });
    const slow = [
      "POST /v1/echo HTTP/1.1\r\nHost: x\r\n",
      "POST /v1/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n{",
    ];
    expect(await Promise.all(slow.map((head) => statusesOver(listening.url, [head])))).toEqual([
      ["408"],
      ["408"],
    ]);
    expect(shop.logged.filter(({ level }) => level === "error")).toEqual([]);
    await listening.close(0);
  });

  it("closes connections beyond the limit", async () => {
    await using shop = await openShop();
    const listening = await listen(shop.server, { port: 0, hostname: "127.0.0.1", maxConnections: 2 });
    const { hostname, port } = new URL(listening.url);
    const sockets = Array.from({ length: 4 }, () => connect(Number(port), hostname));
    await expect.poll(() => sockets.filter(({ destroyed }) => destroyed).length).toBe(2);
    for (const socket of sockets) socket.destroy();
    await listening.close(0);
  });
});
