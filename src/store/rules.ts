import { exceedsInputs, largeInputBytes } from "./input-bytes.ts";
import { hasEnded, isClaimable, MOVED, type State, statusOf, UNSETTLED } from "./state.ts";
import type {
  Begun,
  CallRecord,
  ClaimedJob,
  ClaimOptions,
  JobRecord,
  Limits,
  PaymentIdentity,
  RefundRecord,
  Step,
  Stepped,
} from "./store.ts";
import { AUTHORIZATION_MARGIN_MS, CALL_LIFE_MS, REFUND_LIFE_MS } from "./store.ts";

/** Whether a server lives, by the store's clock. */
export type Alive = (owner: string) => boolean;

/** No server works on it, or its server no longer lives. */
export function isOrphaned(record: { readonly owner: string | undefined }, alive: Alive): boolean {
  return record.owner === undefined || !alive(record.owner);
}

/** Answered by an error. */
export function hasFailed({ answer }: Pick<CallRecord, "answer">): boolean {
  return answer !== undefined && answer.status >= 400;
}

/** A synchronous call that was answered and not charged, because it was free or failed. */
export function hasEndedFree(call: Pick<CallRecord, "phase" | "payment" | "jobId">): boolean {
  if (call.jobId !== undefined) return false;
  return call.phase === "void" || (call.phase === "delivered" && call.payment === undefined);
}

/** What a store can look up of a call that is about to begin. */
interface Looks {
  holder(call: CallRecord): CallRecord | undefined;
  /** The last call of this payer with this fingerprint, if it began no earlier than `since`. */
  lastAlike(call: CallRecord, since: number): CallRecord | undefined;
  /** What the payer's open and submitted calls cost together. */
  outstanding(payer: string, settleableSince: number | undefined): number;
  /** Bytes of the large inputs that are kept of a payer; of all free jobs without one. */
  inputs(payer: string | undefined): number;
  /** Whether the queue of the job, or what is kept of free calls, has reached a limit. */
  isFull(call: CallRecord, job: JobRecord | undefined, limits: Limits): boolean;
}

/** Why a call may not begin, if it may not. A store that asks has locked what it looks at. */
export function refusalToBegin(
  call: CallRecord,
  job: JobRecord | undefined,
  limits: Limits,
  looks: Looks,
): Extract<Begun, { readonly begun: false }> | undefined {
  const holder = looks.holder(call);
  if (holder) return { begun: false, because: "taken", holder };
  const { duplicateSince, outstanding: most } = limits;
  const duplicate = duplicateSince === undefined ? undefined : looks.lastAlike(call, duplicateSince);
  if (duplicate) return { begun: false, because: "duplicate", holder: duplicate };
  const { payer } = call.identity;
  if (most !== undefined && looks.outstanding(payer, limits.settleableSince) + call.value > most) {
    return { begun: false, because: "outstanding" };
  }
  const own = job && limits.inputBytes !== undefined ? largeInputBytes(job) : 0;
  if (own > 0 && exceedsInputs(looks.inputs(job?.payer), own, limits.inputBytes ?? 0)) {
    return { begun: false, because: "inputs" };
  }
  return looks.isFull(call, job, limits) ? { begun: false, because: "full" } : undefined;
}

/** Whether a claim may take this job. */
export function mayClaim(
  job: State & Pick<JobRecord, "id" | "owner" | "runAt" | "startBy">,
  { owner, except = [], orphans = false }: ClaimOptions,
  alive: Alive,
  now: number,
): boolean {
  if (except.includes(job.id)) return false;
  if (statusOf(job) === "running") return orphans && (job.owner === owner || isOrphaned(job, alive));
  return isClaimable(job) && job.runAt <= now && !isLate(job, now);
}

/** What a claim makes of a job. */
export function claimed(job: JobRecord, owner: string, now: number): ClaimedJob {
  const orphaned = job.work === "running";
  return {
    job: {
      ...job,
      work: "running",
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

/** Waits for its first start, and has waited too long. */
export function isLate(job: State & Pick<JobRecord, "startBy">, now: number): boolean {
  return isClaimable(job) && job.startBy !== undefined && job.startBy <= now;
}

/**
 * The price may still be settled, so that it counts against what one payer may have open at a time.
 * @param settleableSince A payment that could be settled until then at the latest no longer counts.
 */
export function isOutstanding(
  call: Pick<CallRecord, "phase" | "payment"> & { readonly identity: Pick<PaymentIdentity, "validBefore"> },
  settleableSince = Number.NEGATIVE_INFINITY,
): boolean {
  if (call.payment === undefined || !UNSETTLED.includes(call.phase)) return false;
  return call.identity.validBefore * 1000 >= settleableSince;
}

/** The money of the call has moved, whatever became of it since. */
export function isPaid({ phase, payment }: Pick<CallRecord, "phase" | "payment">): boolean {
  return payment !== undefined && MOVED.includes(phase);
}

/** Its settlement was tried without an outcome. */
export function isUnconfirmed({ phase, tries }: Pick<CallRecord, "phase" | "tries">): boolean {
  return phase === "submitted" && tries > 0;
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
  const skipsJob = step.job?.optional === true && found.job === undefined;
  const job = step.job && takeJob(step.job, found.job, alive, now);
  if (step.job && !job && !skipsJob) return undefined;
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
  if (when?.unowned && call.owner !== undefined) return undefined;
  if (when?.orphaned && !isOrphaned(call, alive)) return undefined;
  if (when?.phase && !when.phase.includes(call.phase)) return undefined;
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
  if (when?.work && !when.work.includes(job.work)) return undefined;
  if (when?.phase && !when.phase.includes(job.phase)) return undefined;
  if (when && "claim" in when && job.claim !== when.claim) return undefined;
  if (when?.owner !== undefined && job.owner !== when.owner) return undefined;
  if (when?.orphaned && !isOrphaned(job, alive)) return undefined;
  if (when?.callbackTries !== undefined && job.callback?.tries !== when.callbackTries) return undefined;
  if (set === "forget") return job;
  // A delivered webhook changes nothing that a buyer is shown.
  const isJobEvent = Object.keys(set).some((name) => name !== "callback");
  const next = { ...job, ...set, updatedAt: isJobEvent ? now : job.updatedAt };
  const startedAt = next.startedAt ?? (next.work === "running" ? now : undefined);
  if (!hasEnded(next) || job.endedAt !== undefined) return { ...next, startedAt };
  // The store schedules the webhook, so that no way to end a job can forget it.
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
  call: Pick<CallRecord, "phase" | "retryAt" | "createdAt"> & { identity: { validBefore: number } },
  ties: Ties,
  now: number,
): boolean {
  const isDue = call.retryAt !== undefined || call.phase === "submitted";
  return !isDue && !ties.owed && !ties.job && sweepCallAt(call) <= now;
}

/** When a call may be swept at the earliest, in milliseconds since the epoch. */
export function sweepCallAt(
  call: Pick<CallRecord, "createdAt"> & { identity: { validBefore: number } },
): number {
  return Math.max(call.createdAt + CALL_LIFE_MS, call.identity.validBefore * 1000 + AUTHORIZATION_MARGIN_MS);
}

/** A job is kept as long as its money is not where it belongs: whoever brings it there writes to the job too. */
export function maySweepJob(
  job: Pick<JobRecord, "expiresAt" | "phase">,
  ties: Pick<Ties, "owed">,
  now: number,
): boolean {
  return job.expiresAt !== undefined && job.expiresAt <= now && !ties.owed && job.phase !== "submitted";
}

export function maySweepRefund(refund: Pick<RefundRecord, "state" | "createdAt">, now: number): boolean {
  return refund.state === "paid" && refund.createdAt + REFUND_LIFE_MS <= now;
}
