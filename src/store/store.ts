import type { JobStatus } from "../protocol/index.ts";
import type { CallRecord, JobRecord, PaymentIdentity, RefundRecord } from "./records.ts";
import type { State } from "./state.ts";
import type { Durability, Step, Stepped } from "./step.ts";

export type * from "./records.ts";
export type * from "./step.ts";

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
