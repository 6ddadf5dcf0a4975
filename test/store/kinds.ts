import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { postgresStore } from "resource402/postgres";
import { memoryStore } from "resource402/server";
import { sqliteStore } from "resource402/sqlite";
import { it } from "vitest";
import type { Store } from "../../src/store/store.ts";
import { type PostgresServer, startPostgres, whyNoPostgres } from "./postgres-server.ts";

/** A store made for one test, and how what it left behind goes away. */
export interface Made {
  readonly store: Store;
  dispose(): Promise<void>;
}

let server: Promise<PostgresServer> | undefined;
/** Databases that no test uses now. Tests that run at the same time get one each. */
const free: string[] = [];
let databases = 0;

/** One server for all tests of a file, and databases that are used again, since making them takes longer than most tests. */
async function postgres(now: () => number): Promise<Made> {
  server ??= startPostgres();
  const connectionString = free.pop() ?? (await createDatabase(await server));
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
    free.push(connectionString);
  };
  return { store, dispose };
}

async function createDatabase({ connectionString }: PostgresServer): Promise<string> {
  const name = `test_${++databases}`;
  const client = new pg.Client({ connectionString });
  await client.connect();
  await client.query(`CREATE DATABASE ${name}`);
  await client.end();
  const url = new URL(connectionString);
  url.pathname = `/${name}`;
  return url.href;
}

/** Tests of one kind of store: each has a store of its own, and may run beside others. */
export const testWith = (make: (now: () => number) => Promise<Made>) =>
  it.extend<{ store: Store }>({
    // biome-ignore lint/correctness/noEmptyPattern: vitest reads the names of the fixtures from the pattern
    store: async ({}, use) => {
      const { store, dispose } = await make(Date.now);
      await use(store);
      await dispose();
    },
  });

type Kind = readonly [string, (now: () => number) => Promise<Made>];

/** `npm run test:runtimes` sets it: this kind needs packages that the root does not install. */
const isOnWorkers = process.env.STORE_ON_WORKERS === "1";
const onWorkers: Kind = [
  "in a Durable Object",
  async (now) => {
    const { durableObject } = await import("./durable-object.ts");
    return { store: await durableObject(now), dispose: async () => {} };
  },
];

const ofNode: readonly Kind[] = [
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

/** Every store there is, by how a test's title names it: the tests of the contract run on each. */
export const kinds: readonly Kind[] = isOnWorkers ? [onWorkers] : ofNode;
