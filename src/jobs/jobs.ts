import type { JobDocument } from "../protocol/index.ts";
import { hasEnded } from "../store/state.ts";
import type { JobRecord } from "../store/store.ts";
import { createJobEvents } from "./job-events.ts";
import { jobDocument } from "./record.ts";
import { createWorker, type WorkerOptions } from "./worker.ts";

export interface JobsOptions extends Omit<WorkerOptions, "jobEvents"> {
  /** Cancels a job, or expires one that has waited too long; `undefined` when it has ended. */
  readonly endEarly: (job: JobRecord, event: "cancel" | "expired") => Promise<JobRecord | undefined>;
  /** Whether this server runs jobs, or only takes them in. */
  readonly works: boolean;
}

export interface Jobs {
  /** Begins to run jobs, where this server does; again, when it has been stopped. */
  start(): void;
  /** Once: ends what has waited too long, and runs what waits, among it what a dead server has left. */
  recover(): Promise<void>;
  /** When no job runs in this process. */
  idle(): Promise<void>;
  /** The job as soon as it has ended, `reached` is true of it, `ms` have passed or `signal` is aborted. */
  when(
    jobId: string,
    ms: number,
    reached: (job: JobRecord) => boolean,
    signal?: AbortSignal,
  ): Promise<JobRecord | "gone" | undefined>;
  /**
   * Cancels a job that has not ended, wherever it runs; `undefined` when it has ended. Its handler's signal aborts as soon
   * as the store has notified the server that runs it. A job that is charged before its work and is
   * being settled is canceled once that is confirmed. One that is charged after its work has ended, except for its payment.
   */
  cancel(jobId: string): Promise<JobRecord | "forbidden" | undefined>;
  document(job: JobRecord): JobDocument;
  /**
   * Takes no more jobs, waits for running handlers, then aborts them and hands their jobs back. Clients that wait for
   * the end of a job are notified until `drained`.
   */
  stop(graceMs: number, drained: Promise<unknown>): Promise<void>;
}

/** How many late jobs one recovery ends. */
const BATCH = 50;

/** The life of jobs between their call and their end. */
export function createJobs(options: JobsOptions): Jobs {
  const { resources, store, endEarly, log } = options;
  const jobEvents = createJobEvents(store);
  const worker = options.works ? createWorker({ ...options, jobEvents }) : undefined;

  return {
    start() {
      jobEvents.open();
      worker?.start();
    },

    async recover() {
      for (const job of await store.lateJobs(BATCH)) {
        const expired = await endEarly(job, "expired").catch((error: unknown) => {
          log.error({ jobId: job.id, error }, "a late job could not be ended");
        });
        if (expired) log.warn({ jobId: job.id, resource: job.resource }, "a job was not started in time");
      }
      await worker?.recover();
    },

    idle: async () => worker?.idle(),

    when: (jobId, ms, reached, signal) =>
      jobEvents.when(jobId, ms, (job) => hasEnded(job) || reached(job), signal),

    async cancel(jobId) {
      const known = await store.job(jobId);
      if (!known || known === "gone" || hasEnded(known)) return undefined;
      if ((await store.call(known.callId))?.cancel === "forbid") return "forbidden";
      return endEarly(known, "cancel");
    },

    document: (job) => jobDocument(job, resources.get(job.resource)),

    async stop(graceMs, drained) {
      await Promise.all([worker?.stop(graceMs), drained]);
      jobEvents.close();
    },
  };
}
