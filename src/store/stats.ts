import type { JobStatus } from "../protocol/index.ts";
import { bucketOf } from "./call-stats.ts";
import type { CallStats, Store } from "./store.ts";

/** Figures of one resource. Lists have a place for every step of the range, oldest first. */
export interface ResourceStats {
  readonly resource: string;
  readonly calls: readonly number[];
  /** Micro-dollars. */
  readonly revenue: readonly number[];
  /** Work that was done and delivered, and that failed or expired; what was cancelled is neither. */
  readonly good: readonly number[];
  readonly bad: readonly number[];
  /** Milliseconds that all of it took together. */
  readonly ms: readonly number[];
  readonly paid: number;
  readonly cancelled: number;
  /** Jobs that have not ended, and when the oldest of them was accepted. */
  readonly queued: number;
  readonly running: number;
  readonly unpaid: number;
  readonly since: number | undefined;
}

export interface Stats {
  /** Beginning of the first step, milliseconds since the epoch. */
  readonly from: number;
  readonly bucketMs: number;
  readonly resources: readonly ResourceStats[];
  /** Failed jobs by code. */
  readonly failures: readonly { readonly resource: string; readonly code: string; readonly jobs: number }[];
  readonly refunds: CallStats["refunds"];
  readonly unknown: number;
}

/** What people look at: the store's counts, put into rows of equal length. `names`: resources that are always shown. */
export async function readStats(
  store: Store,
  names: readonly string[],
  { ms, bucketMs }: { readonly ms: number; readonly bucketMs: number },
  now: number,
): Promise<Stats> {
  // The first step and the last one are parts of steps: together they are the time that was asked for.
  const from = bucketOf(now - ms, bucketMs);
  const steps = Math.floor((now - from) / bucketMs) + 1;
  const callStats = await store.callStats({ since: now - ms, bucketMs });
  const known = new Set(names);
  for (const { resource } of [...callStats.calls, ...callStats.jobs, ...callStats.unfinished])
    known.add(resource);

  const resources = Array.from(known, (resource): ResourceStats => {
    const list = (): number[] => Array.from({ length: steps }, () => 0);
    const rows = { calls: list(), revenue: list(), good: list(), bad: list(), ms: list() };
    const add = (row: number[], at: number, value: number): void => {
      // What a faster clock has written is of now.
      const step = Math.min(steps - 1, Math.round((at - from) / bucketMs));
      row[step] = (row[step] ?? 0) + value;
    };
    let paid = 0;
    for (const one of callStats.calls) {
      if (one.resource !== resource) continue;
      paid += one.paid;
      add(rows.calls, one.at, one.calls);
      add(rows.revenue, one.at, one.revenue);
      add(rows.good, one.at, one.answered - one.failed);
      add(rows.bad, one.at, one.failed);
      add(rows.ms, one.at, one.ms);
    }
    let cancelled = 0;
    for (const one of callStats.jobs) {
      if (one.resource !== resource) continue;
      if (one.status === "cancelled") {
        cancelled += one.jobs;
        continue;
      }
      add(one.status === "succeeded" ? rows.good : rows.bad, one.at, one.jobs);
      add(rows.ms, one.at, one.ms);
    }
    const waiting = callStats.unfinished.filter((one) => one.resource === resource);
    const count = (status: JobStatus): number => waiting.find((one) => one.status === status)?.jobs ?? 0;
    const oldest = waiting.map(({ since }) => since);
    return {
      resource,
      ...rows,
      paid,
      cancelled,
      queued: count("queued"),
      running: count("running"),
      unpaid: count("awaiting_payment"),
      since: oldest.length > 0 ? Math.min(...oldest) : undefined,
    };
  });

  const failures = new Map<string, Stats["failures"][number]>();
  for (const { resource, code, jobs, status } of callStats.jobs) {
    if (code === undefined || status === "cancelled") continue;
    const name = JSON.stringify([resource, code]);
    failures.set(name, { resource, code, jobs: (failures.get(name)?.jobs ?? 0) + jobs });
  }
  return {
    from,
    bucketMs,
    resources,
    failures: [...failures.values()],
    refunds: callStats.refunds,
    unknown: callStats.unconfirmed,
  };
}
