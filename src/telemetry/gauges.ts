import type { Meter } from "@opentelemetry/api";

/** Waiting jobs in the store, by resource. */
export interface Backlog {
  readonly unfinished: readonly {
    readonly resource: string;
    readonly status: string;
    readonly jobs: number;
    /** When the oldest was accepted; milliseconds since the epoch. */
    readonly since: number;
  }[];
  readonly refunds: readonly {
    readonly resource: string;
    readonly state: string;
    readonly currency: string;
    readonly refunds: number;
  }[];
  readonly unconfirmed: number;
  /** Servers that live and run jobs. */
  readonly workers: number;
}

/** Statuses in which a job waits for something. A gauge that is absent is not 0: no rule can be made of it. */
const UNFINISHED = ["awaiting_payment", "queued", "running"] as const;

/** What is read of the store serves every gauge, and every reader, for so long. */
const BACKLOG_MS = 5_000;

/** The label that names a resource. */
export const RESOURCE = "resource402.resource";

/** Gauges of what waits. All of them show the same look at the store. */
export function observeBacklog(meter: Meter, read: () => Promise<Backlog>, jobs: readonly string[]): void {
  const gauge = (name: string, description: string, unit: string) =>
    meter.createObservableGauge(name, { description, unit });
  const depth = gauge("resource402.queue.depth", "Jobs that have not ended, by status.", "{job}");
  const age = gauge(
    "resource402.queue.oldest.age",
    "Age of the oldest job that has not ended, by status; 0 where nothing waits.",
    "s",
  );
  const owed = gauge("resource402.refunds.owed", "Refunds that are owed.", "{refund}");
  const unknown = gauge(
    "resource402.settlements.unknown",
    "Settlements whose outcome is not known.",
    "{payment}",
  );
  const workerLiveness = gauge("resource402.workers", "Servers that live and run jobs.", "{server}");

  /** Queues in which nothing waits. */
  const empty = (backlog: Backlog, now: number): Backlog["unfinished"] =>
    jobs
      .flatMap((resource) => UNFINISHED.map((status) => ({ resource, status, jobs: 0, since: now })))
      .filter(
        (queue) =>
          !backlog.unfinished.some((one) => one.resource === queue.resource && one.status === queue.status),
      );

  let last: { readonly until: number; readonly backlog: Promise<Backlog> } | undefined;
  meter.addBatchObservableCallback(
    async (result) => {
      const now = Date.now();
      if (!last || last.until <= now) last = { until: now + BACKLOG_MS, backlog: read() };
      // A store that fails shows as gauges that are not there; the log has the reason.
      const backlog = await last.backlog.catch(() => undefined);
      if (!backlog) return;
      for (const queue of [...backlog.unfinished, ...empty(backlog, now)]) {
        const { resource, status, since } = queue;
        const of = { [RESOURCE]: resource, "resource402.status": status };
        result.observe(depth, queue.jobs, of);
        result.observe(age, Math.max(0, now - since) / 1000, of);
      }
      for (const { resource, state, currency, refunds } of backlog.refunds) {
        if (state !== "owed") continue;
        result.observe(owed, refunds, { [RESOURCE]: resource, "resource402.currency": currency });
      }
      result.observe(unknown, backlog.unconfirmed);
      result.observe(workerLiveness, backlog.workers);
    },
    [depth, age, owed, unknown, workerLiveness],
  );
}
