import type { Receipt } from "resource402/client";
import { expect, it } from "vitest";
import { openShop } from "./shop.ts";

it("a receipt that is given again says what was paid, and not what has been signed since the price rose", async () => {
  await using before = await openShop();
  before.quotes.estimate = () => "0.01";
  const options = { idempotencyKey: "pay_0123456789abcdef" };
  await before.client().estimate({ load: 5 }, options);
  // Another server, which quotes anew; and a client that has kept nothing of the call.
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
