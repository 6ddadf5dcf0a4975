import { beginCall, findHolder, type Notification } from "./postgres-begin.ts";
import { postgresCallStats } from "./postgres-call-stats.ts";
import { changeRecords } from "./postgres-change.ts";
import { createClaim } from "./postgres-claim.ts";
import type { Value } from "./postgres-connection.ts";
import { listenForNotifications } from "./postgres-notifications.ts";
import { openPostgres } from "./postgres-open.ts";
import { callTable, fromText, jobTable, refundTable, toText } from "./postgres-rows.ts";
import { postgresSearch } from "./postgres-search.ts";
import { sweepPostgres } from "./postgres-sweep.ts";
import { NEVER_SQL } from "./sqlite-call-rows.ts";
import type { State } from "./state.ts";
import { type JobListener, type JobRecord, jobEventOf, MAX_QUOTES, newSecret, type Store } from "./store.ts";

/** Options of `postgresStore`. */
export interface PostgresStoreOptions {
  /** `postgres://user:password@host:5432/database`, with what else libpq knows: `?sslmode=verify-full`. */
  readonly connectionString: string;
  /** Holds the store's tables; made when it is not there. @default "resource402" */
  readonly schema?: string;
  /** Connections for queries, of this process. One more listens for changes. @default 10 */
  readonly maxConnections?: number;
  /** Make the schema when it is not there. @default true */
  readonly create?: boolean;
  /** Receives errors of idle connections. @default they are ignored */
  readonly onError?: (error: unknown) => void;
  /**
   * The store's clock for tests, in milliseconds since the epoch. All others use the database's, so that leases do not
   * depend on the clocks of several machines.
   */
  readonly now?: () => number;
}

/** How often the number of quotes is looked at. */
const QUOTES_A_CHECK = 1_000;

/**
 * Keeps everything in a Postgres database (13 or later), for any number of servers: each job is claimed by one of them,
 * and all hear of changes at once. A durable write is as durable as the database is.
 *
 * Connects when it is first used, makes its tables, and brings those of an earlier release up to date. Needs sessions of
 * its own: directly, or through a pooler in session mode.
 *
 * A method rejects when the database cannot be reached, does not answer for 30 seconds, or will not have what is
 * written, and says what can be done; the store can be used on. It also rejects when the user may not make the tables,
 * or a newer release of resource402 has made them. The error's `cause` is the driver's.
 * @throws when `connectionString` cannot be read or `schema` cannot be the name of a schema.
 */
export function postgresStore(options: PostgresStoreOptions): Store {
  const { connectionString, schema = "resource402", maxConnections = 10, onError = () => {} } = options;
  if (!/^postgres(ql)?:\/\//.test(connectionString ?? "")) {
    const given = connectionString ? "names no Postgres" : "is empty";
    throw new Error(`store: connectionString ${given}; write "postgres://user:password@host:5432/database"`);
  }
  const { now, create = true } = options;
  const opening = openPostgres({ connectionString, schema, maxConnections, now, create }, onError);
  const { use, db } = opening;
  const { sql: NOW, time } = opening.clock;
  const read = <Row>(text: string, values: readonly Value[] = []): Promise<Row[]> =>
    use((opened) => opened.db.read<Row>(text, values));
  const readCalls = async (where: string, values: readonly Value[]) =>
    (await read<object>(`SELECT ${callTable.columns} FROM ${schema}.calls WHERE ${where}`, values)).map(
      callTable.record,
    );
  const readJobs = async (where: string, values: readonly Value[]) =>
    (await read<object>(`SELECT ${jobTable.columns} FROM ${schema}.jobs WHERE ${where}`, values)).map(
      jobTable.record,
    );
  const readRefunds = async (where: string, values: readonly Value[]) => {
    const rows = await read<object>(
      `SELECT ${refundTable.columns} FROM ${schema}.refunds WHERE ${where} ORDER BY created_at, id LIMIT $1::int8`,
      values,
    );
    return rows.map(refundTable.record);
  };
  const orphaned = (table: string) =>
    `(${table}.owner IS NULL OR NOT EXISTS (
       SELECT 1 FROM ${schema}.servers WHERE servers.owner = ${table}.owner AND until > ${NOW}))`;

  /** Tells our own changes from those of others: we have heard of them already. */
  const origin = crypto.randomUUID();
  const listeners = new Set<JobListener>();
  let quotesKept = 0;
  let ending: (() => Promise<void>) | undefined;
  const tell: JobListener = (event) => {
    for (const listener of listeners) listener(event);
  };
  // A payload may have 8000 bytes; ids are short, but nothing says so.
  const notificationOf = ({ id, phase, work }: JobRecord): Notification => [
    channel,
    id.length < 1000 ? `${origin} ${phase} ${work} ${toText(id)}` : "",
  ];
  const channel = `${schema}_jobs`;
  const claim = createClaim(schema, channel, origin);
  function hear(payload: string | undefined): void {
    const [from, phase, work, ...id] = payload?.split(" ") ?? [];
    if (from === origin) return;
    const state = { phase, work } as State;
    tell(work ? { id: fromText(id.join(" ")), ...state } : undefined);
  }

  return {
    attend(owner, forMs, runsJobs = false) {
      const write = (text: string, values: readonly Value[]): Promise<void> =>
        use(() => db.transaction(false, async ({ query }) => void query(text, values)));
      if (forMs <= 0) return write(`DELETE FROM ${schema}.servers WHERE owner = $1`, [toText(owner)]);
      return write(
        `INSERT INTO ${schema}.servers (owner, until, runs_jobs) VALUES ($2, ${NOW} + $3::float8, $4::int2)
         ON CONFLICT (owner) DO UPDATE SET until = excluded.until, runs_jobs = excluded.runs_jobs`,
        [time(), toText(owner), forMs, Number(runsJobs)],
      );
    },

    async workers() {
      const [row] = await read<{ workers: number }>(
        `SELECT count(*)::int AS workers FROM ${schema}.servers WHERE runs_jobs = 1 AND until > ${NOW}`,
        [time()],
      );
      return row?.workers ?? 0;
    },

    findCall(by) {
      return findHolder({ schema, query: read }, by);
    },

    async call(id) {
      return (await readCalls("id = $1", [toText(id)]))[0];
    },

    async begin(call, job, options) {
      const event: Notification = job ? notificationOf(job) : [channel, ""];
      const outcome = await use((opened) => beginCall(opened, call, job, options, event));
      if (job && outcome.begun) tell(jobEventOf(job));
      return outcome;
    },

    async change(step) {
      const stepped = await use((opened) => changeRecords(opened, step, notificationOf));
      if (stepped?.job) tell(jobEventOf(stepped.job));
      return stepped;
    },

    dueCalls({ limit, own = "" }) {
      return readCalls(
        `retry_at < ${NEVER_SQL} AND retry_at <= ${NOW} AND (owner = $3::text OR ${orphaned("calls")})
         ORDER BY retry_at, created_at, id LIMIT $2::int8`,
        [time(), limit, toText(own)],
      );
    },

    async claimJobs(options) {
      const claimed = await use((opened) => claim(opened, options));
      for (const { job } of claimed) tell(jobEventOf(job));
      return claimed;
    },

    lateJobs(limit) {
      return readJobs(`status = 'queued' AND start_by <= ${NOW} ORDER BY start_by LIMIT $2::int8`, [
        time(),
        limit,
      ]);
    },

    dueCallbacks(limit) {
      return readJobs(`callback_at <= ${NOW} ORDER BY callback_at, id LIMIT $2::int8`, [time(), limit]);
    },

    watch(listener) {
      listeners.add(listener);
      ending ??= listenForNotifications(db.config, channel, hear, (error) => onError(db.failure(error)));
      return () => {
        listeners.delete(listener);
        if (listeners.size > 0) return;
        void ending?.();
        ending = undefined;
      };
    },

    async job(id) {
      // In this order: between the two another server may bury the job, but it never digs one up.
      const [found] = await readJobs("id = $1", [toText(id)]);
      if (found) return found;
      const buried = await read(`SELECT 1 FROM ${schema}.tombstones WHERE id = $1`, [toText(id)]);
      return buried.length > 0 ? "gone" : undefined;
    },

    async refunds({ state, dueAt, limit }) {
      const ofState = state === undefined ? "true" : `state = '${state}'`;
      if (dueAt === undefined) return readRefunds(ofState, [limit]);
      return readRefunds(`state <> 'paid' AND retry_at <= $2::float8 AND ${ofState}`, [limit, dueAt]);
    },

    sweep(at, limit) {
      return use((opened) => sweepPostgres(opened, at, limit));
    },

    async refund(id) {
      const rows = await read<object>(`SELECT ${refundTable.columns} FROM ${schema}.refunds WHERE id = $1`, [
        toText(id),
      ]);
      return rows[0] && refundTable.record(rows[0]);
    },

    async secret() {
      // Of servers that make one at the same time, the first one counts.
      const secrets = `${schema}.secrets`;
      await read(`INSERT INTO ${secrets} VALUES ('quotes', $1) ON CONFLICT DO NOTHING`, [newSecret()]);
      const rows = await read<{ value: string }>(`SELECT value FROM ${secrets} WHERE name = 'quotes'`);
      return rows[0]?.value ?? "";
    },

    async keepQuote({ id, value, until }) {
      quotesKept += 1;
      const isChecked = quotesKept % QUOTES_A_CHECK === 0;
      const quotes = `${schema}.quotes`;
      await use(() =>
        db.transaction(false, async ({ query }) => {
          void query(
            `INSERT INTO ${quotes} VALUES ($1, $2, $3::float8)
             ON CONFLICT (id) DO UPDATE SET value = excluded.value, until = excluded.until`,
            [toText(id), toText(value), until],
          );
          if (!isChecked) return;
          void query(
            `DELETE FROM ${quotes} WHERE id IN (SELECT id FROM ${quotes} ORDER BY until DESC OFFSET $1::int8)`,
            [MAX_QUOTES],
          );
        }),
      );
    },

    async quote(id) {
      const rows = await read<{ value: string }>(
        `SELECT value FROM ${schema}.quotes WHERE id = $2 AND until > ${NOW}`,
        [time(), toText(id)],
      );
      return rows[0] && fromText(rows[0].value);
    },

    completeSince: 0,

    ...postgresCallStats(schema, read),
    ...postgresSearch(schema, read),

    async close() {
      listeners.clear();
      // Idle connections do not keep the process alive; whoever waits for their end does.
      const awake = setInterval(() => {}, 60_000);
      try {
        await ending?.();
        await opening.close();
      } finally {
        clearInterval(awake);
      }
    },
  };
}
