import { hasFailed, isPaid, isUnconfirmed } from "./rules.ts";
import { statusOf } from "./state.ts";
import type { CallRecord, CallStats, JobRecord, RefundRecord } from "./store.ts";

/** Where what happened at `time` is counted: buckets begin at multiples of their length. */
export function bucketOf(time: number, bucketMs: number): number {
  return Math.floor(time / bucketMs) * bucketMs;
}

/** What a refund is worth, in millionths of its currency's unit. */
export function refundValue({ amount }: Pick<RefundRecord, "amount">): number {
  return Math.round(Number(amount) * 1e6);
}

/** Counts records as every store has to: this is the meaning, and others let their database do it. */
export function callStatsOf(
  records: {
    readonly calls: Iterable<CallRecord>;
    readonly jobs: Iterable<JobRecord>;
    readonly refunds: Iterable<RefundRecord>;
  },
  { since, bucketMs }: { readonly since: number; readonly bucketMs: number },
): CallStats {
  let unconfirmed = 0;
  const calls = new Groups<CallStats["calls"][number]>();
  for (const call of records.calls) {
    if (isUnconfirmed(call)) unconfirmed += 1;
    const { resource, createdAt, endedAt } = call;
    if (createdAt < since) continue;
    const at = bucketOf(createdAt, bucketMs);
    const paid = isPaid(call);
    const answered = call.jobId === undefined && endedAt !== undefined;
    calls.add({ resource, at }, { calls: 0, paid: 0, revenue: 0, answered: 0, failed: 0, ms: 0 }, (sum) => ({
      ...sum,
      calls: sum.calls + 1,
      paid: sum.paid + Number(paid),
      revenue: sum.revenue + (paid ? call.value : 0),
      answered: sum.answered + Number(answered),
      failed: sum.failed + Number(answered && hasFailed(call)),
      ms: sum.ms + (answered ? endedAt - createdAt : 0),
    }));
  }

  const ended = new Groups<CallStats["jobs"][number]>();
  const unfinished = new Groups<CallStats["unfinished"][number]>();
  for (const job of records.jobs) {
    const { resource, failure, createdAt, startedAt, endedAt } = job;
    const status = statusOf(job);
    if (endedAt === undefined) {
      unfinished.add({ resource, status }, { jobs: 0, since: createdAt }, (sum) => ({
        ...sum,
        jobs: sum.jobs + 1,
        since: Math.min(sum.since, createdAt),
      }));
    } else if (endedAt >= since) {
      const by = { resource, at: bucketOf(endedAt, bucketMs), status, code: failure?.code };
      const ms = startedAt === undefined ? 0 : endedAt - startedAt;
      ended.add(by, { jobs: 0, ms: 0 }, (sum) => ({ ...sum, jobs: sum.jobs + 1, ms: sum.ms + ms }));
    }
  }

  const refunds = new Groups<CallStats["refunds"][number]>();
  for (const refund of records.refunds) {
    const { resource, currency, createdAt } = refund;
    const state = refund.state === "paid" ? "paid" : "owed";
    if (state === "paid" && createdAt < since) continue;
    refunds.add({ resource, state, currency }, { refunds: 0, value: 0 }, (sum) => ({
      ...sum,
      refunds: sum.refunds + 1,
      value: sum.value + refundValue(refund),
    }));
  }
  return {
    calls: calls.all(),
    jobs: ended.all(),
    unfinished: unfinished.all(),
    refunds: refunds.all(),
    unconfirmed,
  };
}

/** `GROUP BY` for records: sums by the values of some fields. */
class Groups<Row extends object> {
  readonly #rows = new Map<string, Row>();

  add<By extends Partial<Row>>(by: By, empty: Omit<Row, keyof By>, more: (sum: Row) => Row): void {
    const name = JSON.stringify(Object.values(by));
    const sum = this.#rows.get(name) ?? ({ ...by, ...empty } as unknown as Row);
    this.#rows.set(name, more(sum));
  }

  all(): Row[] {
    return [...this.#rows.values()];
  }
}
