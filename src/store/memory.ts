import {
  type Alive,
  byAge,
  hasEndedFree,
  isOpen,
  isOrphaned,
  isOutstanding,
  isWaiting,
  maySweepCall,
  maySweepJob,
  maySweepRefund,
  take,
} from "./rules.ts";
import type { CallRecord, JobRecord, RefundRecord, Store } from "./store.ts";
import { TOMBSTONE_LIFE_MS } from "./store.ts";

/**
 * Keeps everything in this process. For tests and demos: a restart forgets calls, payments, jobs and owed refunds.
 * Records are kept and handed out as they are: nobody may change one.
 * @param options.now The store's clock, in milliseconds since the epoch. Default: `Date.now`.
 */
export function memoryStore(options: { readonly now?: () => number } = {}): Store {
  const now = options.now ?? Date.now;
  const calls = callTable((id) => jobs.get(id));
  const jobs = new Map<string, JobRecord>();
  /** Jobs that are queued or running. */
  const unfinished = new Set<string>();
  const refunds = new Map<string, RefundRecord>();
  const owed = new Set<string>();
  const tombstones = new Map<string, number>();
  const livesUntil = new Map<string, number>();

  const alive: Alive = (owner) => (livesUntil.get(owner) ?? 0) > now();

  function putJob(job: JobRecord): void {
    jobs.set(job.id, job);
    mark(unfinished, job.id, job.status === "queued" || job.status === "running");
    calls.weigh(job.callId);
  }

  function dropJob(job: JobRecord): void {
    jobs.delete(job.id);
    unfinished.delete(job.id);
    calls.weigh(job.callId);
  }

  function putRefund(refund: RefundRecord): void {
    refunds.set(refund.id, refund);
    mark(owed, refund.id, refund.state === "owed");
  }

  return {
    async attend(owner, forMs) {
      if (forMs > 0) livesUntil.set(owner, now() + forMs);
      else livesUntil.delete(owner);
    },

    async findCall(by) {
      return calls.holder(by);
    },

    async call(id) {
      return calls.get(id);
    },

    async begin(call, job, limits = {}) {
      const holder = calls.holder(call);
      if (holder) return { begun: false, because: "taken", holder };
      if (limits.duplicateSince !== undefined) {
        const duplicate = calls.lastAlike(call, limits.duplicateSince);
        if (duplicate) return { begun: false, because: "duplicate", holder: duplicate };
      }
      if (limits.outstanding !== undefined) {
        if (calls.outstanding(call.identity.payer) + call.value > limits.outstanding) {
          return { begun: false, because: "outstanding" };
        }
      }
      if (calls.get(call.id)) throw new Error(`a call with the id ${call.id} is kept already`);
      if (job && jobs.has(job.id)) throw new Error(`a job with the id ${job.id} is kept already`);
      if (job) putJob(job);
      calls.put(call);
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
      if (next.job) putJob(next.job);
      if (next.refund) putRefund(next.refund);
      return next;
    },

    async openCalls(limit) {
      const at = now();
      return calls
        .open()
        .filter((call) => call.retryAt <= at && isOrphaned(call, alive))
        .sort((a, b) => a.retryAt - b.retryAt || byAge(a, b))
        .slice(0, limit);
    },

    async openJobs(limit) {
      const waiting = those(unfinished, jobs).filter((job) => isWaiting(job, alive));
      return waiting.sort(byAge).slice(0, limit);
    },

    async job(id) {
      return jobs.get(id) ?? (tombstones.has(id) ? "gone" : undefined);
    },

    async refunds({ state, dueAt, limit }) {
      const inQuestion =
        dueAt === undefined && state !== "owed" ? [...refunds.values()] : those(owed, refunds);
      const found = inQuestion.filter(
        (refund) =>
          (state === undefined || refund.state === state) && (dueAt === undefined || refund.retryAt <= dueAt),
      );
      return found.sort(byAge).slice(0, limit);
    },

    async sweep(at) {
      const owing = new Set(those(owed, refunds).map((refund) => refund.callId));
      let swept = 0;
      for (const job of jobs.values()) {
        if (!maySweepJob(job, calls.get(job.callId), { owed: owing.has(job.callId) }, at)) continue;
        dropJob(job);
        tombstones.set(job.id, at + TOMBSTONE_LIFE_MS);
        swept += 1;
      }
      for (const call of calls.all()) {
        const ties = { owed: owing.has(call.id), job: call.jobId !== undefined && jobs.has(call.jobId) };
        if (!maySweepCall(call, ties, at)) continue;
        calls.drop(call);
        swept += 1;
      }
      for (const refund of refunds.values()) {
        if (maySweepRefund(refund, at) && refunds.delete(refund.id)) swept += 1;
      }
      for (const [id, until] of tombstones) if (until <= at) tombstones.delete(id);
      for (const owner of livesUntil.keys()) if (!alive(owner)) livesUntil.delete(owner);
      return swept;
    },

    async close() {},
  };
}

/** The calls with everything by which they are looked for, so that a begin costs the same among ten and a million. */
function callTable(jobOf: (id: string) => JobRecord | undefined) {
  const calls = new Map<string, CallRecord>();
  const byPayment = new Map<string, string>();
  const byKey = new Map<string, string>();
  const alike = new Map<string, Set<string>>();
  const open = new Set<string>();
  const unpaid = new Map<string, Set<string>>();

  const paymentOf = ({ identity }: Pick<CallRecord, "identity">) =>
    JSON.stringify([identity.network, identity.payer, identity.nonce]);
  const keyOf = ({ resource, identity, key }: Pick<CallRecord, "resource" | "identity" | "key">) =>
    JSON.stringify([resource, identity.payer, key]);
  const purchaseOf = ({ identity, fingerprint }: CallRecord) => JSON.stringify([identity.payer, fingerprint]);

  function weigh(id: string): void {
    const call = calls.get(id);
    if (!call) return;
    const job = call.jobId === undefined ? undefined : jobOf(call.jobId);
    enlist(unpaid, call.identity.payer, id, isOutstanding(call, job));
  }

  return {
    get: (id: string) => calls.get(id),
    all: () => calls.values(),
    open: () => those(open, calls),
    /** To be told when the job of a call has changed: whether the call is outstanding depends on it. */
    weigh,

    put(call: CallRecord): void {
      const before = calls.get(call.id);
      if (before?.key !== undefined && call.key === undefined) byKey.delete(keyOf(before));
      calls.set(call.id, call);
      byPayment.set(paymentOf(call), call.id);
      if (call.key !== undefined) byKey.set(keyOf(call), call.id);
      enlist(alike, purchaseOf(call), call.id, true);
      mark(open, call.id, isOpen(call));
      weigh(call.id);
    },

    drop(call: CallRecord): void {
      calls.delete(call.id);
      byPayment.delete(paymentOf(call));
      if (call.key !== undefined) byKey.delete(keyOf(call));
      enlist(alike, purchaseOf(call), call.id, false);
      open.delete(call.id);
      enlist(unpaid, call.identity.payer, call.id, false);
    },

    holder(by: Pick<CallRecord, "resource" | "identity" | "key">): CallRecord | undefined {
      const id = byPayment.get(paymentOf(by)) ?? (by.key === undefined ? undefined : byKey.get(keyOf(by)));
      return id === undefined ? undefined : calls.get(id);
    },

    /** The last call of this payer with this fingerprint, if it began no earlier than `since`. */
    lastAlike(call: CallRecord, since: number): CallRecord | undefined {
      return those(alike.get(purchaseOf(call)) ?? [], calls)
        .filter((one) => one.createdAt >= since && !hasEndedFree(one))
        .sort(byAge)
        .at(-1);
    },

    outstanding: (payer: string): number =>
      those(unpaid.get(payer) ?? [], calls).reduce((sum, call) => sum + call.value, 0),
  };
}

function those<T>(ids: Iterable<string>, records: ReadonlyMap<string, T>): T[] {
  const found: T[] = [];
  for (const id of ids) {
    const record = records.get(id);
    if (record) found.push(record);
  }
  return found;
}

function mark(set: Set<string>, id: string, present: boolean): void {
  if (present) set.add(id);
  else set.delete(id);
}

function enlist(sets: Map<string, Set<string>>, name: string, id: string, present: boolean): void {
  const set = sets.get(name) ?? new Set();
  mark(set, id, present);
  if (set.size > 0) sets.set(name, set);
  else sets.delete(name);
}
