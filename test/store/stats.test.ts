import { memoryStore } from "resource402/server";
import { expect, it } from "vitest";
import { readStats } from "../../src/store/stats.ts";
import type { JobChange } from "../../src/store/store.ts";
import { answer, call, HOUR, job } from "./records.ts";

const NOW = Date.UTC(2026, 0, 1, 12, 30);
const BY = { ms: HOUR, bucketMs: HOUR / 2 };

/** A store whose clock stands at `NOW`, with jobs that were accepted ten minutes ago and have come so far. */
async function withJobs(...changes: readonly JobChange[]) {
  const store = memoryStore({ now: () => NOW });
  const then = { createdAt: NOW - 600_000 };
  for (const [index, set] of changes.entries()) {
    const [id, callId] = [`j${index}`, `c${index}`];
    await store.begin(
      call(callId, { ...then, jobId: id, answer }),
      job(id, callId, { ...then, startedAt: then.createdAt }),
      { durable: true },
    );
    await store.change({ durable: true, job: { id, set } });
  }
  return store;
}

it("a resource has a place for every step of the time, the first and the last being parts of steps", async () => {
  const store = memoryStore({ now: () => NOW });
  const at = (id: string, minutes: number) =>
    store.begin(call(id, { createdAt: NOW - minutes * 60_000, resource: "upscale" }), undefined, {
      durable: true,
    });
  await at("now", 0);
  await at("first", 50);
  await at("too old", 50.001);
  await at("in between", 29);
  const stats = await readStats(store, ["upscale", "quiet"], { ...BY, ms: 50 * 60_000 }, NOW);
  expect(stats.from).toBe(Date.UTC(2026, 0, 1, 11, 30));
  expect(stats.resources).toMatchObject([
    { resource: "upscale", calls: [1, 1, 1], since: undefined },
    { resource: "quiet", calls: [0, 0, 0] },
  ]);
});

it("what was cancelled is neither a success nor a failure, and takes no time; what expired has failed", async () => {
  const failure = (code: string) => ({ code, error: "no" });
  const store = await withJobs(
    { phase: "delivered", work: "done" },
    { phase: "void", work: "failed", failure: failure("refused") },
    { phase: "void", work: "failed", failure: failure("refused") },
    { phase: "void", work: "expired", failure: failure("expired") },
    { phase: "void", work: "canceled", failure: failure("cancelled") },
  );
  const { resources, failures } = await readStats(store, [], BY, NOW);
  expect(resources).toMatchObject([
    { good: [0, 0, 1], bad: [0, 0, 3], ms: [0, 0, 4 * 600_000], cancelled: 1 },
  ]);
  expect(failures).toEqual([
    { resource: "upscale", code: "refused", jobs: 2 },
    { resource: "upscale", code: "expired", jobs: 1 },
  ]);
});

it("what has not ended is counted by what it waits for, with the age of the oldest", async () => {
  const store = await withJobs({ work: "running" }, {}, {}, { phase: "submitted", work: "done" });
  const { resources } = await readStats(store, [], BY, NOW);
  expect(resources).toMatchObject([{ running: 1, queued: 2, unpaid: 1, since: NOW - 600_000 }]);
});
