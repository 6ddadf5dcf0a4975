import { authorizationTypes } from "@x402/evm";
import { privateKeyToAccount } from "viem/accounts";
import { expect, it } from "vitest";
import { ofPayer, provenPayer, unrecorded } from "../../src/ledger/idempotency.ts";
import { maxValidityMs } from "../../src/ledger/payment.ts";
import type { SignedPayment } from "../../src/store/store.ts";

const NOW = 1_700_000_000_000;
const DAY_MS = 86_400_000;

it.each<[string, { end: number; since: number; offered?: number }, "unused" | "unknown"]>([
  ["a store that has forgotten nothing", { end: NOW + DAY_MS, since: 0 }, "unused"],
  ["an authorization that has expired", { end: NOW, since: 0 }, "unknown"],
  [
    "a store that is younger than the authorization may be",
    { end: NOW + 1_000, since: NOW - 1_000 },
    "unknown",
  ],
  ["a store that is older", { end: NOW + 2_000, since: NOW - DAY_MS }, "unused"],
  [
    "a store that is older than a day, but not than an authorization for long work may be",
    { end: NOW + DAY_MS, since: NOW - 2 * DAY_MS, offered: 86_400 },
    "unknown",
  ],
  [
    "a store that is older than that",
    { end: NOW + DAY_MS, since: NOW - 3 * DAY_MS - 1, offered: 86_400 },
    "unused",
  ],
])("tells whether a payment that is not recorded is unused: %s", (_, { end, since, offered = 60 }, word) => {
  const identity = {
    network: "eip155:84532",
    payer: "0xa",
    nonce: "0x1",
    bytesHash: "",
    validBefore: end / 1000,
  };
  const memory = { completeSince: since, maxValidityMs: maxValidityMs(offered) };
  expect(unrecorded(identity, memory, NOW)).toBe(word);
});

it("a facilitator that verifies the signature of another account verifies no payment of the payer", () => {
  const valid = (payer: string | undefined) => ofPayer({ verdict: "valid", payer }, "0xalice");
  expect(valid("0xBob")).toEqual({ verdict: "invalid", reason: "signed_by_another_payer" });
  expect(valid("0xAlice")).toMatchObject({ verdict: "valid" });
  expect(valid(undefined)).toMatchObject({ verdict: "valid" });
});

const account = privateKeyToAccount(`0x${"7".repeat(64)}`);
const ASSET = `0x${"a".repeat(40)}` as const;
const SELLER = `0x${"b".repeat(40)}` as const;

/** As the official client signs: not valid before ten minutes ago. `changed` is changed after the signature. */
async function signed(changed: Record<string, string> = {}): Promise<SignedPayment> {
  const nonce = `0x${"c".repeat(64)}` as const;
  const message = { value: 20_000n, validAfter: 1_699_999_400n, validBefore: 1_700_000_060n };
  const signature = await account.signTypedData({
    domain: { name: "USDC", version: "2", chainId: 84_532, verifyingContract: ASSET },
    types: authorizationTypes,
    primaryType: "TransferWithAuthorization",
    message: { from: account.address, to: SELLER, ...message, nonce },
  });
  const numbers = Object.fromEntries(Object.entries(message).map(([name, value]) => [name, String(value)]));
  const authorization = { from: account.address, to: SELLER, ...numbers, nonce, ...changed };
  return {
    network: "eip155:84532",
    payload: { payload: { authorization, signature } },
    requirements: { payTo: SELLER, asset: ASSET, extra: { name: "USDC", version: "2" } },
  } as never;
}

it("a signature proves the payer although the account is empty", async () => {
  const verdict = { verdict: "invalid", reason: "insufficient_funds" } as const;
  const payer = account.address.toLowerCase();
  const proof = await provenPayer({ payment: await signed(), verdict }, payer);
  expect(proof).toEqual({ verdict: "valid", payer });
});

it.each<[string, string]>([
  ["value", "20001"],
  ["validAfter", "0"],
  ["validBefore", "1700000061"],
  ["nonce", `0x${"d".repeat(64)}`],
  ["from", SELLER],
  ["to", ASSET],
  ["value", "many"],
])("a signature proves nothing when %s has become %s", async (name, value) => {
  const verdict = { verdict: "invalid", reason: "insufficient_funds" } as const;
  const payment = await signed({ [name]: value });
  expect(await provenPayer({ payment, verdict }, account.address.toLowerCase())).toEqual(verdict);
});
