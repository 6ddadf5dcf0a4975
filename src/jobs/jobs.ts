import { DEFAULT_RETENTION } from "../../schema/api.ts";
import { milliseconds } from "../../schema/duration.ts";
import { type Schema, validate } from "../../schema/standard.ts";
import { childLogger, type Logger } from "../observe/log.ts";
import type { CallRecord, JobRecord, Store } from "../store/store.ts";
import { type JobAccepted, type JobDocument, stateOf, TERMINAL } from "../wire/index.ts";
import { type Runnable, run } from "./run.ts";

/** What is needed to run a resource's jobs. */
export interface JobResource extends Runnable {
  readonly input: Schema;
  readonly retentionMs: number;
  readonly artifactUrl: string | undefined;
  readonly response: string | undefined;
}

export interface Jobs {
  /** Runs a queued job in the background. A job that is not queued is left alone. */
  dispatch(jobId: string): void;
  /** The job as soon as it has ended, `reached` is true of it, or `ms` have passed, whichever comes first. */
  when(
    jobId: string,
    ms: number,
    reached: (job: JobRecord) => boolean,
  ): Promise<JobRecord | "gone" | undefined>;
  /** Ends a job that has not ended; `undefined` when it has (one conditional update decides). */
  cancel(jobId: string): Promise<JobRecord | undefined>;
  document(job: JobRecord): JobDocument;
  /** Waits for running handlers, then aborts them. */
  stop(graceMs: number): Promise<void>;
}

/** How soon a poller should ask again. */
const RETRY_AFTER_SECONDS = 1;

/** The id is a capability: 128 random bits. */
export function newJobId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `job_${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

/** The record of a call's job, before its payment is settled; `undefined` when the call has none. */
export function newJob(call: CallRecord, input: unknown): JobRecord | undefined {
  if (call.jobId === undefined) return undefined;
  return {
    id: call.jobId,
    resource: call.resource,
    callId: call.id,
    payer: call.payment ? call.identity.payer : undefined,
    input,
    status: "awaiting_payment",
    progress: 0,
    message: undefined,
    result: undefined,
    failure: undefined,
    paymentState: call.payment ? "in_flight" : undefined,
    receipt: undefined,
    createdAt: call.createdAt,
    updatedAt: call.createdAt,
    expiresAt: undefined,
  };
}

/** The body of the 202. The receipt is added once the payment is settled. */
export function acceptedJob(
  call: CallRecord,
  jobId: string,
  statusUrl: string,
  resource: Pick<JobResource, "timeoutMs" | "retentionMs">,
): JobAccepted {
  return {
    success: true,
    jobId,
    statusUrl,
    state: "processing",
    status: call.payment ? "awaiting_payment" : "queued",
    retryAfterSeconds: RETRY_AFTER_SECONDS,
    expiresAt: new Date(call.createdAt + resource.timeoutMs + resource.retentionMs).toISOString(),
    ...(call.payment ? { paymentState: "in_flight" } : {}),
  };
}

export function createJobs(resources: ReadonlyMap<string, JobResource>, store: Store, log: Logger): Jobs {
  const running = new Map<string, { controller: AbortController; done: Promise<void> }>();
  const waiting = new Map<string, Set<() => void>>();

  function announce(jobId: string): void {
    for (const wake of waiting.get(jobId) ?? []) wake();
  }

  function nextChange(jobId: string, ms: number): { happened: Promise<void>; stop: () => void } {
    const listeners = waiting.get(jobId) ?? new Set();
    waiting.set(jobId, listeners);
    let stop = (): void => {};
    const happened = new Promise<void>((resolve) => {
      const timer = setTimeout(() => stop(), ms);
      stop = () => {
        clearTimeout(timer);
        listeners.delete(stop);
        if (listeners.size === 0 && waiting.get(jobId) === listeners) waiting.delete(jobId);
        resolve();
      };
      listeners.add(stop);
    });
    return { happened, stop };
  }

  async function work(jobId: string, controller: AbortController): Promise<void> {
    const job = await store.advance(jobId, ["queued"], { status: "running" }, Date.now());
    const resource = job && resources.get(job.resource);
    if (!resource) return;
    announce(jobId);
    const jobLog = childLogger(log, { jobId, resource: job.resource });
    const input = await validate(resource.input, job.input);
    // The same input passed the same schema when the job was accepted.
    if ("issues" in input) throw new Error("a stored input no longer passes its schema");
    jobLog.info({}, "job started");
    // Writes of progress stay in order, and behind none of them does the end of the job overtake.
    let progress: Promise<unknown> = Promise.resolve();
    const outcome = await run(resource, {
      input: input.value,
      payer: job.payer,
      requestId: jobId,
      jobId,
      log: jobLog,
      signal: controller.signal,
      onProgress: (percent, message) => {
        progress = progress
          .then(() => store.advance(jobId, ["running"], { progress: percent, message }, Date.now()))
          .then(() => announce(jobId));
      },
    });
    await progress;
    const now = Date.now();
    const expiresAt = now + resource.retentionMs;
    await store.advance(
      jobId,
      ["running"],
      outcome.ok
        ? { status: "succeeded", progress: 100, result: outcome.output, expiresAt }
        : { status: "failed", failure: { code: outcome.code, error: outcome.error }, expiresAt },
      now,
    );
  }

  return {
    dispatch(jobId) {
      if (running.has(jobId)) return;
      const controller = new AbortController();
      const done = work(jobId, controller)
        .catch(async (error: unknown) => {
          log.error({ jobId, error }, "a job could not be run");
          const failure = { code: "internal_error", error: `An internal error occurred in ${jobId}.` };
          const now = Date.now();
          const expiresAt = now + milliseconds(DEFAULT_RETENTION);
          await store.advance(jobId, ["queued", "running"], { status: "failed", failure, expiresAt }, now);
        })
        .finally(() => {
          running.delete(jobId);
          announce(jobId);
        });
      running.set(jobId, { controller, done });
    },

    async when(jobId, ms, reached) {
      const until = performance.now() + ms;
      for (;;) {
        // Listens first and reads then, so that a change between the two is not missed.
        const change = nextChange(jobId, Math.max(0, until - performance.now()));
        const job = await store.job(jobId);
        const over = job === undefined || job === "gone" || TERMINAL.includes(job.status) || reached(job);
        if (over || performance.now() >= until) {
          change.stop();
          return job;
        }
        await change.happened;
      }
    },

    async cancel(jobId) {
      const now = Date.now();
      const known = await store.job(jobId);
      const retention = known && known !== "gone" ? resources.get(known.resource)?.retentionMs : undefined;
      const failure = { code: "cancelled", error: "The job was cancelled." };
      const job = await store.advance(
        jobId,
        ["queued", "running"],
        { status: "cancelled", failure, expiresAt: now + (retention ?? 0) },
        now,
      );
      if (!job) return undefined;
      running.get(jobId)?.controller.abort(new DOMException("The job was cancelled", "AbortError"));
      announce(jobId);
      return job;
    },

    document(job) {
      const resource = resources.get(job.resource);
      const ended = TERMINAL.includes(job.status);
      const result =
        job.result === undefined ? undefined : (JSON.parse(job.result) as Record<string, unknown>);
      const field = (name: string | undefined): string | undefined => {
        const value = name === undefined ? undefined : result?.[name];
        return typeof value === "string" ? value : undefined;
      };
      const artifactUrl = field(resource?.artifactUrl);
      const response = field(resource?.response);
      return {
        jobId: job.id,
        resource: job.resource,
        state: stateOf(job.status),
        status: job.status,
        progress: job.progress,
        ...(job.message === undefined ? {} : { message: job.message }),
        ...(result === undefined ? {} : { result }),
        ...(artifactUrl === undefined ? {} : { artifactUrl }),
        ...(response === undefined ? {} : { response }),
        ...(job.failure === undefined ? {} : job.failure),
        ...(ended ? {} : { retryAfterSeconds: RETRY_AFTER_SECONDS }),
        createdAt: new Date(job.createdAt).toISOString(),
        updatedAt: new Date(job.updatedAt).toISOString(),
        ...(job.expiresAt === undefined ? {} : { expiresAt: new Date(job.expiresAt).toISOString() }),
        ...(job.paymentState === undefined ? {} : { paymentState: job.paymentState }),
        ...(job.receipt === undefined ? {} : { receipt: job.receipt }),
      };
    },

    async stop(graceMs) {
      const all = [...running.values()];
      const timer = setTimeout(() => {
        for (const { controller } of all)
          controller.abort(new DOMException("The server is stopping", "AbortError"));
      }, graceMs);
      await Promise.all(all.map(({ done }) => done));
      clearTimeout(timer);
    },
  };
}
