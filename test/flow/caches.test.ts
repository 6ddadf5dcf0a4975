import type { LocalAccount } from "viem";
import { afterEach, describe, expect, it, vi } from "vitest";
import { gate, openShop, post, type Shop, signedByHand } from "./shop.ts";

const HOUR_MS = 3_600_000;

/** One purchase, signed by hand: a key and a signature of its own. */
async function buy(shop: Shop, path: string, body: unknown, account?: LocalAccount): Promise<Response> {
  const key = `key-${crypto.randomUUID()}`;
  const by = account === undefined ? { key } : { key, account };
  const { headers } = await signedByHand(shop, path, body, by);
  return shop.fetch(path, post(body, headers));
}

const now = performance.now.bind(performance);
let passed = 0;

/** Lets time pass for whoever looks at the clock that does not go back. */
function pass(ms: number): void {
  passed += ms;
  vi.spyOn(performance, "now").mockImplementation(() => now() + passed);
}

afterEach(() => {
  passed = 0;
  vi.restoreAllMocks();
  vi.useRealTimers();
});

describe("an answer that may be given again", () => {
  const body = { town: "Kyoto", days: 2 };

  it("is made once and paid for each time", async () => {
    await using shop = await openShop();
    const first = await buy(shop, "/v1/forecast", body);
    expect([first.status, first.headers.has("age")]).toEqual([200, false]);
    const second = await buy(shop, "/v1/forecast", body);
    expect(second.status).toBe(200);
    expect(await second.json()).toEqual(await first.json());
    expect(second.headers.get("age")).toMatch(/^\d+$/);
    expect(second.headers.get("cache-control")).toBe("private, no-store");
    expect(second.headers.has("payment-response")).toBe(true);
    expect(shop.runs.forecast).toBe(1);
    expect(await shop.moved()).toEqual({ paid: 40_000n, received: 40_000n });
  });

  it("is the same for input that means the same, and costs what that input costs", async () => {
    await using shop = await openShop();
    const client = shop.client();
    await client.forecast({ town: "Oslo" });
    await client.forecast({ town: "Oslo", days: 1 });
    expect(shop.runs.forecast).toBe(1);
    const later = await client.forecast({ town: "Oslo", days: 3 });
    expect(later).toEqual({ weather: "3 days of sun in Oslo" });
    expect(shop.runs.forecast).toBe(2);
    expect((await shop.moved()).paid).toBe(10_000n + 10_000n + 30_000n);
  });

  it("is never given to another payer", async () => {
    await using shop = await openShop();
    const stranger = await shop.world.account({ usdc: "1" });
    await buy(shop, "/v1/forecast", body);
    const theirs = await buy(shop, "/v1/forecast", body, stranger);
    expect([theirs.status, theirs.headers.has("age")]).toEqual([200, false]);
    expect(shop.runs.forecast).toBe(2);
    const rate = { currency: "JPY" };
    await buy(shop, "/v1/rate", rate);
    const paid = await buy(shop, "/v1/rate", rate, stranger);
    expect([paid.status, paid.headers.has("payment-response")]).toEqual([200, true]);
    expect(shop.runs.rate).toBe(2);
  });

  it("is not given again when it was a failure", async () => {
    await using shop = await openShop();
    const works = shop.handlers.forecast;
    shop.handlers.forecast = (_, ctx) => ctx.fail("no_data");
    expect((await buy(shop, "/v1/forecast", body)).status).toBe(422);
    shop.handlers.forecast = () => {
      throw new Error("broken");
    };
    expect((await buy(shop, "/v1/forecast", body)).status).toBe(500);
    shop.handlers.forecast = works;
    expect((await buy(shop, "/v1/forecast", body)).status).toBe(200);
    expect(shop.runs.forecast).toBe(3);
    expect((await shop.moved()).paid).toBe(20_000n);
  });

  it("is not given again when nobody has paid for it", async () => {
    await using shop = await openShop();
    const settle = shop.facilitator.settle;
    shop.facilitator.settle = async (_, { network }) => ({
      success: false,
      errorReason: "insufficient_funds",
      transaction: "",
      network,
    });
    const rate = { currency: "SEK" };
    expect((await buy(shop, "/v1/rate", rate)).status).toBe(402);
    shop.facilitator.settle = settle;
    const paid = await buy(shop, "/v1/rate", rate);
    expect([paid.status, paid.headers.has("payment-response")]).toEqual([200, true]);
    expect(shop.runs.rate).toBe(2);
    expect((await shop.moved()).paid).toBe(20_000n);
  });

  it("is made anew once it is older than its definition allows", async () => {
    await using shop = await openShop();
    await buy(shop, "/v1/forecast", body);
    pass(HOUR_MS - 60_000);
    const old = await buy(shop, "/v1/forecast", body);
    expect(Number(old.headers.get("age"))).toBeGreaterThanOrEqual(3_540);
    pass(60_000);
    const fresh = await buy(shop, "/v1/forecast", body);
    expect(fresh.headers.has("age")).toBe(false);
    expect(shop.runs.forecast).toBe(2);
  });

  it("makes room for what is used more, within so many bytes", async () => {
    await using shop = await openShop({ maxCacheBytes: 12_000 });
    shop.handlers.forecast = ({ town }) => ({ weather: town.repeat(2) });
    const inOrder = ["a", "b", "c"].map((letter) => ({ town: letter.repeat(1_000) }));
    const [a, b, c] = inOrder as [object, object, object];
    for (const one of [a, b, a, c]) await buy(shop, "/v1/forecast", one);
    expect(shop.runs.forecast).toBe(3);
    await buy(shop, "/v1/forecast", a);
    expect(shop.runs.forecast).toBe(3);
    await buy(shop, "/v1/forecast", b);
    expect(shop.runs.forecast).toBe(4);
    const huge = { town: "h".repeat(2_000) };
    shop.handlers.forecast = ({ town }) => ({ weather: town.repeat(10) });
    for (const one of [huge, huge]) await buy(shop, "/v1/forecast", one);
    expect(shop.runs.forecast).toBe(6);
  });

  it("is made by each of two callers who ask at once", async () => {
    await using shop = await openShop();
    const { opened, open } = gate();
    shop.handlers.forecast = async ({ town }) => {
      if (shop.runs.forecast === 2) open();
      await opened;
      return { weather: town };
    };
    const answers = await Promise.all([buy(shop, "/v1/forecast", body), buy(shop, "/v1/forecast", body)]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    expect((await shop.moved()).paid).toBe(40_000n);
  });

  it("is the same bytes, with the same age, for the same request", async () => {
    await using shop = await openShop();
    await buy(shop, "/v1/forecast", body);
    const { headers } = await signedByHand(shop, "/v1/forecast", body, { key: "asked-twice" });
    const first = await shop.fetch("/v1/forecast", post(body, headers));
    pass(60_000);
    const again = await shop.fetch("/v1/forecast", post(body, headers));
    expect(again.headers.get("idempotent-replayed")).toBe("true");
    expect([await again.text(), again.headers.get("age")]).toEqual([
      await first.text(),
      first.headers.get("age"),
    ]);
    expect((await shop.moved()).paid).toBe(40_000n);
  });
});

describe("an answer that is free when it is given again", () => {
  it("to its buyer costs a signature, and no money", async () => {
    await using shop = await openShop();
    const rate = { currency: "EUR" };
    await buy(shop, "/v1/rate", rate);
    const { headers } = await signedByHand(shop, "/v1/rate", rate, { key: "second-look" });
    const free = await shop.fetch("/v1/rate", post(rate, headers));
    expect([free.status, await free.json()]).toEqual([200, { rate: "1.1 EUR" }]);
    expect(free.headers.has("payment-response")).toBe(false);
    expect(free.headers.has("age")).toBe(true);
    expect(shop.asked).toEqual({ verify: 2, settle: 1 });
    expect(await shop.moved()).toEqual({ paid: 20_000n, received: 20_000n });
    expect(shop.runs.rate).toBe(1);
  });

  it("asks for the price as long as nobody says who they are, or when the signature is not good", async () => {
    await using shop = await openShop();
    const rate = { currency: "CHF" };
    await buy(shop, "/v1/rate", rate);
    expect((await shop.fetch("/v1/rate", post(rate))).status).toBe(402);
    const { headers } = await signedByHand(shop, "/v1/rate", rate, { key: "forged-look" });
    shop.facilitator.verify = async () => ({ isValid: false, invalidReason: "invalid_signature" });
    const forged = await shop.fetch("/v1/rate", post(rate, headers));
    expect(forged.status).toBe(402);
    expect(await forged.text()).not.toContain("1.1 CHF");
  });

  it("stays free for a late copy of the request, when the answer is not kept any more", async () => {
    await using shop = await openShop();
    const rate = { currency: "GBP" };
    await buy(shop, "/v1/rate", rate);
    pass(HOUR_MS - 10_000);
    const { headers } = await signedByHand(shop, "/v1/rate", rate, { key: "late-copy" });
    const first = await shop.fetch("/v1/rate", post(rate, headers));
    pass(20_000);
    const copy = await shop.fetch("/v1/rate", post(rate, headers));
    expect([first.status, copy.status]).toEqual([200, 200]);
    expect(await copy.text()).toBe(await first.text());
    expect(shop.runs.rate).toBe(1);
    expect((await shop.moved()).paid).toBe(20_000n);
    await buy(shop, "/v1/rate", rate);
    expect(shop.runs.rate).toBe(2);
  });

  it("does not hide what has become of a payment that is known", async () => {
    await using shop = await openShop();
    const rate = { currency: "NOK" };
    const settle = shop.facilitator.settle;
    shop.facilitator.settle = async (...args) => {
      await settle(...args);
      throw new Error("socket hang up");
    };
    const { headers } = await signedByHand(shop, "/v1/rate", rate, { key: "in-doubt-1" });
    expect((await shop.fetch("/v1/rate", post(rate, headers))).status).toBe(503);
    shop.facilitator.settle = settle;
    await buy(shop, "/v1/rate", rate);
    shop.facilitator.settle = async () => {
      throw new Error("socket hang up");
    };
    const doubted = await shop.fetch("/v1/rate", post(rate, headers));
    expect([doubted.status, await doubted.json()]).toMatchObject([503, { paymentState: "in_flight" }]);
  });

  it("leaves the client's budget as it was once the signature has expired", async () => {
    await using shop = await openShop();
    const client = shop.client({ budget: { total: "0.05" } });
    const events: string[] = [];
    await client.rate({ currency: "DKK" });
    const again = shop.client({ budget: { total: "0.02" }, onEvent: ({ type }) => events.push(type) });
    expect(await again.rate({ currency: "DKK" })).toEqual({ rate: "1.1 DKK" });
    expect(events).not.toContain("settled");
    expect(await again.pending()).toEqual([]);
    const spent = await again.rate({ currency: "DKK" }).catch((error: unknown) => error);
    expect(spent).toMatchObject({ code: "payment_refused", reason: "over_budget" });
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + HOUR_MS / 2 });
    expect(await again.rate({ currency: "DKK" })).toEqual({ rate: "1.1 DKK" });
    expect((await shop.moved()).paid).toBe(20_000n);
  });
});

it("a free answer that is larger than the client reads has cost nothing", async () => {
  await using shop = await openShop();
  shop.handlers.rate = ({ currency }) => ({ rate: currency.repeat(500) });
  const rate = { currency: "PLN" };
  await shop.client().rate(rate);
  const small = shop.client({ maxAnswerBytes: 1_000 });
  const error = await small.rate(rate).catch((error: unknown) => error);
  expect(error).toMatchObject({ code: "protocol", reason: "too_large", charged: "no" });
  expect(await small.pending()).toEqual([]);
});

describe("an answer that anybody may be given", () => {
  const body = { paper: "Morning Post" };

  it("is given without a word about money, once somebody has paid for it", async () => {
    await using shop = await openShop();
    expect((await shop.fetch("/v1/headline", post(body))).status).toBe(402);
    await buy(shop, "/v1/headline", body);
    const free = await shop.fetch("/v1/headline", post(body));
    expect([free.status, await free.json()]).toEqual([200, { headline: "Man bites dog, says Morning Post" }]);
    expect(free.headers.has("age")).toBe(true);
    expect((await shop.fetch("/v1/headline", post({ paper: "Evening Post" }))).status).toBe(402);
    expect(await shop.client().headline(body)).toEqual({ headline: "Man bites dog, says Morning Post" });
    expect(shop.requests).toHaveLength(1);
    expect((await shop.moved()).paid).toBe(50_000n);
    expect(shop.runs.headline).toBe(1);
  });

  it("leaves a payment alone that comes all the same", async () => {
    await using shop = await openShop();
    const other = { paper: "Weekly" };
    const { headers } = await signedByHand(shop, "/v1/headline", other, { key: "too-eager-1" });
    await buy(shop, "/v1/headline", other);
    const asked = { ...shop.asked };
    const free = await shop.fetch("/v1/headline", post(other, headers));
    expect([free.status, free.headers.has("payment-response")]).toEqual([200, false]);
    expect(shop.asked).toEqual(asked);
    expect((await shop.moved()).paid).toBe(50_000n);
  });

  it("is not given for nothing as long as its first buyer has not paid", async () => {
    await using shop = await openShop();
    shop.facilitator.settle = async () => {
      throw new Error("socket hang up");
    };
    expect((await buy(shop, "/v1/headline", body)).status).toBe(503);
    expect((await shop.fetch("/v1/headline", post(body))).status).toBe(402);
    expect(shop.runs.headline).toBeUndefined();
  });
});
