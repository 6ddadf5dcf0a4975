import type {
  JobStatus,
  Network,
  PaymentPayload,
  PaymentPayloadV1,
  PaymentRequirements,
  PaymentRequirementsV1,
  PaymentState,
  Receipt,
} from "../wire/index.ts";

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
export type SignedPayment = { readonly network: Network } & (
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
  /** Seconds since the epoch after which the authorization cannot be settled any more. */
  readonly validBefore: number;
}

/** The intent to charge for one call: written before any money moves, kept until after it has expired. */
export interface CallRecord {
  readonly id: string;
  readonly resource: string;
  /** The buyer's idempotency key, unique by (resource, payer, key). */
  readonly key: string | undefined;
  /** Hash of resource and validated input: the same key with another input is refused. */
  readonly fingerprint: string;
  readonly identity: PaymentIdentity;
  /** Absent when the resource is free. */
  readonly payment: SignedPayment | undefined;
  readonly paymentState: PaymentState;
  /** The answer to give once the payment is settled. Written before the settlement. */
  readonly answer: StoredAnswer | undefined;
  readonly receipt: Receipt | undefined;
  readonly jobId: string | undefined;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
}

export interface JobRecord {
  readonly id: string;
  readonly resource: string;
  readonly callId: string;
  readonly payer: string | undefined;
  /** The input as the caller wrote it; validated again when the job runs. */
  readonly input: unknown;
  readonly status: JobStatus;
  readonly progress: number;
  readonly message: string | undefined;
  /** JSON text of the validated output. */
  readonly result: string | undefined;
  readonly failure: { readonly code: string; readonly error: string } | undefined;
  readonly paymentState: PaymentState | undefined;
  readonly receipt: Receipt | undefined;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly updatedAt: number;
  /** When the record may be deleted; set at the end of the job. */
  readonly expiresAt: number | undefined;
}

export type JobChange = Partial<
  Pick<
    JobRecord,
    "status" | "progress" | "message" | "result" | "failure" | "paymentState" | "receipt" | "expiresAt"
  >
>;

/**
 * The truth about calls and jobs. Each method is one transaction. Implementations hold two unique
 * rules: (network, payer, nonce), and (resource, payer, key) where there is a key.
 */
export interface Store {
  /** The call that holds this payment, or else the one that holds this key. */
  findCall(by: {
    resource: string;
    identity: PaymentIdentity;
    key: string | undefined;
  }): Promise<CallRecord | undefined>;

  /** Writes a call and its job. When payment or key is taken, writes nothing and returns the holder. */
  begin(call: CallRecord, job: JobRecord | undefined): Promise<CallRecord | undefined>;

  /** Keeps the answer that is to be given once the payment is settled. */
  withhold(callId: string, answer: StoredAnswer): Promise<void>;

  /** Records that the outcome of the settlement is not known. */
  doubt(callId: string): Promise<void>;

  /** Records the settlement, the final answer, and puts the call's job, if any, into the queue. */
  settle(callId: string, answer: StoredAnswer, receipt: Receipt | undefined): Promise<void>;

  /** Forgets a call whose payment was definitely refused or never needed: key and payment are free again. */
  release(callId: string): Promise<void>;

  /** Calls whose settlement is in doubt, oldest first. */
  doubtful(limit: number): Promise<readonly CallRecord[]>;

  /** The job, `"gone"` after its retention, or `undefined` when it never was. */
  job(id: string): Promise<JobRecord | "gone" | undefined>;

  /** Changes a job only while its status is one of `from`; `undefined` when it is not. */
  advance(
    id: string,
    from: readonly JobStatus[],
    change: JobChange,
    now: number,
  ): Promise<JobRecord | undefined>;

  /** Deletes what has outlived its use at `now`. Returns how many records went. */
  sweep(now: number): Promise<number>;
}
