import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync, StatementSync } from "node:sqlite";
import { sqliteStore } from "resource402/sqlite";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { openShop } from "../flow/shop.ts";

/** What was run on SQLite, in order. */
const ran: string[] = [];

beforeEach(() => {
  for (const name of ["get", "all", "run"] as const) {
    const original: (...values: never[]) => unknown = StatementSync.prototype[name];
    vi.spyOn(StatementSync.prototype, name).mockImplementation(function (
      this: StatementSync,
      ...values: unknown[]
    ) {
      ran.push(this.sourceSQL);
      return original.apply(this, values as never[]) as never;
    });
  }
  const exec = DatabaseSync.prototype.exec;
  vi.spyOn(DatabaseSync.prototype, "exec").mockImplementation(function (this: DatabaseSync, sql: string) {
    ran.push(sql);
    return exec.call(this, sql);
  });
});
afterEach(() => vi.restoreAllMocks());

/** What one paid call asks of SQLite that is synchronous and charged after its work. */
async function costOfCall(evidence: boolean) {
  const folder = await mkdtemp(join(tmpdir(), "resource402-cost-"));
  const store = sqliteStore(join(folder, "store.db"));
  try {
    await using shop = await openShop({ store, evidence });
    const client = shop.client();
    // The first call also takes the lease of the server. It ends with the mode of its last commit.
    await client.echo({ text: "first" });
    const mode = ran.findLast((sql) => sql.startsWith("PRAGMA synchronous = "));
    ran.length = 0;
    await client.echo({ text: "second" });
    const commits: string[] = [];
    let flushes = mode;
    for (const sql of ran) {
      if (sql.startsWith("PRAGMA synchronous = ")) flushes = sql;
      if (sql === "COMMIT") commits.push(flushes === "PRAGMA synchronous = FULL" ? "durable" : "relaxed");
    }
    return { commits, statements: ran.length };
  } finally {
    await store.close();
    await rm(folder, { recursive: true });
  }
}

describe("a synchronous call that is charged after its work", () => {
  it("waits for the disk once, before its payment is submitted, where a node can be asked", async () => {
    const { commits, statements } = await costOfCall(true);
    expect(commits).toEqual(["relaxed", "durable", "relaxed"]);
    expect(statements).toBe(20);
  });

  it("waits for the disk again for its receipt, where no node can be asked", async () => {
    const { commits } = await costOfCall(false);
    expect(commits).toEqual(["relaxed", "durable", "durable"]);
  });
});
