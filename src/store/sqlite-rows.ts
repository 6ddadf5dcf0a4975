import type { JobStatus } from "../protocol/index.ts";
import { refundValue } from "./call-stats.ts";
import { largeInputBytes } from "./input-bytes.ts";
import { withAsset } from "./sqlite-call-rows.ts";
import { statusOf } from "./state.ts";
import type { JobRecord, RefundRecord } from "./store.ts";

// Aliases, not interfaces: those would not be taken for named parameters.
export type JobRow = {
  id: string;
  call_id: string;
  resource: string;
  /** An index: computed from phase and work. */
  status: JobStatus;
  phase: JobRecord["phase"];
  work: JobRecord["work"];
  /** 1 when its call is paid. */
  paid: number;
  code: string | null;
  owner: string | null;
  run_at: number;
  start_by: number | null;
  callback_at: number | null;
  created_at: number;
  updated_at: number;
  started_at: number | null;
  ended_at: number | null;
  expires_at: number | null;
  attempt: number;
  failures: number;
  claim: string | null;
  /** Empty when its call is free. */
  payer: string;
  /** Of a large input that is kept; else 0. */
  input_bytes: number;
  rest: string;
};

type JobRest = Omit<
  JobRecord,
  | "id"
  | "callId"
  | "resource"
  | "phase"
  | "work"
  | "owner"
  | "runAt"
  | "startBy"
  | "createdAt"
  | "updatedAt"
  | "startedAt"
  | "endedAt"
  | "expiresAt"
  | "attempt"
  | "failures"
  | "claim"
>;

/** An update writes the lesser of this and what is there: a size is known at the beginning, and is 0 once the input is dropped. */
const AS_IT_WAS = Number.MAX_SAFE_INTEGER;

export function jobRow(job: JobRecord, isNew = false): JobRow {
  const { id, callId, resource, owner, runAt, startBy, createdAt, startedAt, endedAt, expiresAt } = job;
  const rest: JobRest = {
    payer: job.payer,
    input: job.input,
    progress: job.progress,
    message: job.message,
    result: job.result,
    failure: job.failure,
    receipt: job.receipt,
    callback: job.callback,
    trace: job.trace,
  };
  return {
    id,
    call_id: callId,
    resource,
    status: statusOf(job),
    phase: job.phase,
    work: job.work,
    paid: Number(job.payer !== undefined),
    code: job.failure?.code ?? null,
    owner: owner ?? null,
    run_at: runAt,
    start_by: startBy ?? null,
    callback_at: job.callback?.dueAt ?? null,
    created_at: createdAt,
    updated_at: job.updatedAt,
    started_at: startedAt ?? null,
    ended_at: endedAt ?? null,
    expires_at: expiresAt ?? null,
    attempt: job.attempt,
    failures: job.failures,
    claim: job.claim ?? null,
    payer: job.payer ?? "",
    input_bytes: isNew ? largeInputBytes(job) : job.input === null ? 0 : AS_IT_WAS,
    rest: JSON.stringify(rest),
  };
}

export function jobOf(row: JobRow): JobRecord {
  const rest = JSON.parse(row.rest) as JobRest;
  return {
    id: row.id,
    resource: row.resource,
    callId: row.call_id,
    payer: rest.payer,
    input: rest.input,
    phase: row.phase,
    work: row.work,
    progress: rest.progress,
    message: rest.message,
    result: rest.result,
    failure: rest.failure,
    receipt: rest.receipt,
    owner: row.owner ?? undefined,
    attempt: row.attempt,
    claim: row.claim ?? undefined,
    failures: row.failures,
    runAt: row.run_at,
    startBy: row.start_by ?? undefined,
    callback: rest.callback && { ...rest.callback, dueAt: row.callback_at ?? undefined },
    trace: rest.trace,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    startedAt: row.started_at ?? undefined,
    endedAt: row.ended_at ?? undefined,
    expiresAt: row.expires_at ?? undefined,
  };
}

export type RefundRow = {
  id: string;
  call_id: string;
  resource: string;
  state: RefundRecord["state"];
  currency: string;
  /** In millionths of the currency's unit, to be added up. */
  value: number;
  retry_at: number;
  created_at: number;
  rest: string;
};

type RefundRest = Omit<
  RefundRecord,
  "id" | "callId" | "resource" | "state" | "ambiguous" | "currency" | "retryAt" | "createdAt"
> &
  Partial<Pick<RefundRecord, "ambiguous">>;

export function refundRow(refund: RefundRecord): RefundRow {
  const { id, callId, resource, state, currency, retryAt, createdAt, ...others } = refund;
  const rest: RefundRest = others;
  return {
    id,
    call_id: callId,
    resource,
    state,
    currency,
    value: refundValue(refund),
    retry_at: retryAt,
    created_at: createdAt,
    rest: JSON.stringify(rest),
  };
}

export function refundOf(row: RefundRow): RefundRecord {
  const rest = JSON.parse(row.rest) as RefundRest;
  return {
    ...rest,
    // An earlier release did not record whether a transfer was sent.
    ambiguous: rest.ambiguous ?? row.state === "signed",
    resolution: rest.resolution,
    id: row.id,
    callId: row.call_id,
    jobId: rest.jobId,
    resource: row.resource,
    state: row.state,
    currency: row.currency,
    payment: rest.payment && withAsset(rest.payment),
    transaction: rest.transaction,
    problem: rest.problem,
    retryAt: row.retry_at,
    createdAt: row.created_at,
  };
}

/** Writes a row, or of one that is there already what may change in it. */
export function putSql(table: string, columns: string, changing: readonly string[]): string {
  return `INSERT INTO ${table} (${columns}) VALUES (${columns.replaceAll(/\w+/g, ":$&")})
    ON CONFLICT (id) DO UPDATE SET ${changing.map((name) => `${name} = ${changed(name)}`).join(", ")}`;
}

function changed(name: string): string {
  return name === "input_bytes" ? `min(${name}, excluded.${name})` : `excluded.${name}`;
}
