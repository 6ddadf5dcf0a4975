import { type Outcome, run } from "../jobs/run.ts";
import type { Closing } from "../ledger/collect.ts";
import { untilDoneMs } from "../ledger/offer.ts";
import type { CallRecord, PaymentIdentity, StoredAnswer } from "../store/store.ts";
import { HEADERS } from "../wire/index.ts";
import { failure, json, problem, replayed } from "./answer.ts";
import type { ServedResource } from "./resource.ts";
import { type Asking, type CallRoom, type Purchase, said } from "./visit.ts";

/** What must be left of an authorization after the work, so that it can be settled. */
const SETTLE_SECONDS = 10;
export const TOO_SHORT = "authorization_ends_before_the_work";

/** From a call that has begun to its answer. */
export interface Carrying {
  /**
   * Carries a call that is ours from where it stands to its answer. `fresh`: it was begun just now; else a server has
   * died over it, and the buyer has come back.
   */
  carryOut(call: CallRecord, purchase: Purchase, fresh: boolean): Promise<StoredAnswer>;
  /** Nothing to charge and nothing to tell twins apart by: nothing to remember. */
  answerUnrecorded(purchase: Purchase): Promise<StoredAnswer>;
  /** What is said of a call whose end nobody knows yet. A job's buyer is sent to its status. */
  pending(call: CallRecord, purchase: Purchase): StoredAnswer;
}

/** By the resource's way to charge: run and settle, or settle and run; then answer. */
export function createCarrying(
  { store, ledger, faults, telemetry, cache }: CallRoom,
  { challenge }: Asking,
): Carrying {
  async function carryOut(call: CallRecord, purchase: Purchase, fresh: boolean): Promise<StoredAnswer> {
    if (call.paymentState === "in_flight") {
      const closing = await settling(purchase, () => ledger.collect(call, fresh));
      if (closing.outcome !== "settled" || closing.call.answer) return closed(closing, call, purchase);
      return runAndConclude(closing.call, purchase);
    }
    if (call.jobId !== undefined && call.answer) return call.answer;
    if (call.paymentState === "settled") return runAndConclude(call, purchase);
    if (!fresh && call.payment && endsBeforeWork(call.identity, purchase.resource)) {
      return released(call, purchase, () => unpaid(purchase, TOO_SHORT));
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
    const cached = cache.find(resource, claim);
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
      cache.keep(resource, claim, made.output);
    }
    return closing;
  }

  function output({ output, ageSeconds }: Extract<Made, { ok: true }>, call: CallRecord): StoredAnswer {
    return json(200, output, {
      ...(call.payment ? { "cache-control": "private, no-store" } : {}),
      ...(ageSeconds === undefined ? {} : { [HEADERS.age]: String(ageSeconds) }),
    });
  }

  async function answerUnrecorded(purchase: Purchase): Promise<StoredAnswer> {
    const { resource, requestId, log, input, claim } = purchase;
    const cached = cache.find(resource, claim);
    if (cached) return json(200, cached.output, { [HEADERS.age]: String(cached.ageSeconds) });
    const outcome = await running(purchase, () =>
      run(resource, { input, payer: undefined, requestId, jobId: requestId, log }),
    );
    if (!outcome.ok) return failure(outcome, requestId);
    cache.keep(resource, claim, outcome.output);
    return json(200, outcome.output);
  }

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
    if (closing.outcome === "refused") return unpaid(purchase, closing.reason);
    if (closing.outcome === "lost") {
      const now = await store.call(call.id).catch(() => "unreadable" as const);
      if (now === "unreadable") return unconfirmed(purchase.requestId);
      if (now?.answer && now.paymentState !== "in_flight") return now.answer;
      if (now) return pending(now, purchase);
      // Who has taken it over has let it go: nothing was charged, and the same bytes may be sent again.
      return sendAgain(purchase);
    }
    // A job whose settlement is not known yet is under way: its buyer waits at its status.
    if (call.jobId !== undefined && call.answer) return call.answer;
    if (call.paymentState === "settled") return pending(call, purchase);
    return unconfirmed(purchase.requestId);
  }

  /** A call whose payment is known not to move. What has become free meanwhile is had by the same bytes. */
  async function unpaid(purchase: Purchase, reason: string): Promise<StoredAnswer> {
    return purchase.amount > 0n ? challenge(purchase, purchase.amount, reason) : sendAgain(purchase);
  }

  function sendAgain({ requestId }: Purchase): StoredAnswer {
    return problem("in_progress", requestId, { retryAfterSeconds: 1 });
  }

  function unconfirmed(requestId: string): StoredAnswer {
    return problem("settlement_unknown", requestId, {
      detail: "The payment has not been confirmed yet. Send the same request again; do not pay again.",
      paymentState: "in_flight",
      retryAfterSeconds: 2,
    });
  }

  return { carryOut, answerUnrecorded, pending };
}

/** What came of the work: made just now, or so many seconds ago. */
type Made = Outcome & { readonly ageSeconds?: number };

/** True when an authorization that is settled after the work may have expired by then. */
export function endsBeforeWork({ validBefore }: PaymentIdentity, resource: ServedResource): boolean {
  if (resource.charge === "before") return false;
  return validBefore < (Date.now() + untilDoneMs(resource)) / 1000 + SETTLE_SECONDS;
}
