import { DatabaseSync } from "node:sqlite";

/** A job as the author of a paid API written by hand keeps it. */
export interface StockJob {
  readonly id: string;
  readonly route: string;
  readonly input: unknown;
  readonly state: "processing" | "succeeded" | "failed";
  readonly result?: unknown;
  readonly error?: string;
}

/** What the middleware's `onAfterSettle` reported. */
interface Settlement {
  readonly payer: string;
  readonly nonce: string;
  /** In the token's smallest units. */
  readonly amount: string;
  readonly transaction: string;
}

export interface JobTable {
  put(job: StockJob): Promise<void>;
  get(id: string): Promise<StockJob | undefined>;
  unfinished(): Promise<readonly StockJob[]>;
  record(settlement: Settlement): Promise<void>;
  settlements(): Promise<readonly Settlement[]>;
}

/** In memory. Kept by the caller, so that a restart does not forget it. */
export function jobMap(): JobTable {
  const jobs = new Map<string, StockJob>();
  const settled: Settlement[] = [];
  return {
    put: async (job) => void jobs.set(job.id, job),
    get: async (id) => jobs.get(id),
    unfinished: async () => [...jobs.values()].filter(({ state }) => state === "processing"),
    record: async (settlement) => void settled.push(settlement),
    settlements: async () => [...settled],
  };
}

/** The same in two tables of an SQLite file, as durable as ours: WAL, synchronous FULL. */
export function jobTable(path: string): JobTable & { close(): void } {
  const db = new DatabaseSync(path);
  db.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    CREATE TABLE IF NOT EXISTS jobs (id TEXT PRIMARY KEY, state TEXT NOT NULL, document TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS settlements (document TEXT NOT NULL);
  `);
  const put = db.prepare("INSERT OR REPLACE INTO jobs (id, state, document) VALUES (?, ?, ?)");
  const get = db.prepare("SELECT document FROM jobs WHERE id = ?");
  const open = db.prepare("SELECT document FROM jobs WHERE state = 'processing'");
  const record = db.prepare("INSERT INTO settlements (document) VALUES (?)");
  const settlements = db.prepare("SELECT document FROM settlements");
  const read = <T>(row: unknown): T => JSON.parse(String((row as { document: unknown }).document)) as T;
  return {
    put: async (job) => void put.run(job.id, job.state, JSON.stringify(job)),
    get: async (id) => {
      const row = get.get(id);
      return row && read<StockJob>(row);
    },
    unfinished: async () => open.all().map(read<StockJob>),
    record: async (settlement) => void record.run(JSON.stringify(settlement)),
    settlements: async () => settlements.all().map(read<Settlement>),
    close: () => db.close(),
  };
}
