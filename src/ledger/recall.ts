import { authorizationTypes } from "@x402/evm";
import { type Address, type Hex, isAddressEqual, recoverTypedDataAddress } from "viem";
import type { CallRecord, PaymentIdentity, SignedPayment, Store } from "../store/store.ts";
import { isRecord, type ProblemCode, saysShort } from "../wire/index.ts";
import type { Verdict } from "./facilitator.ts";
import { identify, type Key, readPayment } from "./payment.ts";

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
  | { readonly ruling: "unavailable"; readonly reason: string };

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
    // A call that has failed holds no key any more.
    const sameKey =
      holder.key === key.value || (holder.key === undefined && holder.paymentState === "unused");
    const same = samePrint && holder.identity.bytesHash === identity.bytesHash && sameKey;
    return same ? { ruling: "entitled" } : { ruling: "conflict", code: "payment_already_used" };
  }
  if (!samePrint) {
    return { ruling: "conflict", code: key.from === "extension" ? "key_conflict" : "key_mismatch" };
  }
  if (!paid) return { ruling: "entitled" };
  const verdict = await prove();
  if (verdict.verdict === "unavailable") return { ruling: "unavailable", reason: verdict.reason };
  if (verdict.verdict === "invalid") return { ruling: "invalid", reason: verdict.reason };
  return { ruling: "entitled" };
}

/** What can be said of a payment that stands in no store: once it has expired, its record may have been swept. */
export function unrecorded({ validBefore }: PaymentIdentity): "unused" | "unknown" {
  return validBefore * 1000 > Date.now() ? "unused" : "unknown";
}

/**
 * Whether the payment that came with a request stands in the store.
 * @throws StoreUnavailable
 */
export async function isRecorded(headers: Headers, store: Pick<Store, "findCall">): Promise<boolean> {
  const presented = readPayment(headers);
  if (presented === undefined || presented === "malformed") return false;
  return (
    (await store.findCall({ resource: "", identity: identify(presented), key: undefined })) !== undefined
  );
}

/**
 * What can be said of the payment that came with a request that is refused for another reason. The same bytes may have
 * been settled before: their call stands in the store, and has an answer for who sends it as it was.
 */
export async function wordOn(
  headers: Headers,
  store: Pick<Store, "findCall">,
): Promise<"unused" | "unknown"> {
  const presented = readPayment(headers);
  if (presented === undefined) return "unused";
  if (presented === "malformed") return "unknown";
  const identity = identify(presented);
  try {
    const holder = await store.findCall({ resource: "", identity, key: undefined });
    return holder ? "unknown" : unrecorded(identity);
  } catch {
    return "unknown";
  }
}

/** What a payment is worth to `payer`: a signature of somebody else proves nothing, and pays for nothing. */
export function ofPayer(verdict: Verdict, payer: string): Verdict {
  const isAnother =
    verdict.verdict === "valid" && verdict.payer !== undefined && verdict.payer.toLowerCase() !== payer;
  return isAnother ? { verdict: "invalid", reason: "signed_by_another_payer" } : verdict;
}

/**
 * Whether a signature that is not to be settled proves who asks. To have enough money is not a part of that: the last
 * cent may have been spent on the very call whose answer is asked for.
 */
export async function provenPayer(
  { payment, verdict }: { readonly payment?: SignedPayment | undefined; readonly verdict: Verdict },
  payer: string,
): Promise<Verdict> {
  if (verdict.verdict !== "invalid" || !payment || !saysShort(verdict.reason)) return verdict;
  const signer = await signerOf(payment);
  return signer?.toLowerCase() === payer ? { verdict: "valid", payer } : verdict;
}

/** The account that signed an EIP-3009 transfer to us; `undefined` when it is no plain account, or cannot be read. */
async function signerOf({ payload, requirements, network }: SignedPayment): Promise<Address | undefined> {
  const { authorization, permit2Authorization, signature } = payload.payload;
  const { name, version } = requirements.extra;
  // Beside a Permit2 authorization it is what nobody looks at, and may be anybody's.
  if (!isRecord(authorization) || permit2Authorization !== undefined) return undefined;
  try {
    if (!isAddressEqual(authorization.to as Address, requirements.payTo as Address)) return undefined;
    return await recoverTypedDataAddress({
      domain: {
        name: String(name),
        version: String(version),
        chainId: Number(network.slice("eip155:".length)),
        verifyingContract: requirements.asset as Address,
      },
      types: authorizationTypes,
      primaryType: "TransferWithAuthorization",
      message: {
        from: authorization.from as Address,
        to: authorization.to as Address,
        value: BigInt(String(authorization.value)),
        validAfter: BigInt(String(authorization.validAfter)),
        validBefore: BigInt(String(authorization.validBefore)),
        nonce: authorization.nonce as Hex,
      },
      signature: signature as Hex,
    });
  } catch {
    return undefined;
  }
}
