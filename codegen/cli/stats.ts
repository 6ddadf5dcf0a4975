import { setTimeout } from "node:timers/promises";
import { durationText, parseDuration } from "../../schema/duration.ts";
import { type ResourceStats, readStats, type Stats } from "../../src/store/stats.ts";
import type { Store } from "../../src/store/store.ts";
import { counted, sayDone, sayError, sayWarning } from "./say.ts";
import { storeArgument, withStore } from "./store.ts";
import { sparkline, tableOf } from "./table.ts";
import { typed } from "./typed.ts";

export interface StatsOptions {
  /** Path of a SQLite file, or URL of a Postgres database. */
  readonly store: string;
  /** Time range. */
  readonly since: string;
  readonly json?: boolean;
  readonly watch?: boolean;
}

/** Number of time buckets, which is the width of the chart. */
const STEPS = 32;
const WATCH_EVERY_MS = 2_000;

/** Prints the stats. Returns the exit code: 0, 1 when the store cannot be read, or 2. */
export async function printStats(options: StatsOptions, signal: AbortSignal): Promise<number> {
  const ms = parseDuration(options.since);
  if (ms === undefined) {
    sayError(`--since "${options.since}" is not a valid duration. Example: --since 24h`);
    return 2;
  }
  if (options.json && options.watch) {
    sayError("--json and --watch cannot be combined. Run the command again to refresh the stats.");
    return 2;
  }
  return withStore(options.store, async (store) => {
    if (options.json) {
      console.log(JSON.stringify(published(await statsOf(store, ms)), undefined, 2));
      return 0;
    }
    do {
      const text = page(await statsOf(store, ms), ms, options.store);
      // Overwrites the last output on a terminal; appends in a file.
      if (options.watch && process.stdout.isTTY) process.stdout.write("\u001b[H\u001b[2J\u001b[3J");
      text();
      if (options.watch) await setTimeout(WATCH_EVERY_MS, undefined, { signal }).catch(() => {});
    } while (options.watch && !signal.aborted);
    return 0;
  });
}

function statsOf(store: Store, ms: number): Promise<Stats> {
  return readStats(store, [], { ms, bucketMs: Math.max(1, Math.ceil(ms / STEPS)) }, Date.now());
}

/** Reads the stats and returns a function that prints them, so that the screen changes only once. */
function page(stats: Stats, ms: number, store: string): () => void {
  const resources = [...stats.resources].sort((a, b) => sum(b.calls) - sum(a.calls) || order(a, b));
  const { refunds } = stats;
  const owed = refunds.filter(({ state }) => state === "owed");
  const rows = resources.map((one) => [one.resource, ...cells(one, refunds), sparkline(one.calls)]);
  if (resources.length > 1) {
    const all = together(resources);
    rows.push(["All", ...cells(all, refunds), sparkline(all.calls)]);
  }
  return () => {
    if (rows.length === 0)
      sayDone(`Nothing was called in the last ${durationText(ms)}, and no jobs are queued.`);
    else {
      console.log(`The last ${durationText(ms)}, until ${time(Date.now())} UTC\n`);
      console.log(tableOf(HEAD, rows, NUMBERS));
    }
    const failures = [...stats.failures].sort((a, b) => b.jobs - a.jobs);
    if (failures.length > 0) {
      console.log(
        `\nFailed jobs: ${failures.map((one) => `${one.resource} ${one.code} ${one.jobs}×`).join(", ")}`,
      );
    }
    if (owed.length > 0) {
      const count = counted(
        owed.reduce((total, { refunds }) => total + refunds, 0),
        "refund",
      );
      sayWarning(
        `\n${count} owed, ${money(owed)}. See: ${typed(`refunds list --store ${storeArgument(store)}`)}`,
      );
    }
    if (stats.unknown > 0) {
      sayWarning(
        `\n${counted(stats.unknown, "unconfirmed payment")}. See: ${typed(`payments list --store ${storeArgument(store)}`)}`,
      );
    }
  };
}

const HEAD = [
  "Resource",
  "Calls",
  "Paid",
  "Success",
  "Mean time",
  "Revenue",
  "Refunded",
  "Running",
  "Waiting",
  "Owed",
  "Calls over time",
];
const NUMBERS = HEAD.slice(1, -1);

type Sums = Omit<ResourceStats, "resource"> & { readonly resource?: string };

function cells(one: Sums, refunds: Stats["refunds"]): string[] {
  const done = sum(one.good) + sum(one.bad);
  const own = refunds.filter(({ resource }) => one.resource === undefined || resource === one.resource);
  const sumOf = (state: "owed" | "paid"): string => {
    const those = own.filter((refund) => refund.state === state);
    return those.length === 0 ? "–" : money(those);
  };
  return [
    String(sum(one.calls)),
    String(one.paid),
    done === 0 ? "–" : `${((100 * sum(one.good)) / done).toFixed(1)} %`,
    done === 0 ? "–" : shortTime(sum(one.ms) / done),
    `$${(sum(one.revenue) / 1e6).toFixed(sum(one.revenue) < 1e6 ? 4 : 2)}`,
    sumOf("paid"),
    String(one.running),
    String(one.queued + one.unpaid),
    sumOf("owed"),
  ];
}

function together(resources: readonly ResourceStats[]): Sums {
  const add = (name: "calls" | "revenue" | "good" | "bad" | "ms"): number[] =>
    (resources[0]?.[name] ?? []).map((_, step) => sum(resources.map((one) => one[name][step] ?? 0)));
  const total = (name: "paid" | "cancelled" | "queued" | "running" | "unpaid"): number =>
    sum(resources.map((one) => one[name]));
  return {
    calls: add("calls"),
    revenue: add("revenue"),
    good: add("good"),
    bad: add("bad"),
    ms: add("ms"),
    paid: total("paid"),
    cancelled: total("cancelled"),
    queued: total("queued"),
    running: total("running"),
    unpaid: total("unpaid"),
    since: undefined,
  };
}

/** The stats as JSON, with totals beside the buckets. */
function published(stats: Stats): object {
  return {
    from: new Date(stats.from).toISOString(),
    stepMs: stats.bucketMs,
    resources: stats.resources.map((one) => ({
      resource: one.resource,
      calls: sum(one.calls),
      paid: one.paid,
      succeeded: sum(one.good),
      failed: sum(one.bad),
      cancelled: one.cancelled,
      meanMs: sum(one.good) + sum(one.bad) > 0 ? sum(one.ms) / (sum(one.good) + sum(one.bad)) : null,
      revenueUsd: sum(one.revenue) / 1e6,
      refunded: refundedOf(one.resource, stats.refunds),
      running: one.running,
      queued: one.queued,
      awaitingPayment: one.unpaid,
      callsOverTime: one.calls,
    })),
    failures: stats.failures,
    refunds: stats.refunds.map(({ value, ...refund }) => ({ ...refund, amount: value / 1e6 })),
    unknownSettlements: stats.unknown,
  };
}

/** Refunded revenue, by currency. */
function refundedOf(resource: string, refunds: Stats["refunds"]): Readonly<Record<string, number>> {
  const paid = refunds.filter((refund) => refund.resource === resource && refund.state === "paid");
  return Object.fromEntries(paid.map(({ currency, value }) => [currency, value / 1e6]));
}

function money(refunds: Stats["refunds"]): string {
  const totals = new Map<string, number>();
  for (const { currency, value } of refunds) totals.set(currency, (totals.get(currency) ?? 0) + value);
  return Array.from(totals, ([currency, value]) => {
    const [whole, places = ""] = String(value / 1e6).split(".");
    return `${whole}.${places.padEnd(2, "0")} ${currency}`;
  }).join(" and ");
}

function shortTime(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  return ms < 60_000 ? `${(ms / 1_000).toFixed(1)} s` : `${(ms / 60_000).toFixed(1)} min`;
}

function time(ms: number): string {
  return new Date(ms).toISOString().slice(0, 16).replace("T", " ");
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function order(a: ResourceStats, b: ResourceStats): number {
  return a.resource < b.resource ? -1 : 1;
}
