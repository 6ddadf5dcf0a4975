import { evmPayer } from "resource402/evm";
import { afterEach, describe, expect, it, vi } from "vitest";
import { openStranger, operation, type Stranger } from "./stranger.ts";

const caught = (thrown: unknown) => thrown;
const DAY_SECONDS = 24 * 3_600;

afterEach(() => void vi.useRealTimers());

async function rpc(seller: Stranger, method: string, ...params: readonly unknown[]): Promise<void> {
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
  const headers = { "content-type": "application/json" };
  await fetch(seller.world.rpcUrl ?? "", { method: "POST", headers, body });
}

/** A day later, for this process and for the chain. */
async function aDayLater(seller: Stranger): Promise<void> {
  await rpc(seller, "evm_increaseTime", DAY_SECONDS);
  await rpc(seller, "evm_mine");
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + DAY_SECONDS * 1000 });
}

/** Node keeps the text of its `Date` header for a while, so that it would not know of the day that has passed. */
const dateless: typeof fetch = async (input, init) => {
  const { body, status, headers } = await fetch(input, init);
  const kept = new Headers(headers);
  kept.delete("date");
  return new Response(body, { status, headers: kept });
};

const payerOf = ({ world }: Stranger) => evmPayer(world.buyer, { rpcUrl: world.rpcUrl ?? "" });

describe("a payment to a seller that says nothing of it", () => {
  it("returns to the budget when the chain proves that it lapsed unused", async () => {
    let isBroken = true;
    await using seller = await openStranger((app) => {
      app.post("/paid/work", (c) => (isBroken ? c.json({}, 500) : c.json({ ok: true })));
    });
    const client = seller.connect({ payer: payerOf(seller), budget: { total: "0.02" }, fetch: dateless });
    const work = client.resource<object, unknown>(operation("work"));
    for (let n = 0; n < 2; n += 1) {
      expect(await work({}).catch(caught)).toMatchObject({ code: "http", charged: "unknown" });
    }
    isBroken = false;
    expect(await work({}).catch(caught)).toMatchObject({ reason: "over_budget" });
    await aDayLater(seller);
    expect(await work({})).toEqual({ ok: true });
    expect(await client.budget()).toMatchObject({ spent: "0.01", held: "0.00" });
    expect(await client.pending()).toEqual([]);
    expect(await seller.paid()).toBe(10_000n);
  });

  it("stays in the budget of a client without a node, and of one whose node has not seen the time pass", async () => {
    await using seller = await openStranger((app) => app.post("/paid/work", (c) => c.json({}, 500)));
    for (const payer of [evmPayer(seller.world.buyer), payerOf(seller)]) {
      const client = seller.connect({ payer, budget: { total: "0.01" }, fetch: dateless });
      const work = client.resource<object, unknown>(operation("work"));
      await work({}).catch(caught);
      vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + DAY_SECONDS * 1000 });
      expect(await work({}).catch(caught)).toMatchObject({ reason: "over_budget" });
      vi.useRealTimers();
    }
  });

  it("is charged when the chain has seen its nonce, though its answer was lost", async () => {
    await using seller = await openStranger((app) => app.post("/paid/work", (c) => c.json({ ok: true })));
    let isLost = false;
    const client = seller.connect({
      payer: payerOf(seller),
      fetch: async (input, init) => {
        const answer = await fetch(input, init);
        if (isLost || !new Headers(init?.headers).has("payment-signature")) return answer;
        isLost = true;
        throw new TypeError("fetch failed");
      },
    });
    const error = await client.resource(operation("work"))({}).catch(caught);
    expect(error).toMatchObject({ code: "payment_rejected", charged: "yes" });
    expect(await client.budget()).toMatchObject({ spent: "0.01", held: "0.00" });
    // There is nothing left to come back for.
    expect(await client.pending()).toEqual([]);
    expect(await seller.paid()).toBe(10_000n);
  });

  it("is charged when its answer is lost for good, and the call stays open", async () => {
    await using seller = await openStranger((app) => app.post("/paid/work", (c) => c.json({ ok: true })));
    const client = seller.connect({
      ...{ payer: payerOf(seller), retries: 0 },
      fetch: async (input, init) => {
        const answer = await fetch(input, init);
        if (!new Headers(init?.headers).has("payment-signature")) return answer;
        throw new TypeError("fetch failed");
      },
    });
    const error = await client.resource(operation("work"))({}).catch(caught);
    expect(error).toMatchObject({ code: "network", charged: "yes" });
    expect(await client.pending()).toHaveLength(1);
  });
});
