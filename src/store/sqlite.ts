import { type Alive, byAge, type Candidate, claimed, inTurns, refusalToBegin, take } from "./rules.ts";
import type { SqliteFile } from "./sqlite-access.ts";
import { sqliteCallStats } from "./sqlite-call-stats.ts";
import { sqliteCalls } from "./sqlite-calls.ts";
import { sqliteJobs } from "./sqlite-jobs.ts";
import { sqliteQuotes } from "./sqlite-quotes.ts";
import { sqliteRefunds } from "./sqlite-refunds.ts";
import { jobOf, jobRow, refundOf, refundRow } from "./sqlite-rows.ts";
import { sqliteSearch } from "./sqlite-search.ts";
import type { Begun, CallRecord, ClaimOptions, JobListener, JobRecord, Limits, Store } from "./store.ts";
import { jobEventOf, REFUND_LIFE_MS, TOMBSTONE_LIFE_MS } from "./store.ts";

/** Interval of the search for changes of other processes, while there is a listener. */
const LOOK_EVERY_MS = 200;

/** Options of `storeIn`. */
export interface StoreInOptions {
  /** The store's clock, in milliseconds since the epoch. */
  readonly now: () => number;
  readonly completeSince: number;
}

/** A store whose records are in a SQLite file, wherever that file is kept. */
export function storeIn(file: SqliteFile, { now, completeSince }: StoreInOptions): Store {
  const { prepare } = file;
  const servers = {
    put: prepare("INSERT OR REPLACE INTO servers (owner, until, runs_jobs) VALUES (?, ?, ?)"),
    delete: prepare("DELETE FROM servers WHERE owner = ?"),
    alive: prepare("SELECT 1 FROM servers WHERE owner = ? AND until > ?"),
    workers: prepare<{ workers: number }>(
      "SELECT count(*) AS workers FROM servers WHERE runs_jobs = 1 AND until > ?",
    ),
    sweep: prepare("DELETE FROM servers WHERE until <= ?"),
  };
  const calls = sqliteCalls(file, prepare);
  const jobs = sqliteJobs(prepare);
  const refunds = sqliteRefunds(prepare);
  const quotes = sqliteQuotes(file, prepare, now);
  const listeners = new Set<JobListener>();
  const tell: JobListener = (event) => {
    for (const listener of listeners) listener(event);
  };
  /** The resource whose turn was last. */
  let lastClaimed = "";
  let stopLooking: (() => void) | undefined;

  const alive: Alive = (owner) => servers.alive.get(owner, now()) !== undefined;
  const jobById = (id: string) => record(jobs.get.get(id), jobOf);
  const refundById = (id: string) => record(refunds.get.get(id), refundOf);

  /** The jobs that a claim takes, in the order of their turns. */
  function claimable(options: ClaimOptions): Candidate[] {
    return inTurns(jobs.claimable(options, now()), options, lastClaimed);
  }

  function isFull(call: CallRecord, job: JobRecord | undefined, { queued, freeCalls }: Limits): boolean {
    if (job) return jobs.isFull(job, queued ?? {});
    return call.payment === undefined && freeCalls !== undefined && calls.free(freeCalls) >= freeCalls;
  }

  return {
    attend(owner, forMs, runsJobs = false) {
      return file.write(false, () => {
        if (forMs > 0) servers.put.run(owner, now() + forMs, Number(runsJobs));
        else servers.delete.run(owner);
      });
    },

    workers() {
      return file.read(() => servers.workers.get(now())?.workers ?? 0);
    },

    findCall(by) {
      return file.read(() => calls.holder(by));
    },

    call(id) {
      return file.read(() => calls.get(id));
    },

    async begin(call, job, limits) {
      const outcome = await file.write<Begun>(limits.durable, () => {
        const refused = refusalToBegin(call, job, limits, { ...calls, inputs: jobs.inputs, isFull });
        if (refused) return refused;
        if (calls.has(call.id)) throw new Error(`a call with the id ${call.id} is kept already`);
        if (job && jobs.get.get(job.id)) throw new Error(`a job with the id ${job.id} is kept already`);
        calls.insert(call);
        if (job) jobs.put.run(jobRow(job, true));
        return { begun: true };
      });
      if (outcome.begun) calls.written(call);
      if (job && outcome.begun) tell(jobEventOf(job));
      return outcome;
    },

    async change(step) {
      const stepped = await file.write(step.durable, () => {
        const call = step.call && calls.current(step.call.id);
        const job = step.job && jobById(step.job.id);
        const refund = step.refund && refundById("add" in step.refund ? step.refund.add.id : step.refund.id);
        const found = { ...(call && { call }), ...(job && { job }), ...(refund && { refund }) };
        const next = take(step, found, alive, now());
        if (!next) return undefined;
        if (next.call && step.call?.set === "forget") calls.delete(next.call.id);
        else if (next.call && call) calls.update(next.call, call);
        if (next.job && step.job?.set === "forget") {
          jobs.delete.run(next.job.id);
          calls.letGo(next.job.callId);
        } else if (next.job) jobs.put.run(jobRow(next.job));
        if (next.refund) refunds.put.run(refundRow(next.refund));
        return next;
      });
      // Before the next transaction begins: that takes a turn of the event loop.
      if (stepped?.call && step.call?.set !== "forget") calls.written(stepped.call);
      if (stepped?.job) tell(jobEventOf(stepped.job));
      return stepped;
    },

    dueCalls({ limit, own = "" }) {
      return file.read(() => calls.due({ now: now(), own, limit }));
    },

    async claimJobs(options) {
      // Looks before it locks the file: mostly nothing waits.
      if ((await file.read(() => claimable(options))).length === 0) return [];
      const taken = await file.write(true, () =>
        claimable(options).flatMap(({ id }) => {
          const job = jobById(id);
          if (!job) return [];
          const one = claimed(job, options.owner, now());
          jobs.put.run(jobRow(one.job));
          return [one];
        }),
      );
      lastClaimed = taken.at(-1)?.job.resource ?? lastClaimed;
      for (const { job } of taken) tell(jobEventOf(job));
      return taken.sort((a, b) => byAge(a.job, b.job));
    },

    lateJobs(limit) {
      return file.read(() => jobs.late.all({ now: now(), limit }).map(jobOf));
    },

    dueCallbacks(limit) {
      return file.read(() => jobs.calling.all({ now: now(), limit }).map(jobOf));
    },

    watch(listener) {
      listeners.add(listener);
      stopLooking ??= file.onForeignChange(LOOK_EVERY_MS, () => tell(undefined));
      return () => {
        listeners.delete(listener);
        if (listeners.size > 0) return;
        stopLooking?.();
        stopLooking = undefined;
      };
    },

    job(id) {
      // In this order: between the two another process may bury the job, but it never digs one up.
      return file.read(() => jobById(id) ?? (jobs.buried.get(id) ? "gone" : undefined));
    },

    refunds({ state, dueAt, limit }) {
      return file.read(() => {
        const by = { state: state ?? null, limit };
        return (dueAt === undefined ? refunds.list.all(by) : refunds.due.all({ ...by, dueAt })).map(refundOf);
      });
    },

    async sweep(at, limit) {
      // Relaxed: what a power cut brings back is swept again.
      const swept = await file.write(false, () => {
        const expired = jobs.expired.all({ at, limit });
        for (const { id, call_id } of expired) {
          jobs.delete.run(id);
          jobs.bury.run(id, at + TOMBSTONE_LIFE_MS);
          calls.letGo(call_id);
        }
        const old = calls.old(at, limit);
        for (const id of old) calls.delete(id);
        const paid = refunds.old.all({ at: at - REFUND_LIFE_MS, limit });
        for (const { id } of paid) refunds.delete.run(id);
        const forgotten = jobs.forget.run({ at, limit });
        servers.sweep.run(now());
        quotes.expire();
        return expired.length + old.length + paid.length + Number(forgotten.changes);
      });
      file.checkpointEvery(swept > 0 ? PAGES_WHILE_SWEEPING : PAGES);
      return swept;
    },

    refund(id) {
      return file.read(() => refundById(id));
    },

    ...quotes.methods,

    completeSince,

    ...sqliteCallStats(file, prepare),
    ...sqliteSearch(file, prepare),

    close() {
      stopLooking?.();
      return file.close();
    },
  };
}

/** SQLite's own number. */
const PAGES = 1000;
/** A sweep changes pages all over the file: a thousand of them would take longer than anybody should wait. */
const PAGES_WHILE_SWEEPING = 100;

function record<Row, Record>(row: Row | undefined, decode: (row: Row) => Record): Record | undefined {
  return row === undefined ? undefined : decode(row);
}
