import { Pool } from "pg";
import { type Db, PgBoss } from "pg-boss";
import type { PostgresConnection, Transaction, Value } from "./postgres-connection.ts";
import { fromText, toText } from "./postgres-rows.ts";
import type { JobRecord } from "./store.ts";

/** What a queue knows of a job. */
export type Waiting = Pick<JobRecord, "id" | "resource" | "runAt" | "createdAt">;

interface Ticket {
  readonly id: string;
  readonly jobId: string;
}

/**
 * Hands every job that waits to one of many machines. It says only who may try: what a job is and whether it waits
 * stands in our own tables. A ticket is written in the transaction that makes a job wait and goes in the one that hands
 * it out, so none is lost or given twice; one whose job does not wait any more is worth nothing.
 */
export interface PostgresQueue {
  /** Makes tickets for jobs of a resource possible. Not to be called within a transaction: it needs a connection. */
  prepare(resource: string): Promise<void>;
  isPrepared(resource: string): boolean;
  /** Writes a ticket that is good from `runAt` on. The resource must have been prepared. */
  put(transaction: Transaction, job: Waiting): Promise<void>;
  /** Tickets of a resource whose time has come, by the age of their jobs. Nobody else gets them. */
  take(transaction: Transaction, resource: string, limit: number): Promise<readonly Ticket[]>;
  /** Throws tickets away that have been taken. */
  drop(transaction: Transaction, resource: string, tickets: readonly Ticket[]): Promise<void>;
  stop(): Promise<void>;
}

/**
 * pg-boss as we need it: it keeps tickets, and nothing else. A ticket is never in work, so there is nothing to retry,
 * to expire or to supervise, and nothing that has ended to clean up; we ask for tickets ourselves, so it has no
 * workers, whose polling sleeps between jobs, and no listener.
 */
const KEEPS_TICKETS = {
  supervise: false,
  schedule: false,
  useListenNotify: false,
  registerInstance: false,
  persistWarnings: false,
  openTelemetry: { enabled: false },
  // We have made the schema.
  createSchema: false,
  // It asks for the names of its queues from time to time, and for index builds that a migration has left to be done.
  queueCacheIntervalSeconds: 3600,
  bamIntervalSeconds: 3600,
};
/** Were pg-boss supervised by somebody else, tickets would still outlive any wait. */
const TICKETS = { retryLimit: 0, retentionSeconds: 365 * 24 * 3600, deleteAfterSeconds: 60 };

/** Starts pg-boss in a schema that is there. Several servers may do so at once. */
export async function startQueue(
  connection: PostgresConnection,
  schema: string,
  onError: (error: unknown) => void,
): Promise<PostgresQueue> {
  // Its own connection, so that a transaction that asks it something never waits for one that waits for it.
  const pool = new Pool({ ...connection.config, max: 1, allowExitOnIdle: true });
  pool.on("error", (error) => onError(connection.failure(error)));
  pool.on("connect", (client) => client.on("error", () => {}));
  const own: Db = { executeSql: (text, values) => pool.query(text, values) };
  const boss = new PgBoss({ ...KEEPS_TICKETS, db: own, schema, clock: IDLE_CLOCK });
  boss.on("error", (error) => onError(connection.failure(error)));
  const prepared = new Set<string>();

  async function stop(): Promise<void> {
    await boss.stop({ graceful: false, close: false });
    await pool.end();
  }
  try {
    await boss.start();
  } catch (error) {
    await stop().catch(() => {});
    throw error;
  }

  /** How many tickets are asked for stands in the text of the statement. */
  const within = (transaction: Transaction, run: "query" | "queryOnce" = "queryOnce"): Db => ({
    executeSql: async (text, values = []) => ({ rows: await transaction[run](text, values as Value[]) }),
  });

  return {
    async prepare(resource) {
      if (prepared.has(resource)) return;
      await boss.createQueue(queueOf(resource), TICKETS);
      prepared.add(resource);
    },
    isPrepared: (resource) => prepared.has(resource),

    async put(transaction, { id, resource, runAt, createdAt }) {
      try {
        await boss.send(
          queueOf(resource),
          { job: toText(id) },
          { db: within(transaction, "query"), startAfter: timeOf(runAt), priority: priorityOf(createdAt) },
        );
      } catch (error) {
        // Should somebody have deleted the queue, the next ticket finds it made again.
        prepared.clear();
        throw error;
      }
    },

    async take(transaction, resource, limit) {
      const db = within(transaction);
      const tickets = await boss.fetch<{ job: string }>(queueOf(resource), { batchSize: limit, db });
      return tickets.map(({ id, data }) => ({ id, jobId: fromText(data.job) }));
    },

    async drop(transaction, resource, tickets) {
      const ids = tickets.map(({ id }) => id);
      await boss.deleteJob(queueOf(resource), ids, { db: within(transaction) });
    },

    stop,
  };
}

/** Queues are named by letters, digits and a few signs; no two resources get the same. */
function queueOf(resource: string): string {
  return `jobs/${resource.replaceAll(/[^A-Za-z0-9_-]/g, (unit) => `.${unit.charCodeAt(0).toString(16)}.`)}`;
}

/** A time that Postgres can write down, not earlier than the one given. */
function timeOf(time: number): Date {
  return new Date(Math.min(Math.max(Math.ceil(time), 0), LAST_TIME));
}
const LAST_TIME = Date.UTC(9999, 0);

/**
 * The oldest jobs first, also when they wait once more. Priorities are 32 bits, so this is by the second; within one
 * it is by the time of the ticket.
 */
function priorityOf(createdAt: number): number {
  const seconds = Math.floor((createdAt - Date.UTC(2026, 0)) / 1000);
  return Math.min(Math.max(-seconds, -(2 ** 31)), 2 ** 31 - 1);
}

/** Its timers do not keep a process alive that has nothing else to do. */
const IDLE_CLOCK = {
  now: () => Date.now(),
  setTimeout: (work: () => void, ms: number) => setTimeout(work, ms).unref(),
  clearTimeout: (timer: unknown) => clearTimeout(timer as NodeJS.Timeout),
  setInterval: (work: () => void, ms: number) => setInterval(work, ms).unref(),
  clearInterval: (timer: unknown) => clearInterval(timer as NodeJS.Timeout),
};
