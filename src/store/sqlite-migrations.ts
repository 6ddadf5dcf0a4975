/**
 * How the tables came to be what they are: steps are added at the end, never changed.
 *
 * What is looked for, ordered by or unique has a column; the rest of a record is JSON. Numbers are REAL because those
 * of JavaScript are: whatever is put in comes out again.
 */
export const SQLITE_MIGRATIONS: readonly string[] = [
  `CREATE TABLE calls (
     id TEXT PRIMARY KEY, resource TEXT NOT NULL, key TEXT, fingerprint TEXT NOT NULL,
     network TEXT NOT NULL, payer TEXT NOT NULL, nonce TEXT NOT NULL, valid_before REAL NOT NULL,
     value REAL NOT NULL, charge TEXT NOT NULL, payment_state TEXT NOT NULL, job_id TEXT, owner TEXT,
     tries REAL NOT NULL, retry_at REAL NOT NULL, created_at REAL NOT NULL, ended_at REAL,
     open INTEGER NOT NULL, failed INTEGER NOT NULL, sweep_at REAL NOT NULL, held INTEGER NOT NULL,
     rest TEXT NOT NULL,
     UNIQUE (network, payer, nonce)
   ) STRICT;
   CREATE UNIQUE INDEX calls_key ON calls (resource, payer, key) WHERE key IS NOT NULL;
   CREATE INDEX calls_alike ON calls (payer, fingerprint, created_at);
   CREATE INDEX calls_unpaid ON calls (payer) WHERE charge = 'after' AND payment_state <> 'settled';
   CREATE INDEX calls_open ON calls (retry_at) WHERE open = 1;
   CREATE INDEX calls_tally
     ON calls (created_at, resource, payment_state, value, job_id, ended_at, failed);
   CREATE INDEX calls_old ON calls (sweep_at) WHERE held = 0 AND payment_state <> 'in_flight';
   CREATE INDEX calls_doubtful ON calls (created_at, id) WHERE payment_state = 'in_flight' AND tries > 0;

   CREATE TABLE jobs (
     id TEXT PRIMARY KEY, call_id TEXT NOT NULL, resource TEXT NOT NULL, status TEXT NOT NULL, code TEXT,
     owner TEXT, run_at REAL NOT NULL, start_by REAL, callback_at REAL, created_at REAL NOT NULL,
     started_at REAL, ended_at REAL, expires_at REAL, rest TEXT NOT NULL
   ) STRICT;
   CREATE INDEX jobs_unfinished ON jobs (created_at, id) WHERE ended_at IS NULL;
   CREATE INDEX jobs_queued ON jobs (resource) WHERE status IN ('queued', 'awaiting_payment');
   CREATE INDEX jobs_late ON jobs (start_by) WHERE status = 'queued' AND start_by IS NOT NULL;
   CREATE INDEX jobs_calling ON jobs (callback_at) WHERE callback_at IS NOT NULL;
   CREATE INDEX jobs_ended ON jobs (ended_at, id, resource, status, code, started_at) WHERE ended_at IS NOT NULL;
   CREATE INDEX jobs_expiry ON jobs (expires_at) WHERE expires_at IS NOT NULL;
   CREATE TABLE tombstones (id TEXT PRIMARY KEY, until REAL NOT NULL) STRICT, WITHOUT ROWID;
   CREATE INDEX tombstones_until ON tombstones (until);

   CREATE TABLE refunds (
     id TEXT PRIMARY KEY, call_id TEXT NOT NULL, resource TEXT NOT NULL, state TEXT NOT NULL,
     currency TEXT NOT NULL, value REAL NOT NULL, retry_at REAL NOT NULL, created_at REAL NOT NULL,
     rest TEXT NOT NULL
   ) STRICT;
   CREATE INDEX refunds_age ON refunds (created_at, id);
   CREATE INDEX refunds_owed ON refunds (call_id) WHERE state = 'owed';
   CREATE INDEX refunds_due ON refunds (created_at, id) WHERE state = 'owed';
   CREATE INDEX refunds_tally ON refunds (resource, state, currency, value);

   CREATE TABLE servers (owner TEXT PRIMARY KEY, until REAL NOT NULL) STRICT, WITHOUT ROWID;`,
  // Servers of an earlier release do not say it: they may.
  "ALTER TABLE servers ADD COLUMN runs_jobs INTEGER NOT NULL DEFAULT 1",
  // What a claim looks for and changes.
  `ALTER TABLE jobs ADD COLUMN attempt REAL NOT NULL DEFAULT 0;
   ALTER TABLE jobs ADD COLUMN failures REAL NOT NULL DEFAULT 0;
   ALTER TABLE jobs ADD COLUMN claim TEXT;
   ALTER TABLE jobs ADD COLUMN updated_at REAL NOT NULL DEFAULT 0;
   UPDATE jobs SET attempt = rest ->> '$.attempt', failures = rest ->> '$.failures', updated_at = rest ->> '$.updatedAt';
   CREATE INDEX jobs_waiting ON jobs (resource, created_at, id) WHERE status = 'queued';
   CREATE INDEX jobs_running ON jobs (resource, created_at, id) WHERE status = 'running';`,
  // One column for the money of a call (phase) and one for the work of a job replace payment_state, open and status; status
  // stays as an index. Whatever an old record leaves open is asked for again:
  // - A refund was written only for a settled payment, together with the failure, and deleted only long after it was paid.
  //   So a settled call that failed and has no refund was refunded.
  // - in_flight: submitted, and (see callOf) ambiguous. So is what should have been in_flight before its work began.
  // - unused and ended: void. An old refusal may have been wrong, so the chain is asked once, not before a day has passed,
  //   so that these calls do not all come at once.
  // - A signed refund may have been sent.
  `ALTER TABLE calls RENAME COLUMN payment_state TO phase;
   ALTER TABLE jobs ADD COLUMN phase TEXT NOT NULL DEFAULT 'void';
   ALTER TABLE jobs ADD COLUMN work TEXT NOT NULL DEFAULT 'failed';
   ALTER TABLE jobs ADD COLUMN paid INTEGER NOT NULL DEFAULT 0;
   CREATE TABLE quotes (id TEXT PRIMARY KEY, value TEXT NOT NULL, until REAL NOT NULL) STRICT, WITHOUT ROWID;
   CREATE INDEX quotes_until ON quotes (until);
   CREATE TABLE secrets (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
   UPDATE calls SET phase = CASE
     WHEN EXISTS (SELECT 1 FROM refunds WHERE call_id = calls.id AND state <> 'paid') THEN 'owed'
     WHEN EXISTS (SELECT 1 FROM refunds WHERE call_id = calls.id) THEN 'refunded'
     WHEN network = '' THEN CASE
       WHEN job_id IS NULL THEN CASE WHEN open = 1 THEN 'open' ELSE 'delivered' END
       WHEN EXISTS (SELECT 1 FROM jobs WHERE jobs.id = job_id AND jobs.ended_at IS NULL) THEN 'open'
       WHEN EXISTS (SELECT 1 FROM jobs WHERE jobs.id = job_id AND status <> 'succeeded') THEN 'void'
       ELSE 'delivered' END
     WHEN calls.phase = 'in_flight' THEN 'submitted'
     WHEN calls.phase = 'settled' THEN CASE
       WHEN job_id IS NULL THEN CASE WHEN open = 1 THEN 'charged' WHEN failed = 1 THEN 'refunded' ELSE 'delivered' END
       WHEN EXISTS (SELECT 1 FROM jobs WHERE jobs.id = job_id AND jobs.ended_at IS NULL
         AND NOT (charge = 'after' AND status = 'awaiting_payment')) THEN 'charged'
       WHEN EXISTS (SELECT 1 FROM jobs WHERE jobs.id = job_id AND status IN ('failed', 'cancelled', 'expired')) THEN 'refunded'
       ELSE 'delivered' END
     WHEN job_id IS NULL THEN CASE WHEN open = 0 THEN 'void' WHEN charge = 'after' THEN 'open' ELSE 'submitted' END
     WHEN EXISTS (SELECT 1 FROM jobs WHERE jobs.id = job_id AND status IN ('queued', 'running')) AND charge = 'after' THEN 'open'
     WHEN EXISTS (SELECT 1 FROM jobs WHERE jobs.id = job_id AND jobs.ended_at IS NULL) THEN 'submitted'
     ELSE 'void' END;
   UPDATE calls SET retry_at = CASE
     WHEN calls.phase = 'submitted' OR (job_id IS NULL AND calls.phase IN ('open', 'charged')) THEN retry_at
     WHEN calls.phase = 'void' AND network <> '' AND valid_before < 1e12
       AND NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.id = job_id AND status = 'succeeded')
       THEN max(valid_before * 1000 + 180000, created_at + 86400000)
     ELSE 8.64e15 END;
   UPDATE jobs SET
     paid = CASE WHEN EXISTS (SELECT 1 FROM calls WHERE calls.id = call_id AND network <> '') THEN 1 ELSE 0 END,
     phase = coalesce((SELECT calls.phase FROM calls WHERE calls.id = call_id),
       CASE WHEN status = 'succeeded' THEN 'delivered' ELSE 'void' END);
   UPDATE jobs SET work = CASE
     WHEN phase = 'submitted' AND EXISTS (SELECT 1 FROM calls WHERE calls.id = call_id AND charge = 'before')
       THEN CASE WHEN status = 'cancelled' THEN 'canceled' WHEN ended_at IS NULL THEN 'waiting' ELSE 'failed' END
     WHEN phase = 'submitted' THEN CASE WHEN status IN ('awaiting_payment', 'succeeded') THEN 'done' ELSE 'failed' END
     WHEN status = 'cancelled' THEN 'canceled'
     WHEN status = 'expired' THEN 'expired'
     WHEN status = 'failed' OR phase IN ('owed', 'refunded') THEN 'failed'
     WHEN status = 'succeeded' OR phase = 'delivered' THEN 'done'
     WHEN phase = 'void' THEN 'failed'
     WHEN status = 'running' THEN 'running' ELSE 'waiting' END;
   UPDATE jobs SET
     status = CASE WHEN phase = 'submitted' THEN 'awaiting_payment' ELSE CASE work WHEN 'waiting' THEN 'queued'
       WHEN 'done' THEN 'succeeded' WHEN 'canceled' THEN 'cancelled' ELSE work END END,
     owner = CASE WHEN phase <> 'submitted' AND work = 'running' THEN owner END,
     ended_at = CASE WHEN phase = 'submitted' OR work IN ('waiting', 'running') THEN NULL
       ELSE coalesce(ended_at, updated_at) END,
     expires_at = CASE WHEN phase = 'submitted' OR work IN ('waiting', 'running') THEN NULL
       ELSE coalesce(expires_at, updated_at + 604800000) END;
   UPDATE refunds SET state = 'signed' WHERE state = 'owed' AND rest LIKE '%"payment":{%';
   DROP INDEX calls_unpaid; DROP INDEX calls_open; DROP INDEX calls_old; DROP INDEX calls_doubtful;
   DROP INDEX refunds_owed; DROP INDEX refunds_due;
   DROP INDEX calls_tally;
   ALTER TABLE calls DROP COLUMN open;
   CREATE INDEX calls_tally ON calls (created_at, resource, phase, network, value, job_id, ended_at, failed);
   CREATE INDEX calls_unsettled ON calls (payer) WHERE phase IN ('open', 'submitted');
   CREATE INDEX calls_due ON calls (retry_at, created_at, id) WHERE retry_at < 8.64e15;
   CREATE INDEX calls_old ON calls (sweep_at) WHERE held = 0 AND phase <> 'submitted';
   CREATE INDEX calls_unconfirmed ON calls (created_at, id) WHERE phase = 'submitted' AND tries > 0;
   CREATE INDEX calls_free ON calls (id) WHERE network = '' AND job_id IS NULL;
   CREATE INDEX refunds_owed ON refunds (call_id) WHERE state <> 'paid';
   CREATE INDEX refunds_due ON refunds (created_at, id) WHERE state <> 'paid';`,
  // Jobs of an earlier release do not count: they end soon.
  `ALTER TABLE jobs ADD COLUMN payer TEXT NOT NULL DEFAULT '';
   ALTER TABLE jobs ADD COLUMN input_bytes REAL NOT NULL DEFAULT 0;
   CREATE INDEX jobs_inputs ON jobs (payer, input_bytes) WHERE input_bytes > 0;`,
];
