import { formatAtomic } from "../../schema/money.ts";
import type { Receipt } from "../protocol/index.ts";
import { hasEnded, MOVED, type State } from "../store/state.ts";
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
import { amountOf, signerOf } from "./payment.ts";
import { type Current, type EventName, type Kind, next } from "./transitions.ts";

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
  const { cancel, jobId } = call;
  const to = next({ kind: kindOf(call), isJob: jobId !== undefined, cancel }, from, event.event);
  if (to === undefined) return undefined;
  // The money has moved before: the record says so already, and keeps its first receipt.
  if (MOVED.includes(from.phase) && EVIDENCE.includes(event.event)) return undefined;
  const durable = isDurable(call, from, to, event.event, facts);
  // That money has moved is a fact, whoever works on the call. The owner guards everything else that a sync call does.
  const when = { phase: [from.phase], ...guardOf(call, event.event, facts.owner) };
  if (to === "deleted") return { durable, call: { id: call.id, when, set: "forget" } };
  const isPaid = event.event === "settled" || event.event === "resolved-paid";
  const receipt = isPaid ? receiptOf(call, event.transaction ?? "", facts.now) : call.receipt;
  // An operator may not know the transaction. Then there is a refund, and no receipt.
  const kept = isPaid && event.transaction !== undefined ? receipt : undefined;
  const isRefused = from.phase === "submitted" && to.phase === "void";
  // No buyer knows of a job whose first submission was refused at once. Its buyer pays again under the same key.
  const forgetsJob = isRefused && jobId !== undefined && from.work === "waiting" && call.tries === 0;
  const { answer, reason, resolution } = event;
  const set: CallChange = {
    phase: to.phase,
    ambiguous: to.ambiguous,
    ...followUp(call, from, to, event, facts),
    ...defined({ answer, reason, resolution }),
    // What was not paid for is not given.
    ...(isRefused ? { answer: undefined } : {}),
    ...(kept && call.payment ? { receipt: kept, payment: withoutEcho(call.payment) } : {}),
    // A failed sync call frees its key. A job's key stays: a late copy of the request must not start it again.
    ...(to.phase === "void" && (jobId === undefined || forgetsJob) ? { key: undefined } : {}),
    ...(forgetsJob ? { jobId: undefined } : {}),
  };
  const end = event.failure ?? job?.failure ?? endOf(to, event.event);
  const changed = job && jobPart(call, job, from, to, event, facts, kept);
  const owes = to.phase === "owed" && from.phase !== "owed";
  return {
    durable,
    call: { id: call.id, when, set },
    ...(changed ? { job: forgetsJob ? { ...changed, set: "forget" } : changed } : {}),
    ...(owes && receipt ? { refund: { add: refundOf(call, receipt, end.code, facts.now) } } : {}),
  };
}

/** Nothing was proven for too long. */
function hasAged({ phase, createdAt, ambiguous }: CallRecord, { event }: Event, now: number): boolean {
  const provesNothing = event === "unclear" || event === "not-sent" || (event === "refused" && ambiguous);
  return phase === "submitted" && provesNothing && now - createdAt > TOMBSTONE_AFTER_MS;
}

const EVIDENCE: readonly EventName[] = ["settled", "lapsed", "spent-elsewhere"];

/** These hold whoever works on the call: facts about money, and what the buyer wants. */
export const FACTS: readonly EventName[] = [
  ...(["settled", "resolved-paid", "resolved-unpaid", "refund-paid"] as const),
  ...(["cancel", "expired"] as const),
];
/** These are for calls on which no server works: its server has died, or has handed it back. */
const TAKES: readonly EventName[] = ["taken-over", "claimed", "abandoned"];

function guardOf({ owner }: CallRecord, event: EventName, self: string): NonNullable<Step["call"]>["when"] {
  if (owner === undefined) return TAKES.includes(event) ? { unowned: true } : {};
  if (FACTS.includes(event)) return {};
  return TAKES.includes(event) && owner !== self ? { orphaned: true } : { owner: self };
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
  { event, result, failures, runAt, failure }: Event,
  facts: Facts,
  receipt: Receipt | undefined,
): NonNullable<Step["job"]> {
  const { id, claim, endedAt } = job;
  // A worker writes only while it holds its claim; a cancellation needs none.
  const isGuarded = from.work === "running" && claim !== undefined && event !== "cancel";
  const isEnd = endedAt === undefined && hasEnded(to);
  // No buyer comes back for long to a job that was never paid.
  const wasRefused = from.phase === "submitted" && to.phase === "void";
  const retentionMs = wasRefused ? UNPAID_RETENTION_MS : facts.retentionMs(call.resource);
  const set: JobChange = {
    phase: to.phase,
    work: to.work,
    ...defined({ receipt, result, runAt }),
    ...(to.work === "running" ? {} : { owner: undefined }),
    // Nothing runs the job again: the input is no longer needed.
    ...(event === "submit" || isEnd ? { input: null } : {}),
    ...(event === "aged" ? { input: null, result: undefined } : {}),
    ...(event === "attempt-failed" ? { failures: failures ?? job.failures + 1 } : {}),
    ...(isEnd ? { expiresAt: facts.now + retentionMs } : {}),
    ...(isEnd && to.phase === "delivered" ? { progress: 100 } : {}),
    ...(isEnd && to.work !== "done" ? { failure: failure ?? endOf(to, event), result: undefined } : {}),
  };
  return { id, optional: true, when: { work: [from.work], ...(isGuarded ? { claim } : {}) }, set };
}

/** How a call ends without an output when the work itself has not failed. */
function endOf(to: State, event: EventName): NonNullable<JobRecord["failure"]> {
  if (event === "abandoned") return { code: "interrupted", error: "The work was lost." };
  if (to.work === "canceled") return { code: "cancelled", error: "The job was canceled." };
  if (to.work === "expired") return { code: "expired", error: "The job could not be started in time." };
  return to.phase === "void"
    ? { code: "payment_failed", error: "The payment could not be settled." }
    : { code: "settled_late", error: "The payment was confirmed too late." };
}

/** See "Durability" in docs/money.md: what would be lost for good in a power cut is on disk before the next outside effect. */
function isDurable(
  call: CallRecord,
  from: State,
  to: State | "deleted",
  event: EventName,
  facts: Facts,
): boolean {
  if (!call.payment || to === "deleted" || to.phase === "open") return false;
  // The buyer of a canceled job was told that it will not be charged.
  if (from.phase === "open" && to.phase === "void") return event === "cancel";
  // A node can tell again that the money moved. An operator's word is given once.
  const isRetold = event === "settled" && from.phase === "submitted" && to.phase === "delivered";
  return !isRetold || !facts.hasNode(call.identity.network);
}

function receiptOf({ payment, identity }: CallRecord, transaction: string, now: number): Receipt | undefined {
  if (!payment) return undefined;
  const { requirements, network, asset } = payment;
  const atomicAmount = amountOf(payment);
  return {
    amount: formatAtomic(BigInt(atomicAmount), asset.decimals),
    currency: asset.symbol,
    atomicAmount,
    asset: requirements.asset,
    network,
    transaction,
    // The signer, whom verify has confirmed; never whom a later reply names.
    payer: signerOf(payment) || identity.payer,
    payTo: requirements.payTo,
    settledAt: new Date(now).toISOString(),
  };
}

/** What a buyer echoes of the challenge is longer than all the rest, and only a facilitator needs it. */
function withoutEcho(payment: SignedPayment): SignedPayment {
  if (payment.version === 1) return payment;
  const { resource, extensions, ...payload } = payment.payload;
  return { ...payment, payload };
}

/** One call, one refund: its id follows from that of the call. */
export function refundIdOf(callId: string): string {
  return `ref_${callId}`;
}

/** The refund of a charged call that ends without a result. */
function refundOf(call: CallRecord, receipt: Receipt, reason: string, now: number): RefundRecord {
  const { id: callId, jobId, resource, payment } = call;
  const { payer: to, network, asset, atomicAmount, amount, currency } = receipt;
  const { name, version } = payment?.requirements.extra ?? {};
  return {
    ...{ id: refundIdOf(callId), callId, jobId, resource, reason },
    ...{ to, network, asset, atomicAmount, amount, currency },
    domain: { name: String(name ?? ""), version: String(version ?? "") },
    ...{ state: "owed", ambiguous: false, payment: undefined, transaction: undefined },
    ...{ problem: undefined, resolution: undefined, tries: 0, retryAt: now, createdAt: now },
  };
}

/** Without the members that are not given. */
function defined<T extends object>(members: T): { [Name in keyof T]?: Exclude<T[Name], undefined> } {
  const given: Partial<T> = {};
  for (const name of Object.keys(members) as (keyof T)[]) {
    if (members[name] !== undefined) given[name] = members[name];
  }
  return given as never;
}
