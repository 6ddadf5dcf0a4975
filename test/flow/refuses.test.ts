import fc from "fast-check";
import { evmPayer } from "resource402/evm";
import { describe, expect, it, vi } from "vitest";
import { decodeHeader, encodeHeader, type PaymentRequired } from "../../src/protocol/index.ts";
import { latch, openShop, type Shop } from "./shop.ts";

/** Lets the server speak, and changes what it asks for. */
function tamper(shop: Shop, change: (required: PaymentRequired) => unknown): void {
  shop.network = async (request) => {
    const answer = await shop.server.fetch(request);
    const header = answer.headers.get("payment-required");
    if (header === null) return answer;
    const headers = new Headers(answer.headers);
    headers.set("payment-required", encodeHeader(change(decodeHeader(header) as PaymentRequired)));
    return new Response(await answer.text(), { status: answer.status, headers });
  };
}

/** A payer that must not be asked. */
function watched(shop: Shop): { payer: ReturnType<typeof evmPayer>; signatures: () => number } {
  const real = evmPayer(shop.world.buyer);
  let count = 0;
  return {
    payer: {
      createPaymentPayload(required) {
        count += 1;
        return real.createPaymentPayload(required);
      },
    },
    signatures: () => count,
  };
}

/** When no payment that was signed before can still settle. */
async function later(work: () => Promise<unknown>): Promise<void> {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 24 * 3_600_000 });
  try {
    await work();
  } finally {
    vi.useRealTimers();
  }
}

const offer = (change: object) => (required: PaymentRequired) => ({
  ...required,
  accepts: required.accepts.map((one) => ({ ...one, ...change })),
});

describe("the client signs nothing for a challenge", () => {
  it.each([
    ["above the price that the schema gives for this input", offer({ amount: "10001" }), "over_price"],
    [
      "in a token that it does not know",
      offer({ asset: "0x00000000000000000000000000000000000000aa" }),
      "unknown_asset",
    ],
    ["on a network where it knows no token", offer({ network: "eip155:31337" }), "unknown_asset"],
    ["of a scheme that it does not know", offer({ scheme: "deferred" }), "no_offer"],
    ["without any offer", (required: PaymentRequired) => ({ ...required, accepts: [] }), "no_offer"],
    [
      "for another resource",
      (required: PaymentRequired) => ({ ...required, resource: { url: "http://shop.test/v1/render" } }),
      "other_resource",
    ],
    [
      "of another host",
      (required: PaymentRequired) => ({ ...required, resource: { url: "http://evil.test/v1/echo" } }),
      "other_resource",
    ],
  ] as const)("%s", async (_, change, reason) => {
    await using shop = await openShop();
    const { payer, signatures } = watched(shop);
    tamper(shop, change);
    const error = await shop
      .client({ payer })
      .echo({ text: "x" })
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "payment_refused", reason, charged: "no", resource: "echo" });
    expect(signatures()).toBe(0);
    expect((await shop.moved()).paid).toBe(0n);
  });

  it("that cannot be read", async () => {
    await using shop = await openShop();
    shop.network = async (request) => {
      const answer = await shop.server.fetch(request);
      const header = encodeHeader("nonsense");
      // Version 1 has its challenge in the body, version 2 in the header.
      return Response.json("nonsense", { status: answer.status, headers: { "payment-required": header } });
    };
    const error = await shop
      .client()
      .echo({ text: "x" })
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "protocol", charged: "no", status: 402 });
  });

  it("above the call's or the client's ceiling", async () => {
    await using shop = await openShop();
    const { payer, signatures } = watched(shop);
    const capped = shop.client({ payer, budget: { perCall: "0.05" } });
    const over = await capped.render.start({ prompt: "x", size: "large" }).catch((thrown: unknown) => thrown);
    expect(over).toMatchObject({ code: "payment_refused", reason: "over_ceiling" });
    const own = await shop
      .client({ payer })
      .echo({ text: "x" }, { maxPrice: "0.001" })
      .catch((thrown: unknown) => thrown);
    expect(own).toMatchObject({ code: "payment_refused", reason: "over_ceiling" });
    expect(signatures()).toBe(0);
    await capped.render.start({ prompt: "x", size: "small" });
    expect((await shop.moved()).paid).toBe(20_000n);
  });

  it("when it has no payer, and says what the call would cost", async () => {
    await using shop = await openShop();
    const error = await shop
      .client({ payer: undefined as never })
      .echo({ text: "x" })
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: "payment_refused",
      reason: "no_payer",
      message: expect.stringContaining("$0.01"),
    });
  });
});

describe("a cheaper challenge", () => {
  it("is taken", async () => {
    await using shop = await openShop();
    const asked: string[] = [];
    tamper(shop, offer({ amount: "5000" }));
    // The server does not know the lower price, so the payment fits none of its offers: it is not settled.
    const client = shop.client({ onEvent: (event) => event.type === "signed" && asked.push(event.usd) });
    const error = await client.echo({ text: "x" }).catch((thrown: unknown) => thrown);
    expect(asked).toEqual(["0.005"]);
    expect(error).toMatchObject({ code: "payment_rejected", charged: "no" });
  });
});

describe("a token that the buyer has named", () => {
  const address = "0x00000000000000000000000000000000000000aa";
  const own = { network: "eip155:84532", address, symbol: "OWN", decimals: 18 };
  const cent = 10n ** 16n;

  it.each<[string, object, string | undefined]>([
    ["is signed for, in its own places", { asset: address, amount: `${cent}` }, undefined],
    ["is held to the published price", { asset: address, amount: `${cent + 1n}` }, "over_price"],
    [
      "vouches for no other on its network",
      { asset: address.replace("aa", "bb"), amount: `${cent}` },
      "unknown_asset",
    ],
    [
      "vouches for none of its address elsewhere",
      { asset: address, amount: `${cent}`, network: "eip155:8453" },
      "unknown_asset",
    ],
  ])("%s", async (_, change, reason) => {
    await using shop = await openShop();
    const { payer, signatures } = watched(shop);
    const signed: unknown[] = [];
    tamper(shop, offer(change));
    const client = shop.client({
      payer,
      assets: [own],
      onEvent: (event) => event.type === "signed" && signed.push([event.usd, event.currency]),
    });
    const error = await client.echo({ text: "x" }).catch((thrown: unknown) => thrown);
    // The server knows nothing of that token, so that nothing can be bought with it here.
    expect(error).toMatchObject(
      reason === undefined ? { code: "payment_rejected" } : { code: "payment_refused", reason },
    );
    expect(signatures()).toBe(reason === undefined ? 1 : 0);
    expect(signed).toEqual(reason === undefined ? [["0.01", "OWN"]] : []);
  });
});

describe("several offers", () => {
  const address = "0x00000000000000000000000000000000000000aa";
  const assets = [{ network: "eip155:84532", address, symbol: "OWN", decimals: 6 }];
  const two = (own: string, usdc: string) => (required: PaymentRequired) => ({
    ...required,
    accepts: required.accepts.flatMap((one) => [
      { ...one, asset: address, amount: own },
      { ...one, amount: usdc },
    ]),
  });

  it.each([
    ["10000", "5000"],
    ["5000", "10000"],
  ])("are weighed by the dearest, for the payer may choose it (%s and %s)", async (own, usdc) => {
    await using shop = await openShop();
    const { payer, signatures } = watched(shop);
    tamper(shop, two(own, usdc));
    const client = shop.client({ payer, assets, budget: { total: "0.009" } });
    const error = await client.echo({ text: "x" }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "payment_refused", reason: "over_budget" });
    expect(signatures()).toBe(0);
  });

  it.each([
    ["20000", "30000"],
    ["30000", "20000"],
  ])("that are all too dear are refused by the cheapest (%s and %s)", async (own, usdc) => {
    await using shop = await openShop();
    tamper(shop, two(own, usdc));
    const error = await shop
      .client({ assets })
      .echo({ text: "x" })
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      reason: "over_price",
      message: expect.stringContaining("asks for $0.02,"),
    });
  });

  it("of which one is dearer than allowed leave the others to the payer", async () => {
    await using shop = await openShop();
    tamper(shop, two("20000", "10000"));
    expect(await shop.client({ assets }).echo({ text: "x" })).toEqual({ text: "x" });
    expect((await shop.moved()).paid).toBe(10_000n);
  });
});

describe("a price that is finer than the token", () => {
  const address = "0x00000000000000000000000000000000000000aa";
  it.each([
    [2, "1", "0.01", undefined],
    [2, "2", undefined, "over_price"],
    [20, `25${"0".repeat(16)}`, "0.0025", undefined],
    [20, `26${"0".repeat(16)}`, undefined, "over_price"],
  ])("is paid with %i places up to the next of its units (%s)", async (decimals, amount, usd, reason) => {
    await using shop = await openShop();
    const signed: string[] = [];
    tamper(shop, offer({ asset: address, amount }));
    const client = shop.client({
      assets: [{ network: "eip155:84532", address, symbol: "OWN", decimals }],
      onEvent: (event) => event.type === "signed" && signed.push(event.usd),
    });
    // Three words cost $0.0025.
    const error = await client.translate({ words: ["a", "b", "c"] }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject(reason === undefined ? { code: "payment_rejected" } : { reason });
    expect(signed).toEqual(usd === undefined ? [] : [usd]);
  });
});

describe("a payer that signs something else than asked", () => {
  it("is found out before anything is sent", async () => {
    await using shop = await openShop();
    const real = evmPayer(shop.world.buyer);
    const payer = {
      async createPaymentPayload(required: PaymentRequired) {
        return real.createPaymentPayload({
          ...required,
          accepts: required.accepts.map((one) => ({ ...one, amount: "900000" })),
        });
      },
    };
    const error = await shop
      .client({ payer })
      .echo({ text: "x" })
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "payment_refused", reason: "payer_failed" });
    expect(shop.requests.every((request) => !request.headers.has("payment-signature"))).toBe(true);
  });
});

describe("budget.total", () => {
  it("is never overspent by concurrent calls, and a refused call gives its share back", async () => {
    await using shop = await openShop();
    const client = shop.client({ budget: { total: "0.05" } });
    const calls = await Promise.allSettled(
      Array.from({ length: 12 }, (_, n) => client.echo({ text: `call ${n}` })),
    );
    expect(calls.filter((call) => call.status === "fulfilled")).toHaveLength(5);
    expect(
      calls.filter((call) => call.status === "rejected" && call.reason.reason === "over_budget"),
    ).toHaveLength(7);
    expect((await shop.moved()).paid).toBe(50_000n);
  });

  it("is not used up by a call that was not charged, once its payment can no longer be settled", async () => {
    await using shop = await openShop();
    const client = shop.client({ budget: { total: "0.01" } });
    shop.handlers.echo = (_, ctx) => ctx.fail("refused");
    await client.echo({ text: "x" }).catch(() => {});
    shop.handlers.echo = ({ text }) => ({ text });
    // The server says that it has not used the payment; it still could.
    const tooEarly = await client.echo({ text: "x" }).catch((thrown: unknown) => thrown);
    expect(tooEarly).toMatchObject({ reason: "over_budget", charged: "no" });
    await later(() => client.echo({ text: "x" }));
    expect((await shop.moved()).paid).toBe(10_000n);
  });

  it("stays used up for as long as the payer has signed, be it longer than the seller asked", async () => {
    await using shop = await openShop();
    const real = evmPayer(shop.world.buyer);
    const payer = {
      async createPaymentPayload(required: PaymentRequired) {
        const accepts = required.accepts.map((one) => ({ ...one, maxTimeoutSeconds: 7_200 }));
        const signed = (await real.createPaymentPayload({ ...required, accepts })) as object;
        return { ...signed, accepted: required.accepts[0] };
      },
    };
    const client = shop.client({ payer, budget: { total: "0.01" }, maxValidity: "3h" });
    shop.handlers.echo = (_, ctx) => ctx.fail("refused");
    const failed = await client.echo({ text: "x" }).catch((thrown: unknown) => thrown);
    expect(failed).toMatchObject({ failure: "refused", paymentState: "unused" });
    shop.handlers.echo = ({ text }) => ({ text });
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 3_600_000 });
    const tooEarly = await client.echo({ text: "x" }).catch((thrown: unknown) => thrown);
    expect(tooEarly).toMatchObject({ reason: "over_budget", charged: "no" });
    vi.setSystemTime(Date.now() + 2 * 3_600_000);
    expect(await client.echo({ text: "x" })).toEqual({ text: "x" });
    vi.useRealTimers();
  });

  it.each(["that is refunded", "whose result has been deleted"])("stays used up by a job %s", async (end) => {
    await using shop = await openShop();
    const client = shop.client({ budget: { total: "0.02" } });
    if (end === "that is refunded") shop.handlers.render = (_, ctx) => ctx.fail("refused");
    const job = await client.render.start({ prompt: "x" });
    if (end === "whose result has been deleted") {
      await shop.fetch(`/v1/jobs/${job.id}`, { headers: { prefer: "wait=5" } });
      await shop.store.sweep(Date.now() + 2 * 3_600_000, 1000);
      await using other = await openShop({ store: shop.store, world: shop.world });
      shop.network = (request) => other.server.fetch(request);
      expect(await job.result().catch((thrown: unknown) => thrown)).toMatchObject({ status: 410 });
    } else {
      const error = await job.result().catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ failure: "refused", paymentState: "refund_owed" });
    }
    await later(async () => {
      const next = await client.render.start({ prompt: "x" }).catch((thrown: unknown) => thrown);
      expect(next).toMatchObject({ reason: "over_budget", charged: "no" });
    });
    expect((await shop.moved()).paid).toBe(20_000n);
  });
});

describe("a key in the budget", () => {
  it("is counted once: after an unknown outcome the same call gets its answer, though nothing is left", async () => {
    await using shop = await openShop();
    const client = shop.client({ budget: { total: "0.01" }, retries: 0 });
    const through = shop.network;
    shop.network = async (request) => {
      const answer = await through(request);
      if (request.headers.has("payment-signature")) throw new TypeError("fetch failed");
      return answer;
    };
    const error = await client.echo({ text: "x" }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "network", charged: "unknown" });
    shop.network = through;
    const { idempotencyKey } = error as { idempotencyKey: string };
    expect(await client.echo({ text: "x" }, { idempotencyKey })).toEqual({ text: "x" });
    expect(await client.echo({ text: "x" }, { idempotencyKey })).toEqual({ text: "x" });
    const next = await client.echo({ text: "y" }).catch((thrown: unknown) => thrown);
    expect(next).toMatchObject({ reason: "over_budget", charged: "no" });
    expect((await shop.moved()).paid).toBe(10_000n);
  });

  it("keeps what it has paid for when it is refused for another input", async () => {
    await using shop = await openShop();
    const client = shop.client({ budget: { total: "0.01" } });
    const options = { idempotencyKey: "pay_0123456789abcdef" };
    await client.echo({ text: "x" }, options);
    const sent = shop.requests.length;
    const mismatch = await client.echo({ text: "y" }, options).catch((thrown: unknown) => thrown);
    expect(mismatch).toMatchObject({
      code: "payment_refused",
      reason: "key_mismatch",
      charged: "unknown",
    });
    expect(shop.requests).toHaveLength(sent);
    // The call that had the key has ended: there is nothing to come back for.
    expect(await client.pending()).toEqual([]);
    const next = await client.echo({ text: "z" }).catch((thrown: unknown) => thrown);
    expect(next).toMatchObject({ reason: "over_budget" });
    expect((await shop.moved()).paid).toBe(10_000n);
  });

  it("of two calls at once is one payment with one end, given back when it has expired unused", async () => {
    await using shop = await openShop();
    const client = shop.client({ budget: { total: "0.01" } });
    const options = { idempotencyKey: "pay_0123456789abcdef" };
    shop.handlers.echo = ({ text }, ctx) => (text === "x" ? ctx.fail("refused") : { text });
    const both = await Promise.allSettled([
      client.echo({ text: "x" }, options),
      client.echo({ text: "x" }, options),
    ]);
    expect(both).toMatchObject([
      { status: "rejected", reason: { failure: "refused", charged: "no" } },
      { status: "rejected", reason: { failure: "refused", charged: "no" } },
    ]);
    expect(shop.runs.echo).toBe(1);
    const payments = shop.requests.map((request) => request.headers.get("payment-signature"));
    expect(new Set(payments.filter((one) => one !== null)).size).toBe(1);
    const next = await client.echo({ text: "z" }).catch((thrown: unknown) => thrown);
    expect(next).toMatchObject({ reason: "over_budget" });
    await later(async () => {
      expect(await client.echo({ text: "z" })).toEqual({ text: "z" });
    });
    expect((await shop.moved()).paid).toBe(10_000n);
  });

  it("that waits for an earlier call under it stops waiting when it is told to", async () => {
    await using shop = await openShop();
    const { opened, open } = latch();
    shop.handlers.echo = async ({ text }) => {
      await opened;
      return { text };
    };
    const client = shop.client();
    const options = { idempotencyKey: "pay_0123456789abcdef" };
    const first = client.echo({ text: "x" }, options);
    const stop = new AbortController();
    const second = client.echo({ text: "x" }, { ...options, signal: stop.signal });
    stop.abort(new Error("enough"));
    await expect(second).rejects.toThrow("enough");
    open();
    expect(await first).toEqual({ text: "x" });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(shop.requests).toHaveLength(2);
    expect((await shop.moved()).paid).toBe(10_000n);
  });

  it("of an earlier client's call costs a new client's budget nothing in the end", async () => {
    await using shop = await openShop();
    const options = { idempotencyKey: "pay_0123456789abcdef" };
    await shop.client().echo({ text: "x" }, options);
    const client = shop.client({ budget: { total: "0.01" } });
    // It signs to show who asks for the answer. The signature is not used, but it could be.
    await client.echo({ text: "x" }, options);
    const tooEarly = await client.echo({ text: "another" }).catch((thrown: unknown) => thrown);
    expect(tooEarly).toMatchObject({ reason: "over_budget" });
    await later(async () => {
      expect(await client.echo({ text: "another" })).toEqual({ text: "another" });
    });
    expect((await shop.moved()).paid).toBe(20_000n);
  });
});

describe("an answer that was stored", () => {
  it("to a payment that a proxy has delivered twice leaves it counted in the budget for good", async () => {
    await using shop = await openShop();
    const through = shop.network;
    shop.network = async (request) => {
      if (request.headers.has("payment-signature")) await through(request.clone());
      return through(request);
    };
    const client = shop.client({ budget: { total: "0.01" } });
    await client.echo({ text: "one" });
    await later(async () => {
      await expect(client.echo({ text: "two" })).rejects.toMatchObject({ reason: "over_budget" });
    });
    expect((await shop.moved()).paid).toBe(10_000n);
  });
});

describe("what makes no sense", () => {
  it("is refused before anything is paid: a time-out, a ceiling, an address, a path segment", async () => {
    await using shop = await openShop();
    const client = shop.client();
    await expect(client.render({ prompt: "x" }, { timeout: "0s" })).rejects.toThrow(RangeError);
    await expect(client.echo({ text: "x" }, { maxPrice: "-1" })).rejects.toThrow(RangeError);
    expect(() => shop.client({ baseUrl: "api.example.com" })).toThrow(/baseUrl "api\.example\.com"/);
    for (const symbol of ["", ".", ".."]) {
      const error = await client.quoteOf({ symbol }).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: "invalid_input", charged: "no", issues: [{ path: "symbol" }] });
    }
    expect(shop.requests).toHaveLength(0);
  });
});

describe("a listener that throws", () => {
  it("loses nothing that was paid for", async () => {
    await using shop = await openShop();
    const onEvent = () => {
      throw new Error("the listener is broken");
    };
    const client = shop.client({ onEvent });
    expect(await client.echo({ text: "x" })).toEqual({ text: "x" });
    expect(await client.render({ prompt: "x" }, { onProgress: onEvent })).toMatchObject({ note: "x" });
  });
});

describe("the offline quote", () => {
  it("is what the server charges, for any input", async () => {
    await using shop = await openShop();
    const client = shop.client();
    const amountOf = async (path: string, body: unknown) => {
      const answer = await shop.fetch(path, { method: "POST", body: JSON.stringify(body) });
      return (await answer.json()).accepts[0].extra.pricing.amount;
    };
    await fc.assert(
      fc.asyncProperty(fc.array(fc.string({ maxLength: 40 }), { maxLength: 50 }), async (words) => {
        expect(await amountOf("/v1/translate", { words })).toBe(client.translate.quote({ words }));
      }),
      { numRuns: 50 },
    );
    for (const size of ["small", "large", undefined] as const) {
      const input = { prompt: "x", ...(size ? { size } : {}) };
      expect(await amountOf("/v1/render", input)).toBe(client.render.quote(input));
    }
  });
});
