import { existsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setImmediate, setTimeout } from "node:timers/promises";
import type { SqliteFile, Statement } from "./sqlite-access.ts";

/** "x402", in the header of the file: tells our files from those of other programs. */
const APPLICATION_ID = 0x78343032;

/**
 * A file that is opened, or created, by the first `read` or `write`. These reject when the file cannot be read and written,
 * is not ours, or was written by a newer version of this program.
 * @param busyMs How long another process may keep the file locked before reads and writes fail, in milliseconds.
 * @param migrations SQL by which a file grows from one version to the next. Only ever appended to.
 */
export function openSqliteFile(path: string, busyMs: number, migrations: readonly string[]): SqliteFile {
  const failed = (cause: unknown): unknown => (isSqliteError(cause) ? failure(path, cause) : cause);
  const over = () => new Error(`store ${path}: it has been closed`);
  let db: DatabaseSync | undefined;
  /** Statements that were asked for before the file was opened. */
  const asked: (() => unknown)[] = [];
  const opened = (): DatabaseSync => {
    if (db) return db;
    db = open(path, migrations);
    for (const compile of asked.splice(0)) compile();
    return db;
  };
  const prepare = <Row>(sql: string): Statement<Row> => {
    let compiled: Statement<Row> | undefined;
    const statement = (): Statement<Row> => {
      compiled ??= opened().prepare(sql) as unknown as Statement<Row>;
      return compiled;
    };
    if (!db) asked.push(statement);
    return {
      get: (...values) => statement().get(...values),
      all: (...values) => statement().all(...values),
      run: (...values) => statement().run(...values),
    };
  };
  const begin = prepare("BEGIN IMMEDIATE");
  const commit = prepare("COMMIT");
  const rollback = prepare("ROLLBACK");
  const savepoint = prepare("SAVEPOINT writer");
  const undo = prepare("ROLLBACK TO writer");
  const release = prepare("RELEASE writer");
  const dataVersion = prepare<{ data_version: number }>("PRAGMA data_version");
  const version = (): unknown => dataVersion.get()?.data_version;

  interface Writer {
    readonly durable: boolean;
    work(): unknown;
    resolve(value: unknown): void;
    reject(error: unknown): void;
  }
  const waiting: Writer[] = [];
  let draining: Promise<void> | undefined;
  let closed = false;
  let every: number | undefined;
  /** As the file is opened. */
  let isFlushing = true;

  // SQLite's own waiting would stop the event loop, and with it every request and every sign of life.
  async function whenFree<T>(attempt: () => T): Promise<T> {
    const end = performance.now() + busyMs;
    for (;;) {
      try {
        return attempt();
      } catch (error) {
        if (!isBusy(error) || performance.now() >= end) throw failed(error);
      }
      await setTimeout(1 + Math.random() * 9);
    }
  }

  async function drain(): Promise<void> {
    while (waiting.length > 0) {
      // As long as others join, waiting for them costs less than a commit of their own.
      let joined = 0;
      for (let turn = 0; turn < MAX_TURNS && waiting.length > joined; turn += 1) {
        joined = waiting.length;
        await setImmediate();
      }
      try {
        await whenFree(() => {
          // Only between two transactions. A flush takes all commits before it to the disk as well: they share one log.
          flushing(waiting.some(({ durable }) => durable));
          begin.run();
          writeTogether(waiting.splice(0));
        });
      } catch (error) {
        for (const { reject } of waiting.splice(0)) reject(error);
      }
    }
    draining = undefined;
  }

  /** Whether commits wait for the disk. Never OFF, which could damage the file. Source: sqlite.org/pragma.html#pragma_synchronous */
  function flushing(durable: boolean): void {
    if (durable === isFlushing) return;
    opened().exec(`PRAGMA synchronous = ${durable ? "FULL" : "NORMAL"}`);
    isFlushing = durable;
  }

  function writeTogether(writers: readonly Writer[]): void {
    const outcomes: (() => void)[] = [];
    try {
      const [first] = writers;
      if (writers.length === 1 && first) {
        // With it goes all that is in the transaction.
        const value = first.work();
        outcomes.push(() => first.resolve(value));
      } else {
        for (const { work, resolve, reject } of writers) {
          savepoint.run();
          try {
            const value = work();
            outcomes.push(() => resolve(value));
          } catch (cause) {
            // A full disk ends the transaction of all.
            if (!opened().isTransaction) throw cause;
            undo.run();
            outcomes.push(() => reject(failed(cause)));
          }
          release.run();
        }
      }
      commit.run();
    } catch (cause) {
      const error = failed(cause);
      for (const { reject } of writers) reject(error);
      if (opened().isTransaction) rollback.run();
      return;
    }
    for (const tell of outcomes) tell();
  }

  return {
    prepare,
    async read(work) {
      if (closed) throw over();
      if (!db) await whenFree(opened);
      return whenFree(work);
    },
    async write<T>(durable: boolean, work: () => T) {
      if (closed) throw over();
      if (!db) await whenFree(opened);
      return new Promise<T>((resolve, reject) => {
        waiting.push({ durable, work, resolve: resolve as Writer["resolve"], reject });
        draining ??= drain();
      });
    },
    version,
    async turn() {
      await setImmediate();
    },
    checkpointEvery(pages) {
      if (pages === every) return;
      every = pages;
      opened().exec(`PRAGMA wal_autocheckpoint = ${pages}`);
    },
    onForeignChange(ms, happened) {
      let seen = db?.isOpen ? version() : undefined;
      const timer = setInterval(() => {
        const now = db?.isOpen ? version() : seen;
        if (now === seen) return;
        seen = now;
        happened();
      }, ms);
      timer.unref();
      return () => clearInterval(timer);
    },

    async close() {
      if (closed) return;
      closed = true;
      await draining;
      db?.close();
    },
  };
}

/** Turns of the event loop for which a commit waits for more writers. */
const MAX_TURNS = 4;

function open(path: string, migrations: readonly string[]): DatabaseSync {
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(path, { timeout: 0 });
    versionOf(db, path, migrations.length);
    db.exec("PRAGMA journal_mode = WAL");
    db.exec("PRAGMA synchronous = FULL");
    migrate(db, path, migrations);
    return db;
  } catch (error) {
    db?.close();
    // Another process has locked the file: the caller tries again.
    if (!isSqliteError(error) || isBusy(error)) throw error;
    const folder = dirname(resolve(path));
    if (!existsSync(folder))
      throw new Error(`store ${path}: make the folder ${folder} first`, { cause: error });
    throw failure(path, error);
  }
}

/** The version of the file, 0 when it is new. */
function versionOf(db: DatabaseSync, path: string, known: number): number {
  const pragma = (name: string) => Number(Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0]);
  const version = pragma("user_version");
  const empty = db.prepare("SELECT 1 FROM sqlite_schema").get() === undefined;
  if (!empty && pragma("application_id") !== APPLICATION_ID) {
    throw new Error(`store ${path}: the file belongs to another program; give the store a file of its own`);
  }
  if (version > known) {
    throw new Error(
      `store ${path}: the file has version ${version}, this resource402 knows up to ${known}; ` +
        "install the release that wrote it, or a later one",
    );
  }
  return version;
}

/** Also when there is nothing to migrate it takes the write lock: what cannot be written is found out here. */
function migrate(db: DatabaseSync, path: string, migrations: readonly string[]): void {
  db.exec("BEGIN IMMEDIATE");
  const version = versionOf(db, path, migrations.length);
  for (const sql of migrations.slice(version)) db.exec(sql);
  if (version < migrations.length) {
    db.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${migrations.length}`);
  }
  db.exec("COMMIT");
}

interface SqliteError extends Error {
  readonly errcode: number;
}

function isSqliteError(error: unknown): error is SqliteError {
  return error instanceof Error && "errcode" in error && typeof error.errcode === "number";
}

/** The low byte of an error code says the kind. Source: sqlite.org/rescode.html */
const kindOf = (error: SqliteError): number => error.errcode & 0xff;
const BUSY = 5;

function isBusy(error: unknown): boolean {
  return isSqliteError(error) && kindOf(error) === BUSY;
}

/** What a person can do something about, by kind. */
const CAUSES: Readonly<Record<number, string>> = {
  5: "another process keeps it locked",
  8: "this process may not write the file or its folder",
  10: "reading or writing the disk failed",
  13: "the disk is full",
  14: "this process may not open or make the file",
  26: "the file is not a SQLite database",
};

function failure(path: string, cause: SqliteError): Error {
  const why = CAUSES[kindOf(cause)];
  return new Error(`store ${path}: ${why ? `${why} (${cause.message})` : cause.message}`, { cause });
}
