import { storeIn } from "./sqlite.ts";
import type { SqliteFile, Statement } from "./sqlite-access.ts";
import { NEVER_SQL } from "./sqlite-call-rows.ts";
import { SQLITE_MIGRATIONS } from "./sqlite-migrations.ts";
import type { Store } from "./store.ts";

/** What is used of `ctx.storage` of a Durable Object. Source: developers.cloudflare.com/durable-objects/api/sqlite-storage-api */
export interface DurableObjectStorage {
  readonly sql: {
    exec(sql: string, ...values: unknown[]): { toArray(): unknown[]; readonly rowsWritten: number };
  };
  transactionSync<T>(work: () => T): T;
  /** Resolves once everything that was written is on the disk. */
  sync(): Promise<void>;
}

/** Options of `durableObjectStore`. */
export interface DurableObjectStoreOptions {
  /** The store's clock, in milliseconds since the epoch. @default Date.now */
  readonly now?: () => number;
}

/**
 * Keeps everything in the SQLite storage of one Durable Object of Cloudflare, which is the only one that uses it. The class
 * needs SQLite storage (`new_sqlite_classes` in the configuration of wrangler), and no tables of its own.
 *
 * A row holds up to 2 MB: the output of a call, with its payment, cannot be larger.
 */
export function durableObjectStore(
  storage: DurableObjectStorage,
  { now = Date.now }: DurableObjectStoreOptions = {},
): Store {
  return storeIn(fileOf(storage), { now, completeSince: 0 });
}

/** When a round of the server is due next, for a call, a job, a refund or a callback; in milliseconds since the epoch. */
export function nextWorkAt(storage: DurableObjectStorage): number | undefined {
  storage.transactionSync(() => migrate(storage));
  const next = `SELECT min(at) AS at FROM (
    SELECT min(retry_at) AS at FROM calls WHERE retry_at < ${NEVER_SQL}
    UNION ALL SELECT min(run_at) FROM jobs WHERE status IN ('queued', 'running')
    UNION ALL SELECT min(callback_at) FROM jobs
    UNION ALL SELECT min(retry_at) FROM refunds WHERE state <> 'paid')`;
  const [row] = storage.sql.exec(next).toArray() as { at: number | null }[];
  return row?.at ?? undefined;
}

function fileOf(storage: DurableObjectStorage): SqliteFile {
  const { sql } = storage;
  let isReady = false;
  /** Nothing may be written before the first request. */
  function ready(): void {
    if (!isReady) storage.transactionSync(() => migrate(storage));
    isReady = true;
  }

  return {
    prepare: <Row>(text: string): Statement<Row> => {
      const { positional, names } = numbered(text);
      const run = (values: readonly unknown[]) => {
        const [first] = values;
        const isNamed = names.length > 0 && typeof first === "object" && first !== null;
        const bound = isNamed ? names.map((name) => (first as Record<string, unknown>)[name]) : values;
        return sql.exec(positional, ...bound);
      };
      return {
        get: (...values) => run(values).toArray()[0] as Row | undefined,
        all: (...values) => run(values).toArray() as Row[],
        run(...values) {
          const cursor = run(values);
          cursor.toArray();
          return { changes: cursor.rowsWritten };
        },
      };
    },
    async read(work) {
      ready();
      return work();
    },
    // The platform holds every response and request back until what was written before it is on the disk.
    async write(durable, work) {
      ready();
      const value = storage.transactionSync(work);
      if (durable) await storage.sync();
      return value;
    },
    checkpointEvery() {},
    // Never the same: no record is cached, for it could be older than its row.
    version: () => Symbol("version"),
    // A request that waits is served between two awaits.
    turn: () => new Promise((resolve) => setTimeout(resolve)),
    onForeignChange: () => () => {},
    async close() {},
  };
}

/** The same statement with `?1`, `?2` … for its names: the platform binds by position only. */
function numbered(text: string): { positional: string; names: readonly string[] } {
  const names: string[] = [];
  const positional = text.replaceAll(/:([a-z_]+)/gi, (_, name: string) => {
    if (!names.includes(name)) names.push(name);
    return `?${names.indexOf(name) + 1}`;
  });
  return { positional, names };
}

/** The platform keeps `PRAGMA user_version` to itself. */
function migrate({ sql }: DurableObjectStorage): void {
  sql.exec("CREATE TABLE IF NOT EXISTS version (version INTEGER NOT NULL) STRICT").toArray();
  const [row] = sql.exec("SELECT version FROM version").toArray() as { version: number }[];
  const version = row?.version ?? 0;
  const known = SQLITE_MIGRATIONS.length;
  if (version > known) {
    throw new Error(
      `store: the object's storage has version ${version}, this resource402 knows up to ${known}; ` +
        "install the release that wrote it, or a later one",
    );
  }
  if (version === known) return;
  for (const step of SQLITE_MIGRATIONS.slice(version)) sql.exec(step).toArray();
  sql.exec("DELETE FROM version").toArray();
  sql.exec("INSERT INTO version VALUES (?)", known).toArray();
}
