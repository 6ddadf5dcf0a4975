import type { Notification } from "./postgres-begin.ts";
import { brokenConstraint, type Transaction, type Value } from "./postgres-connection.ts";
import type { Opened } from "./postgres-open.ts";
import { callTable, jobTable, refundTable, toText } from "./postgres-rows.ts";
import { take } from "./rules.ts";
import type { JobRecord, Step, Stepped } from "./store.ts";

/**
 * {@link Store.change}: the records are locked, call before job before refund, so that no other server changes them
 * between guard and write, and there is no deadlock.
 * @param jobEventOf Builds the notification about a changed job.
 */
export async function changeRecords(
  opened: Opened,
  step: Step,
  jobEventOf: (job: JobRecord) => Notification,
): Promise<Stepped | undefined> {
  for (;;) {
    try {
      const work = (transaction: Transaction) => changeWithin(transaction, opened, step, jobEventOf);
      return await opened.db.transaction(step.durable, work);
    } catch (error) {
      // Another server has added it meanwhile. Now the guard sees it.
      if (brokenConstraint(error) !== "refunds_pkey") throw error;
    }
  }
}

async function changeWithin(
  transaction: Transaction,
  { schema, clock }: Opened,
  step: Step,
  jobEventOf: (job: JobRecord) => Notification,
): Promise<Stepped | undefined> {
  const lock = async <T>(
    table: { columns: string; record(row: object): T },
    name: string,
    id: string | undefined,
  ): Promise<T | undefined> => {
    if (id === undefined) return undefined;
    const rows = await transaction.query<object>(
      `SELECT ${table.columns} FROM ${schema}.${name} WHERE id = $1 FOR UPDATE`,
      [toText(id)],
    );
    return rows[0] && table.record(rows[0]);
  };
  const [call, job, refund, times] = await Promise.all([
    lock(callTable, "calls", step.call?.id),
    lock(jobTable, "jobs", step.job?.id),
    lock(refundTable, "refunds", step.refund && ("add" in step.refund ? step.refund.add.id : step.refund.id)),
    // After the locks: who owns a record by then has said before that it lives.
    transaction.query<{ now: number; alive: string[] }>(
      `SELECT ${clock.sql} AS now, ARRAY(SELECT owner FROM ${schema}.servers WHERE until > ${clock.sql}) AS alive`,
      [clock.time()],
    ),
  ]);
  const { now = 0, alive = [] } = times[0] ?? {};
  const found = { ...(call && { call }), ...(job && { job }), ...(refund && { refund }) };
  const next = take(step, found, (owner) => alive.includes(toText(owner)), now);
  if (!next) return undefined;

  const write = writing(schema, step, next, jobEventOf);
  if (write) void transaction.query(write.text, write.values);
  if (next.job && step.job?.set === "forget") {
    // Its call goes when its own time has come. A statement of its own: one must not change a row twice.
    void transaction.query(`UPDATE ${schema}.calls SET held = 0 WHERE id = $1`, [toText(next.job.callId)]);
  }
  return next;
}

/** One statement for all that is written; its parts see each other's rows as they were. */
function writing(
  schema: string,
  step: Step,
  next: Stepped,
  jobEventOf: (job: JobRecord) => Notification,
): { text: string; values: Value[] } | undefined {
  const values: Value[] = [];
  const parts: string[] = [];
  const add = (more: readonly Value[]): number => values.push(...more) - more.length + 1;
  const update = <T extends { readonly id: string }>(
    table: { assignments(first: number): string; changed(record: T): Value[] },
    name: string,
    record: T,
  ) => {
    const id = add([toText(record.id)]);
    const assignments = table.assignments(add(table.changed(record)));
    parts.push(`UPDATE ${schema}.${name} SET ${assignments} WHERE id = $${id}`);
  };
  if (next.call && step.call?.set === "forget") {
    parts.push(`DELETE FROM ${schema}.calls WHERE id = $${add([toText(next.call.id)])}`);
  } else if (next.call) update(callTable, "calls", next.call);
  if (next.refund && step.refund && "add" in step.refund) {
    const placeholders = refundTable.placeholders(add(refundTable.values(next.refund)));
    parts.push(`INSERT INTO ${schema}.refunds (${refundTable.columns}) VALUES (${placeholders})`);
  } else if (next.refund) update(refundTable, "refunds", next.refund);
  let told = "SELECT 1";
  if (next.job) {
    if (step.job?.set === "forget") {
      parts.push(`DELETE FROM ${schema}.jobs WHERE id = $${add([toText(next.job.id)])}`);
    } else update(jobTable, "jobs", next.job);
    const channel = add(jobEventOf(next.job));
    told = `SELECT pg_notify($${channel}, $${channel + 1})`;
  }
  if (parts.length === 0) return undefined;
  return { text: `WITH ${parts.map((part, n) => `w${n} AS (${part})`).join(", ")} ${told}`, values };
}
