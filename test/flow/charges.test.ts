import { memoryStore, type Store } from "resource402/server";
import { describe, expect, it } from "vitest";
import { decodeHeader } from "../../src/protocol/index.ts";
import type { Limits } from "../../src/store/store.ts";
import { latch, openShop, post, type Shop, signedByHand, until } from "./shop.ts";

const RECOVERY = { everyMs: 20, leaseMs: 2_000, comeBackMs: 3_000 };

async function buy(shop: Shop, path: string, body: unknown, key = "the-purchase"): Promise<Response> {
  const { headers } = await signedByHand(shop, path, body, { key });
  return shop.fetch(path, post(body, headers));
}

async function statusOf(shop: Shop, accepted: Response): Promise<Record<string, unknown>> {
  const { statusUrl } = (await accepted.clone().json()) as { statusUrl: string };
  return (await shop.fetch(new URL(statusUrl).pathname)).json() as Promise<Record<string, unknown>>;
}

const ended = (document: Record<string, unknown>): boolean => document.state !== "processing";

describe("a call that is charged before its work", () => {
  it("is settled before its handler starts, and says so in its 402", async () => {
    await using shop = await openShop();
    let paidAtStart = 0n;
    shop.handlers.brew = async ({ cup }) => {
      paidAtStart = (await shop.moved()).received;
      return { coffee: cup };
    };
    const asked = await shop.fetch("/v1/brew", post({ cup: "a" }));
    const required = decodeHeader(asked.headers.get("payment-required") ?? "") as {
      accepts: { extra: Record<string, unknown> }[];
    };
    expect(required.accepts[0]?.extra).toMatchObject({
      paymentFlow: "upfront",
      refundPolicy:
        "Charged before the work begins. If it ends without a result, a refund of the full amount is owed, and the seller pays it by hand.",
    });
    const answer = await buy(shop, "/v1/brew", { cup: "a" });
    expect(answer.status).toBe(200);
    expect(decodeHeader(answer.headers.get("payment-response") ?? "")).toMatchObject({ success: true });
    expect(paidAtStart).toBe(30_000n);
  });

  it("never starts its handler when the settlement is refused, and frees key and payment", async () => {
    await using shop = await openShop();
    const settle = shop.facilitator.settle;
    shop.facilitator.settle = async () => ({
      success: false,
      errorReason: "insufficient_funds",
      transaction: "",
      network: shop.world.network,
    });
    expect((await buy(shop, "/v1/brew", { cup: "b" })).status).toBe(402);
    expect(shop.runs.brew).toBeUndefined();
    shop.facilitator.settle = settle;
    expect((await buy(shop, "/v1/brew", { cup: "b" })).status).toBe(200);
  });

  it("answers 503 while the settlement is unconfirmed, and starts its handler only when it is confirmed", async () => {
    await using shop = await openShop();
    const settle = shop.facilitator.settle;
    shop.facilitator.settle = async () => ({
      success: false,
      errorReason: "settlement_pending",
      transaction: "",
      network: shop.world.network,
    });
    const { headers } = await signedByHand(shop, "/v1/brew", { cup: "c" }, { key: "pending-one" });
    const first = await shop.fetch("/v1/brew", post({ cup: "c" }, headers));
    expect(first.status).toBe(503);
    expect(await first.json()).toMatchObject({ code: "settlement_unknown", paymentState: "in_flight" });
    expect(shop.runs.brew).toBeUndefined();
    shop.facilitator.settle = settle;
    const second = await shop.fetch("/v1/brew", post({ cup: "c" }, headers));
    expect(second.status).toBe(200);
    expect(shop.runs.brew).toBe(1);
    expect((await shop.moved()).paid).toBe(30_000n);
  });

  it("that fails owes a refund, says so, and answers a replay with the same bytes", async () => {
    await using shop = await openShop();
    shop.handlers.brew = (_, ctx) => ctx.fail("no_beans");
    const { headers } = await signedByHand(shop, "/v1/brew", { cup: "d" }, { key: "no-beans-1" });
    const failed = await shop.fetch("/v1/brew", post({ cup: "d" }, headers));
    const body = await failed.text();
    expect(failed.status).toBe(422);
    expect(JSON.parse(body)).toMatchObject({ code: "no_beans", paymentState: "refund_owed" });
    const again = await shop.fetch("/v1/brew", post({ cup: "d" }, headers));
    expect(await again.text()).toBe(body);
    expect(shop.runs.brew).toBe(1);
    const [refund] = await shop.store.refunds({ limit: 10 });
    expect(refund).toMatchObject({
      state: "owed",
      reason: "no_beans",
      atomicAmount: "30000",
      to: shop.world.buyer.address,
    });
    expect(await shop.store.refunds({ limit: 10 })).toHaveLength(1);
  });

  it("whose work a dead server has lost is done when its buyer comes back, and refunded when not", async () => {
    await using shop = await openShop({ recovery: RECOVERY });
    const dead: Promise<void> = new Promise(() => {});
    const faults = { reach: (point: string) => (point === "call.ran" ? dead : Promise.resolve()) };
    const dying = await openShop({ world: shop.world, store: shop.store, recovery: RECOVERY, faults });
    const patient = await signedByHand(shop, "/v1/brew", { cup: "patient" }, { key: "patient-one" });
    void dying.fetch("/v1/brew", post({ cup: "patient" }, patient.headers));
    void buy(dying, "/v1/brew", { cup: "gone" }, "gone-for-good");
    await until(
      async () => dying.runs.brew,
      (runs) => runs === 2,
    );
    await dying.server.stop(0);
    await shop.server.start();
    const answer = await until(
      () => shop.fetch("/v1/brew", post({ cup: "patient" }, patient.headers)),
      // The server may be looking at the call itself at this moment.
      ({ status }) => status !== 409,
    );
    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual({ coffee: "coffee for patient" });
    const refunds = await until(
      () => shop.store.refunds({ limit: 10 }),
      (refunds) => refunds.length > 0,
    );
    expect(refunds).toMatchObject([{ reason: "interrupted", state: "owed", resource: "brew" }]);
    expect((await shop.moved()).paid).toBe(60_000n);
  });
});

describe("a job that is charged after its work", () => {
  it("runs at once, and is settled when it has succeeded, before its result can be seen", async () => {
    await using shop = await openShop();
    const { opened, open } = latch();
    shop.handlers.bake = async ({ loaf }) => {
      await opened;
      return { bread: loaf };
    };
    const accepted = await buy(shop, "/v1/bake", { loaf: "rye" });
    expect(accepted.status).toBe(202);
    expect(await accepted.clone().json()).toMatchObject({ state: "processing", paymentState: "in_flight" });
    expect((await shop.moved()).paid).toBe(0n);
    open();
    const document = await until(() => statusOf(shop, accepted), ended);
    expect(document).toMatchObject({
      state: "succeeded",
      result: { bread: "rye" },
      paymentState: "settled",
      receipt: { amount: "0.04" },
    });
    expect((await shop.moved()).paid).toBe(40_000n);
  });

  it("that fails, or is cancelled, is free", async () => {
    await using shop = await openShop();
    shop.handlers.bake = (_, ctx) => ctx.fail("burnt");
    const failed = await until(
      () =>
        buy(shop, "/v1/bake", { loaf: "burnt" }, "burnt-loaf").then((accepted) => statusOf(shop, accepted)),
      ended,
    );
    expect(failed).toMatchObject({ state: "failed", code: "burnt", paymentState: "unused" });
    const { opened, open } = latch();
    shop.handlers.bake = async ({ loaf }) => {
      await opened;
      return { bread: loaf };
    };
    const accepted = await buy(shop, "/v1/bake", { loaf: "cancelled" }, "cancelled-loaf");
    await until(
      async () => shop.runs.bake,
      (runs) => runs === 2,
    );
    const { statusUrl } = (await accepted.clone().json()) as { statusUrl: string };
    const cancelled = await shop.fetch(new URL(statusUrl).pathname, { method: "DELETE" });
    expect(await cancelled.json()).toMatchObject({ status: "cancelled", paymentState: "unused" });
    open();
    expect((await shop.moved()).paid).toBe(0n);
    expect(shop.asked.settle).toBe(0);
  });

  it("does not show its result while the payment is unconfirmed", async () => {
    await using shop = await openShop({ recovery: RECOVERY });
    const settle = shop.facilitator.settle;
    shop.facilitator.settle = async () => {
      throw new Error("socket hang up");
    };
    const accepted = await buy(shop, "/v1/bake", { loaf: "unknown" });
    const waiting = await until(
      () => statusOf(shop, accepted),
      ({ status }) => status === "awaiting_payment",
    );
    expect(waiting).not.toHaveProperty("result");
    expect(waiting).toMatchObject({ state: "processing", paymentState: "in_flight" });
    shop.facilitator.settle = settle;
    await shop.server.start();
    const document = await until(() => statusOf(shop, accepted), ended);
    expect(document).toMatchObject({ state: "succeeded", result: { bread: "unknown" } });
  });

  it("fails without a result when its payment is refused in the end", async () => {
    await using shop = await openShop();
    shop.facilitator.settle = async () => ({
      success: false,
      errorReason: "insufficient_funds",
      transaction: "",
      network: shop.world.network,
    });
    const accepted = await buy(shop, "/v1/bake", { loaf: "poor" });
    const document = await until(() => statusOf(shop, accepted), ended);
    expect(document).toMatchObject({ state: "failed", code: "payment_failed", paymentState: "unused" });
    expect(document).not.toHaveProperty("result");
  });

  it("is not begun with an authorization that no seller should have to remember", async () => {
    await using shop = await openShop();
    const body = { text: "for a year" };
    const { headers } = await signedByHand(shop, "/v1/echo", body, { seconds: 365 * 86_400 });
    const answer = await shop.fetch("/v1/echo", post(body, headers));
    expect([answer.status, await answer.json()]).toMatchObject([402, { error: "authorization_too_long" }]);
    expect(shop.runs.echo).toBeUndefined();
    expect((await shop.moved()).paid).toBe(0n);
  });

  it("is not begun with an authorization that ends before the work may", async () => {
    await using shop = await openShop();
    const body = { loaf: "short" };
    const { headers } = await signedByHand(shop, "/v1/bake", body, { seconds: 8 });
    const answer = await shop.fetch("/v1/bake", post(body, headers));
    expect(answer.status).toBe(402);
    expect(await answer.json()).toMatchObject({ error: "authorization_ends_before_the_work" });
    expect(shop.runs.bake).toBeUndefined();
  });

  it("is refused with 429 when too much of its payer's is not settled yet", async () => {
    await using shop = await openShop({ payments: { maxOutstanding: "0.10" } });
    const { opened, open } = latch();
    shop.handlers.bake = async ({ loaf }) => {
      await opened;
      return { bread: loaf };
    };
    const answers = await Promise.all(
      ["1", "2", "3", "4"].map((loaf) => buy(shop, "/v1/bake", { loaf }, `loaf-number-${loaf}`)),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([202, 202, 429, 429]);
    const refused = answers.find(({ status }) => status === 429);
    expect(refused?.headers.get("retry-after")).not.toBeNull();
    expect(await refused?.json()).toMatchObject({ code: "too_much_outstanding", paymentState: "unused" });
    open();
    await until(
      async () => (await shop.moved()).paid,
      (paid) => paid === 80_000n,
    );
    expect((await buy(shop, "/v1/bake", { loaf: "5" }, "loaf-number-5")).status).toBe(202);
  });

  it("is refused with 429 when the inputs of its payer's jobs take too much space, until one has ended", async () => {
    const padding = "x".repeat(20_000);
    await using shop = await openShop({ jobs: { maxInputBytes: 45_000 } });
    const { opened, open } = latch();
    shop.handlers.bake = async ({ loaf }) => {
      await opened;
      return { bread: loaf };
    };
    // What the schema does not know is stored too.
    const bake = (loaf: string) => buy(shop, "/v1/bake", { loaf, padding }, `loaf-number-${loaf}`);
    expect([(await bake("1")).status, (await bake("2")).status]).toEqual([202, 202]);
    const refused = await bake("3");
    expect(refused.status).toBe(429);
    expect(refused.headers.get("retry-after")).not.toBeNull();
    expect(await refused.json()).toMatchObject({ code: "too_much_outstanding", paymentState: "unused" });
    expect((await buy(shop, "/v1/bake", { loaf: "4" }, "loaf-number-4")).status).toBe(202);
    open();
    await until(
      async () => (await shop.moved()).paid,
      (paid) => paid === 120_000n,
    );
    expect((await bake("5")).status).toBe(202);
  });

  it("is accepted when it is the only one of its payer, whatever it costs", async () => {
    await using shop = await openShop({ payments: { maxOutstanding: "0.01" } });
    expect((await buy(shop, "/v1/bake", { loaf: "1" })).status).toBe(202);
  });
});

it("limits how many free calls with a key are kept, and paid calls by their value", async () => {
  const store = memoryStore({ completeSince: 0 });
  const limits: Limits[] = [];
  const begin: Store["begin"] = (call, job, given) => {
    limits.push(given);
    return store.begin(call, job, given);
  };
  await using shop = await openShop({ store: { ...store, begin } });
  const headers = { "idempotency-key": "the-free-call" };
  expect((await shop.fetch("/v1/headline", post({ paper: "a" }, headers))).status).toBe(200);
  expect((await buy(shop, "/v1/brew", { cup: "a" })).status).toBe(200);
  expect(limits[0]?.freeCalls).toBeGreaterThan(0);
  expect(limits[1]?.outstanding).toBeGreaterThan(0);
});

describe("buyers without a key", () => {
  it("who sign again for the same input are warned about a possible duplicate inside the window, and not charged", async () => {
    await using shop = await openShop({ duplicateWindow: "10m" });
    const body = { text: "twice" };
    const answers = [];
    for (let count = 0; count < 2; count += 1) {
      const { headers } = await signedByHand(shop, "/v1/echo", body);
      answers.push(await shop.fetch("/v1/echo", post(body, headers)));
    }
    expect(answers.map(({ status }) => status)).toEqual([200, 409]);
    expect(await answers[1]?.json()).toMatchObject({ code: "possible_duplicate", paymentState: "unused" });
    expect((await shop.moved()).paid).toBe(10_000n);
    // Another input, another buyer and a call with a key of its own are not the same purchase.
    const other = await signedByHand(shop, "/v1/echo", { text: "other" });
    expect((await shop.fetch("/v1/echo", post({ text: "other" }, other.headers))).status).toBe(200);
    const account = await shop.world.account({ usdc: "1" });
    const stranger = await signedByHand(shop, "/v1/echo", body, { account });
    expect((await shop.fetch("/v1/echo", post(body, stranger.headers))).status).toBe(200);
    const keyed = await signedByHand(shop, "/v1/echo", body, { key: "on-purpose" });
    expect((await shop.fetch("/v1/echo", post(body, keyed.headers))).status).toBe(200);
  });

  it("are turned away before anything is verified where a key is required", async () => {
    await using shop = await openShop({ requireKey: true });
    const body = { text: "keyless" };
    const { headers } = await signedByHand(shop, "/v1/echo", body);
    const answer = await shop.fetch("/v1/echo", post(body, headers));
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ code: "key_required", paymentState: "unused" });
    expect(shop.asked).toEqual({ verify: 0, settle: 0 });
    expect(await shop.client().echo(body)).toEqual(body);
  });
});
