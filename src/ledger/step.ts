import { formatAtomic } from "../../schema/money.ts";
import type { Phase, State } from "../store/state.ts";
import {
  AUTHORIZATION_MARGIN_MS,
  type CallChange,
  type CallRecord,
  type JobChange,
  type JobRecord,
  type RefundRecord,
  type Resolution,
  type SignedPayment,
  type Step,
  type StoredAnswer,
} from "../store/store.ts";
import { pauseAfter } from "../time/retry.ts";
import { isRecord, type Receipt } from "../wire/index.ts";
import { type Constants, type Current, type EventName, type Kind, next } from "./transitions.ts";

/** An event with what is to be recorded of it. */
export interface Event {
  readonly event: EventName;
  /** The response of a sync call: its output, or its failure. */
  readonly answer?: StoredAnswer;
  /** JSON text of a job's output. */
  readonly result?: string;
  /** How the work failed. `answer` has the same for a sync call. */
  readonly failure?: { readonly code: string; readonly error: string };
  readonly transaction?: string;
  /** A code-like word. */
  readonly reason?: string;
  /** When a job may start again, milliseconds since the epoch, and how often it has failed by then. */
  readonly runAt?: number;
  readonly failures?: number;
  readonly resolution?: Resolution;
}

/** What a step depends on besides the records. */
export interface Facts {
  readonly now: number;
  /** This server. */
  readonly owner: string;
  /** Whether the chain of this network can be asked. */
  readonly hasNode: (network: string) => boolean;
  /** How long an ended job of this resource is kept, in milliseconds. */
  readonly retentionMs: (resource: string) => number;
  /** How long the buyer of lost work may come back for it before a refund is owed, in milliseconds. */
  readonly comeBackMs: number;
}

const SETTLING = { firstMs: 1_000, maxMs: 60_000 };
/** An authorization that has expired settles no more, unless it did so unseen. */
const EXPIRED = { firstMs: 1_000, maxMs: 24 * 3_600_000 };
/** After this long without evidence a submitted call is for an operator to resolve, and a void one is not looked up again. */
const TOMBSTONE_AFTER_MS = 90 * 24 * 3_600_000;
/** A safe block past the expiry of an authorization is mined by then. */
const AUDIT_AFTER_MS = 3 * 60_000;
/** How long a job is kept that was never paid. */
const UNPAID_RETENTION_MS = 3_600_000;

export function kindOf({ payment, jobId, charge }: Pick<CallRecord, "payment" | "jobId" | "charge">): Kind {
  return payment === undefined ? "free" : `${jobId === undefined ? "sync" : "job"}-${charge}`;
}

/** The state of a call. A job's work is its own; that of a sync call follows from the phase. */
export function stateOf(call: CallRecord, job: JobRecord | undefined): State {
  const { phase } = call;
  if (job) return { phase, work: job.work };
  if (phase === "submitted") {
    if (call.charge === "before") return { phase, work: "waiting" };
    return { phase, work: call.answer === undefined ? "failed" : "done" };
  }
  if (phase === "open" || phase === "charged") return { phase, work: "running" };
  return { phase, work: phase === "delivered" ? "done" : "failed" };
}

/**
 * The store transaction that an event causes; `undefined` when the event has no place in the state of the call.
 * Pure: the same records, event and facts give the same step.
 */
export function stepOf(
  call: CallRecord,
  job: JobRecord | undefined,
  given: Event,
  facts: Facts,
): Step | undefined {
  const event = hasAged(call, given, facts.now) ? ({ ...given, event: "aged" } as const) : given;
  const from: Current = { ...stateOf(call, job), ambiguous: call.ambiguous };
  const kind = kindOf(call);
  const constants: Constants = {
    kind,
    isJob: call.jobId !== undefined,
    cancel: call.cancel,
  };
  const to = next(constants, from, event.event);
  if (to === undefined) return undefined;
  // The money has moved before: the record says so already, and keeps its first receipt.
  if (
    to !== "deleted" &&
    MOVED.includes(from.phase) &&
    EVIDENCE.includes(event.event) &&
    to.phase === from.phase
  )
    return undefined;
  const durable = isDurable(kind, from, to, event.event, facts.hasNode(call.identity.network));
  // That money has moved is a fact, whoever works on the call. The owner guards everything else that a sync call does.
  const when = { phase: [from.phase], ...guardOf(call, event.event, facts.owner) };
  if (to === "deleted") return { durable, call: { id: call.id, when, set: "forget" } };
  const isPaid = event.event === "settled" || event.event === "resolved-paid";
  const receipt = isPaid ? receiptOf(call, event.transaction ?? "", facts.now) : undefined;
  const paid = receipt === undefined ? call : { ...call, receipt };
  // An operator may not know the transaction. Then there is a refund, and no receipt.
  const kept = event.transaction === undefined ? undefined : receipt;
  // No buyer knows of a job whose first submission was refused at once. Its buyer pays again under the same key.
  const isFirst = call.charge === "before" && from.work === "waiting" && call.tries === 0;
  const forgetsJob = job !== undefined && isFirst && from.phase === "submitted" && to.phase === "void";
  const set: CallChange = {
    phase: to.phase,
    ambiguous: to.ambiguous,
    ...followUp(call, from, to, event, facts),
    ...(event.answer === undefined ? {} : { answer: event.answer }),
    // What was not paid for is not given.
    ...(to.phase === "void" && from.phase === "submitted" ? { answer: undefined } : {}),
    ...(event.reason === undefined ? {} : { reason: event.reason }),
    ...(event.resolution === undefined ? {} : { resolution: event.resolution }),
    ...(kept === undefined || !call.payment ? {} : { receipt: kept, payment: withoutEcho(call.payment) }),
    // A failed sync call frees its key. A job's key stays: a late copy of the request must not start it again.
    ...(to.phase === "void" && (call.jobId === undefined || forgetsJob) ? { key: undefined } : {}),
    ...(forgetsJob ? { jobId: undefined } : {}),
  };
  const failure = event.failure ?? FAILURES[to.work === "canceled" ? "cancel" : event.event];
  const code = event.failure?.code ?? job?.failure?.code ?? failure?.code ?? LATE.code;
  const refund =
    to.phase === "owed" && from.phase !== "owed" ? { refund: { add: refundOf(paid, code, facts.now) } } : {};
  const changed = job && jobPart(call, job, from, to, { ...event, failure }, facts, kept);
  const jobStep = changed && (forgetsJob ? { ...changed, set: "forget" as const } : changed);
  return { durable, call: { id: call.id, when, set }, ...(jobStep ? { job: jobStep } : {}), ...refund };
}

/** Nothing was proven for too long. */
function hasAged({ phase, createdAt, ambiguous }: CallRecord, { event }: Event, now: number): boolean {
  const provesNothing = event === "unclear" || event === "not-sent" || (event === "refused" && ambiguous);
  return phase === "submitted" && provesNothing && now - createdAt > TOMBSTONE_AFTER_MS;
}

const MOVED: readonly Phase[] = ["charged", "delivered", "owed", "refunded", "kept"];
const EVIDENCE: readonly EventName[] = ["settled", "lapsed", "spent-elsewhere"];

/** These hold whoever works on the call: facts about money, and what the buyer wants. */
const FACTS: readonly EventName[] = ["settled", "resolved-paid", "resolved-unpaid", "refund-paid", "cancel"];
/** These are for calls on which no server works: its server has died, or has handed it back. */
const TAKES: readonly EventName[] = ["taken-over", "claimed", "abandoned"];

function guardOf(
  { owner }: CallRecord,
  event: EventName,
  self: string,
): { owner?: string; unowned?: true; orphaned?: true } {
  if (TAKES.includes(event)) {
    return owner === self ? { owner } : owner === undefined ? { unowned: true } : { orphaned: true };
  }
  return owner === undefined || FACTS.includes(event) ? {} : { owner: self };
}

/** Who looks at the call next, and when. */
function followUp(call: CallRecord, from: State, to: State, { event }: Event, facts: Facts): CallChange {
  const { now, owner } = facts;
  const expiresAt = call.identity.validBefore * 1000;
  if (to.phase === "submitted") {
    if (event === "submit" || event === "taken-over" || event === "claimed") return { owner, retryAt: now };
    if (event === "cancel") return {};
    const settleable = now <= expiresAt + AUTHORIZATION_MARGIN_MS;
    const tries = call.tries + 1;
    const pause = {
      owner: undefined,
      tries,
      retryAt: now + pauseAfter(settleable ? SETTLING : EXPIRED, tries),
    };
    const slim = settleable || !call.payment ? pause : { ...pause, payment: withoutEcho(call.payment) };
    return event === "aged" ? { ...slim, retryAt: undefined, answer: undefined } : slim;
  }
  const works = to.phase === "open" || to.phase === "charged";
  if (works && call.jobId === undefined) {
    if (event === "handed-back") return { owner: undefined, retryAt: now + facts.comeBackMs };
    // The server that settled goes on with the work.
    return event === "taken-over" || event === "claimed"
      ? { owner, retryAt: now }
      : { retryAt: now, tries: 0 };
  }
  if (to.phase === "void" && call.payment && facts.hasNode(call.identity.network)) {
    // A refusal may have been wrong: the chain is asked once, when the authorization can no longer settle.
    const audit = Math.max(now, expiresAt) + AUDIT_AFTER_MS;
    if (from.phase !== "void") return { owner: undefined, retryAt: audit, tries: 0 };
    const isRecent = now - call.createdAt <= TOMBSTONE_AFTER_MS;
    if (event === "unclear" && isRecent)
      return { tries: call.tries + 1, retryAt: now + pauseAfter(EXPIRED, call.tries + 1) };
  }
  return { owner: undefined, retryAt: undefined };
}

function jobPart(
  call: CallRecord,
  job: JobRecord,
  from: State,
  to: State,
  event: Omit<Event, "failure"> & Pick<JobRecord, "failure">,
  facts: Facts,
  receipt: Receipt | undefined,
): Step["job"] {
  const id = job.id;
  const when = {
    work: [from.work],
    // A worker writes only while it holds its claim; a cancellation needs none.
    ...(event.event === "cancel" || job.claim === undefined || from.work !== "running"
      ? {}
      : { claim: job.claim }),
  };
  const isRefusal = to.phase === "void" && from.phase === "submitted";
  const ended = to.phase !== "submitted" && to.work !== "waiting" && to.work !== "running";
  const isEnd = ended && job.endedAt === undefined;
  const set: JobChange = {
    phase: to.phase,
    work: to.work,
    ...(receipt === undefined ? {} : { receipt }),
    ...(to.work === "running" ? {} : { owner: undefined }),
    ...(event.result === undefined ? {} : { result: event.result }),
    // The output is kept: the input is no longer needed.
    ...(event.event === "submit" ? { input: null } : {}),
    ...(event.event === "aged" ? { input: null, result: undefined } : {}),
    ...(event.event === "attempt-failed" ? { failures: event.failures ?? job.failures + 1 } : {}),
    ...(event.runAt === undefined ? {} : { runAt: event.runAt }),
    ...(isEnd && to.phase === "delivered" ? { progress: 100 } : {}),
    ...(isEnd && to.work !== "done" ? { failure: event.failure, result: undefined } : {}),
    ...(isEnd
      ? { expiresAt: facts.now + (isRefusal ? UNPAID_RETENTION_MS : facts.retentionMs(call.resource)) }
      : {}),
  };
  return { id, optional: true, when, set };
}

const UNPAID = { code: "payment_failed", error: "The payment could not be settled." };
const LATE = { code: "settled_late", error: "The payment was confirmed too late." };
const FAILURES: Partial<Record<EventName, { readonly code: string; readonly error: string }>> = {
  cancel: { code: "cancelled", error: "The job was canceled." },
  abandoned: { code: "interrupted", error: "The work was lost." },
  settled: LATE,
  expired: { code: "expired", error: "The job could not be started in time." },
  refused: UNPAID,
  lapsed: UNPAID,
  "spent-elsewhere": UNPAID,
  "resolved-unpaid": UNPAID,
  "resolved-paid": LATE,
};

/** DESIGN: what would be lost for good in a power cut is on disk before the next outside effect. */
function isDurable(
  kind: Kind,
  from: State,
  to: State | "deleted",
  event: EventName,
  hasNode: boolean,
): boolean {
  if (kind === "free" || to === "deleted" || to.phase === "open") return false;
  // The buyer of a canceled job was told that it will not be charged.
  if (from.phase === "open" && to.phase === "void") return event === "cancel";
  // A node can tell again that the money moved. An operator's word is given once.
  const isRetold = event === "settled" && from.phase === "submitted" && to.phase === "delivered";
  return !(isRetold && hasNode);
}

function receiptOf({ payment, identity }: CallRecord, transaction: string, now: number): Receipt | undefined {
  if (!payment) return undefined;
  const { requirements, network, asset } = payment;
  const atomicAmount = "amount" in requirements ? requirements.amount : requirements.maxAmountRequired;
  return {
    amount: formatAtomic(BigInt(atomicAmount), asset.decimals),
    currency: asset.symbol,
    atomicAmount,
    asset: requirements.asset,
    network,
    transaction,
    // The signer, whom verify has confirmed; never whom a later reply names.
    payer: signerOf(payment) ?? identity.payer,
    payTo: requirements.payTo,
    settledAt: new Date(now).toISOString(),
  };
}

/** As it is spelled in the signed authorization. */
function signerOf({ payload }: SignedPayment): string | undefined {
  const { authorization, permit2Authorization } = payload.payload;
  const signed = isRecord(permit2Authorization) ? permit2Authorization : authorization;
  return isRecord(signed) && typeof signed.from === "string" ? signed.from : undefined;
}

/** What a buyer echoes of the challenge is longer than all the rest, and only a facilitator needs it. */
function withoutEcho(payment: SignedPayment): SignedPayment {
  if (payment.version === 1) return payment;
  const { resource, extensions, ...payload } = payment.payload;
  return { ...payment, payload };
}

/** The refund of a charged call that ends without a result. One call, one refund. */
function refundOf(call: CallRecord, reason: string, now: number): RefundRecord {
  const { payment, receipt } = call;
  if (!payment || !receipt) throw new Error(`call ${call.id} owes a refund and has no receipt`);
  const { name, version } = payment.requirements.extra;
  return {
    id: `ref_${call.id}`,
    callId: call.id,
    jobId: call.jobId,
    resource: call.resource,
    reason,
    to: receipt.payer,
    network: payment.network,
    asset: receipt.asset,
    atomicAmount: receipt.atomicAmount,
    amount: receipt.amount,
    currency: receipt.currency,
    domain: { name: String(name ?? ""), version: String(version ?? "") },
    state: "owed",
    ambiguous: false,
    payment: undefined,
    transaction: undefined,
    problem: undefined,
    resolution: undefined,
    tries: 0,
    retryAt: now,
    createdAt: now,
  };
}
