import { setTimeout } from "node:timers/promises";
import type { ClientBase, ClientConfig, PoolClient } from "pg";
import { Client, DatabaseError, Pool } from "./postgres-driver.ts";

/** What is done in one transaction. */
export interface Transaction {
  /**
   * Statements run in the order in which they are asked for; those that are not waited for share a round trip with the
   * next one, or with the commit. One that fails makes the transaction fail, waited for or not.
   */
  query<Row>(text: string, values: readonly Value[]): Promise<Row[]>;
}

export type Value = string | number | boolean | null | readonly string[] | readonly number[];

/** The connections of this process to one database. */
export interface PostgresConnection {
  /** Runs one statement that only reads, or that may be written twice. What it writes is durable. */
  read<Row>(text: string, values?: readonly Value[]): Promise<Row[]>;
  /** Runs one statement that writes, durably. */
  write<Row>(text: string, values?: readonly Value[]): Promise<Row[]>;
  /**
   * Runs `work` in a transaction; again from its beginning when it did not get along with another one.
   * @param durable whether the commit waits for the disk
   */
  transaction<T>(durable: boolean, work: (transaction: Transaction) => Promise<T>): Promise<T>;
  /** The same error, in words for a person: which database, and what can be done. Others are passed on. */
  failure(cause: unknown): unknown;
  /** Settings for a connection of its own. */
  readonly config: ClientConfig;
  close(): Promise<void>;
}

/** The database cannot be used. The message says how to fix it. */
export class Unusable extends Error {}

const CONNECT_MS = 10_000;
/** Timeout of a statement. After it the connection is closed too. */
const STATEMENT_MS = 30_000;
/** How often a transaction is tried that others get in the way of. */
const MAX_ATTEMPTS = 10;

/** @throws when the connection string cannot be read. Connects only when there is something to do. */
export function connectPostgres(
  connectionString: string,
  maxConnections: number,
  onError: (error: unknown) => void,
): PostgresConnection {
  const { name, config } = settings(connectionString);
  const pool = new Pool({
    ...config,
    max: maxConnections,
    query_timeout: STATEMENT_MS,
    // Statements that do not depend on each other's answers share a round trip.
    pipeline: true,
    // It is the server that keeps the process alive, not its store.
    allowExitOnIdle: true,
    // The driver awaits what it returns. Its types do not say so.
    onConnect: prepareSession as (client: ClientBase) => void,
  });
  pool.on("error", (error) => onError(failure(error)));
  // A connection that breaks while it is in use but idle says so here, and nowhere else.
  pool.on("connect", (client) => client.on("error", () => {}));

  const failure = (cause: unknown): unknown => {
    const why = reason(cause);
    return why === undefined ? cause : new Error(`store ${name}: ${why}`, { cause });
  };

  async function attempts<T>(mayRepeat: (error: unknown) => boolean, attempt: () => Promise<T>): Promise<T> {
    for (let count = 1; ; count += 1) {
      try {
        return await attempt();
      } catch (error) {
        // Connections are lost together, and it takes a moment until the pool knows of all.
        const most = isConflict(error) ? MAX_ATTEMPTS : isLost(error) && mayRepeat(error) ? 3 : 1;
        if (count >= most) throw failure(error);
        await setTimeout(Math.random() * 2 ** (count + 2));
      }
    }
  }

  const statement = (repeatable: boolean) =>
    async function run<Row>(text: string, values: readonly Value[] = []): Promise<Row[]> {
      return attempts(
        () => repeatable,
        async () =>
          (await pool.query({ name: statementName(text), text, values: [...values] })).rows as Row[],
      );
    };

  return {
    config,
    failure,
    read: statement(true),
    write: statement(false),
    transaction(durable, work) {
      let committing = false;
      return attempts(
        () => !committing,
        async () => {
          const client = await pool.connect();
          try {
            return await inTransaction(client, durable, work, () => {
              committing = true;
            });
          } finally {
            client.release(client.getTransactionStatus() !== "I");
          }
        },
      );
    },
    close: () => pool.end(),
  };
}

async function inTransaction<T>(
  client: PoolClient,
  durable: boolean,
  work: (transaction: Transaction) => Promise<T>,
  beforeCommit: () => void,
): Promise<T> {
  const sent: Promise<unknown>[] = [];
  const send = <T>(sending: Promise<T>): Promise<T> => {
    // Whoever waits for it hears of its failure, and at the end we do.
    sending.catch(() => {});
    sent.push(sending);
    return sending;
  };
  const query = async <Row>(
    config: { text: string; name: string },
    values: readonly Value[],
  ): Promise<Row[]> => (await client.query({ ...config, values: [...values] })).rows as Row[];
  void send(client.query("BEGIN ISOLATION LEVEL READ COMMITTED"));
  // A session commits durably by itself. Local: the next transaction on this connection may be another's.
  if (!durable) void send(client.query("SET LOCAL synchronous_commit = off"));
  try {
    const value = await work({
      query: (text, values) => send(query({ text, name: statementName(text) }, values)),
    });
    beforeCommit();
    void send(client.query("COMMIT"));
    // A transaction in which something has failed ends without an error of its own, and without a trace.
    await Promise.all(sent);
    return value;
  } catch (error) {
    const rolledBack = client.query("ROLLBACK").catch(() => {});
    // Statements behind one that has failed say only that; the first says why.
    const outcomes = await Promise.allSettled(sent);
    await rolledBack;
    const first = outcomes.find((outcome) => outcome.status === "rejected");
    throw first ? first.reason : error;
  }
}

/**
 * A connection as we need it, whatever the database's defaults: what is committed is durable, numbers come back as
 * they were, a transaction whose process is cut off does not keep its locks for ever, and the database gives a
 * statement up before we do: a statement that has timed out here must not be written later.
 */
async function prepareSession(client: { query(text: string): Promise<unknown> }): Promise<void> {
  await client.query(
    `SELECT set_config('extra_float_digits', '1', false),
       set_config('idle_in_transaction_session_timeout', '${STATEMENT_MS}', false),
       set_config('statement_timeout', '${STATEMENT_MS - 1_000}', false),
       CASE current_setting('synchronous_commit') WHEN 'off' THEN set_config('synchronous_commit', 'on', false) END`,
  );
}

const statementNames = new Map<string, string>();

/** Statements are prepared once on every connection, under names that the whole process agrees on. */
function statementName(text: string): string {
  const known = statementNames.get(text);
  if (known) return known;
  const name = `resource402_${statementNames.size}`;
  statementNames.set(text, name);
  return name;
}

function settings(connectionString: string): { name: string; config: ClientConfig } {
  const config: ClientConfig = {
    connectionString,
    connectionTimeoutMillis: CONNECT_MS,
    keepAlive: true,
    application_name: "resource402",
  };
  try {
    const { host, port, database } = new Client(config);
    return { name: `${host}:${port}/${database}`, config };
  } catch {
    // Not its own words: they repeat the string, and with it the password.
    throw new Error(
      "store: connectionString cannot be read; it looks like postgres://user:password@host:5432/database",
    );
  }
}

const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;

/** Two transactions waited for each other, or saw each other's rows. Source: postgresql.org/docs/current/errcodes-appendix.html */
function isConflict(error: unknown): boolean {
  return ["40001", "40P01"].includes(codeOf(error) ?? "");
}

/** The connection is gone. */
function isLost(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error instanceof DatabaseError) return ["57P01", "57P02", "25006", "25P03"].includes(error.code ?? "");
  return (
    ["ECONNRESET", "EPIPE"].includes(codeOf(error) ?? "") ||
    /^Connection terminated|not queryable|^Client was closed/.test(error.message)
  );
}

/** The constraint that a write would have broken. */
export function brokenConstraint(error: unknown): string | undefined {
  const cause = error instanceof Error && error.cause ? error.cause : error;
  return cause instanceof DatabaseError && cause.code === "23505" ? cause.constraint : undefined;
}

/** What a person can do something about, by SQLSTATE or system error. */
const CAUSES: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens there; start the database, or fix host and port in connectionString",
  ENOTFOUND: "there is no such host; fix the host in connectionString",
  EAI_AGAIN: "the name of the host cannot be looked up now",
  ETIMEDOUT: "the host does not answer",
  "28P01": "the password is wrong; fix it in connectionString",
  "28000": "the database does not let this user in; fix the user in connectionString, or pg_hba.conf",
  "3D000": "there is no such database; make it (CREATE DATABASE), or fix its name in connectionString",
  "42501": "this user may not do that; GRANT it what it needs, or make it the owner of the schema",
  "25006": "the database is read-only, as a standby is; connect to the primary",
  "53100": "the disk of the database is full",
  "53300": "the database has no connection to spare; lower maxConnections, or raise its max_connections",
  "57P01": "the database has ended the connection",
  "57P02": "the database has crashed and is starting again",
  "57P03": "the database is starting or stopping",
};

/** Why a database failed; `undefined` when it is not the database's failure. */
function reason(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if (error instanceof Unusable) return error.message;
  const code = codeOf(error);
  const why = CAUSES[code ?? ""];
  // A host with several addresses fails with several errors, and says nothing itself.
  const said = error.message || code;
  if (why) return `${why} (${said})`;
  const isOfDriver = /^(Query read timeout|timeout exceeded|the transaction was rolled back)/.test(
    error.message,
  );
  return code !== undefined || isLost(error) || isOfDriver ? said : undefined;
}
