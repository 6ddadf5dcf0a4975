import { type Schema, validate } from "../../schema/standard.ts";
import type { Logger } from "../observe/log.ts";
import { type AnyHandler, DeclaredFailure, type JobContext, type Step } from "./handler.ts";

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
  readonly log: Logger;
  /** Aborts the run from outside: a cancelled job, a stopping server. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (percent: number, message: string | undefined) => void;
}

export type Outcome =
  /** JSON text of the validated output. */
  | { readonly ok: true; readonly output: string }
  | { readonly ok: false; readonly code: string; readonly error: string; readonly declared: boolean };

/** Runs a handler to its end or its time-out, whichever comes first. Never throws; a late result is dropped. */
export async function run(resource: Runnable, options: RunOptions): Promise<Outcome> {
  const { log } = options;
  const started = performance.now();
  const controller = new AbortController();
  const abort = (): void => controller.abort(options.signal?.reason);
  options.signal?.addEventListener("abort", abort, { once: true });
  if (options.signal?.aborted) abort();

  let timer: ReturnType<typeof setTimeout> | undefined;
  let ended = false;
  const timedOut = new Promise<Outcome>((resolve) => {
    timer = setTimeout(() => {
      // Resolved before the abort, whose listener would call it a cancel.
      resolve({ ok: false, code: "timeout", error: "The request timed out.", declared: false });
      controller.abort(new DOMException("The handler took too long", "TimeoutError"));
      log.warn({ timeoutMs: resource.timeoutMs }, "handler timed out");
    }, resource.timeoutMs);
  });
  const aborted = new Promise<Outcome>((resolve) => {
    controller.signal.addEventListener(
      "abort",
      () => resolve({ ok: false, code: "cancelled", error: "The request was cancelled.", declared: false }),
      { once: true },
    );
  });

  const context = contextOf(resource, options, controller.signal, () => ended);
  const outcome = await Promise.race([timedOut, finish(resource, options, context), aborted]);
  ended = true;
  clearTimeout(timer);
  options.signal?.removeEventListener("abort", abort);
  log.info(
    { durationMs: Math.round(performance.now() - started), outcome: outcome.ok ? "succeeded" : outcome.code },
    "handler ended",
  );
  return outcome;
}

async function finish(
  resource: Runnable,
  options: RunOptions,
  context: JobContext<string>,
): Promise<Outcome> {
  try {
    const returned: unknown = await resource.handler(options.input as never, context);
    const output = await validate(resource.output, returned);
    if ("issues" in output) {
      options.log.error({ issues: output.issues }, "the handler returned an output that its schema refuses");
      return internalError(options.requestId);
    }
    return { ok: true, output: JSON.stringify(output.value) };
  } catch (error) {
    if (error instanceof DeclaredFailure) {
      return { ok: false, code: error.code, error: error.message, declared: true };
    }
    // An abort that the handler passes on is the consequence of a time-out or a cancel, which have their own answer.
    if (!context.signal.aborted) options.log.error({ error }, "the handler threw");
    return internalError(options.requestId);
  }
}

function internalError(requestId: string): Outcome {
  const error = `An internal error occurred. If you report it, quote ${requestId}.`;
  return { ok: false, code: "internal_error", error, declared: false };
}

function contextOf(
  resource: Runnable,
  options: RunOptions,
  signal: AbortSignal,
  ended: () => boolean,
): JobContext<string> {
  let reported = 0;
  const progress = (percent: number, message?: string): void => {
    if (ended() || !Number.isFinite(percent)) return;
    reported = Math.max(reported, Math.min(100, Math.max(0, Math.floor(percent))));
    options.onProgress?.(reported, message);
  };
  return {
    signal,
    payer: options.payer,
    requestId: options.requestId,
    jobId: options.jobId,
    log: options.log,
    fail(code, message) {
      const declared = Object.hasOwn(resource.errors, code) ? resource.errors[code] : undefined;
      if (declared === undefined)
        throw new Error(`${resource.name} does not declare the error code "${code}"`);
      throw new DeclaredFailure(code, message ?? declared);
    },
    progress,
    async steps(steps: readonly Step[]) {
      for (const [index, step] of steps.entries()) {
        signal.throwIfAborted();
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
