import type { FacilitatorClient } from "@x402/core/server";
import { createPublicClient, createWalletClient, http, parseAbi } from "viem";
import { describe, expect, it } from "vitest";
import { signTransfer } from "../../src/protocol/transfer.ts";
import { latch, openShop, post, type Shop, signedByHand, until } from "./shop.ts";

/** Whatever the facilitator does, its answer is lost the first time; later it only knows that the nonce is used. */
function loseAnswers(
  shop: Shop,
  doFirst: (...args: Parameters<FacilitatorClient["settle"]>) => Promise<unknown>,
) {
  let asked = 0;
  shop.facilitator.settle = async (...args) => {
    asked += 1;
    if (asked === 1) {
      await doFirst(...args);
      throw new Error("socket hang up");
    }
    return {
      success: false,
      errorReason: "invalid_exact_evm_nonce_already_used",
      transaction: "",
      network: shop.world.network,
    };
  };
}

async function rpc(shop: Shop, method: string, params: unknown[]): Promise<void> {
  const answer = await fetch(shop.world.rpcUrl ?? "", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
  });
  expect(await answer.json()).not.toHaveProperty("error");
}

/** The same nonce, spent on a transfer to another account: what a dishonest payer does between verify and settle. */
async function spendOnSomethingElse(shop: Shop, payment: unknown, payee?: string): Promise<void> {
  const { accepted, payload } = payment as {
    accepted: { network: string; asset: string; extra: { name: string; version: string } };
    payload: { authorization: { nonce: `0x${string}`; validBefore: string } };
  };
  const to = payee ?? (await shop.world.account()).address;
  const other = {
    network: accepted.network,
    asset: accepted.asset,
    domain: { name: accepted.extra.name, version: accepted.extra.version },
    to,
    atomicAmount: "1",
    nonce: payload.authorization.nonce,
    validBefore: Number(payload.authorization.validBefore),
  };
  const requirements = {
    ...accepted,
    scheme: "exact",
    amount: "1",
    payTo: to,
    maxTimeoutSeconds: 60,
  };
  const settled = await shop.world.facilitator.settle(
    {
      x402Version: 2,
      accepted: requirements,
      payload: { ...(await signTransfer(shop.world.buyer, other)) },
    } as never,
    requirements as never,
  );
  expect(settled.success).toBe(true);
}

describe.each([
  ["the record of a chain", true],
  ["the record of a ledger in memory", false],
])("a settlement whose answer was lost is closed by %s:", (_, chain) => {
  it("as paid when the transfer stands there, although the facilitator only says that the nonce is used", async () => {
    await using shop = await openShop({ chain, evidence: true });
    const settle = shop.world.facilitator.settle.bind(shop.world.facilitator);
    loseAnswers(shop, settle);
    const body = { text: "really paid" };
    const { headers } = await signedByHand(shop, "/v1/echo", body, { key: "lost-answer" });
    // The facilitator is not asked a second time: the chain is looked at as soon as the answer is lost.
    const answer = await shop.fetch("/v1/echo", post(body, headers));
    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual(body);
    expect((await shop.moved()).received).toBe(10_000n);
    const again = await shop.fetch("/v1/echo", post(body, headers));
    expect(again.headers.get("idempotent-replayed")).toBe("true");
    expect((await shop.moved()).received).toBe(10_000n);
  });

  it("not at all when the payer used its nonce for another transfer: nothing is delivered or called unused", async () => {
    await using shop = await openShop({ chain, evidence: true });
    loseAnswers(shop, (payment) => spendOnSomethingElse(shop, payment));
    const body = { text: "stolen" };
    const { headers } = await signedByHand(shop, "/v1/echo", body, { key: "spent-elsewhere" });
    const answer = await shop.fetch("/v1/echo", post(body, headers));
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({ code: "settlement_unknown", paymentState: "in_flight" });
    expect((await shop.moved()).received).toBe(0n);
  });

  it("not at all when the payer used its nonce for a smaller transfer to the same payee", async () => {
    await using shop = await openShop({ chain, evidence: true });
    loseAnswers(shop, (payment) => spendOnSomethingElse(shop, payment, shop.world.seller.address));
    const body = { text: "too little" };
    const { headers } = await signedByHand(shop, "/v1/echo", body, { key: "spent-on-less" });
    const answer = await shop.fetch("/v1/echo", post(body, headers));
    expect([answer.status, await answer.json()]).toMatchObject([503, { code: "settlement_unknown" }]);
    expect((await shop.moved()).received).toBe(1n);
  });

  it("not at all while the transfer is neither done nor expired; no buyer is asked to pay again", async () => {
    await using shop = await openShop({ chain, evidence: true });
    shop.facilitator.settle = async () => {
      throw new Error("socket hang up");
    };
    const body = { text: "open" };
    const { headers } = await signedByHand(shop, "/v1/echo", body, { key: "open-one" });
    for (let count = 0; count < 3; count += 1) {
      const answer = await shop.fetch("/v1/echo", post(body, headers));
      expect(answer.status).toBe(503);
      expect(await answer.json()).toMatchObject({ code: "settlement_unknown", paymentState: "in_flight" });
    }
    shop.facilitator.settle = shop.world.facilitator.settle.bind(shop.world.facilitator);
    expect((await shop.fetch("/v1/echo", post(body, headers))).status).toBe(200);
    expect((await shop.moved()).received).toBe(10_000n);
  });
});

/** EIP-3009 §cancelAuthorization, sent by one of the accounts that anvil signs for. */
async function cancelOnChain(shop: Shop, nonce: `0x${string}`): Promise<void> {
  const { buyer, asset, rpcUrl } = shop.world;
  const signature = await buyer.signTypedData({
    domain: { name: "USDC", version: "2", chainId: 84532, verifyingContract: asset },
    types: {
      CancelAuthorization: [
        { name: "authorizer", type: "address" },
        { name: "nonce", type: "bytes32" },
      ],
    },
    primaryType: "CancelAuthorization",
    message: { authorizer: buyer.address, nonce },
  });
  const transport = http(rpcUrl);
  const [, account = buyer.address] = await createWalletClient({ transport }).getAddresses();
  const hash = await createWalletClient({ transport, account }).writeContract({
    address: asset,
    abi: parseAbi(["function cancelAuthorization(address authorizer, bytes32 nonce, bytes signature)"]),
    functionName: "cancelAuthorization",
    args: [buyer.address, nonce, signature],
    chain: null,
  });
  await createPublicClient({ transport, pollingInterval: 10 }).waitForTransactionReceipt({ hash });
}

describe("on a chain", () => {
  it("an unconfirmed settlement lapses when the chain's time has passed the authorization, and its job ends unpaid", async () => {
    await using shop = await openShop({
      chain: true,
      evidence: true,
      recovery: { everyMs: 20, leaseMs: 500 },
    });
    shop.facilitator.settle = async () => {
      throw new Error("socket hang up");
    };
    const body = { prompt: "never settled" };
    const { headers } = await signedByHand(shop, "/v1/render", body, { key: "lapsed-one" });
    const accepted = await shop.fetch("/v1/render", post(body, headers));
    expect(accepted.status).toBe(202);
    const { statusUrl } = (await accepted.json()) as { statusUrl: string };
    await rpc(shop, "evm_increaseTime", [4_000]);
    // Only a safe block counts, and the newest is not safe.
    for (let block = 0; block < 3; block += 1) await rpc(shop, "evm_mine", []);
    await shop.server.start();
    const document = await until(
      async () => (await shop.fetch(new URL(statusUrl).pathname)).json() as Promise<Record<string, unknown>>,
      ({ state }) => state === "failed",
    );
    expect(document).toMatchObject({ code: "payment_failed", paymentState: "unused" });
    expect(shop.runs.render).toBeUndefined();
  });

  it("a payer who cancels the authorization after it was verified gets nothing", async () => {
    await using shop = await openShop({ chain: true, evidence: true });
    const body = { text: "cancelled" };
    const { headers, authorization } = await signedByHand(shop, "/v1/echo", body, { key: "cancelled-one" });
    loseAnswers(shop, async () => {
      await cancelOnChain(shop, authorization.nonce as `0x${string}`);
      // Only a safe block counts, and the newest is not safe.
      for (let block = 0; block < 3; block += 1) await rpc(shop, "evm_mine", []);
    });
    const answer = await shop.fetch("/v1/echo", post(body, headers));
    expect(answer.status).toBe(402);
    expect(await answer.json()).toMatchObject({ error: "authorization_spent" });
    expect((await shop.moved()).received).toBe(0n);
  });
});

describe("a payment that was used, as the facilitator says,", () => {
  it("is not called unused when the server that took it has forgotten everything", async () => {
    await using before = await openShop();
    const body = { text: "forgotten" };
    const { headers } = await signedByHand(before, "/v1/echo", body, { key: "forgotten-one" });
    expect((await before.fetch("/v1/echo", post(body, headers))).status).toBe(200);
    await using after = await openShop({ world: before.world });
    const answer = await after.fetch("/v1/echo", post(body, headers));
    expect(answer.status).toBe(402);
    const challenge = await answer.json();
    expect(challenge).not.toHaveProperty("paymentState");
    expect(challenge).toMatchObject({
      error: expect.stringContaining("nonce"),
    });
    expect((await before.moved()).paid).toBe(10_000n);
  });

  it("by a twin of this very request gets the twin's answer", async () => {
    await using shop = await openShop();
    const body = { text: "twins" };
    const { headers } = await signedByHand(shop, "/v1/echo", body, { key: "twins-at-verify" });
    const verify = shop.facilitator.verify;
    const { opened, open } = latch();
    let asked = 0;
    shop.facilitator.verify = async (...args) => {
      asked += 1;
      if (asked === 1) await opened;
      return verify(...args);
    };
    const slow = shop.fetch("/v1/echo", post(body, headers));
    const fast = await shop.fetch("/v1/echo", post(body, headers));
    expect(fast.status).toBe(200);
    open();
    const answer = await slow;
    expect(answer.status).toBe(200);
    expect(await answer.text()).toBe(await fast.text());
    expect((await shop.moved()).paid).toBe(10_000n);
  });
});

describe("a buyer who has spent the last cent on a call", () => {
  it("gets its answer again under the same key with a new signature, which needs no money", async () => {
    await using shop = await openShop();
    const account = await shop.world.account({ usdc: "0.01" });
    const body = { text: "the last cent" };
    const by = { account, key: "the-last-cent-1" };
    const first = await signedByHand(shop, "/v1/echo", body, by);
    expect((await shop.fetch("/v1/echo", post(body, first.headers))).status).toBe(200);
    const second = await signedByHand(shop, "/v1/echo", body, by);
    const answer = await shop.fetch("/v1/echo", post(body, second.headers));
    expect(answer.status).toBe(200);
    expect(answer.headers.get("idempotent-replayed")).toBe("true");
    expect(shop.asked.settle).toBe(1);
  });

  it("cannot be impersonated by a signature of another account", async () => {
    await using shop = await openShop();
    const account = await shop.world.account({ usdc: "0.01" });
    const thief = await shop.world.account();
    const body = { text: "mine" };
    const mine = await signedByHand(shop, "/v1/echo", body, { account, key: "guessed-key-1" });
    expect((await shop.fetch("/v1/echo", post(body, mine.headers))).status).toBe(200);
    const posed = { address: account.address, signTypedData: thief.signTypedData } as typeof thief;
    const forged = await signedByHand(shop, "/v1/echo", body, { account: posed, key: "guessed-key-1" });
    // Even where a facilitator looks at the balance first.
    shop.facilitator.verify = async () => ({ isValid: false, invalidReason: "insufficient_funds" });
    const answer = await shop.fetch("/v1/echo", post(body, forged.headers));
    expect(answer.status).toBe(402);
    expect(await answer.text()).not.toContain("mine");
  });
});

describe("a replay that is proven slowly", () => {
  it("does not do again what another one has closed in the meantime", async () => {
    const recovery = { everyMs: 20, leaseMs: 2_000 };
    await using shop = await openShop({ recovery });
    const never = new Promise<never>(() => {});
    const ran = latch();
    const faults = {
      reach: (point: string) => {
        if (point !== "call.ran") return Promise.resolve();
        ran.open();
        return never;
      },
    };
    const dying = await openShop({ world: shop.world, store: shop.store, recovery, faults });
    const body = { cup: "slow proof" };
    const { headers } = await signedByHand(shop, "/v1/brew", body, { key: "slowly-proven" });
    void dying.fetch("/v1/brew", post(body, headers));
    await ran.opened;
    await dying.server.stop(0);
    let cups = 0;
    shop.handlers.brew = ({ cup }) => {
      cups += 1;
      return { coffee: `${cup} ${cups}` };
    };
    const verify = shop.facilitator.verify;
    const { opened, open } = latch();
    shop.facilitator.verify = async (...args) => {
      await opened;
      return verify(...args);
    };
    const resigned = await signedByHand(shop, "/v1/brew", body, { key: "slowly-proven" });
    const slow = shop.fetch("/v1/brew", post(body, resigned.headers));
    const fast = await shop.fetch("/v1/brew", post(body, headers));
    expect(await fast.json()).toEqual({ coffee: "slow proof 1" });
    open();
    expect(await (await slow).json()).toEqual({ coffee: "slow proof 1" });
    expect(cups).toBe(1);
    expect((await shop.moved()).paid).toBe(30_000n);
  });

  it("needs no time for work that is done", async () => {
    await using shop = await openShop();
    const body = { text: "short proof" };
    const first = await signedByHand(shop, "/v1/echo", body, { key: "short-proof-1" });
    expect((await shop.fetch("/v1/echo", post(body, first.headers))).status).toBe(200);
    const second = await signedByHand(shop, "/v1/echo", body, { key: "short-proof-1", seconds: 8 });
    const answer = await shop.fetch("/v1/echo", post(body, second.headers));
    expect([answer.status, answer.headers.get("idempotent-replayed")]).toEqual([200, "true"]);
  });
});

describe("two copies of a payment over which a server has died", () => {
  it("run the work one more time between them, not once each", async () => {
    const recovery = { everyMs: 20, leaseMs: 2_000 };
    await using shop = await openShop({ recovery });
    const never = new Promise<never>(() => {});
    const begun = latch();
    const faults = {
      reach: (point: string) => {
        if (point !== "call.begun") return Promise.resolve();
        begun.open();
        return never;
      },
    };
    const dying = await openShop({ world: shop.world, store: shop.store, recovery, faults });
    const body = { text: "orphan" };
    const { headers } = await signedByHand(shop, "/v1/echo", body, { key: "orphaned-twins" });
    void dying.fetch("/v1/echo", post(body, headers));
    await begun.opened;
    await dying.server.stop(0);
    const answers = await Promise.all([1, 2, 3].map(() => shop.fetch("/v1/echo", post(body, headers))));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(shop.runs.echo).toBe(1);
    expect(shop.asked.settle).toBe(1);
  });
});
