import { hasFailed, sweepCallAt } from "./rules.ts";
import type { CallRecord, PaymentIdentity, SignedPayment } from "./store.ts";

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
export function withAsset(payment: SignedPayment): SignedPayment {
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
