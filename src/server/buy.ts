import { microUsd } from "../../schema/money.ts";
import { newCallback } from "../jobs/callback.ts";
import { newJob, newJobId } from "../jobs/record.ts";
import type { Verdict } from "../ledger/facilitator.ts";
import { ofPayer, provenPayer, recall } from "../ledger/idempotency.ts";
import { anonymous, endsTooLate, TOO_LONG } from "../ledger/payment.ts";
import { saysUsed } from "../ledger/words.ts";
import {
  AUTHORIZATION_MARGIN_MS,
  type CallRecord,
  type JobRecord,
  type SignedPayment,
  type StoredAnswer,
} from "../store/store.ts";
import { StoreUnavailable, Uncertain } from "../store/store-errors.ts";
import { problem, replayed } from "./answer.ts";
import type { Challenger } from "./challenge.ts";
import { createRepeats, type Repeats } from "./repeat.ts";
import { type CallDeps, type Purchase, STORE_RETRY_SECONDS, said } from "./request-context.ts";
import type { ServedResource } from "./resource.ts";
import { createStandings } from "./standing.ts";
import { createWork, endsBeforeWork, TOO_SHORT } from "./work.ts";

const QUEUE_RETRY_SECONDS = 5;
const OUTSTANDING_RETRY_SECONDS = 5;
const PLACE_RETRY_SECONDS = 1;
/** So many free calls with a key are kept at a time, of all callers together. */
const MAX_FREE_CALLS = 10_000;

export interface Buying extends Repeats {
  /** From a valid, priced request to its response. @throws StoreUnavailable */
  buy(purchase: Purchase): Promise<StoredAnswer>;
}

export function createBuying(deps: CallDeps, challenger: Challenger): Buying {
  const { store, ledger, offers, facilitator, faults, time, working } = deps;
  const { challenge, unavailable } = challenger;
  const work = createWork(deps);
  const standings = createStandings(deps, challenger, work);
  const { exclusively, goOn, respond } = standings;

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
      const retryAfterSeconds = QUEUE_RETRY_SECONDS;
      return problem("queue_full", requestId, { detail, paymentState, retryAfterSeconds });
    }
    const detail =
      because === "inputs"
        ? "The inputs of earlier jobs of this payer take too much space. Nothing was charged. Send the same request again later."
        : "Earlier calls of this payer are not settled yet. Send the same request again later.";
    const retryAfterSeconds = OUTSTANDING_RETRY_SECONDS;
    return problem("too_much_outstanding", requestId, { detail, paymentState, retryAfterSeconds });
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

  async function jobOf({ jobId }: CallRecord): Promise<JobRecord | undefined> {
    const job = jobId === undefined ? undefined : await store.job(jobId);
    return job === "gone" ? undefined : job;
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

  return { ...createRepeats(deps, standings), buy };
}
