import { storeIn } from "./sqlite.ts";
import { openSqliteFile } from "./sqlite-file.ts";
import { SQLITE_MIGRATIONS } from "./sqlite-migrations.ts";
import type { Store } from "./store.ts";

/** Options of `sqliteStore`. */
export interface SqliteStoreOptions {
  /** The store's clock, in milliseconds since the epoch. @default Date.now */
  readonly now?: () => number;
  /**
   * How long another process may keep the file locked before a method fails, in milliseconds. Waiting does not stop
   * the event loop. @default 5000
   */
  readonly busyMs?: number;
}

/**
 * Keeps everything in one SQLite file (and two beside it, `-wal` and `-shm`), made when it is not there. What is written
 * survives a crash of the process; what is written durably also one of the machine, as far as its disk keeps its word.
 * Several processes of one machine may use one file. Not for network file systems, whose locks cannot be trusted. `":memory:"` keeps everything in this process instead.
 *
 * The file is opened by the first use, which `start()` of a server is, so that a build opens nothing. That use rejects when
 * the folder is missing, the file may not be written, or a newer release of resource402 has written it.
 *
 * A method rejects when the disk is full, the file is locked for longer than `busyMs`, or reading and writing fail;
 * nothing of it is written then, and the store can be used on. The error's `cause` is SQLite's.
 */
export function sqliteStore(path: string, options: SqliteStoreOptions = {}): Store {
  const now = options.now ?? Date.now;
  const file = openSqliteFile(path, options.busyMs ?? 5000, SQLITE_MIGRATIONS);
  return storeIn(file, { now, completeSince: path === ":memory:" ? now() : 0 });
}
