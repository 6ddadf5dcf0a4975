import { type Schema, validate } from "../../schema/standard.ts";
import type { Logger } from "../telemetry/log.ts";
import { withoutInput } from "../telemetry/redact.ts";
import { type AnyHandler, DeclaredFailure, type HandlerStep, type JobContext } from "./handler.ts";

/** What is needed to run a handler once. */
export interface Runnable {
  readonly name: string;
  readonly output: Schema;
  readonly errors: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly handler: AnyHandler;
}

export interface RunOptions {
  readonly input: unknown;
  readonly payer: string | undefined;
  readonly requestId: string;
  readonly jobId: string;
  /** @default 1 */
  readonly attempt?: number;
  /** Percent that an earlier attempt has reported: progress never goes back. @default 0 */
  readonly progress?: number;
  readonly log: Logger;
  /** Aborts the run from outside: a cancelled job, a stopping server. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (percent: number, message: string | undefined) => void;
  /** Called when the handler itself has come to an end, which may be long after its outcome is known. */
  readonly onIdle?: () => void;
}

export type Outcome =
  /** JSON text of the validated output. */
  | { readonly ok: true; readonly output: string }
  | { readonly ok: false; readonly code: string; readonly error: string; readonly declared: boolean };

/** Runs a handler to its end or its time-out, whichever comes first. Never throws; a late result is dropped. */
export async function run(resource: Runnable, options: RunOptions): Promise<Outcome> {
  const started = performance.now();
  const stop = stopper();
  const context = contextOf(resource, options, stop);
  const finished = finish(resource, options, context, stop);
  if (options.onIdle) void finished.then(options.onIdle);
  const timer = setTimeout(() => {
    stop.end(TIMED_OUT, new DOMException("The handler took too long", "TimeoutError"));
  }, resource.timeoutMs);
  const cancel = (): void => stop.end(CANCELLED, options.signal?.reason);
  if (options.signal?.aborted) cancel();
  options.signal?.addEventListener("abort", cancel, { once: true });

  void finished.then(stop.finish);
  const outcome = await stop.ended;
  clearTimeout(timer);
  options.signal?.removeEventListener("abort", cancel);
  const durationMs = Math.round(performance.now() - started);
  options.log.debug({ durationMs, outcome: outcome.ok ? "succeeded" : outcome.code }, "handler ended");
  return outcome;
}

const TIMED_OUT: Outcome = { ok: false, code: "timeout", error: "The request timed out.", declared: false };
const CANCELLED: Outcome = {
  ok: false,
  code: "cancelled",
  error: "The request was cancelled.",
  declared: false,
};

/** Ends a run from outside, once. The signal is made when a handler asks for it: most never do. */
interface Stopper {
  readonly signal: AbortSignal;
  readonly ended: Promise<Outcome>;
  /** True once the outcome is known, by whichever way. */
  readonly over: boolean;
  end(outcome: Outcome, reason: unknown): void;
  /** The handler has come to its own end. Its signal is not aborted. */
  readonly finish: (outcome: Outcome) => void;
}

function stopper(): Stopper {
  let controller: AbortController | undefined;
  let stopped: { reason: unknown } | undefined;
  let over = false;
  let resolve: (outcome: Outcome) => void = () => {};
  const ended = new Promise<Outcome>((settle) => {
    resolve = settle;
  });
  return {
    ended,
    get over() {
      return over;
    },
    get signal() {
      controller ??= new AbortController();
      if (stopped) controller.abort(stopped.reason);
      return controller.signal;
    },
    end(outcome, reason) {
      if (over) return;
      over = true;
      stopped = { reason };
      resolve(outcome);
      controller?.abort(reason);
    },
    finish(outcome) {
      over = true;
      // Does nothing when the run was ended before.
      resolve(outcome);
    },
  };
}

async function finish(
  resource: Runnable,
  options: RunOptions,
  context: JobContext<string>,
  stop: Stopper,
): Promise<Outcome> {
  try {
    const returned: unknown = await resource.handler(options.input as never, context);
    const output = await validate(resource.output, returned);
    if ("issues" in output) {
      const issues = withoutInput(output.issues, options.input);
      options.log.error({ issues }, "the handler returned an output that its schema refuses");
      return internalError(options.requestId);
    }
    return { ok: true, output: JSON.stringify(output.value) };
  } catch (error) {
    if (error instanceof DeclaredFailure) {
      return { ok: false, code: error.code, error: error.message, declared: true };
    }
    // What a stopped handler throws is the consequence of a time-out or a cancel, which have their own answer.
    if (!stop.over) options.log.error({ error: withoutInput(error, options.input) }, "the handler threw");
    return internalError(options.requestId);
  }
}

function internalError(requestId: string): Outcome {
  const error = `An internal error occurred. If you report it, quote ${requestId}.`;
  return { ok: false, code: "internal_error", error, declared: false };
}

function contextOf(resource: Runnable, options: RunOptions, stop: Stopper): JobContext<string> {
  let reported = options.progress ?? 0;
  const progress = (percent: number, message?: string): void => {
    if (stop.over || !Number.isFinite(percent)) return;
    reported = Math.max(reported, Math.min(100, Math.max(0, Math.floor(percent))));
    options.onProgress?.(reported, message);
  };
  return {
    get signal() {
      return stop.signal;
    },
    payer: options.payer,
    requestId: options.requestId,
    jobId: options.jobId,
    attempt: options.attempt ?? 1,
    log: options.log,
    fail(code, message) {
      const declared = Object.hasOwn(resource.errors, code) ? resource.errors[code] : undefined;
      if (declared === undefined)
        throw new Error(`${resource.name} does not declare the error code "${code}"`);
      throw new DeclaredFailure(code, message ?? declared);
    },
    progress,
    async steps(steps: readonly HandlerStep[]) {
      for (const [index, step] of steps.entries()) {
        stop.signal.throwIfAborted();
        const percent = (index / steps.length) * 100;
        if (typeof step === "function") {
          progress(percent);
          await step();
        } else {
          progress(percent, step.title);
          await step.run();
        }
      }
    },
  };
}
