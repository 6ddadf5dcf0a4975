import type { Logger } from "../telemetry/log.ts";

/** What every handler gets beside its input. */
export interface Context<Code extends string = never> {
  /** Aborts when the time-out of the definition has passed, when a job is cancelled, or when the server stops. */
  readonly signal: AbortSignal;
  /** Address of the buyer, or `undefined` when the resource is free. */
  readonly payer: string | undefined;
  /** Identifies this call in the log and in error answers. */
  readonly requestId: string;
  readonly log: Logger;
  /**
   * Ends the call as failed, on purpose. `code` must be declared in the definition's `errors`; `message`
   * is read by the buyer and defaults to the declared text. A synchronous call is not charged.
   */
  fail(code: Code, message?: string): never;
}

/** What a job's handler gets besides. */
export interface JobContext<Code extends string = never> extends Context<Code> {
  /** The same for every attempt: use it as the idempotency key of what you buy elsewhere for this job. */
  readonly jobId: string;
  /** 1, or more when it is run again: after a failure, or since a server has died or stopped under the job. */
  readonly attempt: number;
  /** Reports progress in percent; rounded down, held inside 0–100, never going back. */
  progress(percent: number, message?: string): void;
  /**
   * Runs steps in order and reports progress between them. A step is a function, or `{ title, run }` to
   * tell the buyer what is being done. Stops between steps when the signal has aborted.
   */
  steps(steps: readonly HandlerStep[]): Promise<void>;
}

/** One step of a job: a function, with a title if it has one. */
export type HandlerStep = (() => unknown) | { readonly title: string; readonly run: () => unknown };

/** Does the work of a resource that answers in the same request. By default charged only when it returns. */
export type Handler<Input, Result, Code extends string = never> = (
  input: Input,
  ctx: Context<Code>,
) => Result | Promise<Result>;

/** Does the work of a job. By default charged when the job is accepted, before this runs. */
export type JobHandler<Input, Result, Code extends string = never> = (
  input: Input,
  ctx: JobContext<Code>,
) => Result | Promise<Result>;

/** Any handler, as the runtime calls it. */
export type AnyHandler = (input: never, ctx: JobContext<string>) => unknown;

/** Stands in for a handler that has not been written: the server answers 501 and takes no payment. */
export function notImplemented(_input: unknown, _ctx: unknown): never {
  throw new Error("this handler has not been written yet");
}

/** A failure on purpose, with a code that the definition declares. */
export class DeclaredFailure extends Error {
  override readonly name = "DeclaredFailure";
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}
