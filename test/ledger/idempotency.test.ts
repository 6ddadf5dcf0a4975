import { expect, it } from "vitest";
import { ofPayer, unrecorded } from "../../src/ledger/idempotency.ts";
import { MAX_VALIDITY_MS } from "../../src/ledger/payment.ts";
import { call, START } from "../store/records.ts";

const { identity } = call("c");
const expiresAt = identity.validBefore * 1000;

it.each([
  ["unused", "a store that forgets nothing", 0, START],
  [
    "unused",
    "a store that began before the payment can have been signed",
    expiresAt - MAX_VALIDITY_MS - 1,
    START,
  ],
  ["unknown", "a store that may have begun after it was settled", expiresAt - MAX_VALIDITY_MS, START],
  ["unknown", "a store that may have swept it, since it has expired", 0, expiresAt],
] as const)("a payment without a record is %s to %s", (state, _, completeSince, now) => {
  expect(unrecorded(identity, { completeSince }, now)).toBe(state);
});

it("a facilitator that verifies the signature of another account verifies no payment of the payer", () => {
  const valid = (payer: string | undefined) => ofPayer({ verdict: "valid", payer }, "0xalice");
  expect(valid("0xBob")).toEqual({ verdict: "invalid", reason: "signed_by_another_payer" });
  expect(valid("0xAlice")).toMatchObject({ verdict: "valid" });
  expect(valid(undefined)).toMatchObject({ verdict: "valid" });
});
