import { expect, it } from "vitest";
import { ofPayer, unrecorded } from "../../src/ledger/idempotency.ts";
import { maxValidityMs } from "../../src/ledger/payment.ts";

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
