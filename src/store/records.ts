import type {
  Network,
  PaymentPayload,
  PaymentPayloadV1,
  PaymentRequirements,
  PaymentRequirementsV1,
  Receipt,
} from "../protocol/index.ts";
import type { Phase, State, Work } from "./state.ts";

/** An answer as it left the server, kept so that a replay is equal to the byte. */
export interface StoredAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/**
 * A signed payment with the offer it accepts: all that a later settlement needs. `network` is CAIP-2 in
 * both versions, since one authorization can be presented in either.
 */
export type SignedPayment = {
  readonly network: Network;
  /** The asset as it was offered: a later change of the offers must not change receipts and refunds. */
  readonly asset: { readonly symbol: string; readonly decimals: number };
} & (
  | { readonly version: 2; readonly payload: PaymentPayload; readonly requirements: PaymentRequirements }
  | { readonly version: 1; readonly payload: PaymentPayloadV1; readonly requirements: PaymentRequirementsV1 }
);

/** Who pays, told apart by the nonce of the authorization: unique by (network, payer, nonce). */
export interface PaymentIdentity {
  readonly network: string;
  readonly payer: string;
  readonly nonce: string;
  /** Hash of the signed bytes as they were sent. A nonce is public once settled; these bytes are not. */
  readonly bytesHash: string;
  /** Seconds since the epoch after which the authorization can no longer be settled. */
  readonly validBefore: number;
}

/**
 * One call: the intent to charge for it, and what has become of it. Written before any money can move, and kept until
 * after its authorization has expired.
 */
export interface CallRecord {
  readonly id: string;
  readonly resource: string;
  /** The buyer's idempotency key, unique by (resource, payer, key). */
  readonly key: string | undefined;
  /** Hash of resource and validated input: the same key with another input is refused. */
  readonly fingerprint: string;
  /** Hash of method, path, query and raw body: finds the response again, whatever a deploy has changed. */
  readonly requestHash: string;
  readonly identity: PaymentIdentity;
  /** Absent when the call is free. */
  readonly payment: SignedPayment | undefined;
  /** The price in millionths of a US dollar. */
  readonly value: number;
  /** Whether the payment is settled before the handler runs, or after it has succeeded. */
  readonly charge: "before" | "after";
  /** Whether its job may be canceled, and what follows: the policy that was published when the call was bought. */
  readonly cancel: "refund" | "keep" | "forbid";
  readonly phase: Phase;
  /** True when a submission may have moved the money and its outcome is unknown. From then on no refusal is believed. */
  readonly ambiguous: boolean;
  /** The response of a synchronous call, without its receipt and without words about money. */
  readonly answer: StoredAnswer | undefined;
  readonly receipt: Receipt | undefined;
  /** The last refusal or unclear reply: a code-like word. */
  readonly reason: string | undefined;
  readonly resolution: Resolution | undefined;
  readonly jobId: string | undefined;
  /** The server that is working on the call. */
  readonly owner: string | undefined;
  /** How often a settlement was tried without an outcome. Decides only how long the next pause is. */
  readonly tries: number;
  /** When a server has to look at the call next, milliseconds since the epoch. Absent when none has to. */
  readonly retryAt: number | undefined;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** When a synchronous call was answered. Set by the store with the answer. */
  readonly endedAt: number | undefined;
}

/** How an operator closed by hand what no evidence could close. */
export interface Resolution {
  readonly by: string;
  readonly why: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** The buyer's address for the notification that a job has ended. */
export interface Callback {
  readonly url: string;
  /** `whsec_…`: the key that signs for this job alone, known to its buyer. */
  readonly secret: string;
  /** Number of failed attempts. */
  readonly tries: number;
  /** When to call, in milliseconds since the epoch; set by the store at the end of the job. Absent before, and after the last attempt. */
  readonly dueAt: number | undefined;
}

/** A job in the store. */
export interface JobRecord extends State {
  readonly id: string;
  readonly resource: string;
  readonly callId: string;
  readonly payer: string | undefined;
  /** The input as the caller wrote it; validated again when the job runs. */
  readonly input: unknown;
  /** The phase of its call. Written with it, so that jobs can be found by it. */
  readonly phase: Phase;
  readonly work: Work;
  readonly progress: number;
  readonly message: string | undefined;
  /** JSON text of the validated output. Not to be shown before the status is `succeeded`. */
  readonly result: string | undefined;
  readonly failure: { readonly code: string; readonly error: string } | undefined;
  readonly receipt: Receipt | undefined;
  /** The server that runs it. */
  readonly owner: string | undefined;
  /** How often it has been claimed. After a power cut a number may come twice: writes are guarded by `claim`. */
  readonly attempt: number;
  /** Random id of the last claim (fencing token): writes of an older attempt are rejected. Absent before the first. */
  readonly claim: string | undefined;
  /** How many of these attempts have failed: the handler threw or timed out, or its server died. */
  readonly failures: number;
  /** Not to be started before, while it is queued; milliseconds since the epoch. */
  readonly runAt: number;
  /** Not to be started for the first time after; milliseconds since the epoch. Absent when it may wait for ever. */
  readonly startBy: number | undefined;
  readonly callback: Callback | undefined;
  /** W3C `traceparent` of the call, so that the work appears in its trace. */
  readonly trace: string | undefined;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly updatedAt: number;
  /** When its first attempt began; set by the store. */
  readonly startedAt: number | undefined;
  /** When its status became terminal; set by the store. */
  readonly endedAt: number | undefined;
  /** When the record may be deleted; set at the end of the job. */
  readonly expiresAt: number | undefined;
}

/** How a job ended. */
export type JobEnd =
  /** JSON text of the validated output. */
  | { readonly ok: true; readonly result: string }
  | {
      readonly ok: false;
      readonly work: Extract<Work, "failed" | "canceled" | "expired">;
      readonly failure: { readonly code: string; readonly error: string };
    };

/** A payment in the other direction, for a call that was charged and ended without a result. */
export interface RefundRecord {
  /** The nonce of the transfer is derived from it, so that it cannot be paid twice. */
  readonly id: string;
  readonly callId: string;
  readonly jobId: string | undefined;
  readonly resource: string;
  /** The code with which the call ended. */
  readonly reason: string;
  /** The payer of the call, who gets the money back. */
  readonly to: string;
  /** CAIP-2. */
  readonly network: string;
  readonly asset: string;
  /** In the asset's smallest units. */
  readonly atomicAmount: string;
  /** What a person reads: `"0.05"`, `"USDC"`. */
  readonly amount: string;
  readonly currency: string;
  /** The token's EIP-712 domain. */
  readonly domain: { readonly name: string; readonly version: string };
  /** `owed`: nothing is signed. `signed`: a transfer was signed and may have been sent. */
  readonly state: "owed" | "signed" | "paid";
  /** True when a submission of the signed transfer may have moved the money and its outcome is unknown. */
  readonly ambiguous: boolean;
  /** The transfer that was signed last. Kept before it is sent. */
  readonly payment: SignedPayment | undefined;
  /** Hash of the transaction that paid it, where it is known. */
  readonly transaction: string | undefined;
  /** Why it could not be paid the last time. */
  readonly problem: string | undefined;
  readonly resolution: Resolution | undefined;
  readonly tries: number;
  /** Milliseconds since the epoch. */
  readonly retryAt: number;
  readonly createdAt: number;
}
