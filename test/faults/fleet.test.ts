import { expect, it } from "vitest";
import { whyNoPostgres } from "../store/postgres-server.ts";
import { fleet, overlaps } from "./fleet.ts";
import type { Note } from "./server.ts";

const onPostgres = it.skipIf(whyNoPostgres() !== undefined);

onPostgres(
  "jobs on two API nodes and two workers, killed at random, end once, run one at a time, and are delivered or given back",
  async () => {
    const report = await fleet({ jobs: 150, atOnce: 16, killEveryMs: 1_700 });
    console.log(report.text);
    expect(report.wrong).toEqual([]);
    expect(report.kills).toBeGreaterThan(3);
    expect(report.reruns).toBeGreaterThan(0);
    expect(report.refunds).toBeGreaterThan(10);
  },
  600_000,
);

it("two runs of a job overlap when one begins before the other has ended, or its process was gone", () => {
  const note = (event: Note["event"], attempt: number, pid: number, at: number): Note => ({
    jobId: "job_1",
    ...{ event, attempt, pid, at },
  });
  const first = [note("start", 1, 10, 1_000), note("end", 1, 10, 2_000)];
  const none = new Map<number, number[]>();
  expect(overlaps([...first, note("start", 2, 11, 2_000)], none)).toEqual([]);
  expect(overlaps([...first, note("start", 2, 11, 1_999)], none)).toHaveLength(1);
  const lost = [note("start", 1, 10, 1_000), note("start", 2, 11, 3_000)];
  expect(overlaps(lost, none)).toHaveLength(1);
  expect(overlaps(lost, new Map([[10, [3_001]]]))).toHaveLength(1);
  expect(overlaps(lost, new Map([[10, [500, 2_999]]]))).toEqual([]);
  // A number that two have is a fence that does not hold.
  expect(overlaps([...first, note("start", 1, 11, 3_000)], none)).toHaveLength(1);
});
