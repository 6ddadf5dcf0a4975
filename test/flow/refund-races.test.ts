import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { memoryStore, type RefundRecord, type Store } from "resource402/server";
import { sqliteStore } from "resource402/sqlite";
import type { World } from "resource402/testing";
import type { LocalAccount } from "viem";
import { afterAll, describe, expect, it } from "vitest";
import { openShop, post, type Shop, signedByHand, until } from "./shop.ts";

const RECOVERY = { everyMs: 20 };
const folder = mkdtempSync(join(tmpdir(), "resource402-refund-races-"));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Sells a picture for $0.10 whose drawing fails, and waits until a refund is owed. */
async function failedPicture(shop: Shop): Promise<void> {
  shop.handlers.render = (_, ctx) => ctx.fail("refused");
  const body = { prompt: "x", size: "large" };
  const { headers } = await signedByHand(shop, "/v1/render", body, { key: "owed-back-1" });
  await shop.fetch("/v1/render", post(body, headers));
  await until(
    () => refundOf(shop),
    (refund) => refund !== undefined,
  );
}

async function refundOf({ store }: Shop): Promise<RefundRecord | undefined> {
  return (await store.refunds({ limit: 9 }))[0];
}

async function twoAccounts(world: World): Promise<[LocalAccount, LocalAccount]> {
  return Promise.all([world.account({ usdc: "5" }), world.account({ usdc: "5" })]);
}

/** Atomic units that two accounts with 5 USDC each have paid. */
async function paidBy(world: World, accounts: readonly LocalAccount[]): Promise<bigint> {
  const left = await Promise.all(accounts.map(({ address }) => world.balanceOf(address)));
  return left.reduce((sum, balance) => sum - balance, 10_000_000n);
}

const stores: [string, () => () => Store][] = [
  [
    "in memory",
    () => {
      const store = memoryStore({ completeSince: 0 });
      return () => store;
    },
  ],
  [
    "in SQLite",
    () => {
      const path = join(folder, `${crypto.randomUUID()}.db`);
      return () => sqliteStore(path);
    },
  ],
];

describe.each(stores)("a refund %s", (_, createOpen) => {
  it.each([
    ["on a ledger that is looked at", true],
    ["on a ledger that is not looked at", false],
  ])("is paid once, although two accounts pay at the same time, %s", async (_, evidence) => {
    const open = createOpen();
    await using till = await openShop();
    const [a, b] = await twoAccounts(till.world);
    const common = { world: till.world, evidence, recovery: RECOVERY };
    await using one = await openShop({ ...common, store: open(), payments: { refunds: { account: a } } });
    await using two = await openShop({ ...common, store: open(), payments: { refunds: { account: b } } });
    await failedPicture(one);
    await Promise.all([one.server.start(), two.server.start()]);
    await until(
      () => refundOf(one),
      (refund) => refund?.state === "paid",
    );
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(await paidBy(till.world, [a, b])).toBe(100_000n);
  });
});

describe("a refund that has never been sent", () => {
  it("is not called paid since the wallet of the facilitator has a nonce that was used", async () => {
    await using till = await openShop();
    const account = await till.world.account({ usdc: "5" });
    await using shop = await openShop({
      world: till.world,
      recovery: RECOVERY,
      payments: { refunds: { account } },
    });
    await failedPicture(shop);
    shop.facilitator.settle = async () => {
      throw new Error(
        "nonce has already been used [ See: https://links.ethers.org/v5-errors-NONCE_EXPIRED ]",
      );
    };
    await shop.server.start();
    const refund = await until(
      () => refundOf(shop),
      (refund) => refund?.state === "paid" || (refund?.tries ?? 0) > 0,
    );
    expect(refund?.state).toBe("signed");
    expect(await till.world.balanceOf(account.address)).toBe(5_000_000n);
  });
});

describe("a refund whose broadcast was lost inside the official facilitator", () => {
  it.each([
    ["is found where the chain is looked at", true, "paid"],
    ["stays unpaid where it is not", false, "signed"],
  ] as const)("is not paid again by another account: it %s", async (_, evidence, state) => {
    await using till = await openShop();
    const [a, b] = await twoAccounts(till.world);
    const common = { world: till.world, store: till.store, recovery: RECOVERY };
    // Whoever sends it can look at nothing at that moment.
    const before = await openShop({ ...common, payments: { refunds: { account: a } } });
    await failedPicture(before);
    const { settle } = before.facilitator;
    before.facilitator.settle = async (...args) => {
      await settle(...args);
      // Its words when a node has taken the transaction, and the node's answer did not arrive.
      const errorReason = "invalid_exact_evm_transaction_failed";
      return { success: false, errorReason, transaction: "", network: till.world.network };
    };
    await before.server.start();
    await until(
      () => refundOf(before),
      (refund) => (refund?.tries ?? 0) > 0,
    );
    await before.server.stop(0);
    const tries = (await refundOf(before))?.tries ?? 0;
    await using after = await openShop({ ...common, evidence, payments: { refunds: { account: b } } });
    await after.server.start();
    const refund = await until(
      () => refundOf(after),
      (refund) => refund?.state === "paid" || (refund?.tries ?? 0) > tries,
    );
    expect(refund?.state).toBe(state);
    expect(await paidBy(till.world, [a, b])).toBe(100_000n);
  });
});
