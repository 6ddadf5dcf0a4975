import { validate } from "../../schema/standard.ts";
import type { JobEnd, JobRecord, Store } from "../store/store.ts";
import { StoreUnavailable } from "../store/store-errors.ts";
import { type Logger, loggableOf } from "../telemetry/log.ts";
import { withoutInput } from "../telemetry/redact.ts";
import type { Telemetry } from "../telemetry/telemetry.ts";
import type { Trace } from "../telemetry/trace.ts";
import { pauseAfter } from "../time/retry.ts";
import { sleep, type Time } from "../time/time.ts";
import { createProgress } from "./progress.ts";
import type { ServedJob } from "./record.ts";
import { type Outcome, run } from "./run.ts";

/** What an attempt comes to: the end of its job, or another attempt. */
export type Attempted =
  | JobEnd
  /** Without `failures`, the server stops and hands the job back. */
  | { readonly requeue: { readonly failures?: number; readonly runAt?: number } };

export interface AttemptOptions {
  readonly resources: ReadonlyMap<string, ServedJob>;
  readonly store: Store;
  readonly telemetry: Telemetry;
  readonly time: Time;
  /** Called when the attempt ends before its handler, which goes on until `ended`; it gets `ms` more at most. */
  readonly detached: (resource: string, ended: Promise<unknown>, ms: number) => void;
}

/**
 * Runs a claimed job once and says what becomes of it. Writes only progress. `signal` aborts the handler.
 * @throws StoreUnavailable when the store fails, and nothing else: every other exception is a failure that counts.
 */
export type Attempt = (job: JobRecord, log: Logger, signal: AbortSignal) => Promise<Attempted>;

/** Aborts handlers whose jobs another server is going to run. */
export const STOPPING = new DOMException("The server is stopping", "AbortError");

/** How often a job is run again after what is not its handler's doing, when its definition allows no more retries. */
const RERUNS = 2;
/** What must be left of an authorization that is settled after the work. */
const SETTLE_MS = 30_000;
const MAX_BACKOFF_MS = 600_000;
const PROGRESS_EVERY_MS = 250;
/** How long a handler may take to respect its signal before its job is taken from it. */
const RESPECT_MS = 2_000;

export function createAttempt({ resources, store, telemetry, time, detached }: AttemptOptions): Attempt {
  /** Milliseconds since the epoch: what is settled after it must still be settled then. */
  async function authorizedUntil(job: JobRecord): Promise<number> {
    const call = await store.call(job.callId);
    if (!call?.payment || call.charge === "before") return Number.POSITIVE_INFINITY;
    return call.identity.validBefore * 1000 - SETTLE_MS;
  }

  /** When to run a job again that has failed so often before. */
  function runAgainAt({ backoffMs }: ServedJob, failures: number): number {
    const pause = pauseAfter({ firstMs: backoffMs, maxMs: MAX_BACKOFF_MS }, failures + 1);
    return time.now() + Math.round(pause * (0.75 + Math.random() * 0.5));
  }

  async function traced(
    job: JobRecord,
    resource: ServedJob,
    log: Logger,
    signal: AbortSignal,
  ): Promise<Attempted> {
    const attributes = { "resource402.resource": job.resource, "resource402.attempt": job.attempt };
    const trace = telemetry.tracing.work(`job ${job.resource}`, job.trace, attributes);
    let outcome = "interrupted";
    try {
      const attempted = await execute(job, resource, log, trace, signal);
      outcome = "requeue" in attempted ? "queued" : attempted.ok ? "succeeded" : attempted.failure.code;
      return attempted;
    } finally {
      const failed = outcome !== "succeeded" && outcome !== "queued";
      trace.end({ "resource402.outcome": outcome }, failed ? outcome : undefined);
    }
  }

  async function execute(
    job: JobRecord,
    resource: ServedJob,
    log: Logger,
    trace: Trace,
    signal: AbortSignal,
  ): Promise<Attempted> {
    if (job.failures > Math.max(resource.retries, RERUNS)) {
      return failed("interrupted", "The job was interrupted too often.");
    }
    const until = await authorizedUntil(job);
    const timeoutMs = Math.min(resource.timeoutMs, until - time.now());
    if (timeoutMs <= 0) return failed("payment_failed", "The payment's authorization has expired.");
    // A handler may change what it is given; the next attempt must see what the buyer wrote.
    const input = await validate(resource.input, structuredClone(job.input));
    // The same input passed the same schema when the job was accepted; the schema has changed since.
    if ("issues" in input) {
      // A path may hold names that the buyer has chosen.
      log.error({ issues: input.issues.length }, "a stored input no longer passes its schema");
      return internalError(job);
    }
    if (signal.aborted) return { requeue: {} };
    const shown = loggableOf(resource, input.value);
    log.info({ waitedMs: time.now() - job.createdAt, ...(shown && { input: shown }) }, "job started");
    const when = { work: ["running"], claim: job.claim } as const;
    const progress = createProgress(PROGRESS_EVERY_MS, (percent, message) =>
      store
        .change({ durable: false, job: { id: job.id, when, set: { progress: percent, message } } })
        .catch((error: unknown) => log.warn({ error }, "progress could not be written")),
    );
    let isIdle = false;
    let becomeIdle = (): void => {};
    const idle = new Promise<true>((resolve) => {
      becomeIdle = () => resolve(true);
    });
    const running = () =>
      run(
        { ...resource, timeoutMs },
        {
          input: input.value,
          payer: job.payer,
          requestId: job.id,
          jobId: job.id,
          attempt: job.attempt,
          progress: job.progress,
          log,
          signal,
          onProgress: progress.report,
          onIdle: () => {
            isIdle = true;
            becomeIdle();
          },
        },
      );
    const ended = await trace.step("run", () => telemetry.run(job.resource, running));
    if (!isIdle && !ended.ok) detached(job.resource, idle, timeoutMs);
    await progress.end();
    if (ended.ok) return { ok: true, result: ended.output };
    const respected = () => Promise.race([idle, sleep(time, RESPECT_MS)]);
    if (signal.reason === STOPPING) {
      // The next attempt must not overlap with this one, as far as the handler respects its signal.
      await respected();
      return { requeue: {} };
    }
    const runAt = runAgainAt(resource, job.failures);
    if (job.failures < resource.retries && isRetried(ended) && runAt < until && (await respected())) {
      log.warn({ code: ended.code, backoffMs: runAt - time.now() }, "the handler failed and is run again");
      return { requeue: { failures: job.failures + 1, runAt } };
    }
    return failed(ended.code, ended.error);
  }

  return async (job, log, signal) => {
    const resource = resources.get(job.resource);
    if (!resource) {
      // Sold by an earlier release. It must end, or what was paid for it would never be refunded.
      log.error({}, "a stored job is of a resource that this server does not know");
      return internalError(job);
    }
    try {
      return await traced(job, resource, log, signal);
    } catch (error) {
      if (error instanceof StoreUnavailable) throw error;
      // A schema whose transform throws, for example: this release of the server cannot run this job.
      log.error({ error: withoutInput(error, job.input) }, "an attempt failed outside of its handler");
      if (job.failures >= Math.max(resource.retries, RERUNS)) return internalError(job);
      return { requeue: { failures: job.failures + 1, runAt: runAgainAt(resource, job.failures) } };
    }
  };
}

/** What the handler did not do on purpose may go well the next time. */
function isRetried(outcome: Extract<Outcome, { ok: false }>): boolean {
  return !outcome.declared && (outcome.code === "internal_error" || outcome.code === "timeout");
}

function internalError(job: JobRecord): JobEnd {
  return failed("internal_error", `An internal error occurred in ${job.id}.`);
}

function failed(code: string, error: string): JobEnd {
  return { ok: false, work: "failed", failure: { code, error } };
}
