import { type Address, type Hex, isAddressEqual, recoverTypedDataAddress } from "viem";
import { isRecord, type PaymentState, type ProblemCode, saysShort } from "../protocol/index.ts";
import { typedTransfer } from "../protocol/transfer.ts";
import { type Phase, paymentStateOf } from "../store/state.ts";
import type { CallRecord, PaymentIdentity, SignedPayment, Store } from "../store/store.ts";
import type { Verdict } from "./facilitator.ts";
import { identify, type Key, readPayment } from "./payment.ts";

/** What a request asks for, and what identifies it. */
export interface Claim {
  readonly resource: string;
  readonly fingerprint: string;
  readonly key: Key;
  readonly identity: PaymentIdentity;
  /** Hash of method, path, query and raw body. */
  readonly requestHash: string;
  /** False when the call is free. */
  readonly paid: boolean;
}

export type Ruling =
  /** The claimant gets the response of the recorded call. */
  | { readonly ruling: "entitled" }
  | { readonly ruling: "conflict"; readonly code: ProblemCode }
  | { readonly ruling: "invalid"; readonly reason: string }
  | { readonly ruling: "unavailable"; readonly reason: string };

/**
 * Whether a request is the very request of a recorded call: same signed bytes, same key, same method, path, query and
 * body. It gets that call's response, whatever a deploy has changed since.
 */
export function isSameRequest(
  holder: CallRecord,
  { identity, key, requestHash }: Pick<Claim, "identity" | "key" | "requestHash">,
): boolean {
  const sameBytes = holder.identity.bytesHash === identity.bytesHash;
  return sameBytes && hasSameKey(holder, key) && holder.requestHash === requestHash;
}

/** Phases of a call that has freed its key: it failed or was refused, and may have been settled after all. */
const FREED: readonly Phase[] = ["void", "owed", "refunded"];

function hasSameKey(holder: CallRecord, key: Key): boolean {
  return holder.key === key.value || (holder.key === undefined && FREED.includes(holder.phase));
}

/**
 * Decides whether a request may have the response of a call that holds its payment or its key.
 * Moves no money: a new signature under a known key only proves who asks, by `prove`.
 */
export async function recall(
  holder: CallRecord,
  { resource, fingerprint, key, identity, paid }: Claim,
  prove: () => Promise<Verdict>,
): Promise<Ruling> {
  const samePrint = holder.resource === resource && holder.fingerprint === fingerprint;
  if (paid && holder.identity.nonce === identity.nonce) {
    // A settled nonce is public on the chain. The bytes that were sent, with their key, are not.
    const same = samePrint && holder.identity.bytesHash === identity.bytesHash && hasSameKey(holder, key);
    return same ? { ruling: "entitled" } : { ruling: "conflict", code: "payment_already_used" };
  }
  // The payer proves itself first: a payment that only names a payer must not tell whether that payer has used the key.
  const verdict = paid ? await prove() : undefined;
  if (verdict?.verdict === "unavailable") return { ruling: "unavailable", reason: verdict.reason };
  if (verdict?.verdict === "invalid") return { ruling: "invalid", reason: verdict.reason };
  if (samePrint) return { ruling: "entitled" };
  return { ruling: "conflict", code: key.from === "extension" ? "key_conflict" : "key_mismatch" };
}

/** Which payments a store can know. */
export interface Memory extends Pick<Store, "completeSince"> {
  /** How long an authorization may be valid that any resource accepts. */
  readonly maxValidityMs: number;
}

/**
 * What can be said about a payment that this store does not hold. `unused` is a promise: no submission of it was made,
 * and none will be. A store that may have forgotten says nothing.
 */
export function unrecorded(
  { validBefore }: PaymentIdentity,
  { completeSince, maxValidityMs }: Memory,
  now: number,
): "unused" | "unknown" {
  const expiresAt = validBefore * 1000;
  // An expired payment may have been swept. A payment from before this store began may be settled elsewhere.
  const isRemembered = completeSince === 0 || expiresAt - maxValidityMs > completeSince;
  return expiresAt > now && isRemembered ? "unused" : "unknown";
}

/** What a request without a payment is told: there was none to use. */
export const NO_PAYMENT = "unused";

/** What can be said about the payment in these headers, when the request is refused for another reason. */
export async function paymentStateOn(
  headers: Headers,
  store: Pick<Store, "findCall">,
  memory: Memory,
  now: number,
): Promise<PaymentState | "unknown"> {
  const presented = readPayment(headers);
  if (presented === undefined) return NO_PAYMENT;
  if (presented === "malformed") return "unknown";
  const identity = identify(presented);
  try {
    const holder = await store.findCall({ resource: "", identity, key: undefined });
    if (!holder) return unrecorded(identity, memory, now);
    // Only who has the signed bytes is told what was bought with them.
    const isOwn = holder.identity.bytesHash === identity.bytesHash;
    return (isOwn && paymentStateOf(holder, holder.payment !== undefined)) || "unknown";
  } catch {
    return "unknown";
  }
}

/** A verdict about the payer of a call: the signature of another account proves nothing, and pays for nothing. */
export function ofPayer(verdict: Verdict, payer: string): Verdict {
  const isAnother =
    verdict.verdict === "valid" && verdict.payer !== undefined && verdict.payer.toLowerCase() !== payer;
  return isAnother ? { verdict: "invalid", reason: "signed_by_another_payer" } : verdict;
}

/**
 * Whether a signature that is not to be settled proves who asks. The account may be empty: the recorded call may have
 * taken its last cent.
 */
export async function provenPayer(
  { payment, verdict }: { readonly payment?: SignedPayment | undefined; readonly verdict: Verdict },
  payer: string,
): Promise<Verdict> {
  if (verdict.verdict !== "invalid" || !payment || !saysShort(verdict.reason)) return verdict;
  const signer = await signerOf(payment);
  return signer?.toLowerCase() === payer ? { verdict: "valid", payer } : verdict;
}

/** The account that signed an EIP-3009 transfer to this seller; `undefined` when a contract signed it, or it is malformed. */
async function signerOf({ payload, requirements, network }: SignedPayment): Promise<Address | undefined> {
  const { authorization: signed, permit2Authorization, signature } = payload.payload;
  const { extra, payTo: to, asset } = requirements;
  if (!isRecord(signed) || permit2Authorization !== undefined) return undefined;
  try {
    if (!isAddressEqual(signed.to as Address, to as Address)) return undefined;
    const domain = { name: String(extra.name), version: String(extra.version) };
    const { value, validBefore, nonce, from, validAfter } = signed as Record<string, Hex>;
    const transfer = { network, asset, domain, to, atomicAmount: `${value}`, validBefore: `${validBefore}` };
    const typed = typedTransfer(
      { ...transfer, nonce: `${nonce}` as Hex },
      `${from}`,
      BigInt(`${validAfter}`),
    );
    return await recoverTypedDataAddress({ ...typed, signature: signature as Hex });
  } catch {
    return undefined;
  }
}
