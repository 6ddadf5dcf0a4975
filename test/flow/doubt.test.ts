import { memoryStore } from "resource402/server";
import { type Chain, chainFacilitator, hostileFacilitator } from "resource402/testing";
import { createPublicClient, createWalletClient, defineChain, http } from "viem";
import { afterEach, describe, expect, it, vi } from "vitest";
import { GAS_WALLET } from "../../src/testing/chain.ts";
import { gate, openShop, post, signedByHand, until } from "./shop.ts";

const HOUR_MS = 3_600_000;

afterEach(() => void vi.useRealTimers());

describe("a payment that was settled, and whose answer was lost,", () => {
  it.each([
    ["where no chain is named", undefined],
    [
      "while the node of the chain is down",
      async () => {
        throw new Error("node unreachable");
      },
    ],
  ])("is not called unused once it has expired, %s", async (_, lookUp) => {
    await using shop = await openShop({
      store: memoryStore({ now: () => Date.now() }),
      // No leap of the clock is to end this server's lease.
      recovery: { everyMs: 20, leaseMs: 48 * HOUR_MS },
      payments: lookUp ? { chain: { lookUp } } : {},
    });
    // Asked again, the facilitator looks at the time before it looks at the nonce, as the official one does.
    const { settle } = hostileFacilitator(shop.world.facilitator, [{ mode: "cut_after", calls: [1] }]);
    shop.facilitator.settle = settle;
    const job = await shop.client().render.start({ prompt: "x" });
    expect((await shop.moved()).paid).toBe(20_000n);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + HOUR_MS });
    const asked = shop.asked.settle;
    await shop.server.start();
    // That it is asked once more after its first refusal shows that the refusal has closed nothing.
    const { status } = await until(
      () => {
        vi.setSystemTime(Date.now() + 10_000);
        return job.status();
      },
      ({ status }) => status === "failed" || shop.asked.settle >= asked + 2,
    );
    expect(status).toBe("awaiting_payment");
  });

  it("is found on the chain, although its authorization is valid for a day and its block is no longer among the last", async () => {
    await using before = await openShop({ chain: true, evidence: true });
    const { settle } = before.facilitator;
    const settled = gate();
    before.facilitator.settle = async (...args) => {
      await settle(...args);
      settled.open();
      return new Promise<never>(() => {});
    };
    const body = { text: "x" };
    const { headers } = await signedByHand(before, "/v1/echo", body, { key: "a-day-long", seconds: 86_400 });
    void before.fetch("/v1/echo", post(body, headers));
    await settled.opened;
    await before.server.stop(0);
    await mine(before.world.rpcUrl, 1_100);
    await using after = await openShop({ world: before.world, store: before.store, evidence: true });
    const answer = await after.fetch("/v1/echo", post(body, headers));
    expect([answer.status, await answer.json()]).toEqual([200, body]);
    expect((await before.moved()).paid).toBe(10_000n);
  });
});

async function mine(rpcUrl = "", blocks: number): Promise<void> {
  const params = [`0x${blocks.toString(16)}`];
  const answer = await fetch(rpcUrl, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "anvil_mine", params }),
  });
  expect(await answer.json()).not.toHaveProperty("error");
}

/** The official facilitator, whose node takes every transaction and whose answer to it is lost. */
function losingBroadcasts(rpcUrl = "") {
  const chain = defineChain({
    id: 84532,
    name: "Base Sepolia in a test",
    nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 },
    rpcUrls: { default: { http: [rpcUrl] } },
  });
  const fetchFn: typeof fetch = async (input, init) => {
    const answer = await fetch(input, init);
    if (String(init?.body).includes("eth_sendRawTransaction")) throw new TypeError("fetch failed");
    return answer;
  };
  const publicClient = createPublicClient({ chain, transport: http(rpcUrl), pollingInterval: 10 });
  const wallet = createWalletClient({
    chain,
    account: GAS_WALLET,
    transport: http(rpcUrl, { retryCount: 0, fetchFn }),
  });
  const broadcast: Chain["broadcast"] = (send) => send(wallet);
  return chainFacilitator({ publicClient, broadcast } as Partial<Chain> as Chain);
}

describe("a transfer whose broadcast was lost inside the official facilitator", () => {
  it.each([
    ["is no refusal as long as nobody looks at the chain", false, 503, "in_flight"],
    ["is found where the chain is looked at", true, 200, undefined],
  ])("%s", async (_, evidence, status, paymentState) => {
    await using shop = await openShop({ chain: true, evidence });
    const body = { cup: "mine" };
    const { headers } = await signedByHand(shop, "/v1/brew", body, { key: "lost-broadcast" });
    shop.facilitator.settle = losingBroadcasts(shop.world.rpcUrl).settle;
    const answer = await shop.fetch("/v1/brew", post(body, headers));
    expect((await shop.moved()).paid).toBe(30_000n);
    expect(answer.status).toBe(status);
    expect((await answer.json()).paymentState).toBe(paymentState);
  });
});
