import { closeSync, fdatasyncSync, openSync, writeSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as pause } from "node:timers/promises";
import { z } from "zod";
import { defineApi, price, resource } from "../dist/index.js";
import { postgresStore } from "../dist/postgres.js";
import { type Store, serve } from "../dist/server.js";
import { sqliteStore } from "../dist/sqlite.js";
// What servers call every minute does not belong to the package's entry points.
import { sweepAll } from "../src/store/sweep.ts";
import { startPostgres, whyNoPostgres } from "../test/store/postgres-server.ts";
import { answer, call, job, receipt } from "../test/store/records.ts";
import { quantile } from "./statistics.ts";
import { atMost, type Measure, type Measurement, type MeasureOptions, type Row } from "./table.ts";

const HOUR = 3_600_000;
/** So many are written at once while the store is filled. */
const FILL = 500;
const READS = 2_000;
/** Reads of one server, each of another job: a second read would be answered from its memory. */
const READS_A_SERVER = 50;
const IDLE_MS = 3_000;
const FLUSHES = 1_000;

const shape = z.object({ name: z.string().describe("Which one.") });
const api = defineApi({
  title: "Bench",
  version: "1.0.0",
  description: "One job.",
  resources: {
    upscale: resource({
      summary: "Scale.",
      input: shape,
      output: shape,
      price: price.free(),
      job: { timeout: "1m" },
    }),
  },
});
const documents = {
  upscale: { method: "POST", path: "/v1/upscale", maxPrice: "0" },
} as const;
const silent = { debug() {}, info() {}, warn() {}, error: console.error };

/** 100,000 jobs that have ended: what it costs to ask for one, and how the event loop fares while they are swept. */
export const measure: Measure = async (options) => {
  const folder = await mkdtemp(join(tmpdir(), "resource402-retention-"));
  const rows: Row[] = [];
  try {
    const store = sqliteStore(join(folder, "store.db"));
    rows.push(...(await measureStore("SQLite", store, options)));
    await store.close();
  } finally {
    await rm(folder, { recursive: true });
  }
  const why = whyNoPostgres();
  if (why !== undefined) {
    options.log(`without Postgres: ${why}`);
    return rows;
  }
  const server = await startPostgres({ fsync: true });
  try {
    const store = postgresStore({ connectionString: server.connectionString });
    rows.push(...(await measureStore("Postgres", store, options)));
    await store.close();
  } finally {
    await server.stop();
  }
  return rows;
};

async function measureStore(
  kind: string,
  store: Store,
  { quick, log }: MeasureOptions,
): Promise<readonly Row[]> {
  const sizes = quick ? [100, 1_000, 10_000] : [100, 10_000, 100_000];
  const most = sizes.at(-1) ?? 0;
  const reads = new Map<number, readonly number[]>();
  let filled = 0;
  for (const size of sizes) {
    const begun = performance.now();
    for (; filled < size; filled += FILL) await fill(store, filled, Math.min(filled + FILL, size));
    filled = size;
    log(`${kind}: ${size} jobs after ${Math.round(performance.now() - begun)} ms more`);
    reads.set(size, await readTimes(store, size, quick ? READS / 10 : READS));
  }
  // Writes of the filling that have not reached the disk do not belong to the sweep.
  await pause(IDLE_MS / 3);
  const { longestMs: idleMs } = await watched(() => pause(IDLE_MS));
  const flushMs = await longestFlush();
  // Not even the oldest is old enough.
  const vain = await watched(() => store.sweep(Date.now() - 300 * HOUR, 200));
  log(`${kind}: nothing to sweep, ${vain.result} records in ${vain.seconds.toFixed(4)} s`);
  const tomorrow = { sweep: (now: number, most: number) => store.sweep(now + 24 * HOUR, most) };
  const swept = await watched(() => sweepAll(tomorrow));
  if (swept.result !== 2 * most) throw new Error(`${swept.result} records went`);
  log(
    `${kind}: ${swept.result} records (a job and a call each) in ${swept.seconds.toFixed(1)} s, blocks ${swept.text}`,
  );

  const measurement = (size: number, share: number): Measurement => ({
    value: quantile(reads.get(size) ?? [], share),
  });
  const readRow = (name: string, share: number, times: number): Row => {
    const [ours, few] = [measurement(most, share), measurement(sizes[0] ?? 0, share)];
    const peers = sizes.slice(0, -1).map((size) => ({ name: `${size}`, ...measurement(size, share) }));
    const measure = `${name} of a status read among ${most} jobs, ${kind}`;
    return { measure, unit: " ms", peers, ours, budget: [atMost(times * few.value, ours.value, " ms")] };
  };
  return [
    readRow("median", 0.5, 2),
    readRow("p99", 0.99, 3),
    {
      measure: `longest block of the event loop while ${most} jobs are swept, ${kind}`,
      unit: " ms",
      peers: [
        { name: "idle", value: idleMs },
        { name: "one flush of the disk", value: flushMs },
        { name: "nothing to sweep", value: vain.longestMs },
      ],
      ours: { value: swept.longestMs },
      budget: [atMost(50, swept.longestMs, " ms")],
    },
    {
      measure: `sweep of ${most} jobs and their calls, ${kind}`,
      unit: " s",
      peers: [],
      ours: { value: swept.seconds },
      budget: [],
    },
  ];
}

const idOf = (n: number): string => `job_${n.toString(16).padStart(32, "0")}`;

/** Jobs of two days ago that will have outlived their retention tomorrow, each with its paid call. */
async function fill(store: Store, from: number, to: number): Promise<void> {
  const createdAt = Date.now() - 48 * HOUR;
  const result = JSON.stringify({ imageUrl: `https://example.test/${"x".repeat(200)}.png` });
  const ended = {
    endedAt: createdAt + 9_000,
    updatedAt: createdAt + 9_000,
    expiresAt: createdAt + 60 * HOUR,
  };
  const writes = Array.from({ length: to - from }, (_, index) => {
    const n = from + index;
    // As random as real ones: in the order of their ids, neighbours would share their pages.
    const jobId = idOf(scattered(n));
    const callId = crypto.randomUUID();
    return store.begin(
      call(callId, {
        ...{ jobId, answer, receipt, createdAt, paymentState: "settled" },
        identity: {
          validBefore: createdAt / 1000 + 60,
          payer: `0x${(n % 977).toString(16).padStart(40, "0")}`,
        },
      }),
      job(jobId, callId, {
        ...{ ...ended, createdAt, startedAt: createdAt + 50, status: "succeeded", progress: 100, attempt: 1 },
        ...{ result, receipt, paymentState: "settled" },
      }),
      { durable: true },
    );
  });
  for (const begun of await Promise.all(writes))
    if (!begun.begun) throw new Error("a job could not be written");
}

/** A number for each number below 2³¹, in no order. */
function scattered(n: number): number {
  return Number((BigInt(n) * 1_103_515_245n + 12_345n) % 2n ** 31n);
}

/** Each of a job that its server has not seen before. */
async function readTimes(store: Store, size: number, count: number): Promise<readonly number[]> {
  const times: number[] = [];
  const fresh = () =>
    serve(api, documents, { handlers: { upscale: () => ({ name: "" }) }, store, log: silent });
  for (let done = 0; done < count; done += READS_A_SERVER) {
    const server = fresh();
    const seen = new Set<number>();
    // The first one compiles what all need.
    await server.fetch(new Request("http://bench.test/v1/jobs/none"));
    while (seen.size < READS_A_SERVER) {
      const n = Math.floor(Math.random() * size);
      if (seen.has(n)) continue;
      seen.add(n);
      const request = new Request(`http://bench.test/v1/jobs/${idOf(scattered(n))}`);
      const begun = performance.now();
      const response = await server.fetch(request);
      await response.text();
      times.push(performance.now() - begun);
      if (response.status !== 200) throw new Error(`${response.status}`);
    }
    await server.stop(0);
  }
  return times;
}

/** The slowest of many flushes of one page, in milliseconds: what any commit of SQLite may take here, whoever is to blame. */
async function longestFlush(): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), "resource402-flush-"));
  const file = openSync(join(folder, "page"), "w");
  const page = Buffer.alloc(4096);
  let longest = 0;
  for (let n = 0; n < FLUSHES; n += 1) {
    writeSync(file, page);
    const begun = performance.now();
    fdatasyncSync(file);
    longest = Math.max(longest, performance.now() - begun);
    await pause(2);
  }
  closeSync(file);
  await rm(folder, { recursive: true });
  return longest;
}

/** Does `work`, and says how long it ever kept everything else waiting. */
async function watched<T>(work: () => Promise<T>): Promise<{
  readonly result: T;
  readonly seconds: number;
  readonly longestMs: number;
  readonly text: string;
}> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  // It counts from the first tick on.
  delay.enable();
  await pause(50);
  delay.reset();
  const begun = performance.now();
  const result = await work();
  const seconds = (performance.now() - begun) / 1000;
  await pause(10);
  delay.disable();
  const ms = (ns: number): string => (ns / 1e6).toFixed(1);
  const text = `p50 ${ms(delay.percentile(50))}, p99 ${ms(delay.percentile(99))}, p99.9 ${ms(delay.percentile(99.9))}, max ${ms(delay.max)} ms`;
  return { result, seconds, longestMs: delay.max / 1e6, text };
}
