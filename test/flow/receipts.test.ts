import type { Receipt } from "resource402/client";
import { type AcceptedAsset, memoryStore } from "resource402/server";
import { expect, it } from "vitest";
import { openShop, post, signedByHand, until } from "./shop.ts";

it("a receipt that is given again says what was paid, and not what has been signed since the price rose", async () => {
  await using before = await openShop();
  before.quotes.estimate = () => "0.01";
  const options = { idempotencyKey: "pay_0123456789abcdef" };
  await before.client().estimate({ load: 5 }, options);
  // Another server, which makes a new quote; and a client that has kept nothing of the call.
  await using after = await openShop({ world: before.world, store: before.store });
  after.quotes.estimate = () => "0.40";
  const receipts: Receipt[] = [];
  const client = after.client({
    onEvent: (event) => {
      if (event.type === "settled") receipts.push(event.receipt);
    },
  });
  await client.estimate({ load: 5 }, options);
  expect((await before.moved()).paid).toBe(10_000n);
  expect(receipts).toMatchObject([{ amount: "0.01", atomicAmount: "10000" }]);
});

it("a receipt and a refund are in the token that was paid, also when the seller takes another one by then", async () => {
  const store = memoryStore({ completeSince: 0 });
  await using before = await openShop({ store });
  before.facilitator.settle = async () => {
    throw new TypeError("fetch failed");
  };
  const body = { prompt: "a" };
  const { headers } = await signedByHand(before, "/v1/render", body, { key: "paid-in-dollars" });
  const { statusUrl } = await (await before.fetch("/v1/render", post(body, headers))).json();
  await before.server.stop(0);
  const asset: AcceptedAsset = {
    address: "0x1111111111111111111111111111111111111111",
    symbol: "EURX",
    decimals: 18,
    name: "EURX",
    version: "1",
    usdRate: "1.08",
  };
  const { network, seller } = before.world;
  const accepts = [{ network, payTo: seller.address, asset }];
  await using after = await openShop({
    ...{ store, world: before.world, payments: { accepts } },
    recovery: { everyMs: 20 },
  });
  after.handlers.render = (_, ctx) => ctx.fail("refused");
  await after.server.start();
  const document = await until(
    async () => (await after.fetch(new URL(statusUrl).pathname)).json(),
    ({ state }) => state === "failed",
  );
  expect(document).toMatchObject({
    paymentState: "refund_owed",
    receipt: { amount: "0.02", currency: "USDC", atomicAmount: "20000" },
  });
  expect(await store.refunds({ limit: 9 })).toMatchObject([{ amount: "0.02", currency: "USDC" }]);
  const { refunds } = await store.callStats({ since: 0, bucketMs: 60_000 });
  expect(refunds).toMatchObject([{ value: 20_000 }]);
});
