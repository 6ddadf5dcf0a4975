import type { ClientConfig } from "pg";
import { Unusable } from "./postgres-connection.ts";
import { Client } from "./postgres-driver.ts";

/**
 * How the tables came to be what they are: steps are added at the end, never changed. `$` stands for the schema.
 *
 * The columns are those of SQLite: what is looked for, ordered by or unique has one, and the rest of a record is JSON.
 * That is kept as text, since Postgres' own JSON refuses U+0000. Ids sort by their bytes, whatever the database's
 * collation.
 */
export const POSTGRES_MIGRATIONS: readonly string[] = [
  `CREATE TABLE $.calls (
     id text COLLATE "C" PRIMARY KEY, resource text NOT NULL, key text, fingerprint text NOT NULL,
     network text NOT NULL, payer text NOT NULL, nonce text NOT NULL, valid_before float8 NOT NULL,
     value float8 NOT NULL, charge text NOT NULL, payment_state text NOT NULL, job_id text COLLATE "C", owner text,
     tries float8 NOT NULL, retry_at float8 NOT NULL, created_at float8 NOT NULL, ended_at float8,
     open int2 NOT NULL, failed int2 NOT NULL, sweep_at float8 NOT NULL, held int2 NOT NULL, rest text NOT NULL,
     CONSTRAINT calls_payment UNIQUE (network, payer, nonce)
   );
   CREATE UNIQUE INDEX calls_key ON $.calls (resource, payer, key) WHERE key IS NOT NULL;
   CREATE INDEX calls_alike ON $.calls (payer, fingerprint, created_at);
   CREATE INDEX calls_unpaid ON $.calls (payer) WHERE charge = 'after' AND payment_state <> 'settled';
   CREATE INDEX calls_open ON $.calls (retry_at) WHERE open = 1;
   CREATE INDEX calls_tally
     ON $.calls (created_at) INCLUDE (resource, payment_state, value, job_id, ended_at, failed);
   CREATE INDEX calls_old ON $.calls (sweep_at) WHERE held = 0 AND payment_state <> 'in_flight';
   CREATE INDEX calls_doubtful ON $.calls (created_at, id) WHERE payment_state = 'in_flight' AND tries > 0;

   CREATE TABLE $.jobs (
     id text COLLATE "C" PRIMARY KEY, call_id text COLLATE "C" NOT NULL, resource text NOT NULL,
     status text NOT NULL, code text, owner text, run_at float8 NOT NULL, start_by float8, callback_at float8,
     created_at float8 NOT NULL, started_at float8, ended_at float8, expires_at float8, rest text NOT NULL
   ) WITH (fillfactor = 80);
   CREATE INDEX jobs_unfinished ON $.jobs (created_at, id) WHERE ended_at IS NULL;
   CREATE INDEX jobs_queued ON $.jobs (resource, status, run_at) WHERE status IN ('queued', 'awaiting_payment');
   CREATE INDEX jobs_late ON $.jobs (start_by) WHERE status = 'queued' AND start_by IS NOT NULL;
   CREATE INDEX jobs_calling ON $.jobs (callback_at) WHERE callback_at IS NOT NULL;
   CREATE INDEX jobs_ended ON $.jobs (ended_at, id) INCLUDE (resource, status, code, started_at)
     WHERE ended_at IS NOT NULL;
   CREATE INDEX jobs_expiry ON $.jobs (expires_at) WHERE expires_at IS NOT NULL;
   CREATE TABLE $.tombstones (id text COLLATE "C" PRIMARY KEY, until float8 NOT NULL);
   CREATE INDEX tombstones_until ON $.tombstones (until);

   CREATE TABLE $.refunds (
     id text COLLATE "C" PRIMARY KEY, call_id text COLLATE "C" NOT NULL, resource text NOT NULL,
     state text NOT NULL, currency text NOT NULL, value float8 NOT NULL, retry_at float8 NOT NULL,
     created_at float8 NOT NULL, rest text NOT NULL
   );
   CREATE INDEX refunds_age ON $.refunds (created_at, id);
   CREATE INDEX refunds_owed ON $.refunds (call_id) WHERE state = 'owed';
   CREATE INDEX refunds_due ON $.refunds (created_at, id) WHERE state = 'owed';

   CREATE TABLE $.servers (owner text PRIMARY KEY, until float8 NOT NULL);`,
  // Servers of an earlier release do not say it: they may.
  "ALTER TABLE $.servers ADD COLUMN runs_jobs int2 NOT NULL DEFAULT 1",
  // What a claim looks for and changes. (Not by JSON functions: they refuse a text with U+0000. Within a JSON string each
  // quote has a backslash, so the last match is the field of the record.)
  `ALTER TABLE $.jobs ADD COLUMN attempt float8 NOT NULL DEFAULT 0, ADD COLUMN failures float8 NOT NULL DEFAULT 0,
     ADD COLUMN claim text, ADD COLUMN updated_at float8 NOT NULL DEFAULT 0;
   UPDATE $.jobs SET attempt = substring(rest FROM '.*"attempt":([0-9]+),"failures":')::float8,
     failures = substring(rest FROM '.*"failures":([0-9]+)')::float8,
     updated_at = substring(rest FROM '.*"updatedAt":([0-9.e+]+)')::float8;
   DROP INDEX $.jobs_queued;
   CREATE INDEX jobs_queued ON $.jobs (resource) WHERE status IN ('queued', 'awaiting_payment');
   CREATE INDEX jobs_waiting ON $.jobs (resource, created_at, id) WHERE status = 'queued';
   CREATE INDEX jobs_running ON $.jobs (resource, created_at, id) WHERE status = 'running';`,
  // One column for the money of a call (phase) and one for the work of a job replace payment_state, open and status; status
  // stays as an index. Whatever an old record leaves open is asked for again:
  // - A refund was written only for a settled payment, together with the failure, and deleted only long after it was paid.
  //   So a settled call that failed and has no refund was refunded.
  // - in_flight: submitted, and (see callOf) ambiguous. So is what should have been in_flight before its work began.
  // - unused and ended: void. An old refusal may have been wrong, so the chain is asked once, not before a day has passed,
  //   so that these calls do not all come at once.
  // - A signed refund may have been sent.
  `ALTER TABLE $.calls RENAME COLUMN payment_state TO phase;
   ALTER TABLE $.jobs ADD COLUMN phase text NOT NULL DEFAULT 'void',
     ADD COLUMN work text NOT NULL DEFAULT 'failed', ADD COLUMN paid int2 NOT NULL DEFAULT 0;
   CREATE TABLE $.quotes (id text PRIMARY KEY, value text NOT NULL, until float8 NOT NULL);
   CREATE INDEX quotes_until ON $.quotes (until);
   CREATE TABLE $.secrets (name text PRIMARY KEY, value text NOT NULL);
   UPDATE $.calls AS calls SET phase = CASE
     WHEN EXISTS (SELECT 1 FROM $.refunds AS refunds WHERE call_id = calls.id AND state <> 'paid') THEN 'owed'
     WHEN EXISTS (SELECT 1 FROM $.refunds AS refunds WHERE call_id = calls.id) THEN 'refunded'
     WHEN network = '' THEN CASE
       WHEN job_id IS NULL THEN CASE WHEN open = 1 THEN 'open' ELSE 'delivered' END
       WHEN EXISTS (SELECT 1 FROM $.jobs AS jobs WHERE jobs.id = job_id AND jobs.ended_at IS NULL) THEN 'open'
       WHEN EXISTS (SELECT 1 FROM $.jobs AS jobs WHERE jobs.id = job_id AND status <> 'succeeded') THEN 'void'
       ELSE 'delivered' END
     WHEN calls.phase = 'in_flight' THEN 'submitted'
     WHEN calls.phase = 'settled' THEN CASE
       WHEN job_id IS NULL THEN CASE WHEN open = 1 THEN 'charged' WHEN failed = 1 THEN 'refunded' ELSE 'delivered' END
       WHEN EXISTS (SELECT 1 FROM $.jobs AS jobs WHERE jobs.id = job_id AND jobs.ended_at IS NULL
         AND NOT (charge = 'after' AND status = 'awaiting_payment')) THEN 'charged'
       WHEN EXISTS (SELECT 1 FROM $.jobs AS jobs WHERE jobs.id = job_id AND status IN ('failed', 'cancelled', 'expired')) THEN 'refunded'
       ELSE 'delivered' END
     WHEN job_id IS NULL THEN CASE WHEN open = 0 THEN 'void' WHEN charge = 'after' THEN 'open' ELSE 'submitted' END
     WHEN EXISTS (SELECT 1 FROM $.jobs AS jobs WHERE jobs.id = job_id AND status IN ('queued', 'running')) AND charge = 'after' THEN 'open'
     WHEN EXISTS (SELECT 1 FROM $.jobs AS jobs WHERE jobs.id = job_id AND jobs.ended_at IS NULL) THEN 'submitted'
     ELSE 'void' END;
   UPDATE $.calls AS calls SET retry_at = CASE
     WHEN calls.phase = 'submitted' OR (job_id IS NULL AND calls.phase IN ('open', 'charged')) THEN retry_at
     WHEN calls.phase = 'void' AND network <> '' AND valid_before < 1e12
       AND NOT EXISTS (SELECT 1 FROM $.jobs AS jobs WHERE jobs.id = job_id AND status = 'succeeded')
       THEN greatest(valid_before * 1000 + 180000, created_at + 86400000)
     ELSE 8.64e15 END;
   UPDATE $.jobs AS jobs SET
     paid = CASE WHEN EXISTS (SELECT 1 FROM $.calls AS calls WHERE calls.id = call_id AND network <> '') THEN 1 ELSE 0 END,
     phase = coalesce((SELECT calls.phase FROM $.calls AS calls WHERE calls.id = call_id),
       CASE WHEN status = 'succeeded' THEN 'delivered' ELSE 'void' END);
   UPDATE $.jobs AS jobs SET work = CASE
     WHEN phase = 'submitted' AND EXISTS (SELECT 1 FROM $.calls AS calls WHERE calls.id = call_id AND charge = 'before')
       THEN CASE WHEN status = 'cancelled' THEN 'canceled' WHEN ended_at IS NULL THEN 'waiting' ELSE 'failed' END
     WHEN phase = 'submitted' THEN CASE WHEN status IN ('awaiting_payment', 'succeeded') THEN 'done' ELSE 'failed' END
     WHEN status = 'cancelled' THEN 'canceled'
     WHEN status = 'expired' THEN 'expired'
     WHEN status = 'failed' OR phase IN ('owed', 'refunded') THEN 'failed'
     WHEN status = 'succeeded' OR phase = 'delivered' THEN 'done'
     WHEN phase = 'void' THEN 'failed'
     WHEN status = 'running' THEN 'running' ELSE 'waiting' END;
   UPDATE $.jobs AS jobs SET
     status = CASE WHEN phase = 'submitted' THEN 'awaiting_payment' ELSE CASE work WHEN 'waiting' THEN 'queued'
       WHEN 'done' THEN 'succeeded' WHEN 'canceled' THEN 'cancelled' ELSE work END END,
     owner = CASE WHEN phase <> 'submitted' AND work = 'running' THEN owner END,
     ended_at = CASE WHEN phase = 'submitted' OR work IN ('waiting', 'running') THEN NULL
       ELSE coalesce(ended_at, updated_at) END,
     expires_at = CASE WHEN phase = 'submitted' OR work IN ('waiting', 'running') THEN NULL
       ELSE coalesce(expires_at, updated_at + 604800000) END;
   UPDATE $.refunds SET state = 'signed' WHERE state = 'owed' AND rest LIKE '%"payment":{%';
   DROP INDEX $.calls_unpaid; DROP INDEX $.calls_open; DROP INDEX $.calls_old; DROP INDEX $.calls_doubtful;
   DROP INDEX $.refunds_owed; DROP INDEX $.refunds_due;
   DROP INDEX $.calls_tally;
   ALTER TABLE $.calls DROP COLUMN open;
   CREATE INDEX calls_tally ON $.calls (created_at) INCLUDE (resource, phase, network, value, job_id, ended_at, failed);
   CREATE INDEX calls_unsettled ON $.calls (payer) WHERE phase IN ('open', 'submitted');
   CREATE INDEX calls_due ON $.calls (retry_at, created_at, id) WHERE retry_at < 8.64e15;
   CREATE INDEX calls_old ON $.calls (sweep_at) WHERE held = 0 AND phase <> 'submitted';
   CREATE INDEX calls_unconfirmed ON $.calls (created_at, id) WHERE phase = 'submitted' AND tries > 0;
   CREATE INDEX calls_free ON $.calls (id) WHERE network = '' AND job_id IS NULL;
   CREATE INDEX refunds_owed ON $.refunds (call_id) WHERE state <> 'paid';
   CREATE INDEX refunds_due ON $.refunds (created_at, id) WHERE state <> 'paid';`,
  // Jobs of an earlier release do not count: they end soon.
  `ALTER TABLE $.jobs ADD COLUMN payer text NOT NULL DEFAULT '';
   ALTER TABLE $.jobs ADD COLUMN input_bytes float8 NOT NULL DEFAULT 0;
   CREATE INDEX jobs_inputs ON $.jobs (payer) INCLUDE (input_bytes) WHERE input_bytes > 0;`,
  // Earlier releases kept a queue in the schema `$_boss`. It is left untouched as long as servers of such a release may
  // still run; the next release drops it.
];

/**
 * Brings a schema to the version that this program knows, and makes it when it is not there. Any number of servers may
 * do so at once: one does it, the others wait for it.
 * @throws when a newer version of this program has written the schema, or it is not ours.
 */
export async function migrate(
  config: ClientConfig,
  schema: string,
  migrations: readonly string[] = POSTGRES_MIGRATIONS,
): Promise<void> {
  const client = new Client(config);
  client.on("error", () => {});
  await client.connect();
  try {
    await client.query("BEGIN ISOLATION LEVEL READ COMMITTED");
    await client.query("SELECT pg_advisory_xact_lock(hashtextextended($1, 402))", [`migrate ${schema}`]);
    await assertWritable(client);
    await ensureSchema(client, schema);
    const version = await versionOf(client, schema, migrations.length);
    for (const sql of migrations.slice(version)) await client.query(sql.replaceAll("$.", `${schema}.`));
    if (version === 0) {
      await client.query(`CREATE TABLE ${schema}.version (version int NOT NULL);
                          INSERT INTO ${schema}.version VALUES (${migrations.length})`);
    } else if (version < migrations.length) {
      await client.query(`UPDATE ${schema}.version SET version = ${migrations.length}`);
    }
    await client.query("COMMIT");
  } finally {
    // Ends the transaction too, if it is still there.
    await client.end();
  }
}

async function assertWritable(client: Client): Promise<void> {
  const { rows } = await client.query("SELECT current_setting('server_encoding') AS encoding");
  const encoding = rows[0]?.encoding;
  if (encoding === "UTF8") return;
  throw new Unusable(
    `the database keeps texts in ${encoding}; make one that keeps any text (CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0)`,
  );
}

async function ensureSchema(client: Client, schema: string): Promise<void> {
  const { rows } = await client.query("SELECT 1 FROM pg_namespace WHERE nspname = $1", [schema]);
  if (rows.length > 0) return;
  try {
    await client.query(`CREATE SCHEMA ${schema}`);
  } catch (cause) {
    if ((cause as { code?: string }).code !== "42501") throw cause;
    const { database = "", user = "" } = client;
    throw new Unusable(
      `this user may not make the schema ${schema}; let it (GRANT CREATE ON DATABASE "${database}" TO "${user}"), ` +
        `or make the schema for it (CREATE SCHEMA ${schema} AUTHORIZATION "${user}")`,
      { cause },
    );
  }
}

/** The version of the schema, 0 when it is new. */
async function versionOf(client: Client, schema: string, known: number): Promise<number> {
  const { rows: tables } = await client.query<{ name: string }>(
    "SELECT relname AS name FROM pg_class WHERE relnamespace = $1::regnamespace",
    [schema],
  );
  if (tables.length === 0) return 0;
  const isOurs = ["version", "calls", "tombstones"].every((table) =>
    tables.some(({ name }) => name === table),
  );
  if (!isOurs) {
    throw new Unusable(`the schema ${schema} belongs to another program; give the store a schema of its own`);
  }
  const { rows } = await client.query<{ version: number }>(`SELECT version FROM ${schema}.version`);
  const version = rows[0]?.version ?? 0;
  if (version > known) {
    throw new Unusable(
      `the schema ${schema} has version ${version}, this resource402 knows up to ${known}; ` +
        "install the release that wrote it, or a later one",
    );
  }
  return version;
}
