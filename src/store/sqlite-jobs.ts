import type { Candidate } from "./rules.ts";
import type { Statement } from "./sqlite-access.ts";
import { ORPHANED, OWED } from "./sqlite-calls.ts";
import { type JobRow, putSql } from "./sqlite-rows.ts";
import type { ClaimOptions, JobRecord, Limits } from "./store.ts";

const COLUMNS = `id, call_id, resource, status, phase, work, paid, code, owner, run_at, start_by, callback_at, created_at,
  updated_at, started_at, ended_at, expires_at, attempt, failures, claim, payer, input_bytes, rest`;
const FIXED = ["id", "call_id", "resource", "paid", "created_at", "payer"];
const CHANGING = COLUMNS.split(/,\s+/).filter((name) => !FIXED.includes(name));
const NOT_EXCEPTED = "id NOT IN (SELECT value FROM json_each(:except))";

/** The statements about jobs in a SQLite file. */
export function sqliteJobs(prepare: <Row>(sql: string) => Statement<Row>) {
  const statements = {
    put: prepare<never>(putSql("jobs", COLUMNS, CHANGING)),
    delete: prepare("DELETE FROM jobs WHERE id = ?"),
    get: prepare<JobRow>("SELECT * FROM jobs WHERE id = ?"),
    /** The oldest of each resource that has some. */
    claimable: prepare<Candidate>(
      `WITH RECURSIVE names (name) AS (
         SELECT min(resource) FROM jobs WHERE status = 'queued'
         UNION ALL
         SELECT (SELECT min(resource) FROM jobs WHERE status = 'queued' AND resource > name)
         FROM names WHERE name IS NOT NULL
       )
       SELECT id, resource, created_at AS createdAt FROM names JOIN jobs ON jobs.rowid IN (
         SELECT rowid FROM jobs WHERE resource = name AND status = 'queued' AND run_at <= :now
           AND (start_by IS NULL OR start_by > :now) AND ${NOT_EXCEPTED}
         ORDER BY created_at, id LIMIT :limit
       )`,
    ),
    orphaned: prepare<Candidate>(
      `SELECT id, resource, created_at AS createdAt FROM jobs
       WHERE status = 'running' AND (owner = :owner OR ${ORPHANED}) AND ${NOT_EXCEPTED}`,
    ),
    late: prepare<JobRow>(
      `SELECT * FROM jobs WHERE status = 'queued' AND start_by <= :now ORDER BY start_by LIMIT :limit`,
    ),
    calling: prepare<JobRow>(
      "SELECT * FROM jobs WHERE callback_at <= :now ORDER BY callback_at, id LIMIT :limit",
    ),
    /** How many take a place in the queue, counted up to a limit. */
    queued: prepare<{ jobs: number }>(
      `SELECT count(*) AS jobs FROM (
         SELECT 1 FROM jobs WHERE status = 'queued' AND paid = :paid AND (:resource IS NULL OR resource = :resource)
         LIMIT :limit
       )`,
    ),
    /** Bytes of the large inputs that are kept of a payer. */
    inputs: prepare<{ bytes: number }>(
      "SELECT coalesce(sum(input_bytes), 0) AS bytes FROM jobs WHERE payer = ? AND input_bytes > 0",
    ),
    expired: prepare<Pick<JobRow, "id" | "call_id">>(
      `SELECT id, call_id FROM jobs WHERE expires_at <= :at AND phase <> 'submitted' AND NOT ${OWED} = jobs.call_id)
       ORDER BY expires_at LIMIT :limit`,
    ),
    bury: prepare("INSERT OR REPLACE INTO tombstones VALUES (?, ?)"),
    buried: prepare("SELECT 1 FROM tombstones WHERE id = ?"),
    forget: prepare(
      "DELETE FROM tombstones WHERE id IN (SELECT id FROM tombstones WHERE until <= :at LIMIT :limit)",
    ),
  };
  const { claimable, orphaned, queued, inputs, ...others } = statements;
  return {
    ...others,

    /** What a claim may take. */
    claimable({ owner, limit, except = [], orphans }: ClaimOptions, now: number): Candidate[] {
      const by = { now, except: JSON.stringify(except) };
      const found = claimable.all({ ...by, limit });
      if (orphans) found.push(...orphaned.all({ ...by, owner }));
      return found;
    },

    /** Bytes of the large inputs that are kept of a payer. */
    inputs: (payer = ""): number => inputs.get(payer)?.bytes ?? 0,

    /** Free jobs and paid jobs have queues of their own. */
    isFull({ resource, payer }: JobRecord, most: NonNullable<Limits["queued"]>): boolean {
      const paid = Number(payer !== undefined);
      const reached = (limit: number | undefined, of: string | null): boolean =>
        limit !== undefined && (queued.get({ resource: of, limit, paid })?.jobs ?? 0) >= limit;
      return reached(most.resource, resource) || reached(most.all, null);
    },
  };
}
