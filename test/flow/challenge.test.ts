import { describe, expect, it } from "vitest";
import { readPaymentPayload } from "../../src/protocol/index.ts";
import { BASE_URL, openShop, post, signedByHand } from "./shop.ts";

interface Payment {
  readonly accepted: { readonly payTo: string; readonly asset: string };
  readonly payload: object;
}

const inV1 = (network: string, scheme: string, payload: object) => ({
  x402Version: 1,
  network,
  scheme,
  payload,
});

const unbase64 = (text: string | null) => JSON.parse(atob(text ?? ""));

describe("an unpaid call", () => {
  it("is answered by one 402 in both versions of x402, with the price in words", async () => {
    await using shop = await openShop();
    const answer = await shop.fetch("/v1/render", post({ prompt: "x", size: "large" }));
    expect(answer.status).toBe(402);
    expect(answer.headers.get("cache-control")).toBe("no-store");
    const pricing = { amount: "0.10", currency: "USDC", description: "per picture" };
    const v2 = unbase64(answer.headers.get("payment-required"));
    expect(v2).toMatchObject({
      x402Version: 2,
      error: "Payment required",
      resource: { url: `${BASE_URL}/v1/render`, mimeType: "application/json" },
      accepts: [
        {
          scheme: "exact",
          network: "eip155:84532",
          amount: "100000",
          asset: shop.world.asset,
          payTo: shop.world.seller.address,
          extra: {
            name: "USDC",
            version: "2",
            pricing,
            paymentFlow: "upfront",
            refundPolicy: expect.any(String),
          },
        },
      ],
      extensions: { "payment-identifier": { info: { required: false } } },
    });
    const v1 = await answer.json();
    expect(v1).toMatchObject({
      x402Version: 1,
      error: "Payment required",
      accepts: [
        {
          scheme: "exact",
          network: "base-sepolia",
          maxAmountRequired: "100000",
          resource: `${BASE_URL}/v1/render`,
          description: "Draw a picture.",
          extra: { pricing },
          outputSchema: {
            input: {
              type: "http",
              method: "POST",
              bodyType: "json",
              bodyFields: { prompt: { type: "string", required: true } },
            },
            output: { url: { type: "string" } },
          },
        },
      ],
    });
    expect(shop.asked).toEqual({ verify: 0, settle: 0 });
  });

  it("says how an amount is made up that is counted in units", async () => {
    await using shop = await openShop();
    const answer = await shop.fetch("/v1/translate", post({ words: ["one", "two"] }));
    const { accepts } = (await answer.json()) as { accepts: { extra: { pricing: unknown } }[] };
    expect(accepts[0]?.extra.pricing).toEqual({
      amount: "0.002",
      currency: "USDC",
      description: "for this call, at $0.001 per order plus $0.0005 per word",
    });
  });

  it("without any input is a probe: priced for {} where that is valid, else at the highest price", async () => {
    await using shop = await openShop();
    const amountOf = async (path: string, init: RequestInit) =>
      unbase64((await shop.fetch(path, init)).headers.get("payment-required")).accepts[0].amount;
    expect(await amountOf("/v1/render", { method: "POST" })).toBe("100000");
    expect(await amountOf("/v1/estimate", { method: "POST" })).toBe("10000");
    expect(await amountOf("/v1/translate", { method: "POST" })).toBe("26000");
    expect(await amountOf("/v1/prices/BTC", {})).toBe("5000");
  });

  it("with a path that does not fit is refused, unless the path still has its placeholder", async () => {
    await using shop = await openShop();
    const statusOf = async (symbol: string) => (await shop.fetch(`/v1/prices/${symbol}`)).status;
    expect(await statusOf("much-too-long-for-a-symbol-of-money")).toBe(400);
    expect(await Promise.all(["BTC", ":symbol", "{symbol}", "%7Bsymbol%7D"].map(statusOf))).toEqual(
      Array(4).fill(402),
    );
  });

  it("can be read by a browser of another origin, and asked for in a preflight", async () => {
    await using shop = await openShop();
    const preflight = await shop.fetch("/v1/echo", { method: "OPTIONS" });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get("access-control-allow-headers")).toContain("payment-signature");
    const answer = await shop.fetch("/v1/echo", post({ text: "x" }));
    expect(answer.headers.get("access-control-allow-origin")).toBe("*");
    expect(answer.headers.get("access-control-expose-headers")).toContain("payment-required");
  });
});

describe("invalid input", () => {
  it.each([
    ["a field of the wrong kind", post({ text: 7 }), 400, "invalid_input"],
    ["a missing field", post({}), 400, "invalid_input"],
    ["a body that is not valid JSON", { ...post({}), body: "{" }, 400, "invalid_input"],
    ["a body that is not an object", post([1]), 400, "invalid_input"],
    [
      "another media type",
      { method: "POST", body: "<a/>", headers: { "content-type": "text/xml" } },
      415,
      "unsupported_media_type",
    ],
    ["a body that is too large", post({ text: "x".repeat(2_000_000) }), 413, "too_large"],
  ] as const)("(%s) is refused before any talk of money", async (_, init, status, code) => {
    await using shop = await openShop();
    const answer = await shop.fetch("/v1/echo", init as RequestInit);
    const problem = await answer.json();
    expect(answer.status).toBe(status);
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
    expect(problem).toMatchObject({
      type: `urn:problem-type:resource402:${code}`,
      status,
      code,
      detail: expect.any(String),
      error: problem.detail,
      retryable: false,
      paymentState: "unused",
      requestId: answer.headers.get("x-request-id"),
    });
    expect(answer.headers.has("payment-required")).toBe(false);
  });

  it("with a payment costs nothing, runs nothing and uses up neither key nor payment", async () => {
    await using shop = await openShop();
    const client = shop.client();
    const options = { idempotencyKey: "pay_0123456789abcdef" };
    const error = await client.echo({ text: 7 } as never, options).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "invalid_input", charged: "no", issues: [{ path: "text" }] });
    expect(shop.asked).toEqual({ verify: 0, settle: 0 });
    expect(shop.runs.echo).toBeUndefined();
    await client.echo({ text: "now right" }, options);
    expect((await shop.moved()).paid).toBe(10_000n);
  });

  it("with a signed payment is refused before anything is verified, and leaves the payment unused", async () => {
    await using shop = await openShop();
    const { headers } = await signedByHand(shop, "/v1/echo", { text: "right" });
    const refused = await shop.fetch("/v1/echo", post({ text: 7 }, headers));
    expect(refused.status).toBe(400);
    expect(await refused.json()).toMatchObject({ code: "invalid_input", paymentState: "unused" });
    expect(shop.asked).toEqual({ verify: 0, settle: 0 });
    expect(shop.runs.echo).toBeUndefined();
    expect((await shop.fetch("/v1/echo", post({ text: "right" }, headers))).status).toBe(200);
  });
});

describe("a payment that cannot be taken", () => {
  it("is refused with 400 when it cannot be read", async () => {
    await using shop = await openShop();
    for (const header of ["payment-signature", "x-payment"]) {
      const answer = await shop.fetch("/v1/echo", post({ text: "x" }, { [header]: "not base64 json" }));
      expect([answer.status, (await answer.json()).code]).toEqual([400, "malformed_payment"]);
    }
    expect(readPaymentPayload({ x402Version: 3 })).toBeUndefined();
  });

  it.each<[string, (payment: Payment) => object]>([
    ["costs less", (one) => ({ ...one, accepted: { ...one.accepted, amount: "9999" } })],
    [
      "goes to another account",
      (one) => ({ ...one, accepted: { ...one.accepted, payTo: one.accepted.asset } }),
    ],
    ["is in another token", (one) => ({ ...one, accepted: { ...one.accepted, asset: one.accepted.payTo } })],
    ["is on another network", (one) => ({ ...one, accepted: { ...one.accepted, network: "eip155:8453" } })],
    ["is of another scheme", (one) => ({ ...one, accepted: { ...one.accepted, scheme: "upto" } })],
    ["is on another network, in v1", ({ payload }) => inV1("base", "exact", payload)],
    ["is on no network, in v1", ({ payload }) => inV1("nowhere", "exact", payload)],
    ["is of another scheme, in v1", ({ payload }) => inV1("base-sepolia", "upto", payload)],
  ])("is asked for again when it is for an offer that was not made: one that %s", async (_, changed) => {
    await using shop = await openShop();
    const { headers } = await signedByHand(shop, "/v1/echo", { text: "x" }, { key: "other" });
    const payment = changed(unbase64(headers["payment-signature"] ?? null));
    const name = "accepted" in payment ? "payment-signature" : "x-payment";
    const sent = { [name]: btoa(JSON.stringify(payment)), "idempotency-key": "other" };
    const answer = await shop.fetch("/v1/echo", post({ text: "x" }, sent));
    expect(answer.status).toBe(402);
    expect(unbase64(answer.headers.get("payment-required")).error).toBe("No matching payment requirements");
    expect(shop.asked).toEqual({ verify: 0, settle: 0 });
    expect(shop.runs.echo).toBeUndefined();
  });

  it("is answered by a new challenge that says why, and nothing runs", async () => {
    await using shop = await openShop();
    const poor = await shop.world.account({ usdc: "0.001" });
    const { evmPayer } = await import("resource402/evm");
    const error = await shop
      .client({ payer: evmPayer(poor) })
      .echo({ text: "x" })
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: "payment_rejected",
      charged: "no",
      reason: expect.stringContaining("insufficient"),
    });
    expect(shop.runs.echo).toBeUndefined();
    expect(shop.asked.settle).toBe(0);
  });
});

describe("other requests", () => {
  it("are told what is wrong without saying anything of the inside", async () => {
    await using shop = await openShop();
    expect((await shop.fetch("/nowhere")).status).toBe(404);
    const wrongMethod = await shop.fetch("/v1/echo");
    expect([wrongMethod.status, wrongMethod.headers.get("allow")]).toEqual([405, "POST, OPTIONS"]);
  });
});
