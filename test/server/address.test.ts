import { Hono } from "hono";
import { evmPayer } from "resource402/evm";
import { describe, expect, it } from "vitest";
import { decodeHeader, type PaymentRequired } from "../../src/protocol/index.ts";
import { createClient } from "../fixtures/shop/client.gen.ts";
import { openShop, post, type Shop } from "../flow/shop.ts";

type Fetch = (request: Request) => Response | Promise<Response>;

/** Every address that the server names to a caller of `base`. */
async function namedAt(fetch: Fetch, base: string, headers: Record<string, string> = {}) {
  const ask = async (path: string, init?: RequestInit) => {
    const request = new Request(base + path, init);
    for (const [name, value] of Object.entries(headers)) request.headers.set(name, value);
    return fetch(request);
  };
  const unpaid = await ask("/v1/echo", post({ text: "x" }));
  const required = decodeHeader(unpaid.headers.get("payment-required") ?? "") as PaymentRequired | undefined;
  const openapi = (await (await ask("/openapi.json")).json()) as { servers?: { url: string }[] };
  const found = (await (await ask("/.well-known/x402")).json()) as { resources?: string[] };
  const docs = await (await ask("/docs")).text();
  const home = await ask("/", { headers: { accept: "text/html" } });
  return {
    resource: required?.resource?.url,
    server: openapi.servers?.[0]?.url,
    echo: found.resources?.find((one) => one.endsWith("/v1/echo")),
    docs: docs.includes(`${base}/v1/echo`) ? base : undefined,
    home: home.headers.get("location"),
  };
}

const all = (base: string) => ({
  resource: `${base}/v1/echo`,
  server: base,
  echo: `${base}/v1/echo`,
  docs: base,
  home: `${base}/docs`,
});

/** Buys a call and a job with the generated client, at this address. */
async function buyAt(shop: Shop, fetch: Fetch, baseUrl: string) {
  const client = createClient({
    baseUrl,
    payer: evmPayer(shop.world.buyer),
    fetch: async (input, init) => fetch(new Request(input, init)),
  });
  expect(await client.echo({ text: "hi" })).toEqual({ text: "hi" });
  expect(await client.quoteOf({ symbol: "Ü/x" })).toMatchObject({ symbol: "Ü/x" });
  const job = await client.render.start({ prompt: "x" });
  expect(await job.result()).toMatchObject({ note: "x" });
  return job.statusUrl;
}

describe("an API that is mounted under a path", () => {
  it.each([
    ["basePath", { basePath: "/api" }, "http://shop.test/api"],
    ["the path of publicUrl", { publicUrl: "https://shop.example/api/" }, "https://shop.example/api"],
  ])("names itself there by %s, whether the path is cut off or not", async (_, options, base) => {
    await using shop = await openShop(options);
    await shop.server.start();
    const cut = new Hono().mount("/api", (request) => shop.server.fetch(request));
    const whole = new Hono().all("/api/*", (c) => shop.server.fetch(c.req.raw));
    for (const app of [cut, whole]) {
      const fetch = (request: Request) => app.fetch(request);
      expect(await namedAt(fetch, base)).toEqual(all(base));
      expect(await buyAt(shop, fetch, base)).toMatch(`${base}/v1/jobs/`);
    }
  });

  it("is told the path by the place that knows it, for one request", async () => {
    await using shop = await openShop();
    const at = (basePath: string) => (request: Request) => shop.server.fetch(request, { basePath });
    expect(await namedAt(at("/one"), "http://shop.test/one")).toEqual(all("http://shop.test/one"));
    expect(await namedAt(at("/two/"), "http://shop.test/two")).toEqual(all("http://shop.test/two"));
    await shop.server.start();
    await buyAt(shop, at("/one"), "http://shop.test/one");
  });

  it("does not take a path that only begins alike for its own", async () => {
    await using shop = await openShop({ basePath: "/api" });
    expect((await shop.fetch("/apis/v1/echo", post({ text: "x" }))).status).toBe(404);
  });

  it("says once how to mount it, when it is called under a path that it does not know", async () => {
    await using shop = await openShop();
    for (const path of ["/api/v2/v1/echo", "/api/v1/prices/x"]) {
      expect((await shop.fetch(path, post({ text: "x" }))).status).toBe(404);
    }
    const warned = shop.logged.filter(({ level }) => level === "warn");
    expect(warned).toHaveLength(1);
    expect(warned[0]?.fields.fix).toContain('basePath: "/api/v2"');
  });
});

describe("an API behind a proxy", () => {
  const forwarded = { "x-forwarded-proto": "https", "x-forwarded-host": "shop.example" };

  it("names the address that a trusted proxy forwards", async () => {
    await using shop = await openShop({ trustProxy: true });
    const through = async (request: Request) => {
      const inner = new Request(
        request.url.replace(/^https:..shop.example(.api)?/, "http://10.0.0.7:3000"),
        request,
      );
      return shop.server.fetch(inner);
    };
    expect(await namedAt(through, "https://shop.example", forwarded)).toEqual(all("https://shop.example"));
    const rfc = { forwarded: 'for=192.0.2.1;proto=https;host="shop.example", for=10.0.0.1' };
    expect(await namedAt(through, "https://shop.example", rfc)).toEqual(all("https://shop.example"));
    const prefixed = { ...forwarded, "x-forwarded-prefix": "/api" };
    expect(await namedAt(through, "https://shop.example/api", prefixed)).toEqual(
      all("https://shop.example/api"),
    );
    expect(shop.logged.filter(({ level }) => level === "warn")).toEqual([]);
  });

  it("does not believe these headers by itself, and logs once what to set", async () => {
    await using shop = await openShop();
    for (let count = 0; count < 3; count += 1) {
      const answer = await shop.fetch("/v1/echo", post({ text: "x" }, forwarded));
      const required = decodeHeader(answer.headers.get("payment-required") ?? "") as PaymentRequired;
      expect(required.resource.url).toBe("http://shop.test/v1/echo");
    }
    const warned = shop.logged.filter(({ level }) => level === "warn");
    expect(warned).toHaveLength(1);
    expect(warned[0]?.fields).toMatchObject({ called: "https://shop.example", named: "http://shop.test" });
    expect(warned[0]?.fields.fix).toContain('publicUrl: "https://shop.example"');
  });

  it.each([
    { "x-forwarded-host": "evil.example/path" },
    { "x-forwarded-host": "a b" },
    { "x-forwarded-proto": "javascript" },
    { "x-forwarded-prefix": "//evil.example" },
  ])("leaves out what cannot be a part of an address: %o", async (headers) => {
    await using shop = await openShop({ trustProxy: true });
    const answer = await shop.fetch("/v1/echo", post({ text: "x" }, headers as Record<string, string>));
    const required = decodeHeader(answer.headers.get("payment-required") ?? "") as PaymentRequired;
    expect(required.resource.url).toMatch(/^http:\/\/shop\.test(\/evil\.example)?\/v1\/echo$/);
  });
});

it("an address that cannot be one is refused when the server is made", async () => {
  await expect(openShop({ publicUrl: "shop.example" })).rejects.toThrow(/publicUrl is "shop.example"; write/);
  await expect(openShop({ basePath: "api" })).rejects.toThrow(/basePath is "api"; write a path/);
});

it("a client without a browser is not led to the docs", async () => {
  await using shop = await openShop();
  expect((await shop.fetch("/")).status).toBe(404);
});
