import { memoryStore } from "resource402/server";
import { type Chain, chainFacilitator, hostileFacilitator } from "resource402/testing";
import { createPublicClient, createWalletClient, defineChain, http } from "viem";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Evidence } from "../../src/ledger/evidence.ts";
import { GAS_WALLET } from "../../src/testing/chain.ts";
import { latch, openShop, post, signedByHand, until } from "./shop.ts";

const HOUR_MS = 3_600_000;

afterEach(() => void vi.useRealTimers());

/** A shop whose clock can be turned, without an end of its lease. */
const openTurned = (options: Parameters<typeof openShop>[0] = {}) =>
  openShop({
    store: memoryStore({ now: () => Date.now(), completeSince: 0 }),
    recovery: { everyMs: 20, leaseMs: 48 * HOUR_MS },
    ...options,
  });

const unreachable = async (): Promise<never> => {
  throw new TypeError("fetch failed");
};

describe("a payment that stays unconfirmed", () => {
  it("takes no place in the queue: a job that is not paid never displaces one that is", async () => {
    await using shop = await openTurned({ jobs: { maxQueued: 1 } });
    const { settle } = shop.facilitator;
    shop.facilitator.settle = unreachable;
    const order = async (prompt: string): Promise<number> => {
      const { headers } = await signedByHand(shop, "/v1/render", { prompt }, { key: `order-of-${prompt}` });
      return (await shop.fetch("/v1/render", post({ prompt }, headers))).status;
    };
    expect(await order("one")).toBe(202);
    shop.facilitator.settle = settle;
    expect(await order("two")).toBe(202);
  });

  it("does not keep its payer from buying once it has expired", async () => {
    await using shop = await openTurned({ payments: { maxOutstanding: "0.05" } });
    await shop.server.start();
    const { settle } = shop.facilitator;
    shop.facilitator.settle = unreachable;
    const order = async (loaf: string): Promise<Response> => {
      const { headers } = await signedByHand(shop, "/v1/bake", { loaf }, { key: `order-of-${loaf}` });
      return shop.fetch("/v1/bake", post({ loaf }, headers));
    };
    const { statusUrl } = await (await order("rye")).json();
    await until(
      async () => (await shop.fetch(new URL(statusUrl).pathname)).json(),
      ({ status }) => status === "awaiting_payment",
    );
    shop.facilitator.settle = settle;
    expect((await order("wheat")).status).toBe(429);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + HOUR_MS });
    expect((await order("spelt")).status).toBe(202);
  });

  it("is looked into every minute until some time after it has expired, when the chain's last block may tell", async () => {
    let evidence: "unused-yet" | "lapsed" = "unused-yet";
    let looks = 0;
    const lookUp = async (): Promise<Evidence> => {
      looks += 1;
      return { evidence };
    };
    await using shop = await openTurned({ payments: { chain: { lookUp } } });
    shop.facilitator.settle = unreachable;
    const body = { prompt: "x" };
    const { headers, authorization } = await signedByHand(shop, "/v1/render", body, { key: "lapse-1" });
    let statusUrl = "";
    for (let n = 0; n < 12; n += 1) {
      ({ statusUrl } = await (await shop.fetch("/v1/render", post(body, headers))).json());
    }
    // A second after the expiry, the last block is a little older.
    vi.useFakeTimers({ toFake: ["Date"], now: Number(authorization.validBefore) * 1000 + 1_000 });
    const before = looks;
    await shop.server.start();
    await expect.poll(() => looks).toBeGreaterThan(before);
    await until(
      async () => (await shop.store.unconfirmedCalls(1))[0]?.retryAt ?? 0,
      (retryAt) => retryAt > Date.now(),
    );
    evidence = "lapsed";
    vi.setSystemTime(Date.now() + 61_000);
    const { status } = await until(
      async () => (await shop.fetch(new URL(statusUrl).pathname)).json(),
      ({ status }) => status === "failed",
    );
    expect(status).toBe("failed");
  });
});

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
      store: memoryStore({ now: () => Date.now(), completeSince: 0 }),
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
    // That it is asked again after its first refusal shows that the refusal has closed nothing.
    const { status } = await until(
      () => {
        vi.setSystemTime(Date.now() + 10_000);
        return job.status();
      },
      ({ status }) => status === "failed" || shop.asked.settle >= asked + 2,
    );
    expect(status).toBe("awaiting_payment");
  });

  it.each([
    ["before its work", "/v1/brew", { cup: "mine" }, { coffee: "coffee for mine" }, "brew"],
    ["after its work", "/v1/echo", { text: "x" }, { text: "x" }, "echo"],
  ] as const)(
    "is known as soon as the answer comes after all, although another server has taken the call over that is paid %s",
    async (_, path, body, output, name) => {
      const store = memoryStore({ completeSince: 0 });
      await using one = await openShop({ store });
      await using two = await openShop({ world: one.world, store });
      const settled = latch();
      const answered = latch();
      const { settle } = one.facilitator;
      one.facilitator.settle = async (...args) => {
        const word = await settle(...args);
        settled.open();
        await answered.opened;
        return word;
      };
      const { headers } = await signedByHand(one, path, body, { key: "taken-over" });
      const first = one.fetch(path, post(body, headers));
      await settled.opened;
      await one.server.stop(0);
      // Asked again, the facilitator refuses a nonce that is used: no evidence of what became of the money.
      const second = await two.fetch(path, post(body, headers));
      expect([second.status, await second.json()]).toMatchObject([503, { paymentState: "in_flight" }]);
      answered.open();
      await first;
      const third = await two.fetch(path, post(body, headers));
      expect([third.status, await third.json()]).toEqual([200, output]);
      expect([one.runs[name] ?? 0, two.runs[name] ?? 0]).toEqual(name === "brew" ? [0, 1] : [1, 0]);
      expect((await one.moved()).paid).toBe(name === "brew" ? 30_000n : 10_000n);
    },
  );

  it("is not worked for by the server that has lost the call while another one works for it", async () => {
    const store = memoryStore({ completeSince: 0 });
    await using one = await openShop({ store });
    await using two = await openShop({ world: one.world, store });
    const settled = latch();
    const answered = latch();
    const { settle } = one.facilitator;
    const word: ReturnType<typeof settle>[] = [];
    one.facilitator.settle = async (...args) => {
      word.push(settle(...args));
      await word[0];
      settled.open();
      await answered.opened;
      return word[0] as ReturnType<typeof settle>;
    };
    // An idempotent facilitator tells it again.
    two.facilitator.settle = () => word[0] as ReturnType<typeof settle>;
    const atWork = latch();
    const brewed = latch();
    two.handlers.brew = async ({ cup }) => {
      atWork.open();
      await brewed.opened;
      return { coffee: `coffee for ${cup}` };
    };
    const body = { cup: "mine" };
    const { headers } = await signedByHand(one, "/v1/brew", body, { key: "two-baristas" });
    const first = one.fetch("/v1/brew", post(body, headers));
    await settled.opened;
    await one.server.stop(0);
    const second = two.fetch("/v1/brew", post(body, headers));
    await atWork.opened;
    answered.open();
    await first;
    brewed.open();
    await second;
    expect([one.runs.brew, two.runs.brew]).toEqual([undefined, 1]);
    expect((await one.moved()).paid).toBe(30_000n);
  });

  it("is found on the chain, although its authorization is valid for a day and its block is no longer among the last", async () => {
    await using before = await openShop({ chain: true, evidence: true });
    const { settle } = before.facilitator;
    const settled = latch();
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
    ["is not a refusal as long as the server cannot read the chain", false, 503, "in_flight"],
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
