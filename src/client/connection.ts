import type { Duration } from "../../schema/duration.ts";
import type { Usd } from "../../schema/money.ts";
import type { SavedJob } from "./calls.ts";
import type { CallCheck } from "./check.ts";
import type { CallDefinition } from "./definition.ts";
import type { Job, WaitOptions } from "./job.ts";
import type { CallOptions, JobCallOptions } from "./options.ts";

/** A resource that answers in the same request. */
export interface Resource<Input, Output> {
  /** Calls, pays and returns the output. @throws ResourceError, or the reason of an aborted `signal` */
  (input: Input, options?: CallOptions): Promise<Output>;
  /** The exact price in US dollars, computed here; `undefined` when only the server can tell. */
  quote(input: Input): string | undefined;
}

/** A resource whose document states no price that can be read: each call says what it may cost. */
export interface UnpricedResource<Input, Output> {
  /** Calls, pays and returns the output. @throws ResourceError, or the reason of an aborted `signal` */
  (input: Input, options: CallOptions & { readonly maxPrice: Usd }): Promise<Output>;
  /** Always `undefined`: only the server can tell. */
  quote(input: Input): string | undefined;
}

/** A resource that is answered by a job. */
export interface JobResource<Input, Output> {
  /** Starts, pays, waits and returns the output. @throws ResourceError, or the reason of an aborted `signal` */
  (
    input: Input,
    options?: JobCallOptions & WaitOptions & { readonly onAbort?: "detach" | "cancel" },
  ): Promise<Output>;
  /** The exact price in US dollars, computed here; `undefined` when only the server can tell. */
  quote(input: Input): string | undefined;
  /** Starts and pays, and returns as soon as the job is accepted. */
  start(input: Input, options?: JobCallOptions): Promise<Job<Output>>;
  /** Comes back to a job by its id, or by what `toJSON` gave. Sends nothing. */
  resume(saved: string | SavedJob): Job<Output>;
}

/** The same for a resource whose document states no price that can be read: each call says what it may cost. */
export interface UnpricedJobResource<Input, Output>
  extends Pick<JobResource<Input, Output>, "quote" | "resume"> {
  /** Starts, pays, waits and returns the output. @throws ResourceError, or the reason of an aborted `signal` */
  (
    input: Input,
    options: JobCallOptions &
      WaitOptions & { readonly maxPrice: Usd; readonly onAbort?: "detach" | "cancel" },
  ): Promise<Output>;
  /** Starts and pays, and returns as soon as the job is accepted. */
  start(input: Input, options: JobCallOptions & { readonly maxPrice: Usd }): Promise<Job<Output>>;
}

/** A call whose payment was signed, and whose end is not known yet. When it was never sent, resuming it pays. */
export interface PendingCall {
  readonly resource: string;
  readonly idempotencyKey: string;
  /** What was signed: US dollars as a decimal, paid in `currency`. */
  readonly usd: string;
  readonly currency: string;
  /** RFC 3339. */
  readonly createdAt: string;
  /** Present when the server has accepted the call as a job. */
  readonly jobId: string | undefined;
  /**
   * Brings the call to its end and returns its output: sends the same bytes again, or waits for the job. It is not paid
   * a second time. When the payer proves that the payment lapsed unused and the seller still asks for it, this signs again,
   * for at most the same price; `check()` never does. @throws ResourceError as the call itself does, or the reason of an aborted `signal`
   */
  resume(options?: { readonly signal?: AbortSignal; readonly timeout?: Duration }): Promise<unknown>;
  /**
   * Reports what became of the call, and changes nothing. It never signs, and never sends a payment that could still
   * settle. Asks the status of a job, and a `payer` that reads the chain (`evmPayer` with an `rpcUrl`); the seller of a
   * synchronous call is asked once its payment can no longer settle: proven, or an hour after it has expired. Without an answer, `charged` is `unknown`.
   * @throws the reason of an aborted `signal`
   */
  check(options?: { readonly signal?: AbortSignal }): Promise<CallCheck>;
  /** Stops listing the call. It neither undoes its payment nor ends its job. */
  forget(): Promise<void>;
}

/** Where the money of a client is. Each amount in US dollars, as a decimal. */
export interface BudgetAmounts {
  /** Settled, as receipts and sellers say. A refund does not return. */
  readonly spent: string;
  /**
   * Signed, and may still settle. It returns when the payer proves that it lapsed unused. With a payer that cannot
   * prove it, what a seller says it did not charge returns a minute after it expires, except with `budget.strict`.
   */
  readonly held: string;
  /** What may still be signed of `budget.total`, not below 0; `undefined` without such a ceiling. */
  readonly free: string | undefined;
}

/** What the generated client is made of: its resources, its pending calls and its budget. */
export interface Connection {
  resource<Input extends object, Output>(definition: CallDefinition): Resource<Input, Output>;
  jobResource<Input extends object, Output>(definition: CallDefinition): JobResource<Input, Output>;
  /**
   * Calls that were signed for and have not ended: those that an earlier run has left in `calls`, and those that are still
   * being made, here or by whoever shares `calls`. To resume one of these as well does no harm. @throws what `calls` throws
   */
  pending(): Promise<readonly PendingCall[]>;
  /**
   * Where the money of this client is, with what earlier runs have left in `calls`. Each amount in US dollars, as a decimal.
   * Releases first what has lapsed, as far as the chain says so within 5 seconds. @throws what `calls` throws
   */
  budget(): Promise<BudgetAmounts>;
}
