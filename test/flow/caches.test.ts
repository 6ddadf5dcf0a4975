import type { LocalAccount } from "viem";
import { afterEach, describe, expect, it, vi } from "vitest";
import { latch, openShop, post, type Shop, signedByHand } from "./shop.ts";

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

  it("is not given again when no buyer has paid for it", async () => {
    await using shop = await openShop();
    const settle = shop.facilitator.settle;
    shop.facilitator.settle = async (_, { network }) => ({
      success: false,
      errorReason: "insufficient_funds",
      transaction: "",
      network,
    });
    expect((await buy(shop, "/v1/forecast", body)).status).toBe(402);
    shop.facilitator.settle = settle;
    const paid = await buy(shop, "/v1/forecast", body);
    expect([paid.status, paid.headers.has("payment-response")]).toEqual([200, true]);
    expect(shop.runs.forecast).toBe(2);
    expect((await shop.moved()).paid).toBe(20_000n);
  });

  it("is made again once it is older than its definition allows", async () => {
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
    const { opened, open } = latch();
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

it("charges for a cached response before it is sent, where the work is charged before", async () => {
  await using shop = await openShop();
  const rate = { currency: "EUR" };
  await buy(shop, "/v1/rate", rate);
  const cached = await buy(shop, "/v1/rate", rate);
  expect([cached.status, await cached.json()]).toEqual([200, { rate: "1.1 EUR" }]);
  expect([cached.headers.has("age"), cached.headers.has("payment-response")]).toEqual([true, true]);
  expect((await shop.fetch("/v1/rate", post(rate))).status).toBe(402);
  expect(await shop.moved()).toEqual({ paid: 40_000n, received: 40_000n });
  expect(shop.runs.rate).toBe(1);
});

it("shares a cached response of a free resource between all callers", async () => {
  await using shop = await openShop();
  const body = { paper: "Morning Post" };
  const first = await shop.fetch("/v1/headline", post(body));
  expect([first.status, first.headers.has("age")]).toEqual([200, false]);
  const second = await shop.fetch("/v1/headline", post(body));
  expect([second.status, second.headers.has("age")]).toEqual([200, true]);
  expect(await second.text()).toBe(await first.text());
  await shop.fetch("/v1/headline", post({ paper: "Evening Post" }));
  expect(shop.runs.headline).toBe(2);
});
