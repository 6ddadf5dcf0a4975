import { memoryCalls } from "resource402/client";
import { evmPayer } from "resource402/evm";
import { memoryStore } from "resource402/server";
import { afterEach, describe, expect, it, vi } from "vitest";
import { type Client, createClient } from "../fixtures/shop/client.gen.ts";
import { createServer } from "../fixtures/shop/server.gen.ts";
import { BASE_URL, latch, openShop, post, signedByHand, signedHeaders } from "./shop.ts";

const caught = (thrown: unknown) => thrown;

afterEach(() => void vi.useRealTimers());

describe.each([
  ["on a chain", true],
  ["on a ledger in memory", false],
])("a purchase %s", (_, chain) => {
  it("answers in the same request, and moves exactly the price", async () => {
    await using shop = await openShop({ chain });
    const events: string[] = [];
    const client = shop.client({ onEvent: (event) => events.push(event.type) });
    expect(client.echo.quote({ text: "hello" })).toBe("0.01");
    expect(await client.echo({ text: "hello", tone: "loud" })).toEqual({ text: "HELLO" });
    expect(await shop.moved()).toEqual({ paid: 10_000n, received: 10_000n });
    expect(events).toEqual(["challenged", "signed", "settled"]);
    expect(shop.requests).toHaveLength(2);
  });

  it("of a job is settled before the 202, shows progress and delivers the result", async () => {
    await using shop = await openShop({ chain });
    const client = shop.client();
    const job = await client.render.start({ prompt: "a lighthouse", size: "large" });
    expect(job.receipt).toMatchObject({ amount: "0.10", currency: "USDC", payTo: shop.world.seller.address });
    expect(await shop.moved()).toEqual({ paid: 100_000n, received: 100_000n });
    const seen: number[] = [];
    for await (const update of job) seen.push(update.progress);
    expect(seen.at(-1)).toBe(100);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(await job.result()).toEqual({ url: "https://pictures.test/large", note: "a lighthouse" });
    expect(await shop.moved()).toEqual({ paid: 100_000n, received: 100_000n });
    expect(shop.runs.render).toBe(1);
  });
});

describe("prices", () => {
  it("add up and count units, and the quote is what is charged", async () => {
    await using shop = await openShop();
    const client = shop.client();
    const input = { words: ["one", "two", "three"] };
    expect(client.translate.quote(input)).toBe("0.0025");
    expect(await client.translate(input)).toEqual({ count: 3 });
    expect((await shop.moved()).paid).toBe(2_500n);
  });

  it("that are quoted stand between the 402 and the payment, and are held inside their bounds", async () => {
    await using shop = await openShop();
    let asked = 0;
    shop.quotes.estimate = () => {
      asked += 1;
      return asked === 1 ? "0.25" : "0.30";
    };
    const client = shop.client();
    expect(client.estimate.quote({})).toBeUndefined();
    expect(await client.estimate({})).toEqual({ done: true });
    expect((await shop.moved()).paid).toBe(250_000n);
    // Finer than can be charged: rounded up, which is nothing to warn of.
    shop.quotes.estimate = () => "0.0400001";
    await client.estimate({ load: 3 });
    expect((await shop.moved()).paid).toBe(250_000n + 40_001n);
    expect(shop.logged.filter(({ level }) => level === "warn")).toEqual([]);
    shop.quotes.estimate = () => "99";
    await client.estimate({ load: 2 });
    expect((await shop.moved()).paid).toBe(250_000n + 40_001n + 500_000n);
    expect(shop.logged).toContainEqual({
      level: "warn",
      fields: { resource: "estimate", quoted: "99", usd: "0.50" },
      message: "a quote was limited to its bounds",
    });
  });

  it("of nothing need no payer", async () => {
    await using shop = await openShop();
    expect(
      await createClient({
        baseUrl: BASE_URL,
        fetch: (input, init) => shop.server.fetch(new Request(input, init)),
      }).ping({}),
    ).toEqual({ open: true });
    expect(shop.asked).toEqual({ verify: 0, settle: 0 });
  });
});

describe("input of a GET", () => {
  it("travels in path and query and arrives with the types of the schema", async () => {
    await using shop = await openShop();
    const given = { symbol: "A/B ü", days: 7, verbose: true, fields: ["open", "close"] };
    expect(await shop.client().quoteOf(given)).toEqual(given);
    expect(await shop.client().quoteOf({ symbol: "BTC" })).toEqual({
      symbol: "BTC",
      days: 1,
      verbose: false,
      fields: [],
    });
    const wrong = await shop.fetch("/v1/prices/BTC?days=many");
    expect(wrong.status).toBe(400);
  });
});

describe("one signature", () => {
  it("that arrives five times at once runs the handler once, charges once and gets one answer", async () => {
    await using shop = await openShop();
    const { opened, open } = latch();
    shop.handlers.echo = async ({ text }) => {
      await opened;
      return { text };
    };
    const headers = await signedHeaders(shop, (client) => client.echo({ text: "five" }));
    const twins = Array.from({ length: 5 }, () => shop.fetch("/v1/echo", post({ text: "five" }, headers)));
    setTimeout(open, 50);
    const answers = await Promise.all(twins);
    const bodies = await Promise.all(answers.map((answer) => answer.text()));
    expect(answers.map((answer) => answer.status)).toEqual([200, 200, 200, 200, 200]);
    expect(new Set(bodies).size).toBe(1);
    expect(answers.filter((answer) => answer.headers.get("idempotent-replayed") === "true")).toHaveLength(4);
    expect(shop.runs.echo).toBe(1);
    expect(shop.asked.settle).toBe(1);
    expect((await shop.moved()).paid).toBe(10_000n);
  });

  it("that arrives again later gets the same answer, byte for byte, and pays nothing", async () => {
    await using shop = await openShop();
    for (const [path, body, buy] of [
      ["/v1/echo", { text: "again" }, (client: Client) => client.echo({ text: "again" })],
      ["/v1/render", { prompt: "again" }, (client: Client) => client.render.start({ prompt: "again" })],
    ] as const) {
      const headers = await signedHeaders(shop, buy);
      const before = await shop.moved();
      const first = await shop.fetch(path, post(body, headers));
      const charged = await shop.moved();
      const second = await shop.fetch(path, post(body, headers));
      expect(charged.paid).toBeGreaterThan(before.paid);
      expect(await shop.moved()).toEqual(charged);
      expect(await second.text()).toBe(await first.text());
      expect(second.status).toBe(first.status);
      expect(second.headers.get("payment-response")).toBe(first.headers.get("payment-response"));
      expect(second.headers.get("idempotent-replayed")).toBe("true");
    }
  });

  it("gets its response from a server that could not price the call today", async () => {
    await using shop = await openShop();
    shop.network = async (request) => {
      const answer = await shop.server.fetch(request);
      if (request.headers.has("payment-signature")) throw new TypeError("the answer is lost");
      return answer;
    };
    const options = { calls: memoryCalls(), retries: 0 };
    await shop.client(options).estimate({ load: 2 }).catch(caught);
    expect((await shop.moved()).paid).toBe(20_000n);
    // It cannot make a quote, and need not: the payment is looked up first.
    await using later = await openShop({ store: shop.store, world: shop.world });
    later.quotes.estimate = () => {
      throw new Error("no quotes today");
    };
    const client = later.client(options);
    const resumed = async () => (await client.pending())[0]?.resume();
    expect(await resumed()).toEqual({ done: true });
    expect(await client.pending()).toEqual([]);
    expect((await shop.moved()).paid).toBe(20_000n);
  });

  it("gets its response from a server that has begun to require a key", async () => {
    await using shop = await openShop();
    const { headers } = await signedByHand(shop, "/v1/echo", { text: "once" });
    const first = await shop.fetch("/v1/echo", post({ text: "once" }, headers));
    await using later = await openShop({ store: shop.store, world: shop.world, requireKey: true });
    const second = await later.fetch("/v1/echo", post({ text: "once" }, headers));
    expect([first.status, second.status]).toEqual([200, 200]);
    expect(await second.text()).toBe(await first.text());
    expect(later.asked).toEqual({ verify: 0, settle: 0 });
  });

  it("is called unused by who refuses it unread only while no call of it is known, and it could not be forgotten", async () => {
    await using shop = await openShop({ maxBodyBytes: 1_000 });
    const headers = await signedHeaders(shop, (client) => client.echo({ text: "x" }));
    const long = "x".repeat(2_000);
    const refusals = [
      ["not_found", "/v1/elsewhere", post({ text: "x" })],
      ["method_not_allowed", "/v1/echo", { method: "PUT", body: "{}" }],
      [
        "unsupported_media_type",
        "/v1/echo",
        { method: "POST", body: "x", headers: { "content-type": "text/plain" } },
      ],
      ["too_large", "/v1/echo", post({ text: long })],
      ["invalid_input", "/v1/echo", post({ text: 7 })],
      ["invalid_input", "/v1/echo", { method: "POST" }],
      ["malformed_key", "/v1/echo", post({ text: "x" }, { "idempotency-key": long })],
    ] as const;
    /** What they report about the payment. */
    const words = async (): Promise<readonly unknown[]> => {
      const said: unknown[] = [];
      for (const [code, path, init] of refusals) {
        const own = "headers" in init ? init.headers : {};
        const answer = await shop.fetch(path, { ...init, headers: { ...headers, ...own } });
        const problem = await answer.json();
        expect(problem).toMatchObject({ code });
        said.push(problem.paymentState);
      }
      return said;
    };
    const all = (word: unknown) => refusals.map(() => word);
    expect(await words()).toEqual(all("unused"));
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 3_600_000 });
    expect(await words()).toEqual(all(undefined));
    vi.useRealTimers();
    expect(shop.asked).toEqual({ verify: 0, settle: 0 });
    expect((await shop.fetch("/v1/echo", post({ text: "x" }, headers))).status).toBe(200);
    // Who sends the signed bytes is told what has become of them.
    expect(await words()).toEqual(all("settled"));
    const unreadable = await shop.fetch("/v1/echo", post({ text: "x" }, { "payment-signature": "?" }));
    const problem = await unreadable.json();
    expect(problem).toMatchObject({ code: "malformed_payment" });
    expect(problem).not.toHaveProperty("paymentState");
    // Without a payment there is nothing to know.
    const { paymentState } = await (await shop.fetch("/v1/echo", post({ text: 7 }))).json();
    expect(paymentState).toBe("unused");
  });

  it("cannot buy another input, another resource, or under another key", async () => {
    await using shop = await openShop();
    const headers = await signedHeaders(shop, (client) => client.echo({ text: "mine" }));
    expect((await shop.fetch("/v1/echo", post({ text: "mine" }, headers))).status).toBe(200);
    const other = await shop.fetch("/v1/echo", post({ text: "other" }, headers));
    const refusal = await other.json();
    expect([other.status, refusal.code]).toEqual([409, "payment_already_used"]);
    expect(refusal).not.toHaveProperty("paymentState");
    // The signature is public once it is on the chain; without the key that was sent with it, it opens nothing.
    const { "idempotency-key": _, ...withoutKey } = headers;
    const payload = JSON.parse(atob(headers["payment-signature"] ?? ""));
    const { extensions: __, ...bare } = payload;
    const forged = { ...withoutKey, "payment-signature": btoa(JSON.stringify(bare)) };
    const stolen = await shop.fetch("/v1/echo", post({ text: "mine" }, forged));
    expect([stolen.status, (await stolen.json()).code]).toEqual([409, "payment_already_used"]);
    expect((await shop.moved()).paid).toBe(10_000n);
  });

  it("of a buyer without a key is known by the bytes that were sent, not by what the chain shows of it", async () => {
    await using shop = await openShop();
    const headers = await signedHeaders(shop, (client) => client.echo({ text: "mine" }));
    const { extensions: _, ...bare } = JSON.parse(atob(headers["payment-signature"] ?? ""));
    const sent = { "payment-signature": btoa(JSON.stringify(bare)) };
    const first = await shop.fetch("/v1/echo", post({ text: "mine" }, sent));
    expect(first.status).toBe(200);
    const rebuilt = { "payment-signature": btoa(JSON.stringify(bare, null, 1)) };
    const stolen = await shop.fetch("/v1/echo", post({ text: "mine" }, rebuilt));
    expect([stolen.status, (await stolen.json()).code]).toEqual([409, "payment_already_used"]);
    const again = await shop.fetch("/v1/echo", post({ text: "mine" }, sent));
    expect(await again.text()).toBe(await first.text());
  });

  it("is known again after the price has changed: who has paid is not asked to pay the difference", async () => {
    const store = memoryStore({ completeSince: 0 });
    await using shop = await openShop({ store });
    const headers = await signedHeaders(shop, (client) => client.estimate({ load: 20 }));
    const first = await shop.fetch("/v1/estimate", post({ load: 20 }, headers));
    expect(first.status).toBe(200);
    const { handlers, world } = shop;
    const dearer = createServer({
      handlers,
      quotes: { estimate: () => "0.45" },
      payments: {
        accepts: [{ network: world.network, payTo: world.seller.address }],
        facilitator: world.facilitator,
      },
      store,
    });
    const again = await dearer.fetch(new Request(`${BASE_URL}/v1/estimate`, post({ load: 20 }, headers)));
    expect([again.status, await again.text()]).toEqual([200, await first.text()]);
    expect(again.headers.get("idempotent-replayed")).toBe("true");
  });

  it("that came with a key in a header opens nothing without it", async () => {
    await using shop = await openShop();
    const headers = await signedHeaders(shop, (client) => client.echo({ text: "mine" }));
    const { extensions: _, ...bare } = JSON.parse(atob(headers["payment-signature"] ?? ""));
    const payment = { "payment-signature": btoa(JSON.stringify(bare)) };
    const keyed = { ...payment, "idempotency-key": "only-i-know-this" };
    expect((await shop.fetch("/v1/echo", post({ text: "mine" }, keyed))).status).toBe(200);
    expect((await shop.fetch("/v1/echo", post({ text: "mine" }, payment))).status).toBe(409);
    expect((await shop.fetch("/v1/echo", post({ text: "mine" }, keyed))).status).toBe(200);
  });
});

describe("one key", () => {
  it("with a new signature of the same payer gets the stored answer, and the new payment is not settled", async () => {
    await using shop = await openShop();
    const options = { idempotencyKey: "pay_0123456789abcdef" };
    const first = await shop.client().echo({ text: "once" }, options);
    expect(await shop.client().echo({ text: "once" }, options)).toEqual(first);
    expect(shop.asked.settle).toBe(1);
    expect(shop.runs.echo).toBe(1);
    expect((await shop.moved()).paid).toBe(10_000n);
  });

  it("reports a second signature, and no other, as not used", async () => {
    await using shop = await openShop();
    const by = { key: "pay_0123456789abcdef" };
    const first = await signedByHand(shop, "/v1/echo", { text: "once" }, by);
    const second = await signedByHand(shop, "/v1/echo", { text: "once" }, by);
    const said: (string | null)[] = [];
    for (const { headers } of [first, first, second]) {
      const response = await shop.fetch("/v1/echo", post({ text: "once" }, headers));
      said.push(response.headers.get("payment-unused"));
    }
    expect(said).toEqual([null, null, "true"]);
    expect(shop.asked.settle).toBe(1);
  });

  it("is refused for another input: 422 when it came in the header, 409 when only in the payment", async () => {
    await using shop = await openShop();
    const options = { idempotencyKey: "pay_0123456789abcdef" };
    await shop.client().echo({ text: "once" }, options);
    const headers = await signedHeaders(shop, (client) => client.echo({ text: "twice" }, options));
    const byHeader = await shop.fetch("/v1/echo", post({ text: "twice" }, headers));
    expect([byHeader.status, (await byHeader.json()).code]).toEqual([422, "key_mismatch"]);
    const { "idempotency-key": _, ...onlyPayment } = headers;
    const byExtension = await shop.fetch("/v1/echo", post({ text: "twice" }, onlyPayment));
    expect([byExtension.status, (await byExtension.json()).code]).toEqual([409, "key_conflict"]);
    expect((await shop.moved()).paid).toBe(10_000n);
  });

  it("does not open the stored answer to a signature that the payer did not make", async () => {
    await using shop = await openShop();
    const options = { idempotencyKey: "pay_0123456789abcdef" };
    await shop.client().echo({ text: "private" }, options);
    const thief = await shop.world.account({ usdc: "1" });
    const real = evmPayer(thief);
    // The thief knows key, input and the payer's address, and signs with a key of their own.
    const payer = {
      async createPaymentPayload(required: unknown) {
        const signed = (await real.createPaymentPayload(required)) as {
          payload: { authorization: { from: string } };
        };
        signed.payload.authorization.from = shop.world.buyer.address;
        return signed;
      },
    };
    const error = await shop
      .client({ payer })
      .echo({ text: "private" }, options)
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "payment_rejected", charged: "no" });
    expect(shop.asked.settle).toBe(1);
  });

  it("does not open the stored answer to a signature that has expired: it may have been read on the chain", async () => {
    await using shop = await openShop();
    const key = "pay_0123456789abcdef";
    await shop.client().echo({ text: "private" }, { idempotencyKey: key });
    const old = await signedByHand(shop, "/v1/echo", { text: "private" }, { key, seconds: 60 });
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 120_000 });
    const answer = await shop.fetch("/v1/echo", post({ text: "private" }, old.headers));
    expect(answer.status).toBe(402);
    expect(JSON.stringify(await answer.json())).toContain("valid_before");
    expect(shop.asked.settle).toBe(1);
  });

  it("of another payer is another call", async () => {
    await using shop = await openShop();
    const options = { idempotencyKey: "pay_0123456789abcdef" };
    await shop.client().echo({ text: "once" }, options);
    const other = await shop.world.account({ usdc: "1" });
    await shop.client({ payer: evmPayer(other) }).echo({ text: "once" }, options);
    expect(shop.asked.settle).toBe(2);
  });

  it("must be one: keys that differ, or that cannot be keys, are refused before any money moves", async () => {
    await using shop = await openShop();
    const headers = await signedHeaders(shop, (client) => client.echo({ text: "x" }));
    const differ = await shop.fetch(
      "/v1/echo",
      post({ text: "x" }, { ...headers, "x-idempotency-key": "another" }),
    );
    expect([differ.status, (await differ.json()).code]).toEqual([400, "malformed_key"]);
    const bad = await shop.fetch("/v1/echo", post({ text: "x" }, { "idempotency-key": "a b" }));
    expect(bad.status).toBe(400);
    expect(shop.asked).toEqual({ verify: 0, settle: 0 });
  });

  it("makes a free call run once", async () => {
    await using shop = await openShop();
    const headers = { "idempotency-key": "the-same-key" };
    const [a, b] = await Promise.all([
      shop.fetch("/v1/ping", { headers }),
      shop.fetch("/v1/ping", { headers }),
    ]);
    expect(await a.text()).toBe(await b.text());
    expect(shop.runs.ping).toBe(1);
  });
});
