import type { JobListener, JobRecord, Store } from "../store/store.ts";

/** What the store tells of jobs, for those of this server who wait for it. */
export interface JobEvents {
  /** Calls the listener on every change, until the returned function is called. */
  listen(listener: JobListener): () => void;
  /** The job as soon as `reached` is true of it, it is not there, `ms` have passed or `signal` is aborted. */
  when(
    jobId: string,
    ms: number,
    reached: (job: JobRecord) => boolean,
    signal?: AbortSignal,
  ): Promise<JobRecord | "gone" | undefined>;
  /** Stops listening to the store, and emits nothing until it is opened again. */
  close(): void;
  open(): void;
}

/** Listens to the store from the first subscription on. */
export function createJobEvents(store: Store): JobEvents {
  const listeners = new Set<JobListener>();
  const waiting = new Map<string, Set<() => void>>();
  let stop: (() => void) | undefined;
  let closed = false;

  function start(): void {
    if (closed) return;
    stop ??= store.watch((jobEvents) => {
      for (const listener of listeners) listener(jobEvents);
      const told = jobEvents === undefined ? [...waiting.values()] : [waiting.get(jobEvents.id) ?? []];
      for (const wakes of told) for (const wake of wakes) wake();
    });
  }

  function nextChange(
    jobId: string,
    ms: number,
    signal: AbortSignal | undefined,
  ): { happened: Promise<void>; stop: () => void } {
    start();
    const wakes = waiting.get(jobId) ?? new Set();
    waiting.set(jobId, wakes);
    let wake = (): void => {};
    const happened = new Promise<void>((resolve) => {
      const timer = setTimeout(() => wake(), ms);
      wake = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", wake);
        wakes.delete(wake);
        if (wakes.size === 0 && waiting.get(jobId) === wakes) waiting.delete(jobId);
        resolve();
      };
      wakes.add(wake);
      signal?.addEventListener("abort", wake);
    });
    return { happened, stop: wake };
  }

  return {
    listen(listener) {
      start();
      listeners.add(listener);
      return () => listeners.delete(listener);
    },

    async when(jobId, ms, reached, signal) {
      const until = performance.now() + ms;
      for (;;) {
        // Listens first and reads then, so that a change between the two is not missed.
        const change = nextChange(jobId, Math.max(0, until - performance.now()), signal);
        const job = await store.job(jobId).catch((error: unknown) => {
          change.stop();
          throw error;
        });
        const over = signal?.aborted || performance.now() >= until;
        if (job === undefined || job === "gone" || reached(job) || over) {
          change.stop();
          return job;
        }
        await change.happened;
      }
    },

    close() {
      closed = true;
      stop?.();
      stop = undefined;
    },

    open() {
      closed = false;
    },
  };
}
