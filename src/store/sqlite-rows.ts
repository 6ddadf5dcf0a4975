import type { JobStatus } from "../protocol/index.ts";
import { refundValue } from "./call-stats.ts";
import { LARGE_INPUT_BYTES, largeInputBytes } from "./input-bytes.ts";
import { hasFailed, sweepCallAt } from "./rules.ts";
import { statusOf } from "./state.ts";
import type { CallRecord, JobRecord, PaymentIdentity, RefundRecord, SignedPayment } from "./store.ts";

/** In the column of a call that no server has to look at: the last moment of JavaScript's calendar. */
export const NEVER = 8.64e15;
/** The same in SQL. SQLite uses an index only for a query that writes its condition in the same way. */
export const NEVER_SQL = "8.64e15";

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
  phase: CallRecord["phase"];
  job_id: string | null;
  owner: string | null;
  tries: number;
  retry_at: number;
  created_at: number;
  ended_at: number | null;
  failed: number;
  /** When it may be swept at the earliest. */
  sweep_at: number;
  /** 1 while the record of its job is there. */
  held: number;
  rest: string;
};

type CallRest = Pick<CallRecord, "payment" | "answer" | "receipt" | "reason" | "resolution"> &
  Pick<PaymentIdentity, "bytesHash"> &
  // Records of an earlier release have neither.
  Partial<Pick<CallRecord, "requestHash" | "ambiguous" | "cancel">>;

export function callRow(call: CallRecord): CallRow {
  const { identity, payment, answer, receipt, reason, resolution, requestHash, ambiguous, cancel } = call;
  const { bytesHash } = identity;
  const rest: CallRest = {
    bytesHash,
    payment: payment && once(payment),
    answer,
    receipt,
    reason,
    resolution,
    requestHash,
    ambiguous,
    cancel,
  };
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
    phase: call.phase,
    job_id: call.jobId ?? null,
    owner: call.owner ?? null,
    tries: call.tries,
    retry_at: call.retryAt ?? NEVER,
    created_at: call.createdAt,
    ended_at: call.endedAt ?? null,
    failed: Number(hasFailed(call)),
    sweep_at: sweepCallAt(call),
    held: Number(call.jobId !== undefined),
    rest: JSON.stringify(rest),
  };
}

export function callOf(row: CallRow): CallRecord {
  const {
    bytesHash,
    payment,
    requestHash = "",
    ambiguous,
    cancel = "refund",
    ...rest
  } = JSON.parse(row.rest) as CallRest;
  const { network, payer, nonce, valid_before: validBefore, phase } = row;
  return {
    id: row.id,
    resource: row.resource,
    key: row.key ?? undefined,
    fingerprint: row.fingerprint,
    requestHash,
    identity: { network, payer, nonce, bytesHash, validBefore },
    payment: payment && withAsset(whole(payment)),
    value: row.value,
    charge: row.charge,
    cancel,
    phase,
    // An earlier release did not record whether a reply was unclear.
    ambiguous: ambiguous ?? phase === "submitted",
    answer: rest.answer,
    receipt: rest.receipt,
    reason: rest.reason,
    resolution: rest.resolution,
    jobId: row.job_id ?? undefined,
    owner: row.owner ?? undefined,
    tries: row.tries,
    retryAt: row.retry_at < NEVER ? row.retry_at : undefined,
    createdAt: row.created_at,
    endedAt: row.ended_at ?? undefined,
  };
}

/** A payment that accepts an offer as it was made says that offer twice. The row has it once. */
function once(payment: SignedPayment): SignedPayment {
  if (payment.version === 1 || payment.payload.accepted !== payment.requirements) return payment;
  return { ...payment, payload: { ...payment.payload, accepted: null as never } };
}

function whole(payment: SignedPayment): SignedPayment {
  if (payment.version === 1 || (payment.payload.accepted as unknown) !== null) return payment;
  return { ...payment, payload: { ...payment.payload, accepted: payment.requirements } };
}

/** Payments of an earlier release name their asset in the offer alone: `0.05 USDC` for so many units. */
function withAsset(payment: SignedPayment): SignedPayment {
  if ((payment as Partial<SignedPayment>).asset) return payment;
  const { requirements } = payment;
  const atomic = "amount" in requirements ? requirements.amount : requirements.maxAmountRequired;
  const pricing = requirements.extra.pricing as { amount?: string; currency?: string } | undefined;
  // 50000 units for "0.05" are 10 ** 6 units for one token: it has 6 decimals.
  const places = Math.log10(Number(atomic) / Number(pricing?.amount));
  const decimals = Math.abs(places - Math.round(places)) < 1e-9 ? Math.round(places) : USUAL_DECIMALS;
  return { ...payment, asset: { symbol: pricing?.currency ?? requirements.asset, decimals } };
}

/** Those of USDC. */
const USUAL_DECIMALS = 6;

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

export function jobRow(job: JobRecord): JobRow {
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
  const text = JSON.stringify(rest);
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
    input_bytes: text.length * 3 < LARGE_INPUT_BYTES ? 0 : largeInputBytes(job),
    rest: text,
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
