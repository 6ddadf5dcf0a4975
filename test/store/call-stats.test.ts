import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type {
  CallChange,
  CallRecord,
  CallStats,
  JobChange,
  JobRecord,
  Store,
} from "../../src/store/store.ts";
import { kinds } from "./kinds.ts";
import { answer, call, HOUR, job, refund, START } from "./records.ts";

describe.each(kinds)("figures of a store %s", (_name, make) => {
  let store: Store;
  let dispose: () => Promise<void>;
  let clock: number;

  beforeEach(async () => {
    clock = START;
    ({ store, dispose } = await make(() => clock));
  });
  afterEach(() => dispose());

  /** A call that begins now and is brought to where `set` says at `endedAt`. */
  async function ended(record: CallRecord, set: CallChange, endedAt: number): Promise<void> {
    await store.begin(record, undefined, { durable: true });
    clock = endedAt;
    await store.change({ durable: true, call: { id: record.id, set } });
  }
  /** A job with its call, brought through the changes, each at its time. */
  async function worked(id: string, part: Partial<JobRecord>, ...changes: [number, JobChange][]) {
    const createdAt = part.createdAt ?? START;
    await store.begin(
      call(`call of ${id}`, { jobId: id, answer, createdAt }),
      job(id, `call of ${id}`, part),
      { durable: true },
    );
    for (const [at, set] of changes) {
      clock = at;
      await store.change({ durable: true, job: { id, set } });
    }
  }
  const done = { phase: "delivered", work: "done" } as const;
  const failed = { ...answer, status: 500 };
  const failure = (code: string) => ({ code, error: "It failed." });
  const callStats = (since = START): Promise<CallStats> => store.callStats({ since, bucketMs: HOUR });

  it("are empty of what is not there", async () => {
    expect(await callStats()).toEqual({ calls: [], jobs: [], unfinished: [], refunds: [], unconfirmed: 0 });
    expect(await store.recentJobs({ ended: true, limit: 10 })).toEqual([]);
    expect(await store.recentJobs({ ended: false, limit: 10 })).toEqual([]);
    expect(await store.unconfirmedCalls(10)).toEqual([]);
  });

  it("count calls by resource and the time they began, what they brought, and how long they took", async () => {
    const settled = { phase: "delivered" } as const;
    await ended(call("c1"), { ...settled, answer }, START + 200);
    await ended(call("c2"), { phase: "owed", answer: failed }, START + 300);
    // Not charged, since it failed.
    await ended(call("c3", { value: 9 }), { phase: "void", answer: failed }, START + 100);
    await ended(call("c4", { resource: "other", value: 7 }), { ...settled, answer }, START + 5);
    const later = { createdAt: START + HOUR + 1 };
    await ended(call("c5", later), { ...settled, answer }, START + HOUR + 41);
    await store.begin(call("c6", later), undefined, { durable: true });
    await store.begin(call("c7", { ...later, jobId: "j7", answer }), job("j7", "c7", later), {
      durable: true,
    });
    const { calls } = await callStats();
    expect(sorted(calls)).toEqual([
      { resource: "other", at: START, calls: 1, paid: 1, revenue: 7, answered: 1, failed: 0, ms: 5 },
      {
        resource: "upscale",
        at: START,
        calls: 3,
        paid: 2,
        revenue: 100_000,
        answered: 3,
        failed: 2,
        ms: 600,
      },
      {
        resource: "upscale",
        at: START + HOUR,
        calls: 3,
        paid: 1,
        revenue: 50_000,
        answered: 1,
        failed: 0,
        ms: 40,
      },
    ]);
  });

  it("count jobs by their end, and the time from the first start to it", async () => {
    const running = { work: "running" } as const;
    await worked("j1", {}, [START + 10, running], [START + 110, done]);
    // A second attempt does not shorten the work.
    await worked(
      "j2",
      {},
      [START + 10, running],
      [START + 50, { work: "waiting" }],
      [START + 60, running],
      [START + 310, done],
    );
    const refused = { phase: "void", work: "failed", failure: failure("refused") } as const;
    await worked("j3", {}, [START, running], [START + 7, refused]);
    await worked("j4", {}, [START, running], [START + 2, { ...refused, failure: failure("timeout") }]);
    await worked("j5", {}, [START + 9, { phase: "void", work: "canceled", failure: failure("cancelled") }]);
    await worked("j6", { resource: "other" }, [START + HOUR, running], [START + HOUR + 1, refused]);
    const { jobs } = await callStats();
    const upscale = { resource: "upscale", at: START };
    expect(sorted(jobs)).toEqual([
      { resource: "other", at: START + HOUR, status: "failed", code: "refused", jobs: 1, ms: 1 },
      { ...upscale, status: "cancelled", code: "cancelled", jobs: 1, ms: 0 },
      { ...upscale, status: "failed", code: "refused", jobs: 1, ms: 7 },
      { ...upscale, status: "failed", code: "timeout", jobs: 1, ms: 2 },
      { ...upscale, status: "succeeded", code: undefined, jobs: 2, ms: 400 },
    ]);
  });

  it("leave out what began, or ended, before the time asked for, but not what has not ended or is owed", async () => {
    await ended(call("c1"), { phase: "delivered", answer }, START + 10);
    await worked("j1", {}, [START + 10, done]);
    await worked("j2", { createdAt: START + 3 });
    await worked("j3", { createdAt: START + 2 });
    await worked("j4", { phase: "submitted", work: "done" });
    await worked("j5", { resource: "other" }, [START + 20, { work: "running" }]);
    await store.change({ durable: true, refund: { add: refund("r1", "c1") } });
    const late = await callStats(START + HOUR);
    expect(late).toMatchObject({ calls: [], jobs: [] });
    expect(late.refunds).toHaveLength(1);
    expect(sorted(late.unfinished)).toEqual([
      { resource: "other", status: "running", jobs: 1, since: START },
      { resource: "upscale", status: "awaiting_payment", jobs: 1, since: START },
      { resource: "upscale", status: "queued", jobs: 2, since: START + 2 },
    ]);
    // The bucket that holds the beginning is shown, with what lies after the beginning alone.
    expect((await callStats(START + 4)).calls).toEqual([]);
    expect((await callStats(START + 10)).jobs).toHaveLength(1);
    expect((await callStats(START + 11)).jobs).toEqual([]);
  });

  it("add up refunds by resource, state and currency", async () => {
    await store.begin(call("c1"), undefined, { durable: true });
    for (const [id, part] of Object.entries({
      r1: { amount: "0.05" },
      r2: { amount: "1.000001" },
      r3: { amount: "2", currency: "EURC" },
      r4: { amount: "3", resource: "other" },
    })) {
      await store.change({ durable: true, refund: { add: refund(id, "c1", part) } });
    }
    await store.change({ durable: true, refund: { id: "r2", set: { state: "paid" } } });
    const upscale = { resource: "upscale", refunds: 1 };
    expect(sorted((await callStats()).refunds)).toEqual([
      { resource: "other", state: "owed", currency: "USDC", refunds: 1, value: 3_000_000 },
      { ...upscale, state: "owed", currency: "EURC", value: 2_000_000 },
      { ...upscale, state: "owed", currency: "USDC", value: 50_000 },
      { ...upscale, state: "paid", currency: "USDC", value: 1_000_001 },
    ]);
  });

  it("leave out refunds that were written before the time asked for once they are paid", async () => {
    await store.begin(call("c1"), undefined, { durable: true });
    for (const [id, createdAt] of Object.entries({ r1: START + 9, r2: START + 9, r3: START + 10 })) {
      await store.change({ durable: true, refund: { add: refund(id, "c1", { createdAt }) } });
    }
    for (const id of ["r2", "r3"])
      await store.change({ durable: true, refund: { id, set: { state: "paid" } } });
    expect(sorted((await callStats(START + 10)).refunds)).toMatchObject([
      { state: "owed", refunds: 1 },
      { state: "paid", refunds: 1 },
    ]);
    expect((await callStats(START + 11)).refunds).toMatchObject([{ state: "owed", refunds: 1 }]);
  });

  it("count and name the submitted calls that were tried without an outcome, oldest first", async () => {
    const unconfirmed = { phase: "submitted", ambiguous: true, tries: 1 } as const;
    await store.begin(call("c1", { ...unconfirmed, createdAt: START + 1 }), undefined, { durable: true });
    await store.begin(call("c2", unconfirmed), undefined, { durable: true });
    await store.begin(call("c3", { ...unconfirmed, tries: 0 }), undefined, { durable: true });
    await store.begin(call("c4", { ...unconfirmed, phase: "charged" }), undefined, { durable: true });
    expect((await callStats(START + HOUR)).unconfirmed).toBe(2);
    expect((await store.unconfirmedCalls(10)).map(({ id }) => id)).toEqual(["c2", "c1"]);
    expect(await store.unconfirmedCalls(1)).toStrictEqual([call("c2", unconfirmed)]);
  });

  it("name the jobs that run before those that wait, and those that have ended by their end, newest first", async () => {
    const ids = async (ended: boolean, limit = 10) =>
      (await store.recentJobs({ ended, limit })).map(({ id }) => id);
    await worked("j1", { createdAt: START + 1 });
    await worked("j2", { createdAt: START + 2 }, [START + 9, { work: "running" }]);
    await worked("j3", { createdAt: START + 3 }, [START + 30, done]);
    await worked("j4", { createdAt: START + 4 }, [START + 20, { phase: "void", work: "canceled" }]);
    await worked("j5", { createdAt: START + 5 });
    await worked("j6", { createdAt: START }, [START + 40, { work: "running" }]);
    expect(await ids(false)).toEqual(["j2", "j6", "j5", "j1"]);
    expect(await ids(true)).toEqual(["j3", "j4"]);
    expect(await ids(true, 1)).toEqual(["j3"]);
    expect(await ids(false, 2)).toEqual(["j2", "j6"]);
    expect(await store.recentJobs({ ended: true, limit: 1 })).toStrictEqual([await store.job("j3")]);
  });
});

/** Rows in an order that is the same for every store. */
function sorted<Row extends object>(rows: readonly Row[]): Row[] {
  const name = (row: Row): string =>
    JSON.stringify(
      ["resource", "at", "status", "state", "currency", "code"].map(
        (key) => (row as Record<string, unknown>)[key],
      ),
    );
  return [...rows].sort((a, b) => (name(a) < name(b) ? -1 : 1));
}
