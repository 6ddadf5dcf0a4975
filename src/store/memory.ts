import { callStatsOf } from "./call-stats.ts";
import { createCallIndex, mark, those } from "./memory-calls.ts";
import { createInputIndex } from "./memory-inputs.ts";
import { searchMemory } from "./memory-search.ts";
import {
  type Alive,
  byAge,
  claimed,
  inTurns,
  isLate,
  isOrphaned,
  isUnconfirmed,
  mayClaim,
  maySweepCall,
  maySweepJob,
  maySweepRefund,
  refusalToBegin,
  take,
} from "./rules.ts";
import { isClaimable, statusOf } from "./state.ts";
import type { CallRecord, JobListener, JobRecord, Limits, RefundRecord, Store } from "./store.ts";
import { jobEventOf, MAX_QUOTES, newSecret, TOMBSTONE_LIFE_MS } from "./store.ts";

export interface MemoryStoreOptions {
  /** The store's clock, in milliseconds since the epoch. @default Date.now */
  readonly now?: () => number;
  /**
   * From when on this store knows every payment, in milliseconds since the epoch; 0 when no process before it has taken
   * payments. Until it knows all that can still settle, it does not call a payment unused. @default now
   */
  readonly completeSince?: number;
}

/**
 * Keeps everything in this process. For tests and demos: a restart forgets calls, payments, jobs and owed refunds.
 * Records are stored and returned without a copy. Callers must not change them.
 */
export function memoryStore(options: MemoryStoreOptions = {}): Store {
  const now = options.now ?? Date.now;
  let completeSince = options.completeSince;
  const calls = createCallIndex();
  const jobs = new Map<string, JobRecord>();
  /** Jobs that have not ended. */
  const unfinished = new Set<string>();
  /** Jobs with a callback that is due, now or later. */
  const calling = new Set<string>();
  const inputs = createInputIndex();
  const listeners = new Set<JobListener>();
  const refunds = new Map<string, RefundRecord>();
  const owed = new Set<string>();
  const tombstones = new Map<string, number>();
  const livesUntil = new Map<string, number>();
  const runningJobs = new Set<string>();
  let lastClaimed = "";
  const quotes = new Map<string, { readonly value: string; readonly until: number }>();
  let secret: string | undefined;

  const alive: Alive = (owner) => (livesUntil.get(owner) ?? 0) > now();

  function putJob(job: JobRecord): void {
    jobs.set(job.id, job);
    mark(unfinished, job.id, job.endedAt === undefined);
    mark(calling, job.id, job.callback?.dueAt !== undefined);
    if (job.input === null) inputs.drop(job);
  }

  function dropJob(job: JobRecord): void {
    jobs.delete(job.id);
    unfinished.delete(job.id);
    calling.delete(job.id);
    inputs.drop(job);
  }

  function tell(job: JobRecord): void {
    for (const listener of listeners) listener(jobEventOf(job));
  }

  function isFull(call: CallRecord, job: JobRecord | undefined, limits: Limits): boolean {
    if (!job) return call.payment === undefined && calls.free() >= (limits.freeCalls ?? Infinity);
    const { all = Infinity, resource = Infinity } = limits.queued ?? {};
    // Free jobs and paid jobs have queues of their own.
    const isFree = job.payer === undefined;
    const queued = those(unfinished, jobs).filter(
      (one) => isClaimable(one) && (one.payer === undefined) === isFree,
    );
    return queued.length >= all || queued.filter((one) => one.resource === job.resource).length >= resource;
  }

  function putRefund(refund: RefundRecord): void {
    refunds.set(refund.id, refund);
    mark(owed, refund.id, refund.state !== "paid");
  }

  return {
    async attend(owner, forMs, runsJobs = false) {
      if (forMs > 0) livesUntil.set(owner, now() + forMs);
      else livesUntil.delete(owner);
      mark(runningJobs, owner, runsJobs && forMs > 0);
    },

    async workers() {
      return [...runningJobs].filter(alive).length;
    },

    async findCall(by) {
      return calls.holder(by);
    },

    async call(id) {
      return calls.get(id);
    },

    async begin(call, job, limits) {
      const refused = refusalToBegin(call, job, limits, {
        holder: calls.holder,
        lastAlike: calls.lastAlike,
        outstanding: calls.outstanding,
        inputs: inputs.of,
        isFull,
      });
      if (refused) return refused;
      if (calls.get(call.id)) throw new Error(`a call with the id ${call.id} is kept already`);
      if (job && jobs.has(job.id)) throw new Error(`a job with the id ${job.id} is kept already`);
      if (job) {
        putJob(job);
        inputs.keep(job);
      }
      calls.put(call);
      if (job) tell(job);
      return { begun: true };
    },

    async change(step) {
      const call = step.call && calls.get(step.call.id);
      const job = step.job && jobs.get(step.job.id);
      const refund = step.refund && refunds.get("add" in step.refund ? step.refund.add.id : step.refund.id);
      const found = { ...(call && { call }), ...(job && { job }), ...(refund && { refund }) };
      const next = take(step, found, alive, now());
      if (!next) return undefined;
      if (next.call && step.call?.set === "forget") calls.drop(next.call);
      else if (next.call) calls.put(next.call);
      if (next.job && step.job?.set === "forget") dropJob(next.job);
      else if (next.job) putJob(next.job);
      if (next.refund) putRefund(next.refund);
      if (next.job) tell(next.job);
      return next;
    },

    async dueCalls({ limit, own }) {
      const at = now();
      return calls
        .due(at)
        .filter((call) => call.owner === own || isOrphaned(call, alive))
        .sort((a, b) => (a.retryAt ?? 0) - (b.retryAt ?? 0) || byAge(a, b))
        .slice(0, limit);
    },

    async claimJobs(options) {
      const at = now();
      const claimable = those(unfinished, jobs).filter((job) => mayClaim(job, options, alive, at));
      const taken = inTurns(claimable, options, lastClaimed);
      lastClaimed = taken.at(-1)?.resource ?? lastClaimed;
      const all = taken.sort(byAge).map((job) => claimed(job, options.owner, at));
      for (const { job } of all) putJob(job);
      for (const { job } of all) tell(job);
      return all;
    },

    async lateJobs(limit) {
      const at = now();
      const late = those(unfinished, jobs).filter((job) => isLate(job, at));
      return late.sort(byAge).slice(0, limit);
    },

    async dueCallbacks(limit) {
      const due = (job: JobRecord): number => job.callback?.dueAt ?? Infinity;
      const found = those(calling, jobs).filter((job) => due(job) <= now());
      return found.sort((a, b) => due(a) - due(b)).slice(0, limit);
    },

    watch(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },

    async job(id) {
      return jobs.get(id) ?? (tombstones.has(id) ? "gone" : undefined);
    },

    async refunds({ state, dueAt, limit }) {
      const inQuestion =
        dueAt === undefined && state !== "owed" && state !== "signed"
          ? [...refunds.values()]
          : those(owed, refunds);
      const found = inQuestion.filter(
        (refund) =>
          (state === undefined || refund.state === state) && (dueAt === undefined || refund.retryAt <= dueAt),
      );
      return found.sort(byAge).slice(0, limit);
    },

    async sweep(at, limit) {
      const owing = new Set(those(owed, refunds).map((refund) => refund.callId));
      const oldJobs = first(limit, jobs.values(), (job) =>
        maySweepJob(job, { owed: owing.has(job.callId) }, at),
      );
      for (const job of oldJobs) {
        dropJob(job);
        tombstones.set(job.id, at + TOMBSTONE_LIFE_MS);
      }
      const oldCalls = first(limit, calls.all(), (call) => {
        const ties = { owed: owing.has(call.id), job: call.jobId !== undefined && jobs.has(call.jobId) };
        return maySweepCall(call, ties, at);
      });
      for (const call of oldCalls) calls.drop(call);
      const oldRefunds = first(limit, refunds.values(), (refund) => maySweepRefund(refund, at));
      for (const { id } of oldRefunds) refunds.delete(id);
      const forgotten = first(limit, tombstones, ([, until]) => until <= at);
      for (const [id] of forgotten) tombstones.delete(id);
      for (const [id, { until }] of quotes) if (until <= now()) quotes.delete(id);
      for (const owner of livesUntil.keys()) {
        if (alive(owner)) continue;
        livesUntil.delete(owner);
        runningJobs.delete(owner);
      }
      return oldJobs.length + oldCalls.length + oldRefunds.length + forgotten.length;
    },

    async callStats(by) {
      return callStatsOf({ calls: calls.all(), jobs: jobs.values(), refunds: refunds.values() }, by);
    },

    async recentJobs({ ended, limit }) {
      const time = (job: JobRecord): number => (ended ? job.endedAt : undefined) ?? job.createdAt;
      const waits = (job: JobRecord): number => (ended || statusOf(job) === "running" ? 0 : 1);
      const found = ended
        ? [...jobs.values()].filter(({ id }) => !unfinished.has(id))
        : those(unfinished, jobs);
      return found
        .sort((a, b) => waits(a) - waits(b) || time(b) - time(a) || (a.id < b.id ? 1 : -1))
        .slice(0, limit);
    },

    async unconfirmedCalls(limit) {
      return [...calls.all()].filter(isUnconfirmed).sort(byAge).slice(0, limit);
    },

    async searchCalls(text, limit) {
      return searchMemory({ calls: calls.all(), jobs, refunds }, text, limit);
    },

    async refund(id) {
      return refunds.get(id);
    },

    async secret() {
      secret ??= newSecret();
      return secret;
    },

    async keepQuote({ id, value, until }) {
      quotes.delete(id);
      quotes.set(id, { value, until });
      for (const oldest of quotes.keys()) {
        if (quotes.size <= MAX_QUOTES) break;
        quotes.delete(oldest);
      }
    },

    async quote(id) {
      const kept = quotes.get(id);
      return kept && kept.until > now() ? kept.value : undefined;
    },

    // Workers have no clock before the first request, and no payment is looked up before it.
    get completeSince() {
      completeSince ??= now();
      return completeSince;
    },

    async close() {},
  };
}

function first<T>(limit: number, records: Iterable<T>, chosen: (record: T) => boolean): T[] {
  const found: T[] = [];
  for (const record of records) {
    if (found.length >= limit) break;
    if (chosen(record)) found.push(record);
  }
  return found;
}
