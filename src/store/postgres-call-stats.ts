import type { Value } from "./postgres-connection.ts";
import { callTable, fromText, jobTable } from "./postgres-rows.ts";
import type { CallStats, Store } from "./store.ts";

const UNCONFIRMED = "phase = 'submitted' AND tries > 0";
const PAID = "(network <> '' AND phase IN ('charged', 'delivered', 'owed', 'refunded', 'kept'))";
/** The time of an answer is the call's own only where there is no job. */
const ANSWERED = "job_id IS NULL AND ended_at IS NOT NULL";
const bucket = (time: string) => `floor(${time} / $2::float8) * $2::float8`;
const COUNT = "count(*)::float8";
const countIf = (condition: string) => `(count(*) FILTER (WHERE ${condition}))::float8`;
const sumIf = (condition: string, what: string) => `coalesce(sum(${what}) FILTER (WHERE ${condition}), 0)`;

type Read = <Row>(text: string, values?: readonly Value[]) => Promise<Row[]>;
type JobsRow = Omit<CallStats["jobs"][number], "code"> & { readonly code: string | null };

/** The figures of a schema; {@link tallyOf} says what they mean. */
export function postgresCallStats(
  schema: string,
  read: Read,
): Pick<Store, "callStats" | "recentJobs" | "unconfirmedCalls"> {
  return {
    async callStats({ since, bucketMs }) {
      // One after the other: whoever looks at figures leaves the connections to those who pay.
      const calls = await read<CallStats["calls"][number]>(
        `SELECT resource, ${bucket("created_at")} AS at, ${COUNT} AS calls,
           ${countIf(PAID)} AS paid, ${sumIf(PAID, "value")} AS revenue,
           ${countIf(ANSWERED)} AS answered, ${countIf(`${ANSWERED} AND failed = 1`)} AS failed,
           ${sumIf(ANSWERED, "ended_at - created_at")} AS ms
         FROM ${schema}.calls WHERE created_at >= $1::float8 GROUP BY 1, 2`,
        [since, bucketMs],
      );
      const jobs = await read<JobsRow>(
        `SELECT resource, ${bucket("ended_at")} AS at, status, code, ${COUNT} AS jobs,
           sum(coalesce(ended_at - started_at, 0)) AS ms
         FROM ${schema}.jobs WHERE ended_at >= $1::float8 GROUP BY 1, 2, 3, 4`,
        [since, bucketMs],
      );
      const unfinished = await read<CallStats["unfinished"][number]>(
        `SELECT resource, status, ${COUNT} AS jobs, min(created_at) AS since
         FROM ${schema}.jobs WHERE ended_at IS NULL GROUP BY 1, 2`,
      );
      const refunds = await read<CallStats["refunds"][number]>(
        `SELECT resource, CASE state WHEN 'paid' THEN 'paid' ELSE 'owed' END AS state, currency, ${COUNT} AS refunds,
           sum(value) AS value
         FROM ${schema}.refunds WHERE state <> 'paid' OR created_at >= $1::float8 GROUP BY 1, 2, 3`,
        [since],
      );
      const unconfirmed = await read<{ calls: number }>(
        `SELECT ${COUNT} AS calls FROM ${schema}.calls WHERE ${UNCONFIRMED}`,
      );
      return {
        calls: calls.map(named),
        jobs: jobs.map(({ code, ...row }) => ({
          ...named(row),
          code: code === null ? undefined : fromText(code),
        })),
        unfinished: unfinished.map(named),
        refunds: refunds.map((row) => ({ ...named(row), currency: fromText(row.currency) })),
        unconfirmed: unconfirmed[0]?.calls ?? 0,
      };
    },

    async recentJobs({ ended, limit }) {
      const found = ended
        ? "ended_at IS NOT NULL ORDER BY ended_at DESC, id DESC"
        : "ended_at IS NULL ORDER BY status = 'running' DESC, created_at DESC, id DESC";
      const rows = await read<object>(
        `SELECT ${jobTable.columns} FROM ${schema}.jobs WHERE ${found} LIMIT $1::int8`,
        [limit],
      );
      return rows.map(jobTable.record);
    },

    async unconfirmedCalls(limit) {
      const rows = await read<object>(
        `SELECT ${callTable.columns} FROM ${schema}.calls WHERE ${UNCONFIRMED} ORDER BY created_at, id LIMIT $1::int8`,
        [limit],
      );
      return rows.map(callTable.record);
    },
  };
}

function named<Row extends { readonly resource: string }>(row: Row): Row {
  return { ...row, resource: fromText(row.resource) };
}
