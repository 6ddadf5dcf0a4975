import { isOpen } from "./rules.ts";
import type { CallRecord, JobRecord, PaymentIdentity, RefundRecord } from "./store.ts";

/**
 * How the tables came to be what they are: steps are added at the end, never changed.
 *
 * What is looked for, ordered by or unique has a column; the rest of a record is JSON. Numbers are REAL because those
 * of JavaScript are: whatever is put in comes out again.
 */
export const MIGRATIONS = [
  `CREATE TABLE calls (
     id TEXT PRIMARY KEY, resource TEXT NOT NULL, key TEXT, fingerprint TEXT NOT NULL,
     network TEXT NOT NULL, payer TEXT NOT NULL, nonce TEXT NOT NULL, valid_before REAL NOT NULL,
     value REAL NOT NULL, charge TEXT NOT NULL, payment_state TEXT NOT NULL, job_id TEXT, owner TEXT,
     retry_at REAL NOT NULL, created_at REAL NOT NULL, open INTEGER NOT NULL, rest TEXT NOT NULL,
     UNIQUE (network, payer, nonce)
   ) STRICT;
   CREATE UNIQUE INDEX calls_key ON calls (resource, payer, key) WHERE key IS NOT NULL;
   CREATE INDEX calls_alike ON calls (payer, fingerprint, created_at);
   CREATE INDEX calls_unpaid ON calls (payer) WHERE charge = 'after' AND payment_state <> 'settled';
   CREATE INDEX calls_open ON calls (retry_at) WHERE open = 1;
   CREATE INDEX calls_age ON calls (created_at);

   CREATE TABLE jobs (
     id TEXT PRIMARY KEY, call_id TEXT NOT NULL, status TEXT NOT NULL, owner TEXT,
     created_at REAL NOT NULL, expires_at REAL, rest TEXT NOT NULL
   ) STRICT;
   CREATE INDEX jobs_unfinished ON jobs (created_at, id) WHERE status IN ('queued', 'running');
   CREATE INDEX jobs_expiry ON jobs (expires_at) WHERE expires_at IS NOT NULL;
   CREATE TABLE tombstones (id TEXT PRIMARY KEY, until REAL NOT NULL) STRICT, WITHOUT ROWID;

   CREATE TABLE refunds (
     id TEXT PRIMARY KEY, call_id TEXT NOT NULL, state TEXT NOT NULL,
     retry_at REAL NOT NULL, created_at REAL NOT NULL, rest TEXT NOT NULL
   ) STRICT;
   CREATE INDEX refunds_age ON refunds (created_at, id);
   CREATE INDEX refunds_owed ON refunds (call_id) WHERE state = 'owed';
   CREATE INDEX refunds_due ON refunds (created_at, id) WHERE state = 'owed';

   CREATE TABLE servers (owner TEXT PRIMARY KEY, until REAL NOT NULL) STRICT, WITHOUT ROWID;`,
];

// Aliases, not interfaces: those would not be taken for named parameters.
export type CallRow = {
  id: string;
  resource: string;
  key: string | null;
  fingerprint: string;
  network: string;
  payer: string;
  nonce: string;
  valid_before: number;
  value: number;
  charge: CallRecord["charge"];
  payment_state: CallRecord["paymentState"];
  job_id: string | null;
  owner: string | null;
  retry_at: number;
  created_at: number;
  open: number;
  rest: string;
};

type CallRest = Pick<CallRecord, "payment" | "answer" | "receipt" | "tries"> &
  Pick<PaymentIdentity, "bytesHash">;

export function callRow(call: CallRecord): CallRow {
  const { identity, payment, answer, receipt, tries } = call;
  const rest: CallRest = { bytesHash: identity.bytesHash, payment, answer, receipt, tries };
  return {
    id: call.id,
    resource: call.resource,
    key: call.key ?? null,
    fingerprint: call.fingerprint,
    network: identity.network,
    payer: identity.payer,
    nonce: identity.nonce,
    valid_before: identity.validBefore,
    value: call.value,
    charge: call.charge,
    payment_state: call.paymentState,
    job_id: call.jobId ?? null,
    owner: call.owner ?? null,
    retry_at: call.retryAt,
    created_at: call.createdAt,
    open: Number(isOpen(call)),
    rest: JSON.stringify(rest),
  };
}

export function callOf(row: CallRow): CallRecord {
  const { bytesHash, payment, answer, receipt, tries } = JSON.parse(row.rest) as CallRest;
  const { network, payer, nonce, valid_before: validBefore } = row;
  return {
    id: row.id,
    resource: row.resource,
    key: row.key ?? undefined,
    fingerprint: row.fingerprint,
    identity: { network, payer, nonce, bytesHash, validBefore },
    payment,
    value: row.value,
    charge: row.charge,
    paymentState: row.payment_state,
    answer,
    receipt,
    jobId: row.job_id ?? undefined,
    owner: row.owner ?? undefined,
    tries,
    retryAt: row.retry_at,
    createdAt: row.created_at,
  };
}

export type JobRow = {
  id: string;
  call_id: string;
  status: JobRecord["status"];
  owner: string | null;
  created_at: number;
  expires_at: number | null;
  rest: string;
};

type JobRest = Omit<JobRecord, "id" | "callId" | "status" | "owner" | "createdAt" | "expiresAt">;

export function jobRow(job: JobRecord): JobRow {
  const { id, callId, status, owner, createdAt, expiresAt, ...others } = job;
  const rest: JobRest = others;
  return {
    id,
    call_id: callId,
    status,
    owner: owner ?? null,
    created_at: createdAt,
    expires_at: expiresAt ?? null,
    rest: JSON.stringify(rest),
  };
}

export function jobOf(row: JobRow): JobRecord {
  const rest = JSON.parse(row.rest) as JobRest;
  return {
    id: row.id,
    resource: rest.resource,
    callId: row.call_id,
    payer: rest.payer,
    input: rest.input,
    status: row.status,
    progress: rest.progress,
    message: rest.message,
    result: rest.result,
    failure: rest.failure,
    paymentState: rest.paymentState,
    receipt: rest.receipt,
    owner: row.owner ?? undefined,
    attempt: rest.attempt,
    createdAt: row.created_at,
    updatedAt: rest.updatedAt,
    expiresAt: row.expires_at ?? undefined,
  };
}

export type RefundRow = {
  id: string;
  call_id: string;
  state: RefundRecord["state"];
  retry_at: number;
  created_at: number;
  rest: string;
};

type RefundRest = Omit<RefundRecord, "id" | "callId" | "state" | "retryAt" | "createdAt">;

export function refundRow(refund: RefundRecord): RefundRow {
  const { id, callId, state, retryAt, createdAt, ...others } = refund;
  const rest: RefundRest = others;
  return { id, call_id: callId, state, retry_at: retryAt, created_at: createdAt, rest: JSON.stringify(rest) };
}

export function refundOf(row: RefundRow): RefundRecord {
  const rest = JSON.parse(row.rest) as RefundRest;
  return {
    ...rest,
    id: row.id,
    callId: row.call_id,
    jobId: rest.jobId,
    state: row.state,
    payment: rest.payment,
    transaction: rest.transaction,
    problem: rest.problem,
    retryAt: row.retry_at,
    createdAt: row.created_at,
  };
}
