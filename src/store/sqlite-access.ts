/** A SQLite file that several processes write, and this one in groups. */
export interface SqliteFile {
  /** A statement for use within `read` and `write`. It is compiled once the file is open. */
  prepare<Row>(sql: string): Statement<Row>;
  /** Runs one reading statement. */
  read<T>(work: () => T): Promise<T>;
  /**
   * Runs `work` in a transaction and resolves once that is committed, and on the disk if it is `durable`. A durable
   * commit waits for the disk, and all other work of this process with it; so what is written in the same turn of the
   * event loop goes in one commit, which is durable if one of them is. Each `work` still is all or nothing: when it
   * throws, only its own writes are undone, unless the disk has failed.
   */
  write<T>(durable: boolean, work: () => T): Promise<T>;
  /**
   * How much may be written before what was written moves from the log into the file, in pages: a commit does that, and
   * whatever else this process does waits for it. More at a time is less work in all; less at a time is shorter waits.
   */
  checkpointEvery(pages: number): void;
  /** A number that changes when another connection commits. Source: sqlite.org/pragma.html#pragma_data_version */
  version(): unknown;
  /** Calls `happened` when another connection has written since the last look, every `ms` at most. Returns what ends that. */
  onForeignChange(ms: number, happened: () => void): () => void;
  /** Lets other work of this process go on, between two parts of a long one. */
  turn(): Promise<void>;
  /** Waits for the writes that were asked for, then closes the file. */
  close(): Promise<void>;
}

type SqlValue = null | number | bigint | string | Uint8Array;
type Value = SqlValue | Record<string, SqlValue>;

/** A prepared statement that knows what its rows look like. */
export interface Statement<Row> {
  get(...values: Value[]): Row | undefined;
  all(...values: Value[]): Row[];
  run(...values: Value[]): { readonly changes: number | bigint };
}
