import type { CallRecord, PaymentIdentity } from "../store/store.ts";
import type { ProblemCode } from "../wire/index.ts";
import type { Verdict } from "./charge.ts";
import type { Key } from "./evidence.ts";

/** A request whose payment or key is known already. */
export interface Claim {
  readonly resource: string;
  readonly fingerprint: string;
  readonly key: Key;
  readonly identity: PaymentIdentity;
  /** False when the resource is free. */
  readonly paid: boolean;
}

export type Ruling =
  /** The claimant gets the answer of the call that is known. */
  | { readonly ruling: "entitled" }
  | { readonly ruling: "conflict"; readonly code: ProblemCode }
  | { readonly ruling: "invalid"; readonly reason: string }
  | { readonly ruling: "unavailable"; readonly cause: unknown };

/**
 * Decides whether a request may have the answer of a call that is known by its payment or its key.
 * Moves no money: a new signature under a known key only proves who asks, by `prove`.
 */
export async function recall(
  holder: CallRecord,
  { resource, fingerprint, key, identity, paid }: Claim,
  prove: () => Promise<Verdict>,
): Promise<Ruling> {
  const samePrint = holder.resource === resource && holder.fingerprint === fingerprint;
  if (paid && holder.identity.nonce === identity.nonce) {
    // A nonce can be read on the chain once it is settled; the bytes that were sent, with their key, cannot.
    const same = samePrint && holder.identity.bytesHash === identity.bytesHash && holder.key === key.value;
    return same ? { ruling: "entitled" } : { ruling: "conflict", code: "payment_already_used" };
  }
  if (!samePrint) {
    return { ruling: "conflict", code: key.from === "extension" ? "key_conflict" : "key_mismatch" };
  }
  if (!paid) return { ruling: "entitled" };
  const verdict = await prove();
  if (verdict.verdict === "unavailable") return { ruling: "unavailable", cause: verdict.cause };
  if (verdict.verdict === "invalid") return { ruling: "invalid", reason: verdict.reason };
  return { ruling: "entitled" };
}
