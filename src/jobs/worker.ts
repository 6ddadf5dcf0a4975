import type { Heartbeat } from "../store/heartbeat.ts";
import { isClaimable } from "../store/state.ts";
import type { ClaimOptions, JobRecord, Store } from "../store/store.ts";
import type { Faults } from "../telemetry/fault.ts";
import { childLogger, type Logger } from "../telemetry/log.ts";
import type { Telemetry } from "../telemetry/telemetry.ts";
import { retry } from "../time/retry.ts";
import { sleep, systemTime, type Time } from "../time/time.ts";
import { type Attempted, createAttempt, STOPPING } from "./attempt.ts";
import type { JobEvents } from "./job-events.ts";
import type { ServedJob } from "./record.ts";

/**
 * Writes what an attempt has come to, with what it means for the money, while its claim is still the last one;
 * `undefined` when the job has moved on.
 */
type EndAttempt = (job: JobRecord, attempted: Attempted) => Promise<JobRecord | undefined>;

export interface WorkerOptions {
  readonly resources: ReadonlyMap<string, ServedJob>;
  readonly store: Store;
  readonly heartbeat: Heartbeat;
  readonly jobEvents: JobEvents;
  readonly endAttempt: EndAttempt;
  /** How many handlers run at a time. */
  readonly concurrency: number;
  readonly log: Logger;
  readonly telemetry: Telemetry;
  readonly faults: Faults | undefined;
  /** @default the system's clock */
  readonly time?: Time;
}

/** Runs jobs. Several of them, in as many processes, may share a store: a job runs in one of them at a time. */
export interface Worker {
  /** Begins to claim jobs as they come; again, when it has been stopped. */
  start(): void;
  /** Once: claims what waits, and also the jobs that dead servers, or failures of the store, have left behind. */
  recover(): Promise<void>;
  /** When no handler runs, and no claim is under way. */
  idle(): Promise<void>;
  /** Claims no more, waits for running handlers, after `graceMs` aborts them and hands their jobs back. */
  stop(graceMs: number): Promise<void>;
}

/** A timer may be early by what the clock is rounded to; then there would be nothing to claim. */
const TIMER_SLACK_MS = 5;
/** How soon the store is asked again when it has failed. */
const WRITE_AGAIN_MS = 1_000;

/** Aborts handlers whose jobs have been ended or claimed elsewhere. */
const MOVED_ON = new DOMException("The job was cancelled", "AbortError");

interface Running {
  readonly job: JobRecord;
  readonly controller: AbortController;
  /** Until the outcome of the attempt is known. */
  executing: boolean;
  done: Promise<void>;
}

export function createWorker(options: WorkerOptions): Worker {
  const {
    resources,
    store,
    heartbeat,
    jobEvents,
    endAttempt,
    concurrency,
    log,
    faults,
    time = systemTime,
  } = options;
  const attempt = createAttempt({ ...options, time, detached: keepPlace });
  /** By job id, until the store knows what has become of the attempt. */
  const running = new Map<string, Running>();
  /** Places of handlers that go on after their attempt has ended. */
  const detached = new Set<{ readonly resource: string }>();
  /** What the next look is for; `undefined` when none is asked for. */
  let wanted: "queued" | "orphans" | undefined;
  let looking: Promise<void> | undefined;
  /** Jobs may wait for which the last look had no place. Until a look has ended it may turn out so. */
  let crowded = false;
  let isStopping = false;
  /** Made for each wait: Workers let no request use what another has made. */
  const waits = new Set<AbortController>();
  let unlisten: (() => void) | undefined;

  /** Does `wait` with a signal that aborts when this worker stops. */
  async function untilStopped<T>(wait: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const controller = new AbortController();
    if (isStopping) controller.abort();
    waits.add(controller);
    try {
      return await wait(controller.signal);
    } finally {
      waits.delete(controller);
    }
  }

  function places(): Required<Pick<ClaimOptions, "limit" | "most">> {
    const most: Record<string, number> = {};
    for (const [name, { concurrency: own }] of resources) if (own !== undefined) most[name] = own;
    const taken = [...Array.from(running.values(), ({ job }) => job), ...detached];
    for (const { resource } of taken) {
      if (most[resource] !== undefined) most[resource] = Math.max(0, most[resource] - 1);
    }
    return { limit: Math.max(0, concurrency - taken.length), most };
  }

  /**
   * Keeps the place of a handler that ignores its signal until it ends, but for `ms` at most: one that never does must
   * not stop its resource for good.
   */
  function keepPlace(resource: string, ended: Promise<unknown>, ms: number): void {
    const place = { resource };
    detached.add(place);
    const free = (): void => {
      cancel();
      if (detached.delete(place)) lookAgain();
    };
    const cancel = time.after(ms, free);
    void ended.then(free);
  }

  /** Claims what there is a place for. One look at a time: two at once would each count on the same places. */
  function look(what: "queued" | "orphans"): void {
    if (wanted !== "orphans") wanted = what;
    if (!isStopping) looking ??= claimAll();
  }

  /** A place is free. */
  function lookAgain(): void {
    if (crowded || wanted !== undefined) look(wanted ?? "queued");
  }

  async function claimAll(): Promise<void> {
    try {
      while (wanted !== undefined && !isStopping) {
        await heartbeat.ensure();
        const free = places();
        crowded = true;
        if (free.limit === 0) return;
        const orphans = wanted === "orphans";
        wanted = undefined;
        const { owner } = heartbeat;
        const claimed = await store.claimJobs({ owner, ...free, except: [...running.keys()], orphans });
        for (const { job, orphaned } of claimed) {
          if (orphaned) loggerOf(job).warn({}, "a job is claimed whose last attempt did not report its end");
          begin(job);
        }
        const claimedOf = (name: string) => claimed.filter(({ job }) => job.resource === name).length;
        crowded =
          claimed.length >= free.limit ||
          Object.entries(free.most).some(([name, most]) => claimedOf(name) >= most);
      }
    } catch (error) {
      log.error({ error }, "waiting jobs could not be claimed");
    } finally {
      looking = undefined;
    }
  }

  function begin(job: JobRecord): void {
    const controller = new AbortController();
    // Claimed while the server began to stop.
    if (isStopping) controller.abort(STOPPING);
    const entry: Running = { job, controller, executing: true, done: Promise.resolve() };
    running.set(job.id, entry);
    entry.done = work(entry)
      .catch(async (error: unknown) => {
        // The store has failed. The job stays ours, and the next recovery claims it again.
        log.error({ jobId: job.id, error }, "a job could not be run");
        await untilStopped((signal) => sleep(time, WRITE_AGAIN_MS, signal));
        return undefined;
      })
      .then((runAt) => {
        running.delete(job.id);
        if (runAt !== undefined) lookAt(runAt);
        // It may have been queued again elsewhere; as long as it ran here it could not be claimed.
        if (controller.signal.aborted) look("queued");
        else lookAgain();
      });
  }

  /** Runs a job once. Returns when it is to be run again. */
  async function work(entry: Running): Promise<number | undefined> {
    const { job, controller } = entry;
    if (faults) await faults.reach("job.claimed");
    const jobLog = loggerOf(job);
    const attempted = await attempt(job, jobLog, controller.signal);
    entry.executing = false;
    return conclude(job, jobLog, attempted);
  }

  /** Writes what has become of an attempt. Returns when the job is to be run again. */
  async function conclude(job: JobRecord, jobLog: Logger, attempted: Attempted): Promise<number | undefined> {
    if ("requeue" in attempted) {
      const requeued = await endAttempt(job, attempted);
      if (requeued && attempted.requeue.runAt === undefined) jobLog.info({}, "job handed back");
      return requeued && attempted.requeue.runAt;
    }
    if (faults) await faults.reach("job.ran");
    // For as long as this server runs: the work is done.
    const after = await untilStopped((signal) =>
      retry(() => endAttempt(job, attempted), {
        ...{ time, firstMs: WRITE_AGAIN_MS, maxMs: WRITE_AGAIN_MS, signal },
        onFailure: (error) => void jobLog.error({ error }, "the end of a job could not be written"),
      }),
    );
    if (!after) jobLog.warn({}, "the job has moved on; what this attempt made of it is dropped");
    if (faults) await faults.reach("job.ended");
    return undefined;
  }

  /** A job that ends or is claimed elsewhere must not go on here. */
  async function checkRunning(jobId: string): Promise<void> {
    const entry = running.get(jobId);
    if (!entry?.executing || entry.controller.signal.aborted) return;
    const job = await store.job(jobId);
    const ours =
      job !== undefined && job !== "gone" && job.work === "running" && job.claim === entry.job.claim;
    if (!ours && entry.executing) entry.controller.abort(MOVED_ON);
  }

  function lookAt(runAt: number): void {
    time.after(Math.max(0, runAt - time.now()) + TIMER_SLACK_MS, () => look("queued"));
  }

  function abortAll(): void {
    for (const { controller } of running.values()) controller.abort(STOPPING);
  }

  function loggerOf({ callId: requestId, resource, id: jobId, attempt }: JobRecord): Logger {
    return childLogger(log, { requestId, resource, jobId, attempt });
  }

  return {
    start() {
      if (unlisten) return;
      isStopping = false;
      const stopListening = jobEvents.listen((change) => {
        if (change === undefined || isClaimable(change)) look("queued");
        for (const id of change === undefined ? running.keys() : [change.id]) {
          checkRunning(id).catch((error: unknown) =>
            log.warn({ jobId: id, error }, "a running job could not be looked at"),
          );
        }
      });
      // Without a lease others take over what runs here.
      const stopHearing = heartbeat.onLapse(abortAll);
      unlisten = () => {
        stopListening();
        stopHearing();
      };
      look("queued");
    },

    async recover() {
      look("orphans");
      await looking;
    },

    async idle() {
      for (;;) {
        await looking;
        if (running.size === 0 && looking === undefined) return;
        await Promise.all(Array.from(running.values(), ({ done }) => done));
      }
    },

    async stop(graceMs) {
      isStopping = true;
      for (const controller of waits) controller.abort();
      unlisten?.();
      unlisten = undefined;
      // Keeps the process alive: jobs are handed back at its end.
      const timer = setTimeout(abortAll, graceMs);
      await looking;
      await Promise.all(Array.from(running.values(), ({ done }) => done));
      clearTimeout(timer);
    },
  };
}
