import type { PaymentPayload } from "@x402/core/types";
import type { LocalAccount } from "viem";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startWorld, type World } from "../../src/testing/index.ts";
import { type Ask, authorizationOf, pay, reoffer, requirementsOf, resign, tamper } from "./payments.ts";

type Version = 1 | 2;

interface Case {
  title: string;
  ask(world: World, version: Version): Promise<Ask>;
  /** The refusal, or the two of them where the versions have different words; absent if the payment is good. */
  refusal?: string | { 1: string; 2: string };
}

const inSeconds = (seconds: number) => String(Math.floor(Date.now() / 1000) + seconds);
const paid = (world: World, version: Version, payer: LocalAccount = world.buyer) =>
  pay(payer, requirementsOf(version, world.seller.address));
const OTHER = "0x00000000000000000000000000000000000000Aa";

const cases: Case[] = [
  { title: "a payment of the official client", ask: paid },
  {
    title: "a payment of everything that the payer has",
    ask: async (world, version) =>
      pay(
        await world.account({ usdc: "0.000007" }),
        requirementsOf(version, world.seller.address, { amount: "7" }),
      ),
  },
  {
    title: "a value changed after signing",
    ask: async (world, version) => {
      const { payment, requirements } = await paid(world, version);
      return { payment: tamper(payment, { value: "1" }), requirements };
    },
    refusal: "invalid_exact_evm_signature",
  },
  {
    title: "a payee changed after signing",
    ask: async (world, version) => {
      const { payment, requirements } = await paid(world, version);
      return { payment: tamper(payment, { to: OTHER }), requirements };
    },
    refusal: "invalid_exact_evm_signature",
  },
  {
    title: "another payer named after signing",
    ask: async (world, version) => {
      const { payment, requirements } = await paid(world, version, await world.account());
      return { payment: tamper(payment, { from: world.buyer.address }), requirements };
    },
    refusal: "invalid_exact_evm_signature",
  },
  {
    title: "no signature at all",
    ask: async (world, version) => {
      const { payment, requirements } = await paid(world, version);
      const { authorization } = payment.payload;
      return { payment: { ...payment, payload: { authorization, signature: "0x" } }, requirements };
    },
    refusal: "invalid_exact_evm_signature",
  },
  {
    title: "a number that does not fit into 256 bits",
    ask: async (world, version) => {
      const { payment, requirements } = await paid(world, version);
      return { payment: tamper(payment, { value: `1${"0".repeat(80)}` }), requirements };
    },
    refusal: "invalid_exact_evm_signature",
  },
  {
    title: "a payment to another account",
    ask: async (world, version) => ({
      payment: (await pay(world.buyer, requirementsOf(version, OTHER))).payment,
      requirements: requirementsOf(version, world.seller.address),
    }),
    refusal: "invalid_exact_evm_recipient_mismatch",
  },
  {
    title: "a payment of less than the price",
    ask: async (world, version) => ({
      payment: (await paid(world, version)).payment,
      requirements: requirementsOf(version, world.seller.address, { amount: "12346" }),
    }),
    refusal: {
      1: "invalid_exact_evm_authorization_value",
      2: "invalid_exact_evm_payload_authorization_value_mismatch",
    },
  },
  {
    title: "an authorization that has expired",
    ask: async (world, version) => {
      const { payment, requirements } = await paid(world, version);
      return { payment: await resign(world.buyer, payment, { validBefore: inSeconds(-1) }), requirements };
    },
    refusal: "invalid_exact_evm_payload_authorization_valid_before",
  },
  {
    title: "an authorization that expires before it can be mined",
    ask: async (world, version) => {
      const { payment, requirements } = await paid(world, version);
      return { payment: await resign(world.buyer, payment, { validBefore: inSeconds(4) }), requirements };
    },
    refusal: "invalid_exact_evm_payload_authorization_valid_before",
  },
  {
    title: "an authorization that is not valid yet",
    ask: async (world, version) => {
      const { payment, requirements } = await paid(world, version);
      return { payment: await resign(world.buyer, payment, { validAfter: inSeconds(60) }), requirements };
    },
    refusal: "invalid_exact_evm_payload_authorization_valid_after",
  },
  {
    title: "a nonce that has paid before",
    ask: async (world, version) => {
      const ask = await paid(world, version);
      expect(await world.facilitator.settle(ask.payment, ask.requirements)).toMatchObject({ success: true });
      return ask;
    },
    refusal: "invalid_exact_evm_nonce_already_used",
  },
  {
    title: "a nonce that has paid before, in an authorization signed again",
    ask: async (world, version) => {
      const first = await paid(world, version);
      await world.facilitator.settle(first.payment, first.requirements);
      const { payment, requirements } = await paid(world, version);
      const { nonce } = authorizationOf(first.payment);
      return { payment: await resign(world.buyer, payment, { nonce }), requirements };
    },
    refusal: "invalid_exact_evm_nonce_already_used",
  },
  {
    title: "a payer who has one unit too few",
    ask: async (world, version) => paid(world, version, await world.account({ usdc: "0.012344" })),
    refusal: "invalid_exact_evm_insufficient_balance",
  },
  {
    title: "requirements with the token's name wrong",
    ask: (world, version) =>
      pay(
        world.buyer,
        requirementsOf(version, world.seller.address, { extra: { name: "USD Coin", version: "2" } }),
      ),
    refusal: "invalid_exact_evm_token_name_mismatch",
  },
  {
    title: "requirements with the token's version wrong",
    ask: (world, version) =>
      pay(
        world.buyer,
        requirementsOf(version, world.seller.address, { extra: { name: "USDC", version: "1" } }),
      ),
    refusal: "invalid_exact_evm_token_version_mismatch",
  },
  {
    title: "requirements without the token's name and version",
    ask: async (world, version) => ({
      payment: (await paid(world, version)).payment,
      requirements: requirementsOf(version, world.seller.address, { extra: {} }),
    }),
    refusal: "invalid_exact_evm_missing_eip712_domain",
  },
  {
    title: "a payment made for another scheme",
    ask: async (world, version) => {
      const { payment, requirements } = await paid(world, version);
      return { payment: reoffer(payment, { scheme: "upto" }), requirements };
    },
    refusal: "invalid_exact_evm_scheme",
  },
  {
    title: "a payment made for another network",
    ask: async (world, version) => {
      const { payment, requirements } = await paid(world, version);
      return { payment: reoffer(payment, { network: "eip155:8453" }), requirements };
    },
    refusal: "invalid_exact_evm_network_mismatch",
  },
  {
    title: "a payload without an authorization",
    ask: async (world, version) => {
      const { payment, requirements } = await paid(world, version);
      return { payment: { ...payment, payload: { signature: payment.payload.signature } }, requirements };
    },
    refusal: "invalid_payload",
  },
  {
    title: "an authorization with a value that is not a number",
    ask: async (world, version) => {
      const { payment, requirements } = await paid(world, version);
      return { payment: tamper(payment, { value: "much" }), requirements };
    },
    refusal: "invalid_payload",
  },
  {
    title: "an envelope of no known version",
    ask: async (world, version) => {
      const { payment, requirements } = await paid(world, version);
      return { payment: { ...payment, x402Version: 3 } as PaymentPayload, requirements };
    },
    refusal: "invalid_payload",
  },
];

describe.each([
  { place: "on the chain", chain: true },
  { place: "in the memory ledger", chain: false },
])("the verdict $place", ({ chain }) => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld({ chain });
  });
  afterAll(() => world.stop());

  describe.each([1, 2] as const)("on x402 v%i payments", (version) => {
    it.each(cases)("of $title", async ({ ask, refusal }) => {
      const { payment, requirements } = await ask(world, version);
      const word = typeof refusal === "object" ? refusal[version] : refusal;
      const verified = await world.facilitator.verify(payment, requirements);
      expect(verified.invalidReason).toBe(word);
      expect(verified.isValid).toBe(word === undefined);

      const before = await world.balanceOf(world.seller.address);
      const settled = await world.facilitator.settle(payment, requirements);
      expect(settled.errorReason).toBe(word);
      expect(settled.success).toBe(word === undefined);
      const received = (await world.balanceOf(world.seller.address)) - before;
      expect(received).toBe(word === undefined ? BigInt(authorizationOf(payment).value) : 0n);
      if (word !== undefined) expect(settled.transaction).toBe("");
    });
  });

  // The official v1 scheme does not look whether the asset is a contract: it finds the payment valid, and sees only
  // after the transaction that nothing was transferred.
  it("of a v2 payment in an asset that is not a contract", async () => {
    const { payment, requirements } = await pay(
      world.buyer,
      requirementsOf(2, world.seller.address, { asset: OTHER }),
    );
    expect(await world.facilitator.verify(payment, requirements)).toMatchObject({
      isValid: false,
      invalidReason: "asset_not_deployed_contract",
    });
  });

  it("does not exist for requirements of another network: it throws, as the official facilitator does", async () => {
    const { payment, requirements } = await paid(world, 2);
    const elsewhere = { ...requirements, network: "eip155:8453" as const };
    await expect(world.facilitator.verify(payment, elsewhere)).rejects.toThrow(/No facilitator registered/);
    await expect(world.facilitator.settle(payment, elsewhere)).rejects.toThrow(/No facilitator registered/);
  });
});
