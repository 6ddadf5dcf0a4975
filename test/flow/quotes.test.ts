import { memoryStore } from "resource402/server";
import { expect, it } from "vitest";
import { decodeHeader, encodeHeader, type PaymentRequired } from "../../src/protocol/index.ts";
import { openShop, post, signedByHand } from "./shop.ts";

const BODY = { load: 3 };

it("honors a quote on another server of the fleet, whatever that server would quote", async () => {
  await using first = await openShop();
  await using second = await openShop({ store: first.store, world: first.world });
  first.quotes.estimate = () => "0.20";
  second.quotes.estimate = () => "0.21";
  const { headers } = await signedByHand(first, "/v1/estimate", BODY);
  expect((await second.fetch("/v1/estimate", post(BODY, headers))).status).toBe(200);
  expect((await first.moved()).paid).toBe(200_000n);
});

it("honors a quote that the store has dropped for later ones", async () => {
  const store = { ...memoryStore({ completeSince: 0 }), quote: async () => undefined };
  await using shop = await openShop({ store });
  shop.quotes.estimate = () => "0.20";
  const { headers } = await signedByHand(shop, "/v1/estimate", BODY);
  shop.quotes.estimate = () => "0.21";
  expect((await shop.fetch("/v1/estimate", post(BODY, headers))).status).toBe(200);
  expect((await shop.moved()).paid).toBe(200_000n);
});

it("honors a quote of a version 1 buyer, who sends no offer back, on another server of the fleet", async () => {
  await using first = await openShop();
  await using second = await openShop({ store: first.store, world: first.world });
  first.quotes.estimate = () => "0.20";
  second.quotes.estimate = () => "0.21";
  const { headers } = await signedByHand(first, "/v1/estimate", BODY);
  const { payload } = decodeHeader(headers["payment-signature"] ?? "") as { payload: unknown };
  const payment = encodeHeader({ x402Version: 1, scheme: "exact", network: "base-sepolia", payload });
  expect((await second.fetch("/v1/estimate", post(BODY, { "x-payment": payment }))).status).toBe(200);
  expect((await first.moved()).paid).toBe(200_000n);
});

it.each<[string, (quote: string) => string, typeof BODY]>([
  ["for another input", (quote) => quote, { load: 4 }],
  ["with a changed amount", (quote) => quote.replace(/^\d+/, (amount) => amount.slice(0, -1)), BODY],
  ["with a changed end", (quote) => quote.replace(/\.\d+\./, ".9999999999999."), BODY],
])("does not honor a quote %s", async (_, change, body) => {
  // Without the store's own copy the quote in the payment is all that there is.
  const store = { ...memoryStore({ completeSince: 0 }), quote: async () => undefined };
  await using shop = await openShop({ store });
  shop.quotes.estimate = () => "0.20";
  const { headers } = await signedByHand(shop, "/v1/estimate", BODY);
  const payment = decodeHeader(headers["payment-signature"] ?? "") as {
    accepted: PaymentRequired["accepts"][number];
  };
  const quote = change(String(payment.accepted.extra?.quote));
  const accepted = { ...payment.accepted, extra: { ...payment.accepted.extra, quote } };
  shop.quotes.estimate = () => "0.21";
  const changed = { "payment-signature": encodeHeader({ ...payment, accepted }) };
  expect((await shop.fetch("/v1/estimate", post(body, changed))).status).toBe(402);
  expect((await shop.moved()).paid).toBe(0n);
});
