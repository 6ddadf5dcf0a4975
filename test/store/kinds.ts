import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { postgresStore } from "resource402/postgres";
import { memoryStore } from "resource402/server";
import { sqliteStore } from "resource402/sqlite";
import type { Store } from "../../src/store/store.ts";
import { type PostgresServer, startPostgres, whyNoPostgres } from "./postgres-server.ts";

/** A store made for one test, and how what it left behind goes away. */
export interface Made {
  readonly store: Store;
  dispose(): Promise<void>;
}

let server: Promise<PostgresServer> | undefined;

/** One server and one schema for all tests of a file, since making them takes longer than most tests. */
async function postgres(now: () => number): Promise<Made> {
  server ??= startPostgres();
  const { connectionString } = await server;
  const store = postgresStore({ connectionString, now });
  const dispose = async () => {
    await store.close();
    const client = new pg.Client({ connectionString });
    await client.connect();
    // A test may have used its store for nothing: then there is no schema yet.
    const { rows } = await client.query(
      `SELECT format('%I.%I', nspname, relname) AS name FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
       WHERE nspname = 'resource402' AND relkind = 'r' AND relname <> 'version'`,
    );
    if (rows.length > 0) await client.query(`TRUNCATE ${rows.map(({ name }) => name).join(", ")}`);
    await client.end();
  };
  return { store, dispose };
}

/** Every store there is, by what a test's title says of it: the tests of the contract run on each. */
export const kinds: readonly (readonly [string, (now: () => number) => Promise<Made>])[] = [
  ["in memory", async (now) => ({ store: memoryStore({ now, completeSince: 0 }), dispose: async () => {} })],
  [
    "in SQLite",
    async (now) => {
      const folder = await mkdtemp(join(tmpdir(), "resource402-store-"));
      const store = sqliteStore(join(folder, "store.db"), { now });
      const dispose = async () => {
        await store.close();
        await rm(folder, { recursive: true });
      };
      return { store, dispose };
    },
  ],
  ...(whyNoPostgres() ? [] : [["in Postgres", postgres] as const]),
];
