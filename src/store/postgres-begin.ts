import { exceedsInputs, largeInputBytes } from "./input-bytes.ts";
import { brokenConstraint, type Transaction, type Value } from "./postgres-connection.ts";
import type { Opened } from "./postgres-open.ts";
import { callTable, jobTable, toText } from "./postgres-rows.ts";
import type { BeginOptions, Begun, CallRecord, JobRecord, Limits } from "./store.ts";

/**
 * So far from a full queue, those who begin at the same moment need not know of each other. Nearer to it they wait for
 * each other, so that no more get in than there is room for.
 */
const LOCK_MARGIN = 200;

/** What tells others of a change: channel and payload. */
export type Notification = readonly [channel: string, payload: string];

/** The call that holds a payment, or else the one that holds a key. */
export async function findHolder(
  { schema, query }: { schema: string; query: Transaction["query"] },
  { identity, resource, key }: Pick<CallRecord, "resource" | "identity" | "key">,
): Promise<CallRecord | undefined> {
  const { columns } = callTable;
  const rows = await query<object>(
    `SELECT ${columns}, 1 AS choice FROM ${schema}.calls WHERE network = $1 AND payer = $2 AND nonce = $3
     UNION ALL SELECT ${columns}, 2 FROM ${schema}.calls WHERE resource = $4 AND payer = $2 AND key = $5
     ORDER BY choice LIMIT 1`,
    [
      ...[identity.network, identity.payer, identity.nonce, resource].map(toText),
      key === undefined ? null : toText(key),
    ],
  );
  return rows[0] && callTable.record(rows[0]);
}

/** {@link Store.begin}: who comes second finds the call of who came first. */
export async function beginCall(
  { schema, db }: Opened,
  call: CallRecord,
  job: JobRecord | undefined,
  { durable, ...limits }: BeginOptions,
  event: Notification,
): Promise<Begun> {
  const isLimited = Object.values(limits).some((limit) => limit !== undefined);
  const { text, values } = insertion(schema, call, job, event);
  const inserted = (rows: readonly { begun: number }[]): Begun | undefined =>
    rows[0]?.begun === 1 ? { begun: true } : undefined;

  /** `undefined` when payment, key or id are taken. */
  async function attempt(): Promise<Begun | undefined> {
    // All in one statement, and one round trip, where nothing else is to be looked at.
    if (durable && !isLimited) return inserted(await db.write(text, values));
    return db.transaction(durable, async (transaction) => {
      const refused = isLimited && (await refusal(transaction, schema, call, job, limits));
      return refused || inserted(await transaction.query(text, values));
    });
  }

  for (;;) {
    const outcome = await attempt().catch((error: unknown) => {
      if (brokenConstraint(error) !== "jobs_pkey") throw error;
      throw new Error(`a job with the id ${job?.id} is kept already`, { cause: error });
    });
    if (outcome) return outcome;
    const holder = await findHolder({ schema, query: db.read }, call);
    if (holder) return { begun: false, because: "taken", holder };
    const same = await db.read(`SELECT 1 FROM ${schema}.calls WHERE id = $1`, [toText(call.id)]);
    if (same.length > 0) throw new Error(`a call with the id ${call.id} is kept already`);
    // Whoever held it has been forgotten since.
  }
}

/** Writes call and job, if payment, key and id of the call are free, and tells of the job. Its one row says whether. */
function insertion(
  schema: string,
  call: CallRecord,
  job: JobRecord | undefined,
  event: Notification,
): { text: string; values: Value[] } {
  const values = callTable.values(call);
  const writing = `WITH c AS (INSERT INTO ${schema}.calls (${callTable.columns})
    VALUES (${callTable.placeholders(1)}) ON CONFLICT DO NOTHING RETURNING id)`;
  if (!job) return { text: `${writing} SELECT count(*)::int AS begun FROM c`, values };
  const first = values.length + 1;
  values.push(...jobTable.values(job));
  const channel = values.push(event[0]);
  const payload = values.push(event[1]);
  const text = `${writing}, j AS (INSERT INTO ${schema}.jobs (${jobTable.columns})
      SELECT ${jobTable.placeholders(first)} WHERE EXISTS (SELECT 1 FROM c) RETURNING id)
    SELECT count(*)::int AS begun, CASE count(*) WHEN 1 THEN pg_notify($${channel}, $${payload}) END FROM j`;
  return { text, values };
}

/** What forbids to begin a call. */
async function refusal(
  transaction: Transaction,
  schema: string,
  call: CallRecord,
  job: JobRecord | undefined,
  limits: Limits,
): Promise<Begun | undefined> {
  const { query } = transaction;
  const payer = toText(call.identity.payer);
  const { settleableSince = Number.NEGATIVE_INFINITY } = limits;
  const { duplicateSince, outstanding: most, inputBytes } = limits;
  const inputSize = job && inputBytes !== undefined ? largeInputBytes(job) : 0;
  const isPayerLimited = duplicateSince !== undefined || most !== undefined || inputSize > 0;
  // The second of two calls waits here, and then sees the first: each statement reads again. (The database waits; the
  // client sends the next statements meanwhile.)
  if (isPayerLimited) void takeTurn(query, `${schema} payer ${payer}`);
  const [holder, duplicate, outstanding, inputs, full] = await Promise.all([
    findHolder({ schema, query }, call),
    limits.duplicateSince === undefined
      ? []
      : query<object>(
          `SELECT ${callTable.columns} FROM ${schema}.calls
           WHERE payer = $1 AND fingerprint = $2 AND created_at >= $3::float8
             AND NOT (job_id IS NULL AND (phase = 'void' OR (phase = 'delivered' AND network = '')))
           ORDER BY created_at DESC, id DESC LIMIT 1`,
          [payer, toText(call.fingerprint), limits.duplicateSince],
        ),
    limits.outstanding === undefined
      ? []
      : query<{ value: number }>(
          `SELECT coalesce(sum(value), 0) AS value FROM ${schema}.calls
           WHERE payer = $1 AND phase IN ('open', 'submitted') AND network <> '' AND valid_before * 1000 >= $2::float8`,
          [payer, settleableSince],
        ),
    inputSize === 0
      ? []
      : query<{ bytes: number }>(
          `SELECT coalesce(sum(input_bytes), 0) AS bytes FROM ${schema}.jobs WHERE payer = $1 AND input_bytes > 0`,
          [toText(job?.payer ?? "")],
        ),
    isFull(query, schema, call, job, limits),
  ]);
  if (holder) return { begun: false, because: "taken", holder };
  if (duplicate[0]) return { begun: false, because: "duplicate", holder: callTable.record(duplicate[0]) };
  const owed = (outstanding[0]?.value ?? 0) + call.value;
  if (owed > (limits.outstanding ?? Number.POSITIVE_INFINITY))
    return { begun: false, because: "outstanding" };
  if (exceedsInputs(inputs[0]?.bytes ?? 0, inputSize, inputBytes ?? 0))
    return { begun: false, because: "inputs" };
  return full ? { begun: false, because: "full" } : undefined;
}

async function isFull(
  query: Transaction["query"],
  schema: string,
  call: CallRecord,
  job: JobRecord | undefined,
  { queued = {}, freeCalls }: Limits,
): Promise<boolean> {
  if (!job) {
    if (freeCalls === undefined || call.payment !== undefined) return false;
    const rows = await query<{ calls: number }>(
      `SELECT count(*)::int AS calls FROM (
         SELECT 1 FROM ${schema}.calls WHERE network = '' AND job_id IS NULL LIMIT $1::int8
       ) AS free`,
      [freeCalls],
    );
    return (rows[0]?.calls ?? 0) >= freeCalls;
  }
  // Free jobs and paid jobs have queues of their own.
  const paid = Number(job.payer !== undefined);
  const resource = toText(job.resource);
  /** How many more there is room for, of one resource or of all. */
  async function freeSlots(limit: number | undefined, of: string | undefined): Promise<number> {
    if (limit === undefined) return Number.POSITIVE_INFINITY;
    const rows = await query<{ jobs: number }>(
      `SELECT count(*)::int AS jobs FROM (
         SELECT 1 FROM ${schema}.jobs WHERE status = 'queued' AND paid = $2::int2
           ${of === undefined ? "" : "AND resource = $3"} LIMIT $1::int8
       ) AS waiting`,
      of === undefined ? [limit, paid] : [limit, paid, of],
    );
    return limit - (rows[0]?.jobs ?? 0);
  }
  const bothFree = () =>
    Promise.all([freeSlots(queued.resource, resource), freeSlots(queued.all, undefined)]);

  const [ofResource, ofAll] = await bothFree();
  const least = Math.min(ofResource, ofAll);
  if (least <= 0 || least > LOCK_MARGIN) return least <= 0;
  // Always in this order, or two would wait for each other.
  if (ofResource <= LOCK_MARGIN) await takeTurn(query, `${schema} queue of ${resource}`);
  if (ofAll <= LOCK_MARGIN) await takeTurn(query, `${schema} queue`);
  return Math.min(...(await bothFree())) <= 0;
}

/** Waits for the end of the transaction that had this turn. */
function takeTurn(query: Transaction["query"], name: string): Promise<unknown> {
  return query("SELECT pg_advisory_xact_lock(hashtextextended($1, 402))", [name]);
}
