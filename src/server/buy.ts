import { microUsd } from "../../schema/money.ts";
import { newCallback } from "../jobs/callback.ts";
import { acceptedJob, newJob, newJobId } from "../jobs/record.ts";
import { type Outcome, run } from "../jobs/run.ts";
import { type Verdict, verify } from "../payments/charge.ts";
import type { Closing } from "../payments/collect.ts";
import { untilDoneMs } from "../payments/offer.ts";
import { provenPayer, recall, unrecorded } from "../payments/recall.ts";
import { StoreUnavailable } from "../store/steady.ts";
import type { Callback, CallRecord, PaymentIdentity, SignedPayment, StoredAnswer } from "../store/store.ts";
import { HEADERS } from "../wire/index.ts";
import { failure, fromCache, json, problem, replayed } from "./answer.ts";
import type { CachedOutput } from "./cache.ts";
import type { ServedResource } from "./resource.ts";
import { type Asking, type CallRoom, type Purchase, STORE_RETRY_SECONDS } from "./visit.ts";

/** What must be left of an authorization after the work, so that it can be settled. */
const SETTLE_SECONDS = 10;
/** A full queue is asked again after this long. */
const QUEUE_RETRY_SECONDS = 5;
const TOO_SHORT = "authorization_ends_before_the_work";

/**
 * From a valid, priced request to its answer: look up → verify → write the intent → then, by the resource's way to
 * charge, run and settle or settle and run.
 */
export function createBuying(
  room: CallRoom,
  { challenge, unavailable }: Asking,
): (purchase: Purchase) => Promise<StoredAnswer> {
  const { store, ledger, offers, facilitator, faults, telemetry } = room;
  /** Calls that are being worked on in this process: a concurrent twin waits for the same answer. */
  const inFlight = new Map<string, Promise<StoredAnswer>>();

  return async (purchase) => {
    const { resource, requestId, log, amount, claim } = purchase;
    const { key, paid } = claim;
    if (!paid && !resource.isJob && key.value === undefined) return answerUnrecorded(purchase);

    const holder = await known(purchase);
    if (holder === "unreadable") {
      // Whether this payment has been settled before stands in the store: to say "unused" would be a guess.
      return problem("unavailable", requestId, {
        paymentState: paid ? "in_flight" : "unused",
        retryAfterSeconds: STORE_RETRY_SECONDS,
      });
    }
    if (holder) return again(holder, purchase);
    if (faults) await faults.reach("call.unknown");
    if (purchase.callback && "refused" in purchase.callback) {
      return problem("callback_refused", requestId, { detail: purchase.callback.refused });
    }
    if (await isUnmanned(resource)) {
      const detail =
        "Nobody is there to start the job in time. Nothing was charged; send the same request again later.";
      return problem("unavailable", requestId, { detail, retryAfterSeconds: QUEUE_RETRY_SECONDS });
    }
    // What costs nothing leaves the payment alone; to know whose it is, it must be good.
    const cached = paid && resource.cache?.isFree ? room.cache.find(resource, claim) : undefined;
    if (cached && resource.cache?.isPublic) return givenFree(cached, purchase);

    const { payment, verdict } = paid ? await examine(purchase) : {};
    if (cached && verdict?.verdict === "valid") return givenFree(cached, purchase);
    if (paid && verdict?.verdict === "valid" && endsBeforeWork(claim.identity, resource)) {
      return challenge(purchase, amount, TOO_SHORT, unrecorded(claim.identity));
    }
    if (verdict?.verdict === "unavailable") return unavailable(purchase, verdict.cause);
    if (verdict?.verdict === "invalid") {
      // A twin may have settled it since the look-up; then it is the twin's answer that counts.
      const twin = await known(purchase);
      if (twin && twin !== "unreadable") return again(twin, purchase);
      log.info({ reason: verdict.reason }, "payment invalid");
      return challenge(purchase, amount, verdict.reason, unrecorded(claim.identity));
    }
    if (faults) await faults.reach("call.verified");
    const callback = purchase.callback && newCallback(purchase.callback.url);
    const call = newCall(purchase, payment, callback);
    return working(call.id, () => begin(call, purchase, callback));
  };

  async function known({ resource, claim, log }: Purchase): Promise<CallRecord | "unreadable" | undefined> {
    try {
      const { identity, key } = claim;
      return await store.findCall({ resource: resource.name, identity, key: key.value });
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error;
      log.error({ error }, "the store is not available");
      return "unreadable";
    }
  }

  /**
   * No worker has been seen for as long as a job of this resource may wait for one: had it been sold then, it would have
   * expired by now, and so may the next. A shorter gap, such as the restart of the only worker, it can outlast.
   */
  async function isUnmanned({ startWithinMs }: ServedResource): Promise<boolean> {
    if (!room.crew || startWithinMs === undefined) return false;
    return (await room.crew.missingMs()) >= startWithinMs;
  }

  /** Makes work known to twins from the moment that its call may stand in the store. */
  function working(callId: string, work: () => Promise<StoredAnswer>): Promise<StoredAnswer> {
    const answer = work();
    inFlight.set(callId, answer);
    return answer.finally(() => inFlight.delete(callId));
  }

  /** Whether a payment fits an offer at today's price, and whether it is good. Moves nothing. */
  async function examine(
    purchase: Purchase,
  ): Promise<{ readonly payment?: SignedPayment | undefined; readonly verdict: Verdict }> {
    const { resource, amount, url, presented, trace } = purchase;
    try {
      const payment = presented && (await offers?.match(resource, amount, url, presented));
      if (payment && facilitator) {
        const asked = () => verify(facilitator, payment);
        return { payment, verdict: await trace.step("verify", asked, ({ verdict }) => said(verdict)) };
      }
      return { verdict: { verdict: "invalid", reason: "No matching payment requirements" } };
    } catch (cause) {
      return { verdict: { verdict: "unavailable", cause } };
    }
  }

  function givenFree(cached: CachedOutput, { claim, log }: Purchase): StoredAnswer {
    const { ageSeconds } = cached;
    log.info({ ageSeconds }, "answered out of the cache, for nothing");
    room.cache.give(claim, cached);
    return fromCache(cached);
  }

  function newCall(
    purchase: Purchase,
    payment: SignedPayment | undefined,
    callback: Callback | undefined,
  ): CallRecord {
    const { resource, requestId, amount, claim } = purchase;
    const upfront = payment !== undefined && resource.charge === "before";
    const jobId = resource.isJob ? newJobId() : undefined;
    const call: CallRecord = {
      id: requestId,
      resource: resource.name,
      key: claim.key.value,
      fingerprint: claim.fingerprint,
      identity: claim.identity,
      payment,
      value: payment ? microUsd(amount) : 0,
      charge: resource.charge,
      // Who is charged before the work is charged next: the intent says already that the money may move.
      paymentState: upfront ? "in_flight" : "unused",
      answer: undefined,
      receipt: undefined,
      jobId,
      // A job that may start at once holds its call itself.
      owner: jobId === undefined || upfront ? ledger.owner : undefined,
      tries: 0,
      retryAt: Date.now(),
      createdAt: Date.now(),
      endedAt: undefined,
    };
    return jobId === undefined ? call : { ...call, answer: acceptance(call, jobId, purchase, callback) };
  }

  /** The 202, as it is before the settlement. */
  function acceptance(
    call: CallRecord,
    jobId: string,
    { request, resource }: Purchase,
    callback: Callback | undefined,
  ): StoredAnswer {
    const statusUrl = room.url(request, `/v1/jobs/${jobId}`);
    const accepted = acceptedJob(call, jobId, statusUrl, resource);
    const secret = callback && { webhookSecret: callback.secret };
    return json(202, JSON.stringify({ ...accepted, ...secret }), {
      "cache-control": "private, no-store",
      "referrer-policy": "no-referrer",
      location: statusUrl,
      [HEADERS.retryAfter]: String(accepted.retryAfterSeconds),
    });
  }

  /** Writes the intent; then the work. */
  async function begin(
    call: CallRecord,
    purchase: Purchase,
    callback: Callback | undefined,
  ): Promise<StoredAnswer> {
    const { requestId, resource, claim, written } = purchase;
    const guarded = claim.paid && claim.key.value === undefined && room.duplicateWindowMs > 0;
    const limited = call.payment !== undefined && resource.isJob && resource.charge === "after";
    const job = newJob(call, written, {
      startWithinMs: resource.startWithinMs,
      callback,
      trace: purchase.trace.parent,
    });
    const queued = {
      all: room.maxQueued,
      ...(resource.maxQueued === undefined ? {} : { resource: resource.maxQueued }),
    };
    if (job) room.startJobs();
    if (callback) room.callbacks?.start();
    const begun = await ledger.begin(call, job, {
      ...(guarded ? { duplicateSince: Date.now() - room.duplicateWindowMs } : {}),
      // One at a time is always allowed, whatever it costs.
      ...(limited ? { outstanding: Math.max(room.maxOutstanding, call.value) } : {}),
      queued,
    });
    if (begun.begun) return carryOut(call, purchase, true);
    if (begun.because === "taken") return again(begun.holder, purchase);
    if (begun.because === "duplicate") {
      const detail =
        "The same was bought from here a moment ago. To buy it once more, send an Idempotency-Key of its own with each purchase.";
      return problem("possible_duplicate", requestId, { detail });
    }
    if (begun.because === "full") {
      const detail = "Too many jobs are waiting. Nothing was charged; send the same request again later.";
      return problem("queue_full", requestId, { detail, retryAfterSeconds: QUEUE_RETRY_SECONDS });
    }
    const detail =
      "Earlier jobs of this payer have not been settled yet. Send the same request again when they have ended.";
    return problem("too_much_outstanding", requestId, { detail, retryAfterSeconds: 5 });
  }

  /**
   * Carries a call that is ours from where it stands to its answer. `fresh`: it was begun just now; else a server has
   * died over it, and the buyer has come back.
   */
  async function carryOut(call: CallRecord, purchase: Purchase, fresh: boolean): Promise<StoredAnswer> {
    if (call.paymentState === "in_flight") {
      const closing = await settling(purchase, () => ledger.collect(call, fresh));
      if (closing.outcome !== "settled" || closing.call.answer) return closed(closing, call, purchase);
      return runAndConclude(closing.call, purchase);
    }
    if (call.jobId !== undefined && call.answer) return call.answer;
    if (call.paymentState === "settled") return runAndConclude(call, purchase);
    if (!fresh && call.payment && endsBeforeWork(call.identity, purchase.resource)) {
      return released(call, purchase, () => challenge(purchase, purchase.amount, TOO_SHORT));
    }
    return runAndClose(call, purchase);
  }

  /** Run, then settle, then answer. A failure of any kind is free: its key is released, its payment bound to it. */
  async function runAndClose(call: CallRecord, purchase: Purchase): Promise<StoredAnswer> {
    const made = await work(call, purchase);
    if (!made.ok) {
      const answer = failure(made, purchase.requestId);
      return released(call, purchase, async () => answer, answer);
    }
    const answer = output(made, call);
    const closing = await settling(purchase, () => ledger.close(call, answer));
    return closed(keep(closing, made, purchase), call, purchase);
  }

  /** Lets go of a call that was not charged; only when that is certain may its answer say so. */
  async function released(
    call: CallRecord,
    purchase: Purchase,
    answer: () => Promise<StoredAnswer>,
    kept?: StoredAnswer,
  ): Promise<StoredAnswer> {
    const outcome = await ledger.release(call, kept);
    if (outcome === "released") return answer();
    return closed(
      outcome === "lost" ? { outcome } : { outcome, reason: "store_unavailable" },
      call,
      purchase,
    );
  }

  /** What has been settled: run, then answer. A failure of any kind owes a refund. */
  async function runAndConclude(call: CallRecord, purchase: Purchase): Promise<StoredAnswer> {
    const made = await work(call, purchase);
    const answer = made.ok ? output(made, call) : failure(made, purchase.requestId, "refund_owed");
    const closing = await ledger.conclude(call, answer, made.ok ? undefined : made.code);
    return closed(keep(closing, made, purchase), call, purchase);
  }

  /** Does the work of a call without a job, or takes what was made before for the same input. */
  async function work(call: CallRecord, purchase: Purchase): Promise<Made> {
    const { resource, requestId, log, input, claim } = purchase;
    const cached = room.cache.find(resource, claim);
    if (cached) {
      log.info({ ageSeconds: cached.ageSeconds }, "answered out of the cache");
      return { ok: true, ...cached };
    }
    const payer = call.payment ? call.identity.payer : undefined;
    const outcome = await running(purchase, () =>
      run(resource, { input, payer, requestId, jobId: call.id, log }),
    );
    if (faults) await faults.reach("call.ran");
    return outcome;
  }

  /** The run of a handler, as it is seen from outside. */
  async function running({ resource, trace }: Purchase, work: () => Promise<Outcome>): Promise<Outcome> {
    const measured = () => telemetry.run(resource.name, work);
    const outcome = await trace.step("run", measured, (end) => said(end.ok ? "succeeded" : end.code));
    telemetry.delivered(resource.name, outcome.ok ? "succeeded" : "failed", undefined);
    return outcome;
  }

  function settling({ trace, claim }: Purchase, work: () => Promise<Closing>): Promise<Closing> {
    return claim.paid ? trace.step("settle", work, ({ outcome }) => said(outcome)) : work();
  }

  /** What has not been paid for is not given again. */
  function keep(closing: Closing, made: Made, { resource, claim }: Purchase): Closing {
    if (closing.outcome === "settled" && made.ok && made.ageSeconds === undefined) {
      room.cache.keep(resource, claim, made.output);
    }
    return closing;
  }

  function output({ output, ageSeconds }: Extract<Made, { ok: true }>, call: CallRecord): StoredAnswer {
    return json(200, output, {
      ...(call.payment ? { "cache-control": "private, no-store" } : {}),
      ...(ageSeconds === undefined ? {} : { [HEADERS.age]: String(ageSeconds) }),
    });
  }

  /** Nothing to charge and nothing to tell twins apart by: nothing to remember. */
  async function answerUnrecorded(purchase: Purchase): Promise<StoredAnswer> {
    const { resource, requestId, log, input, claim } = purchase;
    const cached = room.cache.find(resource, claim);
    if (cached) return json(200, cached.output, { [HEADERS.age]: String(cached.ageSeconds) });
    const outcome = await running(purchase, () =>
      run(resource, { input, payer: undefined, requestId, jobId: requestId, log }),
    );
    if (!outcome.ok) return failure(outcome, requestId);
    room.cache.keep(resource, claim, outcome.output);
    return json(200, outcome.output);
  }

  /** A payment or a key that is known already: the same answer, for who may have it. */
  async function again(holder: CallRecord, purchase: Purchase): Promise<StoredAnswer> {
    const { requestId, log, amount, claim } = purchase;
    const prove = async (): Promise<Verdict> => provenPayer(await examine(purchase), claim.identity.payer);
    const ruling = await recall(holder, claim, prove);
    if (ruling.ruling === "unavailable") return unavailable(purchase, ruling.cause);
    if (ruling.ruling === "invalid") {
      log.info({ reason: ruling.reason }, "payment of a replay invalid");
      return challenge(purchase, amount, ruling.reason);
    }
    if (ruling.ruling === "conflict") {
      // What was bought with a payment is not told to who cannot prove to have bought it.
      const isKnown = ruling.code !== "payment_already_used";
      return problem(ruling.code, requestId, { paymentState: isKnown ? "unused" : "unknown" });
    }

    const twin = inFlight.get(holder.id);
    if (twin) return replayed(await twin);
    if (holder.answer && holder.paymentState !== "in_flight") return replayed(holder.answer);
    // Known to twins before anything is awaited, so that no two of them carry the call on.
    return replayed(
      await working(holder.id, async () => {
        const taken = await ledger.take(holder).catch((error: unknown) => {
          if (!(error instanceof StoreUnavailable)) throw error;
          log.error({ error }, "the store is not available");
        });
        if (taken) return carryOut(taken, purchase, false);
        // Somebody is at work on it, and what it says is not final yet, or has closed it since.
        const now = (await store.call(holder.id).catch(() => undefined)) ?? holder;
        return now.answer && now.paymentState !== "in_flight" ? now.answer : pending(now, purchase);
      }),
    );
  }

  /** What is said of a call whose end nobody knows yet. A job's buyer is sent to its status. */
  function pending(call: CallRecord, { requestId }: Purchase): StoredAnswer {
    if (call.jobId !== undefined && call.answer) return replayed(call.answer);
    if (call.paymentState === "in_flight") return unconfirmed(requestId);
    const paymentState = call.paymentState === "settled" ? "settled" : "in_flight";
    return problem("in_progress", requestId, { retryAfterSeconds: 1, paymentState });
  }

  async function closed(closing: Closing, call: CallRecord, purchase: Purchase): Promise<StoredAnswer> {
    if (closing.outcome === "settled") {
      const { answer } = closing.call;
      if (!answer) return pending(closing.call, purchase);
      if (faults) await faults.reach("call.answered");
      return answer;
    }
    if (closing.outcome === "refused") return challenge(purchase, purchase.amount, closing.reason);
    if (closing.outcome === "lost") {
      const now = await store.call(call.id);
      if (now?.answer && now.paymentState !== "in_flight") return now.answer;
      if (now) return pending(now, purchase);
      // Who has taken it over has let it go: nothing was charged, and the same bytes may be sent again.
      return problem("in_progress", purchase.requestId, { retryAfterSeconds: 1 });
    }
    // A job whose settlement is not known yet is under way: its buyer waits at its status.
    if (call.jobId !== undefined && call.answer) return call.answer;
    if (call.paymentState === "settled") return pending(call, purchase);
    return unconfirmed(purchase.requestId);
  }

  function unconfirmed(requestId: string): StoredAnswer {
    return problem("settlement_unknown", requestId, {
      detail: "The payment has not been confirmed yet. Send the same request again; do not pay again.",
      paymentState: "in_flight",
      retryAfterSeconds: 2,
    });
  }
}

/** What a step of a trace says of its outcome. */
function said(outcome: string): { readonly "resource402.outcome": string } {
  return { "resource402.outcome": outcome };
}

/** What came of the work: made just now, or so many seconds ago. */
type Made = Outcome & { readonly ageSeconds?: number };

/** True when an authorization that is settled after the work may have expired by then. */
function endsBeforeWork({ validBefore }: PaymentIdentity, resource: ServedResource): boolean {
  if (resource.charge === "before") return false;
  return validBefore < (Date.now() + untilDoneMs(resource)) / 1000 + SETTLE_SECONDS;
}
