import { DEFAULT_RETENTION } from "../../schema/api.ts";
import { milliseconds } from "../../schema/duration.ts";
import { type Schema, validate } from "../../schema/standard.ts";
import type { Faults } from "../observe/fault.ts";
import { childLogger, type Logger } from "../observe/log.ts";
import type { Presence } from "../store/presence.ts";
import type { CallRecord, JobEnd, JobRecord, Store } from "../store/store.ts";
import { type JobAccepted, type JobDocument, type JobStatus, stateOf, TERMINAL } from "../wire/index.ts";
import { type Runnable, run } from "./run.ts";

/** What is needed to run a resource's jobs. */
export interface JobResource extends Runnable {
  readonly input: Schema;
  readonly retentionMs: number;
  readonly artifactUrl: string | undefined;
  readonly response: string | undefined;
}

export interface JobsOptions {
  readonly resources: ReadonlyMap<string, JobResource>;
  readonly store: Store;
  readonly presence: Presence;
  readonly log: Logger;
  readonly faults: Faults | undefined;
  /**
   * Writes the end of a job, with what it means for the money, while its status is one of `from` and its attempt the
   * last one; `undefined` when it has moved on.
   */
  readonly end: (
    job: JobRecord,
    from: readonly JobStatus[],
    end: JobEnd,
    retentionMs: number,
  ) => Promise<JobRecord | undefined>;
}

export interface Jobs {
  /** Runs a job in the background that waits for a server. One that does not wait is left alone. */
  dispatch(jobId: string): void;
  /** Tells those who wait for a job that it has changed. */
  announce(jobId: string): void;
  /** Once: runs the jobs that wait, among them those that a dead server has left. */
  recover(): Promise<void>;
  /** The job as soon as it has ended, `reached` is true of it, or `ms` have passed, whichever comes first. */
  when(
    jobId: string,
    ms: number,
    reached: (job: JobRecord) => boolean,
  ): Promise<JobRecord | "gone" | undefined>;
  /** Ends a job that has not ended; `undefined` when it has (one conditional update decides). */
  cancel(jobId: string): Promise<JobRecord | undefined>;
  document(job: JobRecord): JobDocument;
  /** Waits for running handlers, then aborts them and hands their jobs back. */
  stop(graceMs: number): Promise<void>;
}

/** How often a job is started at most: again after a server has died or stopped under it. */
const MOST_ATTEMPTS = 3;
/** What must be left of an authorization that is settled after the work. */
const SETTLE_MS = 30_000;
/** How many waiting jobs one recovery starts. */
const BATCH = 50;
/** Not while its payment is being settled: nobody could say whether it is to be refunded. */
const CANCELLABLE: readonly JobStatus[] = ["queued", "running"];
/** How soon the end of a job is written again when the store has failed. */
const WRITE_AGAIN_MS = 1_000;

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
    // What is charged after the work, or not at all, may start at once.
    status: call.payment && call.charge === "before" ? "awaiting_payment" : "queued",
    progress: 0,
    message: undefined,
    result: undefined,
    failure: undefined,
    paymentState: call.payment ? "in_flight" : undefined,
    receipt: undefined,
    owner: undefined,
    attempt: 0,
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
    status: call.payment && call.charge === "before" ? "awaiting_payment" : "queued",
    retryAfterSeconds: RETRY_AFTER_SECONDS,
    expiresAt: new Date(call.createdAt + resource.timeoutMs + resource.retentionMs).toISOString(),
    ...(call.payment ? { paymentState: "in_flight" } : {}),
  };
}

export function createJobs({ resources, store, presence, log, faults, end }: JobsOptions): Jobs {
  const running = new Map<string, { controller: AbortController; done: Promise<void> }>();
  const waiting = new Map<string, Set<() => void>>();
  /** Jobs that we may own and do not run, since the store failed. */
  const left = new Set<string>();
  let stopped = false;

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

  /** Takes a job that waits, or that a dead server has left; `undefined` when there is nothing to take. */
  async function claim(jobId: string): Promise<JobRecord | undefined> {
    await presence.ensure();
    const job = await store.job(jobId);
    if (!job || job === "gone") return undefined;
    const { attempt } = job;
    const when =
      job.status === "queued"
        ? ({ status: ["queued"], attempt } as const)
        : ({ status: ["running"], attempt, orphaned: true } as const);
    const set = { status: "running", owner: presence.owner, attempt: attempt + 1 } as const;
    return (await store.change({ job: { id: jobId, when, set } }))?.job;
  }

  /** Milliseconds that the handler may take: less than its time-out when the authorization ends earlier. */
  async function timeLeft(job: JobRecord, resource: JobResource): Promise<number> {
    const call = await store.call(job.callId);
    if (!call?.payment || call.charge === "before") return resource.timeoutMs;
    return Math.min(resource.timeoutMs, call.identity.validBefore * 1000 - SETTLE_MS - Date.now());
  }

  async function work(jobId: string, controller: AbortController): Promise<void> {
    const job = await claim(jobId);
    if (!job) return;
    announce(jobId);
    const jobLog = childLogger(log, { jobId, resource: job.resource, attempt: job.attempt });
    const resource = resources.get(job.resource);
    if (!resource) {
      // Sold by an earlier release. It must end, or what was paid for it would never be owed back.
      jobLog.error({}, "a stored job is of a resource that this server does not know");
      const gone = failed("internal_error", `An internal error occurred in ${job.id}.`);
      return written(job, gone, milliseconds(DEFAULT_RETENTION), jobLog);
    }
    const ended = await outcomeOf(job, resource, jobLog, controller);
    if (ended === "handed back") {
      const set = { status: "queued", owner: undefined } as const;
      await store.change({ job: { id: jobId, when: { status: ["running"], attempt: job.attempt }, set } });
      return;
    }
    if (faults) await faults.reach("job.ran");
    await written(job, ended, resource.retentionMs, jobLog);
    if (faults) await faults.reach("job.ended");
  }

  async function outcomeOf(
    job: JobRecord,
    resource: JobResource,
    jobLog: Logger,
    controller: AbortController,
  ): Promise<JobEnd | "handed back"> {
    if (faults) await faults.reach("job.claimed");
    if (job.attempt > MOST_ATTEMPTS) {
      return failed("interrupted", "The job was interrupted too often.");
    }
    const timeoutMs = await timeLeft(job, resource);
    if (timeoutMs <= 0) return failed("payment_failed", "The payment's authorization has expired.");
    // A handler may change what it is given; the next attempt must see what the buyer wrote.
    const input = await validate(resource.input, structuredClone(job.input));
    // The same input passed the same schema when the job was accepted; the schema has changed since.
    if ("issues" in input) {
      jobLog.error({ issues: input.issues }, "a stored input no longer passes its schema");
      return failed("internal_error", `An internal error occurred in ${job.id}.`);
    }
    jobLog.info({}, "job started");
    // Writes of progress stay in order, and behind none of them does the end of the job overtake.
    let progress: Promise<unknown> = Promise.resolve();
    const when = { status: ["running"], attempt: job.attempt } as const;
    const outcome = await run(
      { ...resource, timeoutMs },
      {
        input: input.value,
        payer: job.payer,
        requestId: job.id,
        jobId: job.id,
        attempt: job.attempt,
        log: jobLog,
        signal: controller.signal,
        onProgress: (percent, message) => {
          progress = progress
            .then(() => store.change({ job: { id: job.id, when, set: { progress: percent, message } } }))
            .then(() => announce(job.id))
            .catch((error: unknown) => jobLog.warn({ error }, "progress could not be written"));
        },
      },
    );
    await progress;
    if (outcome.ok) return { ok: true, result: outcome.output };
    return controller.signal.reason === STOPPING ? "handed back" : failed(outcome.code, outcome.error);
  }

  /** Writes the end of a job; a store that fails is asked again, for as long as this server runs. */
  async function written(job: JobRecord, ended: JobEnd, retentionMs: number, jobLog: Logger): Promise<void> {
    for (;;) {
      try {
        const after = await end(job, ["running"], ended, retentionMs);
        if (!after) jobLog.warn({}, "the job has moved on; what this attempt made of it is dropped");
        return;
      } catch (error) {
        jobLog.error({ error }, "the end of a job could not be written");
        if (stopped) return;
        await new Promise((resolve) => setTimeout(resolve, WRITE_AGAIN_MS));
      }
    }
  }

  const jobs: Jobs = {
    announce,

    dispatch(jobId) {
      if (stopped || running.has(jobId)) return;
      const controller = new AbortController();
      // What cannot be claimed or handed back now is found again by the next recovery.
      const done = work(jobId, controller)
        .catch((error: unknown) => {
          left.add(jobId);
          log.error({ jobId, error }, "a job could not be run");
        })
        .finally(() => {
          running.delete(jobId);
          announce(jobId);
        });
      running.set(jobId, { controller, done });
    },

    async recover() {
      for (const id of left) {
        const when = { status: ["running"], owner: presence.owner } as const;
        await store.change({ job: { id, when, set: { status: "queued", owner: undefined } } });
        left.delete(id);
      }
      for (const job of await store.openJobs(BATCH)) jobs.dispatch(job.id);
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
      const failure = { code: "cancelled", error: "The job was cancelled." };
      const cancelled = { ok: false, status: "cancelled", failure } as const;
      let job: JobRecord | undefined;
      // Again when the job was taken by a server between the look and the write.
      for (let tries = 0; tries < 3 && !job; tries += 1) {
        const known = await store.job(jobId);
        if (!known || known === "gone" || !CANCELLABLE.includes(known.status)) return undefined;
        const retentionMs = resources.get(known.resource)?.retentionMs ?? milliseconds(DEFAULT_RETENTION);
        job = await end(known, CANCELLABLE, cancelled, retentionMs);
      }
      if (!job) return undefined;
      running.get(jobId)?.controller.abort(new DOMException("The job was cancelled", "AbortError"));
      announce(jobId);
      return job;
    },

    document(job) {
      const resource = resources.get(job.resource);
      const ended = TERMINAL.includes(job.status);
      // A result whose payment is not settled yet is nobody's.
      const shown = job.status === "succeeded" ? job.result : undefined;
      const result = shown === undefined ? undefined : (JSON.parse(shown) as Record<string, unknown>);
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
      stopped = true;
      const all = [...running.values()];
      const timer = setTimeout(() => {
        for (const { controller } of all) controller.abort(STOPPING);
      }, graceMs);
      await Promise.all(all.map(({ done }) => done));
      clearTimeout(timer);
    },
  };
  return jobs;
}

/** Aborts handlers whose jobs are to be run again by another server. */
const STOPPING = new DOMException("The server is stopping", "AbortError");

function failed(code: string, error: string): JobEnd {
  return { ok: false, status: "failed", failure: { code, error } };
}
