import { bucketOf } from "./call-stats.ts";
import type { SqliteFile, Statement } from "./sqlite-access.ts";
import { type CallRow, callOf } from "./sqlite-call-rows.ts";
import { type JobRow, jobOf } from "./sqlite-rows.ts";
import type { CallStats, Store } from "./store.ts";

const UNCONFIRMED = "phase = 'submitted' AND tries > 0";
const PAID = "(network <> '' AND phase IN ('charged', 'delivered', 'owed', 'refunded', 'kept'))";
/** The time of an answer is the call's own only where there is no job. */
const ANSWERED = "job_id IS NULL AND ended_at IS NOT NULL";
const bucket = (time: string) => `CAST(${time} / :bucketMs AS INTEGER) * :bucketMs`;
/** A long time is counted in about so many parts: other work of this process goes on between them. */
const PARTS = 100;

type JobsRow = Omit<CallStats["jobs"][number], "code"> & { readonly code: string | null };

/** The figures of a SQLite file; {@link tallyOf} says what they mean. */
export function sqliteCallStats(
  file: SqliteFile,
  prepare: <Row>(sql: string) => Statement<Row>,
): Pick<Store, "callStats" | "recentJobs" | "unconfirmedCalls"> {
  const calls = {
    oldest: prepare<{ time: number | null }>(
      "SELECT min(created_at) AS time FROM calls WHERE created_at >= ?",
    ),
    callStats: prepare<CallStats["calls"][number]>(
      `SELECT resource, ${bucket("created_at")} AS at, count(*) AS calls,
         sum(${PAID}) AS paid, sum(iif(${PAID}, value, 0)) AS revenue,
         sum(${ANSWERED}) AS answered, sum(${ANSWERED} AND failed) AS failed,
         sum(iif(${ANSWERED}, ended_at - created_at, 0)) AS ms
       FROM calls WHERE created_at >= :since AND created_at < :until GROUP BY resource, at`,
    ),
    unconfirmedNumber: prepare<{ calls: number }>(`SELECT count(*) AS calls FROM calls WHERE ${UNCONFIRMED}`),
    unconfirmed: prepare<CallRow>(
      `SELECT * FROM calls WHERE ${UNCONFIRMED} ORDER BY created_at, id LIMIT :limit`,
    ),
  };
  const jobs = {
    oldest: prepare<{ time: number | null }>("SELECT min(ended_at) AS time FROM jobs WHERE ended_at >= ?"),
    callStats: prepare<JobsRow>(
      `SELECT resource, ${bucket("ended_at")} AS at, status, code, count(*) AS jobs,
         sum(coalesce(ended_at - started_at, 0)) AS ms
       FROM jobs WHERE ended_at >= :since AND ended_at < :until GROUP BY resource, at, status, code`,
    ),
    unfinished: prepare<CallStats["unfinished"][number]>(
      `SELECT resource, status, count(*) AS jobs, min(created_at) AS since
       FROM jobs WHERE ended_at IS NULL GROUP BY resource, status`,
    ),
    going: prepare<JobRow>(
      `SELECT * FROM jobs WHERE ended_at IS NULL
       ORDER BY status = 'running' DESC, created_at DESC, id DESC LIMIT :limit`,
    ),
    ended: prepare<JobRow>(
      "SELECT * FROM jobs WHERE ended_at IS NOT NULL ORDER BY ended_at DESC, id DESC LIMIT :limit",
    ),
  };
  const refunded = (where: string) =>
    `SELECT resource, iif(state = 'paid', 'paid', 'owed') AS state, currency, count(*) AS refunds, sum(value) AS value
     FROM refunds ${where} GROUP BY 1, 2, 3`;
  // Left to itself, SQLite goes through every refund for those of the last hour.
  const refunds = prepare<CallStats["refunds"][number]>(
    `${refunded("INDEXED BY refunds_due WHERE state <> 'paid'")} UNION ALL
     ${refunded("INDEXED BY refunds_age WHERE state = 'paid' AND created_at >= :since")}`,
  );

  /** All rows since then, a part of the time at once. Buckets are never cut. */
  async function inParts<Row>(
    { oldest, callStats }: { oldest: Statement<{ time: number | null }>; callStats: Statement<Row> },
    { since, bucketMs }: { since: number; bucketMs: number },
  ): Promise<Row[]> {
    const first = (await file.read(() => oldest.get(since)))?.time ?? undefined;
    if (first === undefined) return [];
    const begin = bucketOf(first, bucketMs);
    const step = Math.ceil((Date.now() - begin) / bucketMs / PARTS) * bucketMs;
    const rows: Row[] = [];
    for (let part = 0; part < PARTS; part += 1) {
      const from = Math.max(since, begin + part * step);
      // The last part takes in what another clock has written.
      const until = part === PARTS - 1 || step <= 0 ? Number.MAX_VALUE : begin + (part + 1) * step;
      rows.push(...(await file.read(() => callStats.all({ since: from, until, bucketMs }))));
      if (until === Number.MAX_VALUE) break;
      await file.turn();
    }
    return rows;
  }

  return {
    async callStats(by) {
      const begun = await inParts(calls, by);
      const ended = await inParts(jobs, by);
      return file.read(() => ({
        calls: begun,
        jobs: ended.map(({ code, ...row }) => ({ ...row, code: code ?? undefined })),
        unfinished: jobs.unfinished.all(),
        refunds: refunds.all({ since: by.since }),
        unconfirmed: calls.unconfirmedNumber.get()?.calls ?? 0,
      }));
    },

    recentJobs({ ended, limit }) {
      return file.read(() => (ended ? jobs.ended : jobs.going).all({ limit }).map(jobOf));
    },

    unconfirmedCalls(limit) {
      return file.read(() => calls.unconfirmed.all({ limit }).map(callOf));
    },
  };
}
