import { NO_PAYMENT, unrecorded } from "../ledger/idempotency.ts";
import type { Standing } from "../ledger/settle.ts";
import type { CallRecord, JobRecord, StoredAnswer } from "../store/store.ts";
import { StoreUnavailable } from "../store/store-errors.ts";
import { problem, withPaymentState } from "./answer.ts";
import type { Challenger } from "./challenge.ts";
import { type CallDeps, type Purchase, type RequestContext, said, settlementOf } from "./request-context.ts";
import { type ResponseContext, responseTo } from "./response.ts";
import type { CallWork } from "./work.ts";

const CONFIRM_RETRY_SECONDS = 2;

/** Takes a recorded call to its response. */
export interface Standings {
  /** Lets twins in this process wait for one response, from before the intent can stand in the store. */
  exclusively(callId: string, task: () => Promise<StoredAnswer>): Promise<StoredAnswer>;
  /** From where a call of ours stands to its response: settle and run, or run and settle. */
  goOn(call: CallRecord, job: JobRecord | undefined, purchase: Purchase): Promise<StoredAnswer>;
  /** The response to a call as it stands. */
  respond(standing: Standing, purchase: Purchase): Promise<StoredAnswer>;
  contextOf(
    context: Pick<RequestContext, "request" | "requestId">,
    resource: ResponseContext["resource"],
  ): ResponseContext;
}

export function createStandings(deps: CallDeps, { challenge }: Challenger, work: CallWork): Standings {
  const { store, ledger, faults, time, working } = deps;

  function exclusively(callId: string, task: () => Promise<StoredAnswer>): Promise<StoredAnswer> {
    const answer = task();
    working.set(callId, answer);
    return answer.finally(() => working.delete(callId));
  }

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

  return { exclusively, goOn, respond, contextOf };
}
