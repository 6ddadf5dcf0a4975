import type { FacilitatorClient } from "@x402/core/server";
import { createPublicClient, createWalletClient, http, parseAbi } from "viem";
import { describe, expect, it } from "vitest";
import { signTransfer } from "../../src/wire/transfer.ts";
import { openShop, post, type Shop, signedByHand, until } from "./shop.ts";

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

/** The same nonce, spent on a transfer to somebody else: what a dishonest payer does between verify and settle. */
async function spendOnSomethingElse(shop: Shop, payment: unknown): Promise<void> {
  const { accepted, payload } = payment as {
    accepted: { network: string; asset: string; extra: { name: string; version: string } };
    payload: { authorization: { nonce: `0x${string}`; validBefore: string } };
  };
  const friend = await shop.world.account();
  const other = {
    network: accepted.network,
    asset: accepted.asset,
    domain: { name: accepted.extra.name, version: accepted.extra.version },
    to: friend.address,
    atomicAmount: "1",
    nonce: payload.authorization.nonce,
    validBefore: Number(payload.authorization.validBefore),
  };
  const requirements = {
    ...accepted,
    scheme: "exact",
    amount: "1",
    payTo: friend.address,
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

  it("as unpaid when its nonce was spent on something else, and nothing is delivered", async () => {
    await using shop = await openShop({ chain, evidence: true });
    loseAnswers(shop, (payment) => spendOnSomethingElse(shop, payment));
    const body = { text: "stolen" };
    const { headers } = await signedByHand(shop, "/v1/echo", body, { key: "spent-elsewhere" });
    const answer = await shop.fetch("/v1/echo", post(body, headers));
    expect(answer.status).toBe(402);
    expect(await answer.json()).toMatchObject({ error: "authorization_spent", paymentState: "unused" });
    expect((await shop.moved()).received).toBe(0n);
    // The key is free for an honest payment.
    shop.facilitator.settle = shop.world.facilitator.settle.bind(shop.world.facilitator);
    const honest = await signedByHand(shop, "/v1/echo", body, { key: "spent-elsewhere" });
    expect((await shop.fetch("/v1/echo", post(body, honest.headers))).status).toBe(200);
  });

  it("not at all while the transfer is neither done nor expired; nobody is asked to pay again", async () => {
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
  it("a settlement in doubt lapses when the chain's time has passed the authorization, and its job ends unpaid", async () => {
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
    await rpc(shop, "evm_mine", []);
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
    loseAnswers(shop, () => cancelOnChain(shop, authorization.nonce as `0x${string}`));
    const answer = await shop.fetch("/v1/echo", post(body, headers));
    expect(answer.status).toBe(402);
    expect(await answer.json()).toMatchObject({ error: "authorization_spent" });
    expect((await shop.moved()).received).toBe(0n);
  });
});
