import type {
  JobStatus,
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

/** The fields of a call that a step may change. */
export type CallChange = Partial<
  Pick<
    CallRecord,
    | "payment"
    | "phase"
    | "ambiguous"
    | "answer"
    | "receipt"
    | "reason"
    | "resolution"
    | "owner"
    | "tries"
    | "retryAt"
  >
> & {
  /** Frees the key: it may name another call from now on. */
  readonly key?: undefined;
  /** Separates the call from a job that was never announced to its buyer. */
  readonly jobId?: undefined;
};

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

/** The fields of a job that a step may change. */
export type JobChange = Partial<
  Pick<
    JobRecord,
    | "phase"
    | "work"
    | "input"
    | "progress"
    | "message"
    | "result"
    | "failure"
    | "receipt"
    | "owner"
    | "failures"
    | "runAt"
    | "startBy"
    | "callback"
    | "expiresAt"
  >
>;

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

/** The fields of a refund that a step may change. */
export type RefundChange = Partial<
  Pick<
    RefundRecord,
    "state" | "ambiguous" | "payment" | "transaction" | "problem" | "resolution" | "tries" | "retryAt"
  >
>;

/** The part that every write has. */
export interface Durability {
  /**
   * True: on disk when the promise resolves, and all that was written before it. False: visible to all processes and
   * safe when a server is killed, but a power cut (on Postgres also a crash of the database) may undo it. A cut undoes
   * the last writes, never one without those that came after it.
   */
  readonly durable: boolean;
}

/**
 * What is written in one transaction, or not at all. Every guard (`when`) must hold of the record as it stands, and
 * every record named must exist.
 */
export interface Step extends Durability {
  readonly call?: {
    readonly id: string;
    readonly when?: {
      readonly owner?: string;
      /** No server works on it, dead or alive. */
      readonly unowned?: true;
      /** No living server works on it. */
      readonly orphaned?: true;
      readonly phase?: readonly Phase[];
    };
    /** `"forget"` deletes the call: its key and its payment are free again. */
    readonly set: CallChange | "forget";
  };
  readonly job?: {
    readonly id: string;
    /** Skips this part when the record is gone: its retention has ended. */
    readonly optional?: true;
    readonly when?: {
      readonly work?: readonly Work[];
      readonly phase?: readonly Phase[];
      /** Where the field is given: the record's `claim`, which is `undefined` before the first. */
      readonly claim?: string | undefined;
      readonly owner?: string;
      readonly orphaned?: true;
      /** The tries of its callback, so that one server makes the next. */
      readonly callbackTries?: number;
    };
    /** `"forget"` deletes a job that was never announced to its buyer. */
    readonly set: JobChange | "forget";
  };
  readonly refund?:
    | { readonly add: RefundRecord }
    | {
        readonly id: string;
        readonly when?: {
          readonly state?: RefundRecord["state"];
          /** So that of two who try at the same time one comes first. */
          readonly tries?: number;
        };
        readonly set: RefundChange;
      };
}

/** The records as they stand after a step; a forgotten call is the one that went. */
export interface Stepped {
  readonly call?: CallRecord;
  readonly job?: JobRecord;
  readonly refund?: RefundRecord;
}

/** Limits that the store checks in the transaction that begins a call. */
export interface Limits {
  /**
   * Refuse when the same payer has begun the same fingerprint since then, unless that call has failed and was not
   * charged; milliseconds since the epoch.
   */
  readonly duplicateSince?: number;
  /** Refuse when the payer's open and submitted calls would exceed this sum, in millionths of a US dollar. */
  readonly outstanding?: number;
  /**
   * Refuse a job when so many are claimable: of its resource, and of all. Free jobs and paid jobs are counted apart, so
   * that free ones never displace paid ones.
   */
  readonly queued?: { readonly resource?: number; readonly all?: number };
  /**
   * Refuse a job with a large input (16 KiB as JSON, or more) when the large inputs that are kept of its payer's jobs would
   * exceed so many bytes; one is allowed whatever its size. Free jobs count together.
   */
  readonly inputBytes?: number;
  /** Refuse a free call without a job when so many are kept. */
  readonly freeCalls?: number;
  /** Calls whose payment could be settled until then at the latest no longer count; milliseconds since the epoch. */
  readonly settleableSince?: number;
}

/** The outcome of the method that begins a call. */
export type Begun =
  | { readonly begun: true }
  /** Payment or key is taken, or (`duplicate`) the same was bought a moment ago: by this call. Nothing was written. */
  | { readonly begun: false; readonly because: "taken" | "duplicate"; readonly holder: CallRecord }
  | { readonly begun: false; readonly because: "outstanding" | "inputs" | "full" };

/** Which jobs a server claims. */
export interface ClaimOptions {
  /** The server that is going to run them. Its lease must be valid. */
  readonly owner: string;
  /** How many at most. */
  readonly limit: number;
  /** How many at most of a resource, by name; 0 claims none of it. @default `limit` */
  readonly most?: Readonly<Record<string, number>>;
  /** Jobs that `owner` still executes: they are never claimed, even when another server has queued them again. */
  readonly except?: readonly string[];
  /**
   * Also claims jobs in status `running` whose owner no longer lives (this counts as a failure), or is `owner` itself,
   * which has lost track of them. @default false
   */
  readonly orphans?: boolean;
}

export interface ClaimedJob {
  readonly job: JobRecord;
  /** The job was `running`: its previous attempt did not report how it ended. */
  readonly orphaned: boolean;
}

export interface BeginOptions extends Limits, Durability {}

/** Told that a job was begun or changed, by this process or another; `undefined` when any may have been. */
export type JobListener = (event: (Pick<JobRecord, "id"> & State) | undefined) => void;

/** Statistics of the records since `since`. Deleted records are not counted. */
export interface CallStats {
  /** Calls by resource and the time at which they began. */
  readonly calls: readonly {
    readonly resource: string;
    /** Beginning of the bucket, milliseconds since the epoch. */
    readonly at: number;
    readonly calls: number;
    /** Those whose payment is settled, and what they brought, in millionths of a US dollar. */
    readonly paid: number;
    readonly revenue: number;
    /** Those without a job that were answered: how many, how many by an error, and how long they took together, in milliseconds. */
    readonly answered: number;
    readonly failed: number;
    readonly ms: number;
  }[];
  /** Jobs that have ended, by resource, end and the time of it. */
  readonly jobs: readonly {
    readonly resource: string;
    readonly at: number;
    readonly status: JobStatus;
    /** The code of a failure. */
    readonly code: string | undefined;
    readonly jobs: number;
    /** From the first start to the end, together, in milliseconds; what never started counts nothing. */
    readonly ms: number;
  }[];
  /** Jobs that have not ended, whenever they began. */
  readonly unfinished: readonly {
    readonly resource: string;
    readonly status: JobStatus;
    readonly jobs: number;
    /** When the oldest of them was accepted. */
    readonly since: number;
  }[];
  /** Refunds: those that are owed whenever they were written, those that are paid if they were written since then. */
  readonly refunds: readonly {
    readonly resource: string;
    readonly state: "owed" | "paid";
    readonly currency: string;
    readonly refunds: number;
    /** Sum in millionths of the currency's unit. */
    readonly value: number;
  }[];
  /** Submitted calls whose settlement was tried at least once without an outcome, whenever they began. */
  readonly unconfirmed: number;
}

/**
 * The truth about calls, jobs and refunds. Each method is one transaction; {@link Durability} says what a write survives.
 * Implementations hold two unique rules: (network, payer, nonce), and (resource, payer, key) where there is a key.
 * What the records mean is the ledger's business: a store only keeps them. It reads the time from its own clock, so
 * that leases do not depend on the clocks of several machines.
 */
export interface Store {
  /**
   * Says that a server lives: for `forMs` from now, or, with 0, no longer. What a dead one owned is orphaned.
   * Relaxed: a lease that is lost ends early, and then each claim's id keeps attempts apart.
   * @param runsJobs whether it is one of the {@link workers}; default: it is not
   */
  attend(owner: string, forMs: number, runsJobs?: boolean): Promise<void>;

  /** How many servers live that run jobs. */
  workers(): Promise<number>;

  /** The call that holds this payment, or else the one that holds this key. */
  findCall(by: {
    resource: string;
    identity: PaymentIdentity;
    key: string | undefined;
  }): Promise<CallRecord | undefined>;

  /** The call of this id. */
  call(id: string): Promise<CallRecord | undefined>;

  /** Writes a call and its job, unless something forbids it. */
  begin(call: CallRecord, job: JobRecord | undefined, options: BeginOptions): Promise<Begun>;

  /** Takes a step; `undefined`, and nothing written, when a guard does not hold. */
  change(step: Step): Promise<Stepped | undefined>;

  /**
   * Calls whose `retryAt` has come and on which no living server works, by `retryAt`. With `own`, also those of that
   * server: it knows itself which of them it is working on.
   */
  dueCalls(by: { readonly limit: number; readonly own?: string }): Promise<readonly CallRecord[]>;

  /**
   * Moves queued jobs whose `runAt` has come and whose `startBy` has not passed to `running`: each gets the owner, the
   * next attempt number and a random `claim`, and no other claim gets it. Resources take turns, so the backlog of one
   * does not delay another; within a resource the oldest job comes first. Durable. Returns the jobs, oldest first.
   */
  claimJobs(options: ClaimOptions): Promise<readonly ClaimedJob[]>;

  /** Queued jobs that were never started and whose `startBy` has passed. */
  lateJobs(limit: number): Promise<readonly JobRecord[]>;

  /** Jobs whose callback is due, the longest due first. */
  dueCallbacks(limit: number): Promise<readonly JobRecord[]>;

  /**
   * Tells of every change of a job soon after it was written, whichever process wrote it, until the function it returns
   * is called. Changes may be told together, or once too often, never too late by more than about half a second.
   */
  watch(listener: JobListener): () => void;

  /** The job, `"gone"` after its retention, or `undefined` when it never was. */
  job(id: string): Promise<JobRecord | "gone" | undefined>;

  /** Refunds, oldest first; with `dueAt` only those that are not paid and whose `retryAt` is not later. */
  refunds(by: {
    readonly state?: RefundRecord["state"];
    readonly dueAt?: number;
    readonly limit: number;
  }): Promise<readonly RefundRecord[]>;

  /**
   * Deletes what has outlived its use at `now` (milliseconds since the epoch): jobs past `expiresAt`, which leave a
   * tombstone; calls past the life of job, key and authorization, never one that a server has to look at (`retryAt`), one
   * that is submitted, nor one whose refund is owed;
   * refunds that were paid long ago. At most `limit` of each, so that no call waits long for a sweep; returns how many
   * records went, 0 when there is nothing left to sweep.
   */
  sweep(now: number, limit: number): Promise<number>;

  /** Counts for people and dashboards, in buckets of `bucketMs`. */
  callStats(by: { readonly since: number; readonly bucketMs: number }): Promise<CallStats>;

  /**
   * Jobs for people to look at: those that have ended, the last end first; or those that have not, the running ones
   * before those that wait, the newest first.
   */
  recentJobs(by: { readonly ended: boolean; readonly limit: number }): Promise<readonly JobRecord[]>;

  /** Submitted calls whose settlement was tried at least once without an outcome, oldest first. */
  unconfirmedCalls(limit: number): Promise<readonly CallRecord[]>;

  /**
   * Calls that an operator asks for, the newest first: by payer or by the id of the call, of its job or of its refund. When
   * these find none: by idempotency key, nonce, or the hash of the transaction that settled the payment or the refund.
   * This second search reads every call, so it is not for requests of buyers.
   */
  searchCalls(text: string, limit: number): Promise<readonly CallRecord[]>;

  /**
   * A random secret of this store: 256 bits in hexadecimal, made at its first use. All servers of a fleet read the same
   * one, and any of them honors what another has authenticated with it.
   */
  secret(): Promise<string>;

  /**
   * Keeps a quoted price until `until` (milliseconds since the epoch), for buyers that cannot send a quote back. Relaxed
   * and bounded: the oldest quotes go first, at 100,000.
   */
  keepQuote(quote: { readonly id: string; readonly value: string; readonly until: number }): Promise<void>;

  /** The value of a quote that has not expired. */
  quote(id: string): Promise<string | undefined>;

  /** The refund of this id. */
  refund(id: string): Promise<RefundRecord | undefined>;

  /**
   * From when on this store knows every payment, milliseconds since the epoch. A payment that could have been signed
   * before may have been settled by a process that kept its records elsewhere. 0: it has never forgotten one.
   */
  readonly completeSince: number;

  /** Closes files and connections. The store must not be used afterwards. */
  close(): Promise<void>;
}

/** A key and a payment are remembered for at least this long after the call began: a late replay must not charge again. */
export const CALL_LIFE_MS = 24 * 3_600_000;
/** ... and for this long after the authorization has expired: a broadcast may still be mined. */
export const AUTHORIZATION_MARGIN_MS = 10 * 60_000;
/** How long an expired job is remembered as gone (410) rather than unknown (404). */
export const TOMBSTONE_LIFE_MS = 7 * 24 * 3_600_000;
/** 256 random bits in hexadecimal. */
export function newSecret(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(32));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** What listeners are told about a job. */
export function jobEventOf({ id, phase, work }: JobRecord): Pick<JobRecord, "id"> & State {
  return { id, phase, work };
}

/** So many quotes are kept at most. */
export const MAX_QUOTES = 100_000;
/** How long a refund that was paid is kept. */
export const REFUND_LIFE_MS = 90 * 24 * 3_600_000;
