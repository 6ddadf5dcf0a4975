import { defineApi, price, resource } from "resource402";
import { memoryStore, type Store, serve } from "resource402/server";
import { startWorld } from "resource402/testing";
import { concatHex, encodeAbiParameters, type Hex } from "viem";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { decodeHeader, encodeHeader } from "../../src/protocol/index.ts";
import { BASE_URL, latch, openShop, post, type Shop, signedByHand, signedHeaders, until } from "./shop.ts";

const problemOf = async (answer: Response) => {
  const { requestId: _, ...problem } = (await answer.json()) as Record<string, unknown>;
  return { status: answer.status, ...problem };
};

describe("HEAD of a paid resource", () => {
  it("is never charged, and the payment that came with it still buys", async () => {
    await using shop = await openShop();
    const headers = await signedHeaders(shop, (client) => client.quoteOf({ symbol: "ABC" }));
    const path = shop.requests.at(-1)?.url.replace(BASE_URL, "") ?? "";
    const head = await shop.fetch(path, { method: "HEAD", headers });
    expect([head.status, shop.runs, shop.asked]).toEqual([402, {}, { verify: 0, settle: 0 }]);
    expect((await shop.moved()).paid).toBe(0n);
    expect((await shop.fetch(path, { headers })).status).toBe(200);
    expect(shop.runs).toEqual({ quoteOf: 1 });
  });
});

describe("a forged payer", () => {
  it("is answered alike whether the payer that it names has used the key or not", async () => {
    await using shop = await openShop();
    const { headers } = await signedByHand(shop, "/v1/echo", { text: "mine" }, { key: "order-1" });
    expect((await shop.fetch("/v1/echo", post({ text: "mine" }, headers))).status).toBe(200);
    const { headers: other } = await signedByHand(shop, "/v1/echo", { text: "guess" });
    const signed = decodeHeader(other["payment-signature"] ?? "") as {
      payload: { signature: string; authorization: object };
    };
    const forged = (validBefore: string) =>
      encodeHeader({
        ...signed,
        payload: {
          signature: `0x${"11".repeat(64)}1b`,
          authorization: { ...signed.payload.authorization, nonce: `0x${"22".repeat(32)}`, validBefore },
        },
      });
    const soon = String(Math.floor(Date.now() / 1000) + 60);
    for (const [validBefore, more] of [
      [soon, {}],
      ["99999999999", {}],
      [soon, { "callback-url": "http://10.0.0.1/" }],
    ] as const) {
      const ask = async (key: string) => {
        const about = { "payment-signature": forged(validBefore), "idempotency-key": key, ...more };
        const answer = await shop.fetch("/v1/echo", post({ text: "guess" }, about));
        return problemOf(answer);
      };
      const [used, unused] = [await ask("order-1"), await ask("order-2")];
      expect(used.status).toBe(402);
      expect(used).toEqual(unused);
    }
  });

  it("who can prove to be the payer is told that the key is used for another input", async () => {
    await using shop = await openShop();
    const { headers } = await signedByHand(shop, "/v1/echo", { text: "mine" }, { key: "order-1" });
    await shop.fetch("/v1/echo", post({ text: "mine" }, headers));
    const again = await signedByHand(shop, "/v1/echo", { text: "other" }, { key: "order-1" });
    const answer = await shop.fetch("/v1/echo", post({ text: "other" }, again.headers));
    expect(await problemOf(answer)).toMatchObject({ status: 422, code: "key_mismatch" });
    expect(shop.asked.settle).toBe(1);
  });
});

describe("a signature of a contract that is not deployed", () => {
  const magic: Hex = `0x${"6492".repeat(16)}`;
  const wrapped = concatHex([
    encodeAbiParameters(
      [{ type: "address" }, { type: "bytes" }, { type: "bytes" }],
      ["0x0000000000000000000000000000000000000402", "0x1234", "0x5678"],
    ),
    magic,
  ]);
  it.each([
    ["is only its suffix", magic, 400],
    ["wraps nothing that can be read", concatHex([`0x${"11".repeat(65)}`, magic]), 400],
    ["wraps a factory that does not exist", wrapped, 402],
  ])("that %s is the sender's mistake", async (_, signature, status) => {
    await using shop = await openShop({ chain: true });
    const { headers } = await signedByHand(shop, "/v1/echo", { text: "x" });
    const payment = decodeHeader(headers["payment-signature"] ?? "") as { payload: object };
    const forged = encodeHeader({ ...payment, payload: { ...payment.payload, signature } });
    const answer = await shop.fetch("/v1/echo", post({ text: "x" }, { "payment-signature": forged }));
    expect(await problemOf(answer)).toMatchObject({ status });
    expect(shop.logged.filter(({ level }) => level === "error")).toEqual([]);
  });
});

it("a guessed key of a free job tells no webhook secret, not even to a twin", async () => {
  await using world = await startWorld({ chain: false });
  const shape = z.object({ name: z.string() });
  const draft = resource({
    ...{ summary: "Draft.", input: shape, output: shape, price: price.free(), job: { timeout: "5s" } },
  });
  const api = defineApi({ title: "T", version: "1.0.0", description: "D.", resources: { draft } });
  const server = serve(api, { draft: { method: "POST", path: "/v1/draft", maxPrice: "0" } } as never, {
    handlers: { draft: (input: object) => input },
    callbacks: { allowPrivate: true },
    log: "error",
    payments: {
      accepts: [{ network: world.network, payTo: world.seller.address }],
      facilitator: world.facilitator,
    },
  });
  const send = async () => {
    const headers = { "idempotency-key": "order-1", "callback-url": "http://127.0.0.1:1/hook" };
    const answer = await server.fetch(new Request("http://t.test/v1/draft", post({ name: "x" }, headers)));
    return { code: answer.status, ...((await answer.json()) as object) };
  };
  const answers = [...(await Promise.all([send(), send(), send()])), await send()];
  expect(answers.map(({ code }) => code)).toEqual([202, 202, 202, 202]);
  expect(answers.filter((answer) => "webhookSecret" in answer)).toHaveLength(1);
  await server.stop(0);
});

describe("work that runs at once", () => {
  async function crowd(shop: Shop, count: number) {
    const sent = await Promise.all(
      Array.from({ length: count }, async (_, index) => {
        const { headers } = await signedByHand(shop, "/v1/echo", { text: `${index}` });
        return () => shop.fetch("/v1/echo", post({ text: `${index}` }, headers));
      }),
    );
    return sent;
  }

  it("is limited for synchronous calls: further ones get 503 before their payment is verified", async () => {
    await using shop = await openShop({ concurrency: 3, payments: { maxOutstanding: "100" } });
    const { opened, open } = latch();
    shop.handlers.echo = async ({ text }) => {
      await opened;
      return { text };
    };
    const sends = await crowd(shop, 8);
    const answers = sends.map((send) => send());
    const refused = await Promise.all(answers.slice(3).map(async (answer) => problemOf(await answer)));
    for (const problem of refused) {
      expect(problem).toMatchObject({
        status: 503,
        code: "unavailable",
        retryable: true,
        paymentState: "unused",
      });
    }
    await until(
      async () => shop.runs.echo,
      (runs) => runs === 3,
    );
    expect(shop.asked.verify).toBe(3);
    expect((await shop.fetch("/v1/headline", post({ paper: "P" }))).headers.get("retry-after")).toBe("1");
    open();
    expect((await Promise.all(answers.slice(0, 3))).map(({ status }) => status)).toEqual([200, 200, 200]);
    // A recorded response needs no place, and places are free again.
    expect((await sends[0]?.())?.headers.get("idempotent-replayed")).toBe("true");
    expect((await sends[7]?.())?.status).toBe(200);
  });

  it("is limited for quote functions, which run for unpaid requests, and equal inputs share one", async () => {
    await using shop = await openShop();
    const { opened, open } = latch();
    let running = 0;
    shop.quotes.estimate = async ({ load }) => {
      running += 1;
      await opened;
      return String(load / 100);
    };
    const ask = (load: number) => shop.fetch("/v1/estimate", post({ load }));
    const answers = Array.from({ length: 60 }, (_, index) => ask(1 + index / 100));
    const twins = [ask(1), ask(1)];
    const late = await Promise.all(answers.slice(50));
    expect(late.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 503));
    expect(late[0]?.headers.get("retry-after")).toBe("1");
    expect(running).toBe(50);
    open();
    const made = await Promise.all([...answers.slice(0, 50), ...twins]);
    expect(new Set(made.map(({ status }) => status))).toEqual(new Set([402]));
    expect(running).toBe(50);
  });
});

it("every answer forbids to guess its type and to be framed", async () => {
  await using shop = await openShop({ admin: { token: "0123456789abcdef0123456789abcdef" } });
  const requests: [string, RequestInit?][] = [
    ...["/v1/ping", "/v1/prices/A?days=1", "/v1/jobs/none", "/none", "/docs", "/openapi.json", "/llms.txt"],
    ...["/.well-known/x402", "/livez", "/readyz", "/admin", "/metrics", "/v1/jobs/x/events"],
  ].map((path) => [path]);
  requests.push(["/v1/echo", post({ text: "x" })], ["/v1/echo", { method: "OPTIONS" }], ["/livez", post({})]);
  for (const [path, init] of requests) {
    const { headers } = await shop.fetch(path, init);
    expect([path, headers.get("x-content-type-options")]).toEqual([path, "nosniff"]);
    expect([path, headers.get("content-security-policy")]).toEqual([
      path,
      expect.stringContaining("frame-ancestors 'none'"),
    ]);
  }
});

it("a stranger that uses up the keys of free calls keeps no other caller from being answered", async () => {
  const kept = memoryStore({ completeSince: 0 });
  const store: Store = {
    ...kept,
    begin: (call, job, limits) => kept.begin(call, job, { ...limits, freeCalls: 3 }),
  };
  await using shop = await openShop({ store });
  const ask = (key: string) => shop.fetch("/v1/headline", post({ paper: key }, { "idempotency-key": key }));
  for (let index = 0; index < 5; index += 1) expect((await ask(`stranger-${index}`)).status).toBe(200);
  const answer = await ask("honest");
  expect([answer.status, await answer.json()]).toMatchObject([
    200,
    { headline: expect.stringContaining("honest") },
  ]);
  // Only what is kept is repeated.
  expect((await ask("stranger-0")).headers.get("idempotent-replayed")).toBe("true");
  expect((await ask("honest")).headers.get("idempotent-replayed")).toBeNull();
});
