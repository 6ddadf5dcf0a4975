import { DEFAULT_RETENTION } from "../../schema/api.ts";
import { milliseconds } from "../../schema/duration.ts";
import type { JobRecord } from "../store/store.ts";
import { type JobDocument, type JobStatus, TERMINAL } from "../wire/index.ts";
import { createNews } from "./news.ts";
import { jobDocument } from "./record.ts";
import { createWorker, type WorkerOptions } from "./worker.ts";

export interface JobsOptions extends Omit<WorkerOptions, "news"> {
  /** Whether this server runs jobs, or only takes them in. */
  readonly works: boolean;
}

export interface Jobs {
  /** Begins to run jobs, where this server does; again, when it has been stopped. */
  start(): void;
  /** Once: ends what has waited too long, and runs what waits, among it what a dead server has left. */
  recover(): Promise<void>;
  /** The job as soon as it has ended, `reached` is true of it, `ms` have passed or `signal` is aborted. */
  when(
    jobId: string,
    ms: number,
    reached: (job: JobRecord) => boolean,
    signal?: AbortSignal,
  ): Promise<JobRecord | "gone" | undefined>;
  /**
   * Ends a job that has not ended, wherever it runs; `undefined` when it has (one conditional update decides). Its
   * handler's signal aborts as soon as the store has told the server that runs it. `"forbidden"` when the resource does
   * not let its jobs be canceled.
   */
  cancel(jobId: string): Promise<JobRecord | "forbidden" | undefined>;
  document(job: JobRecord): JobDocument;
  /**
   * Takes no more jobs, waits for running handlers, then aborts them and hands their jobs back. Who waits for the end of
   * a job is told of it until `drained`.
   */
  stop(graceMs: number, drained: Promise<unknown>): Promise<void>;
}

/** Not while its payment is being settled: nobody could say whether it is to be refunded. */
const CANCELLABLE: readonly JobStatus[] = ["queued", "running"];
/** How many late jobs one recovery ends. */
const BATCH = 50;

/** The life of jobs between their call and their end. */
export function createJobs(options: JobsOptions): Jobs {
  const { resources, store, end, log } = options;
  const news = createNews(store);
  const worker = options.works ? createWorker({ ...options, news }) : undefined;
  const retentionOf = ({ resource }: JobRecord): number =>
    resources.get(resource)?.retentionMs ?? milliseconds(DEFAULT_RETENTION);

  return {
    start() {
      news.open();
      worker?.start();
    },

    async recover() {
      const failure = { code: "expired", error: "The job could not be started in time." };
      for (const job of await store.lateJobs(BATCH)) {
        const expired = await end(
          job,
          ["queued"],
          { ok: false, status: "expired", failure },
          retentionOf(job),
        );
        if (expired) log.warn({ jobId: job.id, resource: job.resource }, "a job was not started in time");
      }
      await worker?.recover();
    },

    when: (jobId, ms, reached, signal) =>
      news.when(jobId, ms, (job) => TERMINAL.includes(job.status) || reached(job), signal),

    async cancel(jobId) {
      const failure = { code: "cancelled", error: "The job was cancelled." };
      // Again when the job was taken by a server between the look and the write.
      for (let tries = 0; tries < 3; tries += 1) {
        const known = await store.job(jobId);
        if (known && known !== "gone" && resources.get(known.resource)?.cancel === "forbid")
          return "forbidden";
        if (!known || known === "gone" || !CANCELLABLE.includes(known.status)) return undefined;
        const cancelled = { ok: false, status: "cancelled", failure } as const;
        const job = await end(known, CANCELLABLE, cancelled, retentionOf(known));
        if (job) return job;
      }
      return undefined;
    },

    document: (job) => jobDocument(job, resources.get(job.resource)),

    async stop(graceMs, drained) {
      await Promise.all([worker?.stop(graceMs), drained]);
      news.close();
    },
  };
}
