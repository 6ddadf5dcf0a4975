import type { Payer } from "resource402/client";
import { afterEach, describe, expect, it, vi } from "vitest";
import { encodeHeader, type PaymentPayload } from "../../src/protocol/index.ts";
import { offerOf, openHostile } from "../flow/hostile.ts";
import { latch } from "../flow/shop.ts";

const caught = (thrown: unknown) => thrown;

afterEach(() => void vi.useRealTimers());

const definition = {
  name: "echo",
  method: "POST",
  path: "/v1/echo",
  price: { kind: "fixed", usd: "0.01", per: "text" },
} as const;

/** Whether a payment can still be settled, by the clock of the test. */
function isValid({ payload }: PaymentPayload): boolean {
  const { validBefore } = payload.authorization as { validBefore: string };
  return Number(validBefore) * 1000 > Date.now();
}

describe("a payment that takes the place of a lapsed one", () => {
  it("makes no room in the budget while it is being signed", async () => {
    const hostile = await openHostile(() => Promise.reject(new TypeError("fetch failed")));
    const { opened, open } = latch();
    const signing = latch();
    let isSlow = false;
    const payer: Payer = {
      ...hostile.payer,
      lapsed: async () => true,
      async createPaymentPayload(required: unknown) {
        if (isSlow) {
          // Its owner is asked, at a device; whoever is asked next answers at once.
          isSlow = false;
          signing.open();
          await opened;
        }
        return hostile.payer.createPaymentPayload(required);
      },
    };
    const client = hostile.connect({ payer, retries: 0, patienceMs: 0, budget: { total: "0.01" } });
    const echo = client.resource<object, unknown>(definition);
    await echo({}).catch(caught);
    const [pending] = await client.pending();
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 3_600_000 });
    hostile.paid = (request) =>
      hostile.payments().filter(isValid).length === 0
        ? hostile.refuse(request.url, 1)
        : Response.json({ done: true });
    isSlow = true;
    const resumed = pending?.resume();
    await signing.opened;
    expect(await echo({}).catch(caught)).toMatchObject({ code: "payment_refused", reason: "over_budget" });
    open();
    expect(await resumed).toEqual({ done: true });
    expect(hostile.payments().filter(isValid)).toHaveLength(1);
    expect(await client.budget()).toEqual({ spent: "0.00", held: "0.01", free: "0.00" });
  });
});

describe("a coarse token that is trusted", () => {
  it("does not raise what may be asked for in a finer one", async () => {
    const hostile = await openHostile(() => Response.json({ done: true }));
    const address = "0x00000000000000000000000000000000000000aa";
    hostile.refuse = (url) => {
      const usdc = offerOf(hostile.ledger, 100);
      // The least that can be charged in it is a dollar.
      const coarse = { ...usdc, asset: address, amount: "1" };
      const required = { x402Version: 2, resource: { url }, accepts: [usdc, coarse] };
      return new Response("{}", { status: 402, headers: { "payment-required": encodeHeader(required) } });
    };
    const assets = [{ network: hostile.ledger.network, address, symbol: "OWN", decimals: 0 }];
    await hostile.echo({ assets })({}).catch(caught);
    expect(await hostile.takeAll()).toBe(0n);
  });
});
