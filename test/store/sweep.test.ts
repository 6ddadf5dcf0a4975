import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CALL_LIFE_MS, REFUND_LIFE_MS, type Store, TOMBSTONE_LIFE_MS } from "../../src/store/store.ts";
import { sweepAll } from "../../src/store/sweep.ts";
import { kinds } from "./kinds.ts";
import { answer, call, HOUR, job, refund, START } from "./records.ts";

const LATER = START + 1000 * HOUR;
const closed = { phase: "delivered", answer, retryAt: undefined } as const;
const done = { phase: "delivered", work: "done" } as const;

describe.each(kinds)("sweeping a store %s, a batch at a time,", (_name, make) => {
  let store: Store;
  let dispose: () => Promise<void>;

  beforeEach(async () => {
    ({ store, dispose } = await make(() => START));
  });
  afterEach(() => dispose());

  const numbers = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

  /** Ended jobs with their calls, the first one the oldest. */
  async function giveJobs(count: number, name: string, expiresAt: number, callState = closed): Promise<void> {
    for (const n of numbers(count)) {
      const [callId, jobId] = [`${name}-c${n}`, `${name}-j${n}`];
      await store.begin(
        call(callId, { ...callState, jobId, createdAt: START + n }),
        job(jobId, callId, { ...done, createdAt: START + n, expiresAt: expiresAt + n }),
        { durable: true },
      );
    }
  }

  /** What each batch took, to the end. */
  async function batches(now: number, limit: number): Promise<number[]> {
    const took: number[] = [];
    for (;;) {
      const swept = await store.sweep(now, limit);
      if (swept === 0) return took;
      took.push(swept);
      if (took.length > 100) throw new Error("it does not end");
    }
  }

  it("takes no more than the limit of each kind of record, and ends with nothing", async () => {
    await giveJobs(7, "old", START);
    for (const n of numbers(5)) {
      const paid = { state: "paid", createdAt: START - REFUND_LIFE_MS } as const;
      await store.change({ durable: true, refund: { add: refund(`r${n}`, "gone", paid) } });
    }
    // Calls are still needed at that time: 3 jobs and 3 refunds, 3 and 2, then the last job.
    expect(await batches(START + 10, 3)).toEqual([6, 5, 1]);
    expect(await batches(START + CALL_LIFE_MS + 10, 3)).toEqual([3, 3, 1]);
  });

  it("takes a job and its call together when both have outlived their use", async () => {
    await giveJobs(3, "old", START);
    expect(await batches(LATER, 100)).toEqual([6]);
    expect(await store.job("old-j0")).toBe("gone");
    expect(await store.call("old-c0")).toBeUndefined();
  });

  it("takes the longest expired jobs first, and nothing that lives", async () => {
    await giveJobs(6, "old", START);
    await giveJobs(3, "new", START + HOUR);
    expect(await store.sweep(START + 10, 2)).toBe(2);
    const state = async (name: string) => {
      const found = await Promise.all(numbers(6).map((n) => store.job(`${name}-j${n}`)));
      return found.map((one) => one !== undefined && one !== "gone");
    };
    expect(await state("old")).toEqual([false, false, true, true, true, true]);
    expect(await batches(START + 10, 2)).toEqual([2, 2]);
    expect(await state("old")).toEqual(numbers(6).map(() => false));
    expect((await state("new")).slice(0, 3)).toEqual([true, true, true]);
  });

  it("is not stopped by older records that must stay: submitted payments, due calls and unpaid refunds", async () => {
    for (const n of numbers(6)) {
      const moving = {
        phase: "submitted",
        answer,
        retryAt: undefined,
        jobId: `moving-j${n}`,
        createdAt: START - HOUR,
      } as const;
      const ended = { work: "failed", createdAt: START - HOUR, expiresAt: START - HOUR } as const;
      await store.begin(
        call(`moving-c${n}`, moving),
        job(`moving-j${n}`, `moving-c${n}`, { ...ended, phase: "submitted" }),
        {
          durable: true,
        },
      );
      const owing = { ...closed, phase: "owed", jobId: `owing-j${n}`, createdAt: START - HOUR } as const;
      await store.begin(
        call(`owing-c${n}`, owing),
        job(`owing-j${n}`, `owing-c${n}`, { ...ended, phase: "owed" }),
        {
          durable: true,
        },
      );
      const owed = { jobId: `owing-j${n}`, createdAt: START - REFUND_LIFE_MS } as const;
      await store.change({ durable: true, refund: { add: refund(`r${n}`, `owing-c${n}`, owed) } });
      // Without a job: the call itself is what must stay.
      await store.begin(
        call(`alone-c${n}`, { ...closed, phase: "submitted", createdAt: START - HOUR }),
        undefined,
        { durable: true },
      );
      await store.begin(
        call(`back-c${n}`, { ...closed, phase: "owed", createdAt: START - HOUR }),
        undefined,
        {
          durable: true,
        },
      );
      await store.change({
        durable: true,
        refund: {
          add: refund(`b${n}`, `back-c${n}`, { state: "signed", createdAt: START - REFUND_LIFE_MS }),
        },
      });
      // Void, but to be looked up again.
      await store.begin(
        call(`audit-c${n}`, { ...closed, phase: "void", retryAt: START, createdAt: START - HOUR }),
        undefined,
        { durable: true },
      );
      // The job has no end, so its call is held although it is old.
      await store.begin(
        call(`long-c${n}`, { ...closed, phase: "charged", jobId: `long-j${n}`, createdAt: START - HOUR }),
        job(`long-j${n}`, `long-c${n}`, { phase: "charged", work: "running", createdAt: START - HOUR }),
        { durable: true },
      );
    }
    await giveJobs(5, "old", START);
    expect((await batches(LATER, 2)).reduce((sum, swept) => sum + swept, 0)).toBe(10);
    for (const n of numbers(6)) {
      for (const name of ["moving", "owing", "alone", "back", "audit", "long"]) {
        expect(await store.call(`${name}-c${n}`), `${name}-c${n}`).toBeDefined();
      }
      for (const name of ["moving", "owing", "long"]) {
        expect(await store.job(`${name}-j${n}`), `${name}-j${n}`).toMatchObject({ id: `${name}-j${n}` });
      }
    }
    expect(await store.refunds({ state: "owed", limit: 100 })).toHaveLength(6);
    expect(await store.refunds({ state: "signed", limit: 100 })).toHaveLength(6);
  });

  it("forgets what is gone as soon as its tombstone is old, a batch at a time as well", async () => {
    await giveJobs(5, "old", START);
    await batches(LATER, 100);
    const known = async () => {
      const found = await Promise.all(numbers(5).map((n) => store.job(`old-j${n}`)));
      return found.filter((one) => one === "gone").length;
    };
    expect(await known()).toBe(5);
    await store.sweep(LATER + TOMBSTONE_LIFE_MS, 2);
    expect(await known()).toBe(3);
    await store.sweep(LATER + TOMBSTONE_LIFE_MS, 100);
    expect(await known()).toBe(0);
  });

  it("goes on from batch to batch until nothing is left, or it is told to stop", async () => {
    await giveJobs(450, "old", START - 48 * HOUR);
    let asked = 0;
    const once = await sweepAll(store, () => {
      asked += 1;
      return asked <= 1;
    });
    expect(once).toBeGreaterThan(0);
    expect(once).toBeLessThan(450);
    // The calls are of long ago by this machine's clock, so all of them go as well.
    expect(once + (await sweepAll(store))).toBe(900);
    expect(await sweepAll(store)).toBe(0);
  });
});
