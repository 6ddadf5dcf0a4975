import { DEFAULT_RETENTION } from "../../schema/api.ts";
import { milliseconds } from "../../schema/duration.ts";
import { validate } from "../../schema/standard.ts";
import type { Faults } from "../observe/fault.ts";
import { childLogger, type Logger, loggableOf } from "../observe/log.ts";
import type { Telemetry } from "../observe/telemetry.ts";
import type { Trace } from "../observe/trace.ts";
import type { Presence } from "../store/presence.ts";
import type { JobEnd, JobRecord, Room, Store } from "../store/store.ts";
import { type JobStatus, TERMINAL } from "../wire/index.ts";
import type { News } from "./news.ts";
import { createProgress } from "./progress.ts";
import type { JobResource } from "./record.ts";
import { type Outcome, run } from "./run.ts";

/**
 * Writes the end of a job, with what it means for the money, while its status is one of `from` and its attempt the
 * last one; `undefined` when it has moved on.
 */
type EndJob = (
  job: JobRecord,
  from: readonly JobStatus[],
  end: JobEnd,
  retentionMs: number,
) => Promise<JobRecord | undefined>;

export interface WorkerOptions {
  readonly resources: ReadonlyMap<string, JobResource>;
  readonly store: Store;
  readonly presence: Presence;
  readonly news: News;
  readonly end: EndJob;
  /** How many handlers run at a time. */
  readonly concurrency: number;
  readonly log: Logger;
  readonly telemetry: Telemetry;
  readonly faults: Faults | undefined;
}

/** Runs jobs. Several of them, in as many processes, may share a store: a job runs in one of them at a time. */
export interface Worker {
  /** Begins to take jobs as they come; again, when it has been stopped. */
  start(): void;
  /** Once: takes what waits, among it what a dead server has left. */
  recover(): Promise<void>;
  /** Takes no more, waits for running handlers, after `graceMs` aborts them and hands their jobs back. */
  stop(graceMs: number): Promise<void>;
}

/** How often a job is run again because its server has died under it, when its definition allows no more retries. */
const RERUNS = 2;
/** What must be left of an authorization that is settled after the work. */
const SETTLE_MS = 30_000;
const LONGEST_BACKOFF_MS = 600_000;
const TIMER_SLACK_MS = 5;
/** How soon the end of a job is written again when the store has failed. */
const WRITE_AGAIN_MS = 1_000;
const PROGRESS_EVERY_MS = 250;
/** How long a handler may take to heed its signal before its job is taken from it. */
const HEED_MS = 2_000;

/** Aborts handlers whose jobs are to be run again by another server. */
const STOPPING = new DOMException("The server is stopping", "AbortError");
const MOVED_ON = new DOMException("The job was cancelled", "AbortError");

/** What an attempt comes to: the end of its job, or another attempt. */
type Attempted = JobEnd | { readonly requeue: { readonly failures?: number; readonly runAt?: number } };

interface Running {
  readonly resource: string;
  readonly controller: AbortController;
  /** Of the job when it was claimed; `undefined` until then. */
  attempt: number | undefined;
  done: Promise<void>;
}

export function createWorker(options: WorkerOptions): Worker {
  const { resources, store, presence, news, end, concurrency, log, telemetry, faults } = options;
  const running = new Map<string, Running>();
  /** Handlers that go on after their job has ended, and so take up room. */
  const lingering = new Set<{ readonly resource: string }>();
  /** Jobs that we may own and do not run, since the store failed. */
  const left = new Set<string>();
  let stopped = false;
  let unlisten: (() => void) | undefined;
  let taking: Promise<void> | undefined;
  let takeAgain = false;
  let takeAfterClaim = false;
  /** Whether the next look is for what dead servers have left as well. */
  let lookForLeft = false;

  /** What there is room for. */
  function room(): Room {
    const most: Record<string, number> = {};
    for (const [name, { concurrency: own }] of resources) if (own !== undefined) most[name] = own;
    for (const { resource } of [...running.values(), ...lingering]) {
      if (most[resource] !== undefined) most[resource] = Math.max(0, most[resource] - 1);
    }
    return { limit: Math.max(0, concurrency - running.size - lingering.size), most };
  }

  /**
   * Keeps the place of a handler that ignores its signal until it comes to an end, but for `ms` at most: one that never
   * does must not stop its resource for good.
   */
  function linger(resource: string, idle: Promise<unknown>, ms: number): void {
    const place = { resource };
    lingering.add(place);
    const free = (): void => {
      clearTimeout(timer);
      if (lingering.delete(place)) take();
    };
    const timer = setTimeout(free, ms);
    (timer as { unref?: () => void }).unref?.();
    void idle.then(free);
  }

  /** Takes jobs until there is no room or none that waits. Asked while it is at it, it looks once more. */
  function take(): void {
    takeAgain = true;
    taking ??= takeAll()
      .catch((error: unknown) => log.error({ error }, "waiting jobs could not be read"))
      .finally(() => {
        taking = undefined;
        if (takeAgain && !stopped) take();
      });
  }

  /** One look at a time: two at once would each count on the same room. */
  async function takeAll(): Promise<void> {
    while (takeAgain && !stopped) {
      takeAgain = false;
      const free = room();
      if (free.limit === 0) return;
      const forLeft = lookForLeft;
      lookForLeft = false;
      const waiting = forLeft ? await store.openJobs(free) : await store.handOut(free);
      const others = waiting.filter(({ id }) => !running.has(id));
      for (const job of others) begin(job);
      if (forLeft) takeAgain = true;
      // Where as many came as there was room for, more may wait, behind those that are still being claimed here.
      if (waiting.length < free.limit) continue;
      if (others.length > 0) takeAgain = true;
      else takeAfterClaim = true;
    }
  }

  function begin({ id, resource }: Pick<JobRecord, "id" | "resource">): void {
    if (stopped || running.has(id)) return;
    const entry: Running = {
      resource,
      controller: new AbortController(),
      attempt: undefined,
      done: Promise.resolve(),
    };
    running.set(id, entry);
    // What cannot be claimed or handed back now is found again by the next recovery.
    entry.done = work(id, entry)
      .catch(async (error: unknown) => {
        left.add(id);
        log.error({ jobId: id, error }, "a job could not be run");
        // A store that fails is not asked again at once.
        if (!stopped) await pause(WRITE_AGAIN_MS);
      })
      .finally(() => {
        running.delete(id);
        take();
      });
  }

  /** Takes a job that waits, or that a dead server has left; `undefined` when there is nothing to take. */
  async function claim(jobId: string): Promise<JobRecord | undefined> {
    await presence.ensure();
    const job = await store.job(jobId);
    if (!job || job === "gone") return undefined;
    const { attempt } = job;
    if (job.status === "queued" && job.startBy !== undefined && job.startBy <= Date.now()) {
      await expire(job);
      return undefined;
    }
    const orphaned = job.status === "running";
    const when = orphaned
      ? ({ status: ["running"], attempt, orphaned: true } as const)
      : ({ status: ["queued"], attempt } as const);
    const set = {
      status: "running",
      owner: presence.owner,
      attempt: attempt + 1,
      failures: job.failures + (orphaned ? 1 : 0),
      startBy: undefined,
    } as const;
    const claimed = (await store.change({ job: { id: jobId, when, set } }))?.job;
    if (claimed && orphaned) {
      const lost = { requestId: job.callId, jobId, resource: job.resource, attempt: claimed.attempt };
      log.warn(lost, "a job is taken over whose server died");
    }
    return claimed;
  }

  async function expire(job: JobRecord): Promise<void> {
    const failure = { code: "expired", error: "The job could not be started in time." };
    const retentionMs = resources.get(job.resource)?.retentionMs ?? milliseconds(DEFAULT_RETENTION);
    await end(job, ["queued"], { ok: false, status: "expired", failure }, retentionMs);
  }

  /** Until when the work may go on, in milliseconds since the epoch: what is settled after it must still be settled then. */
  async function authorizedUntil(job: JobRecord): Promise<number> {
    const call = await store.call(job.callId);
    if (!call?.payment || call.charge === "before") return Number.POSITIVE_INFINITY;
    return call.identity.validBefore * 1000 - SETTLE_MS;
  }

  async function work(jobId: string, entry: Running): Promise<void> {
    const job = await claim(jobId);
    if (takeAfterClaim) {
      takeAfterClaim = false;
      take();
    }
    if (!job) return;
    entry.attempt = job.attempt;
    const { callId: requestId, resource: name } = job;
    const jobLog = childLogger(log, { requestId, resource: name, jobId, attempt: job.attempt });
    const resource = resources.get(job.resource);
    if (!resource) {
      // Sold by an earlier release. It must end, or what was paid for it would never be owed back.
      jobLog.error({}, "a stored job is of a resource that this server does not know");
      const gone = failed("internal_error", `An internal error occurred in ${job.id}.`);
      return written(job, gone, milliseconds(DEFAULT_RETENTION), jobLog);
    }
    const attributes = { "resource402.resource": name, "resource402.attempt": job.attempt };
    const trace = telemetry.tracing.work(`job ${name}`, job.trace, attributes);
    let outcome = "interrupted";
    try {
      const ended = await attempt(job, resource, jobLog, trace, entry.controller.signal);
      outcome = "requeue" in ended ? "queued" : ended.ok ? "succeeded" : ended.failure.code;
      await conclude(job, resource, jobLog, ended);
    } finally {
      const failed = outcome !== "succeeded" && outcome !== "queued";
      trace.end({ "resource402.outcome": outcome }, failed ? outcome : undefined);
    }
  }

  /** Writes what has become of an attempt. */
  async function conclude(
    job: JobRecord,
    resource: JobResource,
    jobLog: Logger,
    ended: Attempted,
  ): Promise<void> {
    if ("requeue" in ended) {
      const when = { status: ["running"], attempt: job.attempt } as const;
      const requeued = { ...ended.requeue, status: "queued", owner: undefined } as const;
      const stepped = await store.change({ job: { id: job.id, when, set: requeued } });
      if (!stepped?.job) return;
      if (ended.requeue.runAt === undefined) jobLog.info({}, "job handed back");
      else takeAt(ended.requeue.runAt);
      return;
    }
    if (faults) await faults.reach("job.ran");
    await written(job, ended, resource.retentionMs, jobLog);
    if (faults) await faults.reach("job.ended");
  }

  /** Runs the handler once, and says what becomes of the job. */
  async function attempt(
    job: JobRecord,
    resource: JobResource,
    jobLog: Logger,
    trace: Trace,
    signal: AbortSignal,
  ): Promise<Attempted> {
    if (faults) await faults.reach("job.claimed");
    if (job.failures > Math.max(resource.retries, RERUNS)) {
      return failed("interrupted", "The job was interrupted too often.");
    }
    const until = await authorizedUntil(job);
    const timeoutMs = Math.min(resource.timeoutMs, until - Date.now());
    if (timeoutMs <= 0) return failed("payment_failed", "The payment's authorization has expired.");
    // A handler may change what it is given; the next attempt must see what the buyer wrote.
    const input = await validate(resource.input, structuredClone(job.input));
    // The same input passed the same schema when the job was accepted; the schema has changed since.
    if ("issues" in input) {
      // A path may hold names that the buyer has chosen.
      jobLog.error({ issues: input.issues.length }, "a stored input no longer passes its schema");
      return failed("internal_error", `An internal error occurred in ${job.id}.`);
    }
    const shown = loggableOf(resource, input.value);
    jobLog.info({ waitedMs: Date.now() - job.createdAt, ...(shown && { input: shown }) }, "job started");
    const when = { status: ["running"], attempt: job.attempt } as const;
    const progress = createProgress(PROGRESS_EVERY_MS, (percent, message) =>
      store
        .change({ job: { id: job.id, when, set: { progress: percent, message } } })
        .catch((error: unknown) => jobLog.warn({ error }, "progress could not be written")),
    );
    let isIdle = false;
    let nowIdle = (): void => {};
    const idle = new Promise<true>((resolve) => {
      nowIdle = () => {
        isIdle = true;
        resolve(true);
      };
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
          log: jobLog,
          signal,
          onProgress: progress.report,
          onIdle: nowIdle,
        },
      );
    const ended = await trace.step("run", () => telemetry.run(job.resource, running));
    if (!isIdle && !ended.ok) linger(job.resource, idle, timeoutMs);
    await progress.end();
    if (ended.ok) return { ok: true, result: ended.output };
    if (signal.reason === STOPPING) {
      // Whoever runs it next must not meet this attempt at work, as far as the handler heeds its signal.
      await Promise.race([idle, pause(HEED_MS)]);
      return { requeue: {} };
    }
    const backoffMs = backoff(resource.backoffMs, job.failures);
    if (job.failures < resource.retries && isRetried(ended) && Date.now() + backoffMs < until) {
      const heeded = await Promise.race([idle, pause(HEED_MS)]);
      if (heeded) {
        jobLog.warn({ code: ended.code, backoffMs }, "the handler failed and is run again");
        return { requeue: { failures: job.failures + 1, runAt: Date.now() + backoffMs } };
      }
    }
    return failed(ended.code, ended.error);
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
        if (stopped) {
          left.add(job.id);
          return;
        }
        await pause(WRITE_AGAIN_MS);
      }
    }
  }

  /** A job that ends or is taken elsewhere must not go on here. */
  async function checkRunning(jobId: string): Promise<void> {
    const entry = running.get(jobId);
    if (entry?.attempt === undefined || entry.controller.signal.aborted) return;
    const job = await store.job(jobId);
    const ours =
      job !== undefined && job !== "gone" && !TERMINAL.includes(job.status) && job.attempt === entry.attempt;
    if (!ours) entry.controller.abort(MOVED_ON);
  }

  function takeAt(runAt: number): void {
    // A timer may be early by what the clock is rounded to, and then there would be nothing to take.
    const ms = Math.max(0, runAt - Date.now()) + TIMER_SLACK_MS;
    const timer = setTimeout(take, Math.min(ms, LONGEST_BACKOFF_MS * 2));
    (timer as { unref?: () => void }).unref?.();
  }

  function abortAll(): void {
    for (const { controller } of running.values()) controller.abort(STOPPING);
  }

  return {
    start() {
      if (unlisten) return;
      stopped = false;
      const stopListening = news.listen((change) => {
        if (change === undefined || change.status === "queued") take();
        for (const id of change === undefined ? running.keys() : [change.id]) {
          checkRunning(id).catch((error: unknown) =>
            log.warn({ jobId: id, error }, "a running job could not be looked at"),
          );
        }
      });
      // Without a lease others take over what runs here.
      const stopHearing = presence.onLapse(abortAll);
      unlisten = () => {
        stopListening();
        stopHearing();
      };
      take();
    },

    async recover() {
      for (const id of left) {
        if (running.has(id)) continue;
        const when = { status: ["running"], owner: presence.owner } as const;
        await store.change({ job: { id, when, set: { status: "queued", owner: undefined } } });
        left.delete(id);
      }
      lookForLeft = true;
      take();
      await taking;
    },

    async stop(graceMs) {
      stopped = true;
      unlisten?.();
      unlisten = undefined;
      const timer = setTimeout(abortAll, graceMs);
      await taking;
      await Promise.all(Array.from(running.values(), ({ done }) => done));
      clearTimeout(timer);
    },
  };
}

/** What the handler did not do on purpose may go well the next time. */
function isRetried(outcome: Extract<Outcome, { ok: false }>): boolean {
  return !outcome.declared && (outcome.code === "internal_error" || outcome.code === "timeout");
}

function backoff(firstMs: number, failures: number): number {
  const ms = Math.min(firstMs * 2 ** Math.min(failures, 20), LONGEST_BACKOFF_MS);
  return Math.round(ms * (0.75 + Math.random() * 0.5));
}

function pause(ms: number): Promise<undefined> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function failed(code: string, error: string): JobEnd {
  return { ok: false, status: "failed", failure: { code, error } };
}
