import type { Callbacks } from "../jobs/callback.ts";
import type { WorkerLiveness } from "../jobs/worker-liveness.ts";
import type { Facilitator } from "../ledger/facilitator.ts";
import type { Claim, Memory } from "../ledger/idempotency.ts";
import type { Ledger } from "../ledger/ledger.ts";
import type { Amount, Offers } from "../ledger/offer.ts";
import type { Presented } from "../ledger/payment.ts";
import type { Standing } from "../ledger/settle.ts";
import type { PaymentState } from "../protocol/index.ts";
import type { CallRecord, PaymentIdentity, Store, StoredAnswer } from "../store/store.ts";
import type { Faults } from "../telemetry/fault.ts";
import type { Logger } from "../telemetry/log.ts";
import type { Telemetry } from "../telemetry/telemetry.ts";
import type { Time } from "../time/time.ts";
import type { OutputCache } from "./cache.ts";
import type { Observer, Watched } from "./observer.ts";
import type { Places } from "./places.ts";

/** What a call is carried with. */
export interface CallDeps {
  readonly store: Store;
  readonly ledger: Ledger;
  /** Absent when everything is free. */
  readonly offers: Offers | undefined;
  readonly facilitator: Facilitator | undefined;
  readonly log: Logger;
  readonly telemetry: Telemetry;
  readonly observer: Observer;
  readonly faults: Faults | undefined;
  readonly time: Time;
  /** Calls that this process is working on: a concurrent twin waits for the same response. */
  readonly working: Map<string, Promise<StoredAnswer>>;
  /** Which payments the store can know. */
  readonly memory: Memory;
  readonly maxBodyBytes: number;
  /** Refuse payments without an idempotency key. */
  readonly requireKey: boolean;
  /** For how long the same purchase without a key is taken to be a repetition; milliseconds, 0 never. */
  readonly duplicateWindowMs: number;
  /** The open and submitted calls of one payer may cost this much together, or one call whatever it costs; millionths of a US dollar. */
  readonly maxOutstanding: number;
  /** Bytes of the large inputs of one payer's jobs that have not ended, or one input whatever its size. */
  readonly maxInputBytes: number;
  /** With so many jobs waiting no more are taken. */
  readonly maxQueued: number;
  /** Who runs the jobs that this server takes in; absent where it runs them itself. */
  readonly workerLiveness: WorkerLiveness | undefined;
  /** Starts housekeeping where the seller has not called `start()`. */
  readonly startJobs: () => void;
  /** Synchronous calls that may run at a time. */
  readonly places: Places;
  /** Outputs that may be repeated. */
  readonly cache: OutputCache;
  /** Absent when the ends of jobs are not posted to their buyers. */
  readonly callbacks: Callbacks | undefined;
  /** Absolute URL of a path of this API, as the caller of `request` sees it. @default the request's own path */
  url(request: Request, path: string | undefined): string;
  /** By which the caller of `request` came: `https`. */
  scheme(request: Request): string;
}

/** One request on its way. */
export interface RequestContext extends Watched {
  readonly requestId: string;
  /** The resource's, without query. */
  readonly url: string;
}

/** What a request was found to carry, before anything is decided. */
export interface Seen {
  /** Raw text. */
  readonly body: string;
  /** Of method, path, query and raw body; empty without a readable payment. */
  readonly requestHash: string;
  readonly presented: Presented | "malformed" | undefined;
  /** Of the payment, where it is readable. */
  readonly identity: PaymentIdentity | undefined;
  /** The call that holds the payment. */
  readonly holder: CallRecord | undefined;
  /** What is known about the payment. */
  readonly paymentState: PaymentState | "unknown";
}

/** A visit that has input, price and, unless it is free, a payment. */
export interface Purchase extends RequestContext {
  readonly amount: Amount;
  readonly claim: Claim;
  readonly presented: Presented | undefined;
  /** The call that holds the payment, as it was when the request came in. */
  readonly holder: CallRecord | undefined;
  /** Of the payment, unless a call is recorded for it. */
  readonly paymentState: PaymentState | "unknown";
  /** Validated. */
  readonly input: unknown;
  /** As the caller wrote it. */
  readonly written: unknown;
  /** Where the end of the job is to be posted, or why it cannot be. */
  readonly callback: { readonly url: string } | { readonly refused: string } | undefined;
}

/** A store that fails is asked again after this long. */
export const STORE_RETRY_SECONDS = 2;

/** How a settlement has ended, for its trace. */
export function settlementOf(standing: Standing): string {
  if (typeof standing === "string") return standing;
  return { submitted: "unconfirmed", void: "refused", open: "open" }[standing.phase as string] ?? "settled";
}

/** The attribute for the outcome of a step in a trace. */
export function said(outcome: string): { readonly "resource402.outcome": string } {
  return { "resource402.outcome": outcome };
}
