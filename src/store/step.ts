import type { CallRecord, JobRecord, RefundRecord } from "./records.ts";
import type { Phase, Work } from "./state.ts";

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
