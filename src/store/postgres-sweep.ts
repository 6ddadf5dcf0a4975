import type { Opened } from "./postgres-open.ts";
import { NEVER_SQL } from "./sqlite-call-rows.ts";
import { REFUND_LIFE_MS, TOMBSTONE_LIFE_MS } from "./store.ts";

/**
 * {@link Store.sweep}: each statement takes the next rows that are not locked, so that servers that sweep at the
 * same moment neither wait for each other nor for those who pay.
 */
export async function sweepPostgres(
  { schema, db, clock }: Opened,
  at: number,
  limit: number,
): Promise<number> {
  const owed = (call: string) =>
    `EXISTS (SELECT 1 FROM ${schema}.refunds WHERE state <> 'paid' AND refunds.call_id = ${call})`;
  const removed = async (text: string, values: readonly number[]): Promise<number> =>
    (await db.read<{ removed: number }>(`${text} SELECT count(*)::int AS removed FROM gone`, values))[0]
      ?.removed ?? 0;

  // The call is locked as well: its payment must not be submitted while it is deleted.
  const jobs = await removed(
    `WITH old AS MATERIALIZED (
       SELECT id, call_id FROM ${schema}.jobs
       WHERE expires_at <= $1::float8 AND phase <> 'submitted' AND NOT ${owed("jobs.call_id")}
       ORDER BY expires_at LIMIT $2::int8 FOR UPDATE OF jobs SKIP LOCKED
     ), held AS MATERIALIZED (
       SELECT calls.id FROM ${schema}.calls WHERE id IN (SELECT call_id FROM old)
       FOR UPDATE SKIP LOCKED
     ), gone AS (
       DELETE FROM ${schema}.jobs WHERE id IN (
         SELECT id FROM old WHERE call_id IN (SELECT id FROM held)
           OR NOT EXISTS (SELECT 1 FROM ${schema}.calls WHERE calls.id = old.call_id))
       RETURNING id, call_id
     ), buried AS (
       INSERT INTO ${schema}.tombstones SELECT id, $3::float8 FROM gone
       ON CONFLICT (id) DO UPDATE SET until = excluded.until
     ), freed AS (
       UPDATE ${schema}.calls SET held = 0 WHERE id IN (SELECT call_id FROM gone)
     )`,
    [at, limit, at + TOMBSTONE_LIFE_MS],
  );
  const next = (table: string, where: string, order: string) =>
    `WITH old AS MATERIALIZED (
       SELECT id FROM ${schema}.${table} WHERE ${where} ORDER BY ${order} LIMIT $2::int8 FOR UPDATE SKIP LOCKED
     ), gone AS (DELETE FROM ${schema}.${table} WHERE id IN (SELECT id FROM old) RETURNING id)`;
  const calls = await removed(
    next(
      "calls",
      `held = 0 AND phase <> 'submitted' AND retry_at >= ${NEVER_SQL} AND sweep_at <= $1::float8 AND NOT ${owed("calls.id")}`,
      "sweep_at",
    ),
    [at, limit],
  );
  const refunds = await removed(
    next("refunds", "state = 'paid' AND created_at <= $1::float8", "created_at"),
    [at - REFUND_LIFE_MS, limit],
  );
  const forgotten = await removed(next("tombstones", "until <= $1::float8", "until"), [at, limit]);
  await db.read(`DELETE FROM ${schema}.quotes WHERE until <= ${clock.sql}`, [clock.time()]);
  await db.read(`DELETE FROM ${schema}.servers WHERE until <= ${clock.sql}`, [clock.time()]);
  return jobs + calls + refunds + forgotten;
}
