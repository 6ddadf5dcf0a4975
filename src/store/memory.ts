import type { CallRecord, JobRecord, Store } from "./store.ts";

/** How long a call stays known after it began, whatever its authorization says: a late replay must still be found. */
const CALL_LIFE_MS = 24 * 3_600_000;
const AUTHORIZATION_MARGIN_MS = 10 * 60_000;
/** How long an expired job is remembered as gone (410) rather than unknown (404). */
const TOMBSTONE_LIFE_MS = 7 * 24 * 3_600_000;

/** Keeps everything in this process. For tests and demos: a restart forgets calls, payments and jobs. */
export function memoryStore(): Store {
  const calls = new Map<string, CallRecord>();
  const byPayment = new Map<string, string>();
  const byKey = new Map<string, string>();
  const jobs = new Map<string, JobRecord>();
  const tombstones = new Map<string, number>();

  const paymentIndex = ({ identity }: Pick<CallRecord, "identity">): string =>
    JSON.stringify([identity.network, identity.payer, identity.nonce]);
  const keyIndex = (call: Pick<CallRecord, "resource" | "identity" | "key">): string | undefined =>
    call.key === undefined ? undefined : JSON.stringify([call.resource, call.identity.payer, call.key]);

  function holderOf(by: Pick<CallRecord, "resource" | "identity" | "key">): CallRecord | undefined {
    const key = keyIndex(by);
    const id = byPayment.get(paymentIndex(by)) ?? (key === undefined ? undefined : byKey.get(key));
    return id === undefined ? undefined : calls.get(id);
  }

  function forget(call: CallRecord): void {
    calls.delete(call.id);
    byPayment.delete(paymentIndex(call));
    const key = keyIndex(call);
    if (key !== undefined) byKey.delete(key);
  }

  function change(callId: string, part: Partial<CallRecord>): CallRecord | undefined {
    const call = calls.get(callId);
    if (!call) return undefined;
    const next = { ...call, ...part };
    calls.set(callId, next);
    return next;
  }

  return {
    async findCall(by) {
      return holderOf(by);
    },

    async begin(call, job) {
      const holder = holderOf(call);
      if (holder) return holder;
      calls.set(call.id, call);
      byPayment.set(paymentIndex(call), call.id);
      const key = keyIndex(call);
      if (key !== undefined) byKey.set(key, call.id);
      if (job) jobs.set(job.id, job);
      return undefined;
    },

    async withhold(callId, answer) {
      change(callId, { answer });
    },

    async doubt(callId) {
      const call = change(callId, { paymentState: "in_flight" });
      const job = call?.jobId === undefined ? undefined : jobs.get(call.jobId);
      if (job) jobs.set(job.id, { ...job, paymentState: "in_flight" });
    },

    async settle(callId, answer, receipt) {
      const call = change(callId, { answer, receipt, paymentState: "settled" });
      const job = call?.jobId === undefined ? undefined : jobs.get(call.jobId);
      if (!job) return;
      const status = job.status === "awaiting_payment" ? "queued" : job.status;
      jobs.set(job.id, { ...job, status, receipt, paymentState: call?.payment ? "settled" : undefined });
    },

    async release(callId) {
      const call = calls.get(callId);
      if (!call) return;
      forget(call);
      if (call.jobId !== undefined) jobs.delete(call.jobId);
    },

    async doubtful(limit) {
      const found: CallRecord[] = [];
      for (const call of calls.values()) {
        if (call.paymentState === "in_flight" && found.push(call) >= limit) break;
      }
      return found;
    },

    async job(id) {
      return jobs.get(id) ?? (tombstones.has(id) ? "gone" : undefined);
    },

    async advance(id, from, part, now) {
      const job = jobs.get(id);
      if (!job || !from.includes(job.status)) return undefined;
      const next = { ...job, ...part, updatedAt: now };
      jobs.set(id, next);
      return next;
    },

    async sweep(now) {
      let swept = 0;
      for (const job of jobs.values()) {
        if (job.expiresAt === undefined || job.expiresAt > now) continue;
        jobs.delete(job.id);
        tombstones.set(job.id, now + TOMBSTONE_LIFE_MS);
        swept += 1;
      }
      for (const call of calls.values()) {
        // A key outlives its job, and a payment its authorization: a late replay must not charge again.
        const alive =
          call.paymentState === "in_flight" ||
          (call.jobId !== undefined && jobs.has(call.jobId)) ||
          call.createdAt + CALL_LIFE_MS > now ||
          call.identity.validBefore * 1000 + AUTHORIZATION_MARGIN_MS > now;
        if (alive) continue;
        forget(call);
        swept += 1;
      }
      for (const [id, until] of tombstones) if (until <= now) tombstones.delete(id);
      return swept;
    },
  };
}
