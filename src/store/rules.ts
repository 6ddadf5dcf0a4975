import { TERMINAL } from "../wire/index.ts";
import type {
  CallRecord,
  ClaimedJob,
  ClaimOptions,
  JobRecord,
  PaymentIdentity,
  RefundRecord,
  Step,
  Stepped,
} from "./store.ts";
import { AUTHORIZATION_MARGIN_MS, CALL_LIFE_MS, REFUND_LIFE_MS } from "./store.ts";

/** Whether a server lives, by the store's clock. */
export type Alive = (owner: string) => boolean;

/** Nobody works on it, or a server that does not live any more. */
export function isOrphaned(record: { readonly owner: string | undefined }, alive: Alive): boolean {
  return record.owner === undefined || !alive(record.owner);
}

/** Somebody has to come back to it: money may be moving, or there is no answer yet. */
export function isOpen(call: Pick<CallRecord, "paymentState" | "answer">): boolean {
  return call.paymentState === "in_flight" || call.answer === undefined;
}

/** Answered by an error. */
export function hasFailed({ answer }: Pick<CallRecord, "answer">): boolean {
  return answer !== undefined && answer.status >= 400;
}

/** Answered in the same request, and not charged: it was free, or it has failed. */
export function hasEndedFree(call: Pick<CallRecord, "paymentState" | "answer" | "jobId">): boolean {
  return call.jobId === undefined && call.paymentState === "unused" && !isOpen(call);
}

/** Whether a claim may take this job. */
export function isClaimable(
  job: Pick<JobRecord, "id" | "status" | "owner" | "runAt" | "startBy">,
  { owner, except = [], orphans = false }: ClaimOptions,
  alive: Alive,
  now: number,
): boolean {
  if (except.includes(job.id)) return false;
  if (job.status === "running") return orphans && (job.owner === owner || isOrphaned(job, alive));
  return job.status === "queued" && job.runAt <= now && (job.startBy === undefined || job.startBy > now);
}

/** What a claim makes of a job. */
export function claimed(job: JobRecord, owner: string, now: number): ClaimedJob {
  const orphaned = job.status === "running";
  return {
    job: {
      ...job,
      status: "running",
      owner,
      claim: crypto.randomUUID(),
      attempt: job.attempt + 1,
      // A server that has lost track of its own job (the store failed) is not a failure of the job.
      failures: job.failures + (orphaned && job.owner !== owner ? 1 : 0),
      startBy: undefined,
      startedAt: job.startedAt ?? now,
      updatedAt: now,
    },
    orphaned,
  };
}

/** What a claim decides by. */
export type Candidate = Pick<JobRecord, "id" | "resource" | "createdAt">;

/**
 * The claimable jobs that a claim takes, in order: each resource gives its oldest, then each its second oldest. The
 * turns begin behind the resource that `last` names, so that claims of one job at a time are fair as well.
 */
export function inTurns<Job extends Candidate>(
  jobs: Iterable<Job>,
  { limit, most = {} }: Pick<ClaimOptions, "limit" | "most">,
  last: string,
): Job[] {
  const byResource = new Map<string, Job[]>();
  for (const job of [...jobs].sort(byAge)) {
    const own = byResource.get(job.resource) ?? [];
    byResource.set(job.resource, own);
    if (own.length < (most[job.resource] ?? limit)) own.push(job);
  }
  const names = [...byResource.keys()].sort();
  const order = [...names.filter((name) => name > last), ...names.filter((name) => name <= last)];
  return order
    .flatMap((name, place) => (byResource.get(name) ?? []).map((job, turn) => ({ job, turn, place })))
    .sort((a, b) => a.turn - b.turn || a.place - b.place)
    .slice(0, limit)
    .map(({ job }) => job);
}

/**
 * Takes a place in the queue: it waits for a worker, or for its payment to do so. What may be in doubt for good does not.
 */
export function isQueued(
  job: Pick<JobRecord, "status" | "startedAt" | "createdAt">,
  doubtSince = Number.NEGATIVE_INFINITY,
): boolean {
  if (job.status !== "awaiting_payment") return job.status === "queued";
  return job.startedAt === undefined && job.createdAt >= doubtSince;
}

/**
 * The work is, or will be, done before the money has come. It is not owed any more once the job has ended unpaid; a
 * job whose record is gone has ended.
 */
export function isOutstanding(
  call: Pick<CallRecord, "charge" | "jobId" | "paymentState">,
  job: Pick<JobRecord, "status"> | undefined,
): boolean {
  if (call.charge !== "after" || call.jobId === undefined || call.paymentState === "settled") return false;
  return call.paymentState === "in_flight" || (job !== undefined && !TERMINAL.includes(job.status));
}

/** Nobody knows whether its money has moved, nor may ever: its payment could be settled until `since` at the latest. */
export function isLongInDoubt(
  call: Pick<CallRecord, "paymentState"> & { readonly identity: Pick<PaymentIdentity, "validBefore"> },
  since = Number.NEGATIVE_INFINITY,
): boolean {
  return call.paymentState === "in_flight" && call.identity.validBefore * 1000 < since;
}

/** Order of what is told oldest first; the id decides between two of one millisecond. */
export function byAge(a: { createdAt: number; id: string }, b: { createdAt: number; id: string }): number {
  return a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1);
}

/**
 * What the records named in a step become, or `undefined` when one is missing or a guard does not hold. A refund that
 * is to be added must not be there yet: it is paid once.
 * @param found The records as they stand; for a refund to be added, the one that has its id already.
 */
export function take(step: Step, found: Stepped, alive: Alive, now: number): Stepped | undefined {
  const call = step.call && takeCall(step.call, found.call, alive, now);
  if (step.call && !call) return undefined;
  const job = step.job && takeJob(step.job, found.job, alive, now);
  if (step.job && !job) return undefined;
  const refund = step.refund && takeRefund(step.refund, found.refund);
  if (step.refund && !refund) return undefined;
  return { ...(call && { call }), ...(job && { job }), ...(refund && { refund }) };
}

function takeCall(
  { when, set }: NonNullable<Step["call"]>,
  call: CallRecord | undefined,
  alive: Alive,
  now: number,
): CallRecord | undefined {
  if (!call) return undefined;
  if (when?.owner !== undefined && call.owner !== when.owner) return undefined;
  if (when?.orphaned && !isOrphaned(call, alive)) return undefined;
  if (when?.paymentState && !when.paymentState.includes(call.paymentState)) return undefined;
  if (when?.unanswered && call.answer !== undefined) return undefined;
  if (set === "forget") return call;
  const endedAt = set.answer && !call.answer && call.jobId === undefined ? now : call.endedAt;
  return { ...call, ...set, endedAt };
}

function takeJob(
  { when, set }: NonNullable<Step["job"]>,
  job: JobRecord | undefined,
  alive: Alive,
  now: number,
): JobRecord | undefined {
  if (!job) return undefined;
  if (when?.status && !when.status.includes(job.status)) return undefined;
  if (when && "claim" in when && job.claim !== when.claim) return undefined;
  if (when?.owner !== undefined && job.owner !== when.owner) return undefined;
  if (when?.orphaned && !isOrphaned(job, alive)) return undefined;
  if (when?.callbackTries !== undefined && job.callback?.tries !== when.callbackTries) return undefined;
  // To whom the end was told is no news of the job: what has ended is not written on any more.
  const isNews = Object.keys(set).some((name) => name !== "callback");
  const next = { ...job, ...set, updatedAt: isNews ? now : job.updatedAt };
  const startedAt = next.startedAt ?? (next.status === "running" ? now : undefined);
  if (!TERMINAL.includes(next.status) || job.endedAt !== undefined) return { ...next, startedAt };
  // Whoever ends a job need not think of those who want to be told.
  const callback = next.callback && { ...next.callback, dueAt: now };
  return { ...next, startedAt, endedAt: now, callback };
}

function takeRefund(
  refund: NonNullable<Step["refund"]>,
  found: RefundRecord | undefined,
): RefundRecord | undefined {
  if ("add" in refund) return found ? undefined : refund.add;
  if (!found) return undefined;
  const { state = found.state, tries = found.tries } = refund.when ?? {};
  if (found.state !== state || found.tries !== tries) return undefined;
  return { ...found, ...refund.set };
}

/** What else is there of a call, as far as sweeping asks. */
export interface Ties {
  /** A refund of it is still owed. */
  readonly owed: boolean;
  /** The record of its job is still there. */
  readonly job: boolean;
}

/** A key outlives its job, and a payment its authorization: a late replay must not charge again. */
export function maySweepCall(
  call: Pick<CallRecord, "paymentState" | "answer" | "createdAt"> & { identity: { validBefore: number } },
  ties: Ties,
  now: number,
): boolean {
  // What is open is for the recovery: it may have been charged, and be owed back.
  return !isOpen(call) && !ties.owed && !ties.job && sweepCallAt(call) <= now;
}

/** When a call may be swept at the earliest, in milliseconds since the epoch. */
export function sweepCallAt(
  call: Pick<CallRecord, "createdAt"> & { identity: { validBefore: number } },
): number {
  return Math.max(call.createdAt + CALL_LIFE_MS, call.identity.validBefore * 1000 + AUTHORIZATION_MARGIN_MS);
}

/** A job is kept as long as its money is not where it belongs: whoever brings it there writes to the job too. */
export function maySweepJob(
  job: Pick<JobRecord, "expiresAt">,
  call: Pick<CallRecord, "paymentState"> | undefined,
  ties: Pick<Ties, "owed">,
  now: number,
): boolean {
  return (
    job.expiresAt !== undefined && job.expiresAt <= now && !ties.owed && call?.paymentState !== "in_flight"
  );
}

export function maySweepRefund(refund: Pick<RefundRecord, "state" | "createdAt">, now: number): boolean {
  return refund.state === "paid" && refund.createdAt + REFUND_LIFE_MS <= now;
}
