import { memoryStore, type RefundRecord } from "resource402/server";
import { describe, expect, it } from "vitest";
import { BASE_URL, openShop, post, type Shop, signedByHand, until } from "./shop.ts";

const RECOVERY = { everyMs: 20, leaseMs: 200 };

/** Buys a picture whose drawing fails, and waits for the end of the job. */
async function failedPicture(shop: Shop, key: string): Promise<() => Promise<Record<string, unknown>>> {
  shop.handlers.render = (_, ctx) => ctx.fail("refused");
  const body = { prompt: key, size: "large" };
  const { headers } = await signedByHand(shop, "/v1/render", body, { key });
  const accepted = await shop.fetch("/v1/render", post(body, headers));
  const { statusUrl } = (await accepted.json()) as { statusUrl: string };
  const status = async () =>
    (await shop.fetch(new URL(statusUrl).pathname)).json() as Promise<Record<string, unknown>>;
  await until(status, ({ state }) => state === "failed");
  return status;
}

const refundsOf = (shop: Shop): Promise<readonly RefundRecord[]> => shop.store.refunds({ limit: 100 });

describe.concurrent.each([
  ["on a chain", true, false],
  ["on a chain that is looked at", true, true],
  ["on a ledger in memory", false, false],
  ["on a ledger in memory that is looked at", false, true],
])("a refund %s", (_, chain, evidence) => {
  it("is paid from the seller's account to the payer, once, and shows in the status", async () => {
    await using till = await openShop({ chain });
    const account = await till.world.account({ usdc: "1" });
    await using shop = await openShop({
      world: till.world,
      evidence,
      recovery: RECOVERY,
      payments: { refunds: { account } },
    });
    // The first request starts housekeeping: the refund waits here until it has been seen as owed.
    const { settle } = shop.facilitator;
    let pay = () => {};
    const seen = new Promise<void>((resolve) => {
      pay = resolve;
    });
    shop.facilitator.settle = async (...payment) => {
      if (shop.asked.settle > 1) await seen;
      return settle(...payment);
    };
    const before = await shop.world.balanceOf(shop.world.buyer.address);
    const status = await failedPicture(shop, "to-be-refunded");
    expect(await status()).toMatchObject({ code: "refused", paymentState: "refund_owed" });
    expect(await shop.world.balanceOf(shop.world.buyer.address)).toBe(before - 100_000n);
    pay();
    await shop.server.start();
    const document = await until(status, ({ paymentState }) => paymentState === "refunded");
    expect(document).toMatchObject({ state: "failed", code: "refused" });
    const resumed = shop.client().render.resume(String(document.jobId));
    expect(await resumed.status()).toMatchObject({ status: "failed", paymentState: "refunded" });
    expect(await shop.world.balanceOf(shop.world.buyer.address)).toBe(before);
    expect(await shop.world.balanceOf(account.address)).toBe(900_000n);
    const [refund, ...more] = await refundsOf(shop);
    expect(more).toEqual([]);
    expect(refund).toMatchObject({ state: "paid", transaction: expect.stringMatching(/^0x/) });
  });

  it("whose transfer was answered by silence is not paid a second time", async () => {
    await using till = await openShop({ chain });
    const account = await till.world.account({ usdc: "1" });
    await using shop = await openShop({
      world: till.world,
      evidence,
      recovery: RECOVERY,
      payments: { refunds: { account } },
    });
    await failedPicture(shop, "silent-refund");
    const settle = shop.facilitator.settle;
    let silent = 0;
    shop.facilitator.settle = async (...args) => {
      const answer = await settle(...args);
      silent += 1;
      if (silent === 1) throw new Error("socket hang up");
      return answer;
    };
    // The transfer is looked up on the chain where that is known; else a used nonce proves nothing, and it stays owed.
    await shop.server.start();
    await until(
      () => refundsOf(shop),
      ([refund]) => (evidence ? refund?.state === "paid" : (refund?.tries ?? 0) >= 2),
    );
    expect((await refundsOf(shop))[0]).toMatchObject({ state: evidence ? "paid" : "signed" });
    expect(await shop.world.balanceOf(account.address)).toBe(900_000n);
  });
});

describe.concurrent.each([
  ["that is looked at", true],
  ["that is not looked at", false],
])("a refund that was signed by an account that has been replaced, on a ledger %s,", (_, evidence) => {
  it("is not paid again by the new one, whose nonces are its own", async () => {
    await using till = await openShop();
    const [old, account] = await Promise.all([
      till.world.account({ usdc: "1" }),
      till.world.account({ usdc: "1" }),
    ]);
    const before = await openShop({
      world: till.world,
      store: till.store,
      payments: { refunds: { account: old } },
    });
    await failedPicture(before, "two-accounts");
    const settle = before.facilitator.settle;
    // The transfer is made, and its reply is lost.
    before.facilitator.settle = async (...args) => {
      await settle(...args);
      return new Promise<never>(() => {});
    };
    await before.server.start();
    await until(
      () => till.world.balanceOf(old.address),
      (balance) => balance === 900_000n,
    );
    await before.server.stop(0);
    await using after = await openShop({
      world: till.world,
      store: till.store,
      evidence,
      recovery: RECOVERY,
      payments: { refunds: { account } },
    });
    await after.server.start();
    const [refund] = await until(
      () => refundsOf(after),
      ([refund]) => (evidence ? refund?.state === "paid" : (refund?.tries ?? 0) > 0),
    );
    expect(refund?.state).toBe(evidence ? "paid" : "signed");
    expect(await till.world.balanceOf(account.address)).toBe(1_000_000n);
  });
});

describe.concurrent("a refund of which the facilitator does not say whether it was paid", () => {
  it("is not paid by another account, for it may have been", async () => {
    await using till = await openShop();
    const [old, account] = await Promise.all([
      till.world.account({ usdc: "1" }),
      till.world.account({ usdc: "1" }),
    ]);
    const before = await openShop({
      world: till.world,
      store: till.store,
      recovery: RECOVERY,
      payments: { refunds: { account: old } },
    });
    await failedPicture(before, "in-doubt");
    const { settle } = before.facilitator;
    before.facilitator.settle = async (...args) => {
      await settle(...args);
      throw new TypeError("fetch failed");
    };
    await before.server.start();
    await until(
      () => refundsOf(before),
      ([refund]) => (refund?.tries ?? 0) > 0,
    );
    await before.server.stop(0);
    const [unconfirmed] = await refundsOf(before);
    await using after = await openShop({
      world: till.world,
      store: till.store,
      recovery: RECOVERY,
      payments: { refunds: { account } },
    });
    await after.server.start();
    const [refund] = await until(
      () => refundsOf(after),
      ([refund]) => (refund?.tries ?? 0) > (unconfirmed?.tries ?? 0),
    );
    expect(refund).toMatchObject({ state: "signed", problem: expect.stringContaining("may have paid it") });
    expect(await till.world.balanceOf(old.address)).toBe(900_000n);
    expect(await till.world.balanceOf(account.address)).toBe(1_000_000n);
  });
});

describe.concurrent("a refund that an empty account has tried to pay", () => {
  it("is not paid by another one before the refused transfer has lapsed", async () => {
    await using till = await openShop();
    const [empty, account] = await Promise.all([till.world.account(), till.world.account({ usdc: "1" })]);
    const before = await openShop({
      world: till.world,
      store: till.store,
      payments: { refunds: { account: empty } },
    });
    const status = await failedPicture(before, "empty-then-full");
    await before.server.start();
    const [tried] = await until(
      () => refundsOf(before),
      ([refund]) => (refund?.tries ?? 0) > 0,
    );
    expect(tried).toMatchObject({
      state: "owed",
      problem: expect.stringContaining("insufficient"),
    });
    await before.server.stop(0);
    await using after = await openShop({
      world: till.world,
      store: till.store,
      recovery: RECOVERY,
      payments: { refunds: { account } },
    });
    await after.server.start();
    const [refund] = await until(
      () => refundsOf(after),
      ([refund]) => (refund?.tries ?? 0) > (tried?.tries ?? 0),
    );
    expect(refund).toMatchObject({ state: "owed", problem: expect.stringContaining("may have paid it") });
    expect((await status()).paymentState).toBe("refund_owed");
    expect(await till.world.balanceOf(account.address)).toBe(1_000_000n);
  });
});

describe.concurrent("refunds that are owed", () => {
  it("stay owed and visible where no account pays them, and their job is not deleted", async () => {
    let now = Date.now();
    await using shop = await openShop({ store: memoryStore({ now: () => now }) });
    const status = await failedPicture(shop, "nobody-pays");
    now += 48 * 3_600_000;
    await shop.store.sweep(now, 1000);
    expect(await status()).toMatchObject({ paymentState: "refund_owed" });
    expect(await refundsOf(shop)).toMatchObject([{ state: "owed", amount: "0.10", currency: "USDC" }]);
  });

  it("are tried again while the account is empty, and paid when it is funded", async () => {
    await using till = await openShop();
    const account = await till.world.account();
    await using shop = await openShop({
      world: till.world,
      recovery: RECOVERY,
      payments: { refunds: { account } },
    });
    const status = await failedPicture(shop, "empty-account");
    await shop.server.start();
    const [tried] = await until(
      () => refundsOf(shop),
      ([refund]) => (refund?.tries ?? 0) > 0,
    );
    expect(tried?.state).toBe("owed");
    await shop.world.fund(account.address, "1");
    await until(status, ({ paymentState }) => paymentState === "refunded");
    expect(await shop.world.balanceOf(account.address)).toBe(900_000n);
  });

  it("are submitted once, though requests and rounds come while the facilitator is slow", async () => {
    await using till = await openShop();
    const account = await till.world.account({ usdc: "5" });
    const payments = { refunds: { account } };
    const common = { world: till.world, store: till.store, payments };
    await using one = await openShop(common);
    await using two = await openShop(common);
    await failedPicture(till, "slow-1");
    let release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    let submitted = 0;
    for (const { facilitator } of [one, two]) {
      const { settle } = facilitator;
      facilitator.settle = async (...payment) => {
        submitted += 1;
        await released;
        return settle(...payment);
      };
    }
    const waiting: Promise<unknown>[] = [];
    const waitUntil = (promise: Promise<unknown>) => void waiting.push(promise);
    for (const { server } of [one, two, one, two]) {
      await server.fetch(new Request(`${BASE_URL}/openapi.json`), { waitUntil });
      void server.tick(0);
    }
    await expect.poll(() => submitted).toBeGreaterThan(0);
    for (const { server } of [one, two]) await server.tick(0);
    release();
    await Promise.all(waiting);
    await until(
      () => refundsOf(one),
      (refunds) => refunds.length === 1 && refunds.every(({ state }) => state === "paid"),
    );
    expect(submitted).toBe(1);
  });

  it("by two servers at once move the money once", async () => {
    await using till = await openShop();
    const account = await till.world.account({ usdc: "5" });
    const payments = { refunds: { account } };
    await using one = await openShop({ world: till.world, store: till.store, recovery: RECOVERY, payments });
    await using two = await openShop({ world: till.world, store: till.store, recovery: RECOVERY, payments });
    for (const key of ["both-1", "both-2", "both-3"]) await failedPicture(one, key);
    await Promise.all([one.server.start(), two.server.start()]);
    await until(
      () => refundsOf(one),
      (refunds) => refunds.every(({ state }) => state === "paid"),
    );
    expect(await till.world.balanceOf(account.address)).toBe(4_700_000n);
  });

  it("are owed for a charged job that is cancelled, in the same moment", async () => {
    await using shop = await openShop();
    shop.handlers.render = (_, { signal }) =>
      new Promise((_, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason));
      });
    const body = { prompt: "endless", size: "small" };
    const { headers } = await signedByHand(shop, "/v1/render", body, { key: "cancelled-one" });
    const accepted = await shop.fetch("/v1/render", post(body, headers));
    const { statusUrl } = (await accepted.json()) as { statusUrl: string };
    const cancelled = await shop.fetch(new URL(statusUrl).pathname, { method: "DELETE" });
    expect(await cancelled.json()).toMatchObject({ status: "cancelled", paymentState: "refund_owed" });
    expect(await refundsOf(shop)).toMatchObject([{ state: "owed", reason: "cancelled" }]);
  });

  it("are never owed for a job that has delivered", async () => {
    await using shop = await openShop();
    const body = { prompt: "delivered", size: "small" };
    const { headers } = await signedByHand(shop, "/v1/render", body, { key: "delivered-one" });
    const accepted = await shop.fetch("/v1/render", post(body, headers));
    const { statusUrl } = (await accepted.json()) as { statusUrl: string };
    const path = new URL(statusUrl).pathname;
    await until(
      async () => (await shop.fetch(path)).json() as Promise<{ state: string }>,
      ({ state }) => state === "succeeded",
    );
    expect((await shop.fetch(path, { method: "DELETE" })).status).toBe(409);
    expect(await refundsOf(shop)).toEqual([]);
  });
});
