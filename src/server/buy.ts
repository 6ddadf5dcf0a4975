import { microUsd } from "../../schema/money.ts";
import { newCallback } from "../jobs/callback.ts";
import { acceptedJob, newJob, newJobId } from "../jobs/record.ts";
import type { Verdict } from "../ledger/facilitator.ts";
import { endsTooLate, TOO_LONG } from "../ledger/payment.ts";
import { ofPayer, provenPayer, recall, unrecorded } from "../ledger/recall.ts";
import { StoreUnavailable } from "../store/steady.ts";
import {
  AUTHORIZATION_MARGIN_MS,
  type Callback,
  type CallRecord,
  type SignedPayment,
  type StoredAnswer,
} from "../store/store.ts";
import { HEADERS } from "../wire/index.ts";
import { fromCache, json, problem, replayed } from "./answer.ts";
import type { CachedOutput } from "./cache.ts";
import { createCarrying, endsBeforeWork, TOO_SHORT } from "./carry.ts";
import type { ServedResource } from "./resource.ts";
import { type Asking, type CallRoom, type Purchase, STORE_RETRY_SECONDS, said } from "./visit.ts";

/** A full queue is asked again after this long. */
const QUEUE_RETRY_SECONDS = 5;

/** From a valid, priced request to a call: look up → verify → write the intent. The rest is `carry.ts`. */
export function createBuying(room: CallRoom, asking: Asking): (purchase: Purchase) => Promise<StoredAnswer> {
  const { store, ledger, offers, facilitator, faults } = room;
  const { challenge, unavailable } = asking;
  const { carryOut, answerUnrecorded, pending } = createCarrying(room, asking);
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
    const paymentState = paid ? unrecorded(claim.identity) : "unused";
    if (purchase.callback && "refused" in purchase.callback) {
      return problem("callback_refused", requestId, { detail: purchase.callback.refused, paymentState });
    }
    if (await isUnmanned(resource)) {
      const detail =
        "Nobody is there to start the job in time. Nothing was charged; send the same request again later.";
      return problem("unavailable", requestId, {
        ...{ detail, paymentState },
        retryAfterSeconds: QUEUE_RETRY_SECONDS,
      });
    }
    // What costs nothing leaves the payment alone; to know whose it is, it must be good.
    const cached = paid && resource.cache?.isFree ? room.cache.find(resource, claim) : undefined;
    if (cached && resource.cache?.isPublic) return givenFree(cached, purchase);

    const { payment, verdict } = paid ? await examine(purchase) : {};
    if (cached && verdict?.verdict === "valid") return givenFree(cached, purchase);
    if (paid && verdict?.verdict === "valid" && endsBeforeWork(claim.identity, resource)) {
      return challenge(purchase, amount, TOO_SHORT, unrecorded(claim.identity));
    }
    if (payment && endsTooLate(claim.identity, payment.requirements.maxTimeoutSeconds, Date.now())) {
      return challenge(purchase, amount, TOO_LONG, unrecorded(claim.identity));
    }
    if (verdict?.verdict === "unavailable") return unavailable(purchase, verdict.reason, paymentState);
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
    const { resource, amount, url, presented, trace, claim } = purchase;
    try {
      const payment = presented && (await offers?.match(resource, amount, url, presented));
      if (payment && facilitator) {
        const asked = async () =>
          ofPayer(await facilitator.verify(payment, resource.name), claim.identity.payer);
        return { payment, verdict: await trace.step("verify", asked, ({ verdict }) => said(verdict)) };
      }
      return { verdict: { verdict: "invalid", reason: "No matching payment requirements" } };
    } catch (error) {
      purchase.log.warn({ error }, "there are no offers to match a payment with");
      return { verdict: { verdict: "unavailable", reason: "offers_unavailable" } };
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
      doubtSince: Date.now() - AUTHORIZATION_MARGIN_MS,
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

  /** A payment or a key that is known already: the same answer, for who may have it. */
  async function again(holder: CallRecord, purchase: Purchase): Promise<StoredAnswer> {
    const { requestId, log, amount, claim } = purchase;
    const prove = async (): Promise<Verdict> => provenPayer(await examine(purchase), claim.identity.payer);
    const ruling = await recall(holder, claim, prove);
    // The payment is another one than the holder's, and stands in no store itself.
    const paymentState = claim.paid ? unrecorded(claim.identity) : "unused";
    if (ruling.ruling === "unavailable") return unavailable(purchase, ruling.reason, paymentState);
    if (ruling.ruling === "invalid") {
      log.info({ reason: ruling.reason }, "payment of a replay invalid");
      return challenge(purchase, amount, ruling.reason, paymentState);
    }
    if (ruling.ruling === "conflict") {
      // What was bought with a payment is not told to who cannot prove to have bought it.
      const isKnown = ruling.code !== "payment_already_used";
      return problem(ruling.code, requestId, { paymentState: isKnown ? paymentState : "unknown" });
    }

    // Another signature has only proved who asks.
    const isUnused = claim.paid && holder.identity.nonce !== claim.identity.nonce;
    const twin = inFlight.get(holder.id);
    if (twin) return replayed(await twin, isUnused);
    if (holder.answer && holder.paymentState !== "in_flight") return replayed(holder.answer, isUnused);
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
      isUnused,
    );
  }
}
