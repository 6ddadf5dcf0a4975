import { DEFAULT_RETENTION, DEFAULT_TIMEOUT } from "../../schema/api.ts";
import { milliseconds } from "../../schema/duration.ts";
import { microUsd } from "../../schema/money.ts";
import { newCallback } from "../jobs/callback.ts";
import { newJob, newJobId } from "../jobs/record.ts";
import type { Verdict } from "../ledger/facilitator.ts";
import { NO_PAYMENT, ofPayer, provenPayer, recall, unrecorded } from "../ledger/idempotency.ts";
import { anonymous, endsTooLate, TOO_LONG } from "../ledger/payment.ts";
import type { Standing } from "../ledger/settle.ts";
import { saysUsed } from "../ledger/words.ts";
import {
  AUTHORIZATION_MARGIN_MS,
  type CallRecord,
  type JobRecord,
  type SignedPayment,
  type StoredAnswer,
} from "../store/store.ts";
import { StoreUnavailable, Uncertain } from "../store/store-errors.ts";
import { problem, replayed, withPaymentState } from "./answer.ts";
import {
  type CallDeps,
  type Challenger,
  type Purchase,
  type RequestContext,
  STORE_RETRY_SECONDS,
  said,
  settlementOf,
} from "./request-context.ts";
import type { ServedResource } from "./resource.ts";
import { type ResponseContext, responseTo } from "./response.ts";
import { createWork, endsBeforeWork, TOO_SHORT } from "./work.ts";

const QUEUE_RETRY_SECONDS = 5;
const OUTSTANDING_RETRY_SECONDS = 5;
const PLACE_RETRY_SECONDS = 1;
const CONFIRM_RETRY_SECONDS = 2;
/** So many free calls with a key are kept at a time, of all callers together. */
const MAX_FREE_CALLS = 10_000;

export interface Buying {
  /** From a valid, priced request to its response. @throws StoreUnavailable */
  buy(purchase: Purchase): Promise<StoredAnswer>;
  /**
   * The response to the very request of a recorded call; `undefined` when its work is still to be done, or when it takes a
   * new challenge. @throws StoreUnavailable
   */
  repeat(call: CallRecord, context: RequestContext): Promise<StoredAnswer | undefined>;
  /** How a recorded call stands now, without going on with it. @throws StoreUnavailable */
  standingOf(call: CallRecord, context: RequestContext): Promise<StoredAnswer | undefined>;
  /** As `repeat`, for a call whose resource is no longer there. */
  repeatElsewhere(call: CallRecord, request: Request): Promise<StoredAnswer | undefined>;
}

export function createBuying(deps: CallDeps, challenger: Challenger): Buying {
  const { store, ledger, offers, facilitator, faults, time, working } = deps;
  const { challenge, unavailable } = challenger;
  const work = createWork(deps);

  async function buy(purchase: Purchase): Promise<StoredAnswer> {
    const { resource, claim } = purchase;
    const { key, paid } = claim;
    if (!paid && !resource.isJob && key.value === undefined) {
      return inPlace(purchase, () => work.unrecorded(purchase));
    }
    const holder = purchase.holder ?? (await keyHolder(purchase));
    if (holder) return again(holder, purchase);
    if (faults) await faults.reach("call.unknown");
    return resource.isJob ? buyNew(purchase) : inPlace(purchase, () => buyNew(purchase));
  }

  /** Takes a place before anything is verified, so that no promise to pay starts more handlers than there are places. */
  async function inPlace(
    { resource, requestId, paymentState }: Purchase,
    task: () => Promise<StoredAnswer>,
  ): Promise<StoredAnswer> {
    const release = deps.places.take(resource);
    if (!release) {
      const detail = "Too many calls are being worked on. Nothing was charged. Send the same request again.";
      const retryAfterSeconds = PLACE_RETRY_SECONDS;
      return problem("unavailable", requestId, { detail, paymentState, retryAfterSeconds });
    }
    try {
      return await task();
    } finally {
      release();
    }
  }

  /** Buys what no recorded call holds. What depends on no payment is refused after the payer has been verified, as in `again`. */
  async function buyNew(purchase: Purchase): Promise<StoredAnswer> {
    const { resource, requestId, log, amount, claim, paymentState } = purchase;
    const { paid } = claim;
    const { payment, verdict } = paid ? await examine(purchase) : {};
    if (verdict?.verdict === "unavailable") return unavailable(purchase, verdict.reason, paymentState);
    if (verdict?.verdict === "invalid") {
      // A twin may have settled it since the look-up. Then the twin's response counts.
      const twin = await paymentHolder(purchase);
      if (twin) return again(twin, purchase);
      log.info({ reason: verdict.reason }, "payment invalid");
      // When a facilitator reports that the nonce is used, the payment has been settled elsewhere.
      const state = saysUsed(verdict.reason) ? "unknown" : paymentState;
      return challenge(purchase, amount, state, verdict.reason);
    }
    if (purchase.callback && "refused" in purchase.callback) {
      return problem("callback_refused", requestId, { detail: purchase.callback.refused, paymentState });
    }
    if (await isUnmanned(resource)) {
      const detail =
        "No worker is available to start this job in time. Nothing was charged. Send the same request again later.";
      const retryAfterSeconds = QUEUE_RETRY_SECONDS;
      return problem("unavailable", requestId, { detail, paymentState, retryAfterSeconds });
    }
    if (payment && endsBeforeWork(claim.identity, resource, time.now())) {
      return challenge(purchase, amount, paymentState, TOO_SHORT);
    }
    if (faults) await faults.reach("call.verified");
    return begin(purchase, payment);
  }

  function keyHolder({ resource, claim: { identity, key } }: Purchase): Promise<CallRecord | undefined> {
    if (key.value === undefined) return Promise.resolve(undefined);
    return store.findCall({ resource: resource.name, identity, key: key.value });
  }

  function paymentHolder({ resource, claim: { identity } }: Purchase): Promise<CallRecord | undefined> {
    return store.findCall({ resource: resource.name, identity, key: undefined });
  }

  /** No worker has been alive for as long as a job of this resource may wait for its start. */
  async function isUnmanned({ startWithinMs }: ServedResource): Promise<boolean> {
    if (!deps.workerLiveness || startWithinMs === undefined) return false;
    return (await deps.workerLiveness.missingMs()) >= startWithinMs;
  }

  /** Whether a payment fits an offer at today's price, and whether it is valid. Moves nothing. */
  async function examine(
    purchase: Purchase,
  ): Promise<{ readonly payment?: SignedPayment | undefined; readonly verdict: Verdict }> {
    const { resource, amount, url, presented, trace, claim, log } = purchase;
    try {
      const payment = presented && (await offers?.match(resource, amount, url, presented));
      if (!payment || !facilitator)
        return { verdict: { verdict: "invalid", reason: "No matching payment requirements" } };
      if (endsTooLate(claim.identity, payment.requirements.maxTimeoutSeconds, time.now())) {
        return { payment, verdict: { verdict: "invalid", reason: TOO_LONG } };
      }
      const ask = async () => ofPayer(await facilitator.verify(payment, resource.name), claim.identity.payer);
      return { payment, verdict: await trace.step("verify", ask, ({ verdict }) => said(verdict)) };
    } catch (error) {
      log.error({ error }, "the payment could not be verified");
      return { verdict: { verdict: "unavailable", reason: "facilitator_unavailable" } };
    }
  }

  /** Writes the intent. Then the work, the settlement and the response. */
  async function begin(purchase: Purchase, payment: SignedPayment | undefined): Promise<StoredAnswer> {
    const { requestId, resource, claim, written, amount, trace } = purchase;
    const now = time.now();
    const isUpfront = payment !== undefined && resource.charge === "before";
    const callback =
      purchase.callback && "url" in purchase.callback ? newCallback(purchase.callback.url) : undefined;
    const isJobAtOnce = resource.isJob && !isUpfront;
    const call: CallRecord = {
      id: requestId,
      resource: resource.name,
      key: claim.key.value,
      fingerprint: claim.fingerprint,
      requestHash: claim.requestHash,
      identity: claim.identity,
      payment,
      value: payment ? microUsd(amount.value) : 0,
      charge: resource.charge,
      cancel: resource.cancel,
      // A call that is charged before its work is submitted next: its intent says so.
      phase: isUpfront ? "submitted" : "open",
      ambiguous: false,
      answer: undefined,
      receipt: undefined,
      reason: undefined,
      resolution: undefined,
      jobId: resource.isJob ? newJobId() : undefined,
      // A job that may start at once belongs to the worker that claims it.
      owner: isJobAtOnce ? undefined : ledger.owner,
      tries: 0,
      retryAt: isJobAtOnce ? undefined : now,
      createdAt: now,
      endedAt: undefined,
    };
    const job = newJob(call, written, {
      startWithinMs: resource.startWithinMs,
      callback,
      trace: trace.parent,
    });
    if (job) deps.startJobs();
    if (callback) deps.callbacks?.start();
    return exclusively(call.id, async () => {
      const begun = await ledger.begin(call, job, limitsFor(call, purchase, now)).catch(notWritten);
      if (!("begun" in begun)) return unavailableStore(purchase, begun);
      if (begun.begun) return goOn(call, job, purchase);
      return "holder" in begun && begun.because === "taken"
        ? again(begun.holder, purchase)
        : notBegun(begun.because, purchase);
    });
  }

  function limitsFor(call: CallRecord, { resource, claim }: Purchase, now: number) {
    const isGuarded = call.payment && claim.key.value === undefined && deps.duplicateWindowMs > 0;
    return {
      ...(isGuarded ? { duplicateSince: now - deps.duplicateWindowMs } : {}),
      // One call at a time is always allowed, whatever it costs.
      ...(call.payment
        ? { outstanding: Math.max(deps.maxOutstanding, call.value) }
        : { freeCalls: MAX_FREE_CALLS }),
      queued: {
        all: deps.maxQueued,
        ...(resource.maxQueued === undefined ? {} : { resource: resource.maxQueued }),
      },
      inputBytes: deps.maxInputBytes,
      settleableSince: now - AUTHORIZATION_MARGIN_MS,
    };
  }

  /** Whether an intent may stand in the store all the same. */
  function notWritten(error: unknown): { readonly isUncertain: boolean; readonly error: StoreUnavailable } {
    if (error instanceof StoreUnavailable) return { isUncertain: error instanceof Uncertain, error };
    throw error;
  }

  function unavailableStore(
    { requestId, log, claim, paymentState }: Purchase,
    { isUncertain, error }: ReturnType<typeof notWritten>,
  ): StoredAnswer {
    log.error({ error }, "the store is not available");
    const state = isUncertain && claim.paid ? "in_flight" : paymentState;
    return problem("unavailable", requestId, { paymentState: state, retryAfterSeconds: STORE_RETRY_SECONDS });
  }

  /** Nothing was written, and nothing was charged. */
  async function notBegun(
    because: "taken" | "duplicate" | "outstanding" | "inputs" | "full",
    purchase: Purchase,
  ): Promise<StoredAnswer> {
    const { requestId, paymentState, resource, claim } = purchase;
    // Strangers may have used up what is kept of free calls. The others are answered all the same, but not repeated.
    if (because === "full" && !resource.isJob && !claim.paid) return work.unrecorded(purchase);
    if (because === "duplicate") {
      const detail =
        "This looks like a duplicate of a recent purchase. To buy again, send a new Idempotency-Key.";
      return problem("possible_duplicate", requestId, { detail, paymentState });
    }
    if (because === "full" || (because === "inputs" && !claim.paid)) {
      const detail = "The queue is full. Nothing was charged. Send the same request again later.";
      return problem("queue_full", requestId, {
        detail,
        paymentState,
        retryAfterSeconds: QUEUE_RETRY_SECONDS,
      });
    }
    const detail =
      because === "inputs"
        ? "The inputs of earlier jobs of this payer take too much space. Nothing was charged. Send the same request again later."
        : "Earlier calls of this payer are not settled yet. Send the same request again later.";
    const retryAfterSeconds = OUTSTANDING_RETRY_SECONDS;
    return problem("too_much_outstanding", requestId, { detail, paymentState, retryAfterSeconds });
  }

  /** Lets twins in this process wait for one response, from before the intent can stand in the store. */
  function exclusively(callId: string, task: () => Promise<StoredAnswer>): Promise<StoredAnswer> {
    const answer = task();
    working.set(callId, answer);
    return answer.finally(() => working.delete(callId));
  }

  /** A payment or a key that a call holds: the same response, for the buyer of that call. */
  async function again(holder: CallRecord, purchase: Purchase): Promise<StoredAnswer> {
    const { requestId, log, amount, claim, paymentState } = purchase;
    const isOwn = claim.paid && holder.identity.nonce === claim.identity.nonce;
    log.info({ callId: holder.id }, "repeats a recorded call");
    const prove = async (): Promise<Verdict> => provenPayer(await examine(purchase), claim.identity.payer);
    const ruling = await recall(holder, claim, prove);
    if (ruling.ruling === "unavailable") return unavailable(purchase, ruling.reason, paymentState);
    if (ruling.ruling === "invalid") {
      log.info({ reason: ruling.reason }, "payment of a replay invalid");
      return challenge(purchase, amount, paymentState, ruling.reason);
    }
    if (ruling.ruling === "conflict") {
      // What was bought with a payment is told only to who can prove to have bought it.
      return problem(ruling.code, requestId, { paymentState: isOwn ? "unknown" : paymentState });
    }
    // It lapsed or was refused, and what it was for has become free.
    if (holder.phase === "void" && holder.answer === undefined && amount.value === 0n) {
      const identity = anonymous(claim.resource, claim.key, requestId);
      const free = { ...claim, identity, paid: false };
      return buy({ ...purchase, presented: undefined, holder: undefined, claim: free });
    }
    // Another signature has only proved who asks. It is never settled.
    const isUnused = claim.paid && !isOwn;
    const twin = working.get(holder.id);
    // The response of a free job's first request tells its webhook secret.
    const isTold = holder.payment !== undefined || holder.jobId === undefined;
    if (twin) {
      const answer = await twin;
      return replayed(isTold ? answer : await resumed(holder, purchase), isUnused);
    }
    // Nothing is awaited between the look and this: of many copies, one goes on and the others wait for it.
    return replayed(await exclusively(holder.id, () => resumed(holder, purchase)), isUnused);
  }

  /** Goes on with a call whose server died, for the buyer that came back; else the response to it as it stands. */
  async function resumed(holder: CallRecord, purchase: Purchase): Promise<StoredAnswer> {
    const isSync = holder.jobId === undefined;
    const isStalled =
      holder.phase === "submitted" || (isSync && (holder.phase === "open" || holder.phase === "charged"));
    const taken = isStalled ? await ledger.take(holder) : undefined;
    if (taken) return goOn(taken, await jobOf(taken), purchase);
    const now = isStalled ? await store.call(holder.id) : holder;
    return respond(now ?? "deleted", purchase);
  }

  /** From where a call of ours stands to its response: settle and run, or run and settle. */
  async function goOn(
    call: CallRecord,
    job: JobRecord | undefined,
    purchase: Purchase,
  ): Promise<StoredAnswer> {
    let standing: Standing = call;
    if (call.phase === "submitted") {
      const settle = () => ledger.settle(call);
      standing = await purchase.trace.step("settle", settle, (now) => said(settlementOf(now)));
    }
    if (typeof standing === "string") return respond(standing, purchase, call, job);
    const isOurs = standing.owner === ledger.owner && standing.jobId === undefined;
    if (isOurs && (standing.phase === "open" || standing.phase === "charged")) {
      const worked = await work.execute(standing, purchase);
      standing = worked.standing;
      if (standing === "deleted" && worked.failure) return withPaymentState(worked.failure, NO_PAYMENT);
    }
    const response = await respond(standing, purchase, call, job);
    if (faults && response.status < 400) await faults.reach("call.answered");
    return response;
  }

  async function jobOf({ jobId }: CallRecord): Promise<JobRecord | undefined> {
    const job = jobId === undefined ? undefined : await store.job(jobId);
    return job === "gone" ? undefined : job;
  }

  /**
   * The response to a call as it stands.
   * @param begun The call and its job as this request has written them, for when the store cannot be read.
   */
  async function respond(
    standing: Standing,
    purchase: Purchase,
    begun?: CallRecord,
    job?: JobRecord,
  ): Promise<StoredAnswer> {
    const { requestId, amount, claim } = purchase;
    if (standing === "deleted") {
      // A deleted call is never settled: the buyer may send the same bytes again.
      const paymentState = claim.paid
        ? unrecorded(claim.identity, deps.memory, time.now())
        : purchase.paymentState;
      return problem("in_progress", requestId, { paymentState, retryAfterSeconds: 1 });
    }
    if (standing === "unreadable") {
      if (begun && job) return jobResponse(begun, job, purchase);
      return problem("settlement_unknown", requestId, {
        detail: "The payment is not confirmed yet. Send the same request again. Do not pay again.",
        paymentState: claim.paid ? "in_flight" : purchase.paymentState,
        retryAfterSeconds: CONFIRM_RETRY_SECONDS,
      });
    }
    const now = standing.jobId === undefined ? undefined : await jobNow(standing.jobId);
    if (now === "unreadable") return respond(now, purchase, begun, job);
    const about = { ...contextOf(purchase, purchase.resource), isFirst: begun?.id === requestId };
    const response = responseTo(standing, now, about);
    if (response) return response;
    const paymentState = "unused";
    const reason = standing.reason ?? "payment_failed";
    if (amount.value > 0n) return challenge(purchase, amount, paymentState, reason);
    return problem("in_progress", requestId, { paymentState, retryAfterSeconds: 1 });
  }

  function jobNow(jobId: string): Promise<JobRecord | "gone" | "unreadable" | undefined> {
    return store.job(jobId).catch((error: unknown) => {
      if (!(error instanceof StoreUnavailable)) throw error;
      return "unreadable" as const;
    });
  }

  function jobResponse(call: CallRecord, job: JobRecord, purchase: Purchase): StoredAnswer {
    const about = { ...contextOf(purchase, purchase.resource), isFirst: call.id === purchase.requestId };
    const response = responseTo(call, job, about);
    if (!response) throw new Error("a job always has a response");
    return response;
  }

  function contextOf(
    { request, requestId }: Pick<RequestContext, "request" | "requestId">,
    resource: ResponseContext["resource"],
  ): ResponseContext {
    const statusUrl = (jobId: string) => deps.url(request, `/v1/jobs/${jobId}`);
    return { requestId, statusUrl, resource, isFirst: false };
  }

  async function stated(call: CallRecord, about: ResponseContext): Promise<StoredAnswer | undefined> {
    const job = call.jobId === undefined ? undefined : await store.job(call.jobId);
    const response = responseTo(call, job, about);
    return response && replayed(response);
  }

  async function repeat(call: CallRecord, about: ResponseContext): Promise<StoredAnswer | undefined> {
    const twin = working.get(call.id);
    if (twin) return replayed(await twin);
    const isSync = call.jobId === undefined;
    if (call.phase === "submitted" && !(isSync && call.charge === "before")) {
      // To settle takes neither the resource nor its handler.
      return exclusively(call.id, async () => {
        const taken = await ledger.take(call);
        const settled = taken && (await ledger.settle(taken));
        const now = typeof settled === "object" ? settled : await store.call(call.id);
        // Refused after all: the next request gets the new challenge.
        const again = { paymentState: "unknown", retryAfterSeconds: 1 } as const;
        return (now && (await stated(now, about))) ?? problem("in_progress", about.requestId, again);
      });
    }
    const takesWork = isSync && ["open", "submitted", "charged"].includes(call.phase);
    return takesWork ? undefined : stated(call, about);
  }

  return {
    buy,
    repeat: (call, context) => repeat(call, contextOf(context, context.resource)),
    standingOf: (call, context) => stated(call, contextOf(context, context.resource)),
    async repeatElsewhere(call, request) {
      const about = contextOf(
        { request, requestId: crypto.randomUUID() },
        { timeoutMs: milliseconds(DEFAULT_TIMEOUT), retentionMs: milliseconds(DEFAULT_RETENTION) },
      );
      return (await repeat(call, about)) ?? stated((await store.call(call.id)) ?? call, about);
    },
  };
}
