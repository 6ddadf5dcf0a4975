import { randomBytes } from "node:crypto";
import { PERMIT2_ADDRESS, permit2WitnessTypes, x402ExactPermit2ProxyAddress } from "@x402/evm";
import { ExactEvmScheme } from "@x402/evm/exact/facilitator";
import { getAddress, type LocalAccount } from "viem";
import { describe, expect, it } from "vitest";
import {
  decodeHeader,
  encodeHeader,
  type PaymentPayload,
  type PaymentRequired,
} from "../../src/protocol/index.ts";
import { openShop, post, type Shop, signedByHand } from "./shop.ts";

interface ContractCall {
  readonly functionName: string;
  readonly args: readonly [permit: { readonly nonce: bigint }, owner: string];
}

/** The official facilitator's Permit2 way, over a chain on which every account is rich and has approved Permit2. */
function officialPermit2(asset: string): ExactEvmScheme {
  const spent = new Set<string>();
  const unspent = ({ args: [permit, owner] }: ContractCall): string => {
    const name = `${owner}:${permit.nonce}`;
    if (spent.has(name)) throw new Error("execution reverted: InvalidNonce()");
    return name;
  };
  return new ExactEvmScheme({
    getAddresses: () => [],
    getCode: async ({ address }: { address: string }) =>
      address.toLowerCase() === asset.toLowerCase() ? "0x01" : "0x",
    readContract: async (call: ContractCall) => {
      if (call.functionName === "settle") unspent(call);
    },
    writeContract: async (call: ContractCall) => {
      spent.add(unspent(call));
      return `0x${"ab".repeat(32)}`;
    },
    waitForTransactionReceipt: async () => ({ status: "success" }),
  } as never);
}

/** The facilitator of the shop takes Permit2 as well. */
function takePermit2(shop: Shop): void {
  const permit2 = officialPermit2(shop.world.asset);
  const { verify, settle } = shop.facilitator;
  const isPermit2 = ({ payload }: PaymentPayload) => "permit2Authorization" in payload;
  shop.facilitator.verify = (payment, offer) =>
    isPermit2(payment) ? permit2.verify(payment, offer) : verify(payment, offer);
  shop.facilitator.settle = (payment, offer) =>
    isPermit2(payment) ? permit2.settle(payment, offer) : settle(payment, offer);
}

/** Pays by Permit2, as an account that needs no money for it here. */
async function permitted(
  shop: Shop,
  path: string,
  body: unknown,
  account: LocalAccount,
): Promise<PaymentPayload> {
  const asked = await shop.fetch(path, post(body));
  const { accepts, resource } = decodeHeader(asked.headers.get("payment-required") ?? "") as PaymentRequired;
  const [accepted] = accepts;
  if (!accepted) throw new Error(`no offer for ${path}`);
  const { asset, amount, payTo } = accepted;
  const [nonce, spender] = [7n, x402ExactPermit2ProxyAddress];
  const deadline = BigInt(Math.floor(Date.now() / 1000) + 250);
  const signature = await account.signTypedData({
    domain: { name: "Permit2", chainId: 84532, verifyingContract: PERMIT2_ADDRESS },
    types: permit2WitnessTypes,
    primaryType: "PermitWitnessTransferFrom",
    message: {
      permitted: { token: getAddress(asset), amount: BigInt(amount) },
      ...{ spender, nonce, deadline },
      witness: { to: getAddress(payTo), validAfter: 0n },
    },
  });
  const permit2Authorization = {
    from: account.address,
    permitted: { token: asset, amount },
    spender,
    nonce: String(nonce),
    deadline: String(deadline),
    witness: { to: payTo, validAfter: "0" },
  };
  return { x402Version: 2, resource, accepted, payload: { signature, permit2Authorization } };
}

/** The same payment with an EIP-3009 authorization beside it, which no account has signed and no facilitator looks at. */
function beside(payment: PaymentPayload, authorization: object): PaymentPayload {
  const nonce = `0x${randomBytes(32).toString("hex")}`;
  const validBefore = String(Math.floor(Date.now() / 1000) + 250);
  return {
    ...payment,
    payload: { ...payment.payload, authorization: { nonce, validBefore, ...authorization } },
  };
}

/** The same permit with its nonce in other letters. */
function spelled(payment: PaymentPayload, nonce: string | number): PaymentPayload {
  const { permit2Authorization } = payment.payload;
  return {
    ...payment,
    payload: { ...payment.payload, permit2Authorization: { ...(permit2Authorization as object), nonce } },
  };
}

const send = (shop: Shop, path: string, body: unknown, payment: PaymentPayload, more = {}) =>
  shop.fetch(path, post(body, { "payment-signature": encodeHeader(payment), ...more }));

describe("a signature of EIP-3009", () => {
  it.each([
    ["null", null],
    ["a record", {}],
  ])(
    "with %s for a Permit2 authorization beside it is malformed, and buys nothing for a second time",
    async (_, other) => {
      await using shop = await openShop();
      // The facilitator names no payer, and looks at the authorization alone.
      const { verify } = shop.facilitator;
      shop.facilitator.verify = async (...args) => ({ isValid: (await verify(...args)).isValid });
      const { headers } = await signedByHand(shop, "/v1/render", { prompt: "a" }, { key: "the-first" });
      const payment = decodeHeader(headers["payment-signature"] ?? "") as PaymentPayload;
      const twisted = { ...payment, payload: { ...payment.payload, permit2Authorization: other } };
      const [first, second] = await Promise.all([
        shop.fetch("/v1/render", post({ prompt: "a" }, headers)),
        send(shop, "/v1/render", { prompt: "b" }, twisted, { "idempotency-key": "the-second" }),
      ]);
      expect([first.status, second.status]).toEqual([202, 400]);
      expect(await second.json()).toMatchObject({ code: "malformed_payment" });
      expect(shop.asked).toEqual({ verify: 1, settle: 1 });
    },
  );
});

describe("a Permit2 signature of a stranger, with a buyer's address beside it and under the buyer's key,", () => {
  it("is malformed, and does not open the answer that the buyer has paid for", async () => {
    await using shop = await openShop();
    takePermit2(shop);
    shop.handlers.echo = () => ({ text: "the buyer's secret" });
    const body = { text: "x" };
    const { headers } = await signedByHand(shop, "/v1/echo", body, { key: "order-1001" });
    expect(await (await shop.fetch("/v1/echo", post(body, headers))).json()).toEqual({
      text: "the buyer's secret",
    });
    const permit = await permitted(shop, "/v1/echo", body, await shop.world.account());
    const posed = beside(permit, { from: shop.world.buyer.address });
    const answer = await send(shop, "/v1/echo", body, posed, { "idempotency-key": "order-1001" });
    expect([answer.status, await answer.json()]).toMatchObject([400, { code: "malformed_payment" }]);
  });

  it("does not open the answer either when it is said to want money, and the buyer's own old signature stands beside it", async () => {
    await using shop = await openShop();
    const body = { text: "the buyer's secret" };
    const { headers } = await signedByHand(shop, "/v1/echo", body, { key: "order-1003" });
    expect((await shop.fetch("/v1/echo", post(body, headers))).status).toBe(200);
    // Everybody can read on the chain what the buyer has signed for another purchase.
    const { headers: read } = await signedByHand(shop, "/v1/echo", body, { key: "another" });
    const old = decodeHeader(read["payment-signature"] ?? "") as PaymentPayload;
    const permit = await permitted(shop, "/v1/echo", body, shop.world.buyer);
    const { permit2Authorization } = permit.payload;
    const posed = { ...old, payload: { ...old.payload, permit2Authorization } };
    shop.facilitator.verify = async () => ({ isValid: false, invalidReason: "insufficient_funds" });
    const answer = await send(shop, "/v1/echo", body, posed, { "idempotency-key": "order-1003" });
    expect([answer.status, await answer.text()]).toEqual([400, expect.not.stringContaining("secret")]);
  });

  it("does not open the buyer's job", async () => {
    await using shop = await openShop();
    takePermit2(shop);
    const body = { prompt: "private", size: "small" };
    const { headers } = await signedByHand(shop, "/v1/render", body, { key: "order-1002" });
    const { jobId } = await (await shop.fetch("/v1/render", post(body, headers))).json();
    expect(jobId).toMatch(/^job_/);
    const permit = await permitted(shop, "/v1/render", body, await shop.world.account());
    const posed = beside(permit, { from: shop.world.buyer.address });
    const answer = await send(shop, "/v1/render", body, posed, { "idempotency-key": "order-1002" });
    expect(await answer.text()).not.toContain(jobId);
  });
});

describe("one Permit2 payment that is sent in five copies at once runs the handler once", () => {
  it.each([
    [
      "with its nonce written in five ways",
      (payment: PaymentPayload) => ["7", "07", "0x7", 7, 7.0].map((nonce) => spelled(payment, nonce)),
    ],
  ])("%s", async (_, copies) => {
    await using shop = await openShop();
    takePermit2(shop);
    const body = { text: "work for nothing" };
    const payment = await permitted(shop, "/v1/echo", body, await shop.world.account());
    const answers = await Promise.all(copies(payment).map((copy) => send(shop, "/v1/echo", body, copy)));
    expect(shop.runs.echo).toBe(1);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409, 409, 409]);
  });
});

describe("what names a payment", () => {
  it.each<[string, string | number]>([
    ["nonce", "7"],
    ["nonce", 7],
    ["from", "0x1"],
  ])(
    "is refused where its %s is a list, as which facilitators take it for %j all the same",
    async (name, one) => {
      await using shop = await openShop();
      takePermit2(shop);
      const body = { text: "again" };
      const payment = await permitted(shop, "/v1/echo", body, await shop.world.account());
      const { permit2Authorization } = payment.payload;
      const signed = { ...(permit2Authorization as object), [name]: [one] };
      const listed = { ...payment, payload: { ...payment.payload, permit2Authorization: signed } };
      const answer = await send(shop, "/v1/echo", body, listed);
      expect([answer.status, (await answer.json()).code]).toEqual([400, "malformed_payment"]);
    },
  );
});

describe("a Permit2 payment whose settlement is not answered", () => {
  it("is not proven by a transfer of another account, whose nonce stands beside it", async () => {
    await using shop = await openShop({ chain: true, evidence: true });
    takePermit2(shop);
    // Bought at another shop of this seller: the store knows nothing of it, and everybody can read it on the chain.
    const bought = await signedByHand(shop, "/v1/echo", { text: "bought" });
    const payment = decodeHeader(bought.headers["payment-signature"] ?? "") as PaymentPayload;
    await shop.world.facilitator.settle(payment, payment.accepted);
    expect((await shop.moved()).received).toBe(10_000n);
    const body = { text: "stolen" };
    const permit = await permitted(shop, "/v1/echo", body, await shop.world.account());
    shop.facilitator.settle = async () => {
      throw new TypeError("fetch failed");
    };
    const answer = await send(shop, "/v1/echo", body, beside(permit, bought.authorization));
    expect([answer.status, await answer.json()]).toMatchObject([400, { code: "malformed_payment" }]);
  });
});
