import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type PostgresServer, startPostgres, whyNoPostgres } from "../store/postgres-server.ts";
import { cancelAcross } from "./cancel.ts";

const JOBS = 50;

function report(store: string, ms: readonly number[]): number {
  const median = ms[Math.floor(ms.length / 2)] ?? Number.POSITIVE_INFINITY;
  console.log(
    `cancel across two processes on ${store}: median ${median} ms, fastest ${ms[0]}, slowest ${ms.at(-1)}, of ${ms.length}`,
  );
  return median;
}

it("a job cancelled through one process stops its handler in another one within a second, on one SQLite file", async () => {
  const ms = await cancelAcross(JOBS);
  expect(ms).toHaveLength(JOBS);
  expect(report("SQLite", ms)).toBeLessThan(1_000);
});

describe.skipIf(whyNoPostgres() !== undefined)("on Postgres", () => {
  let postgres: PostgresServer;
  beforeAll(async () => {
    postgres = await startPostgres();
  });
  afterAll(() => postgres?.stop());

  it("a job cancelled through one process stops its handler in another one within a second", async () => {
    const ms = await cancelAcross(JOBS, postgres.connectionString);
    expect(ms).toHaveLength(JOBS);
    expect(report("Postgres", ms)).toBeLessThan(1_000);
  });
});
