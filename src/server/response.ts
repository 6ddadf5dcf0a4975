import { acceptedJob, type ServedJob } from "../jobs/record.ts";
import { encodeHeader, HEADERS } from "../protocol/index.ts";
import { paymentStateOf } from "../store/state.ts";
import type { CallRecord, JobRecord, StoredAnswer } from "../store/store.ts";
import { json, problem, withPaymentState } from "./answer.ts";

/** What a response to a recorded call needs besides its record. */
export interface ResponseContext {
  readonly requestId: string;
  /** Absolute. */
  readonly statusUrl: (jobId: string) => string;
  /** The request that begins the call, whose response alone tells a free job's webhook secret. */
  readonly isFirst: boolean;
  /** Of the call's resource. A resource that a deploy has removed has the defaults. */
  readonly resource: Pick<ServedJob, "timeoutMs" | "retentionMs">;
}

const CONFIRM_RETRY_SECONDS = 2;
const TWIN_RETRY_SECONDS = 1;

/**
 * The response to a recorded call, as a function of its state alone. Words about money are computed here, when they are
 * sent. `undefined`: the payment was refused and there is no response to repeat, so the buyer gets a new challenge.
 * @param job The call's job, as it stands in the store.
 */
export function responseTo(
  call: CallRecord,
  job: JobRecord | "gone" | undefined,
  { requestId, statusUrl, resource, isFirst }: ResponseContext,
): StoredAnswer | undefined {
  const paymentState = paymentStateOf(call, call.payment !== undefined) ?? "unknown";
  if (call.jobId !== undefined && job !== undefined) {
    if (job === "gone") return problem("gone", requestId, { paymentState });
    // No payment proves who repeats a free call: its key may have been guessed.
    const told = isFirst || call.payment !== undefined ? job : { ...job, callback: undefined };
    return accepted(call, told, statusUrl(job.id), resource);
  }
  switch (call.phase) {
    case "delivered":
      return call.answer && withReceipt(call, call.answer);
    case "void":
      return call.answer && withPaymentState(call.answer, paymentStateOf(call, call.payment !== undefined));
    case "owed":
    case "refunded":
    case "kept": {
      const detail = "The payment was settled after the call had ended. The price is owed to the payer.";
      const answer = call.answer ?? problem("internal_error", requestId, { detail, paymentState });
      return withReceipt(call, withPaymentState(answer, paymentStateOf(call, true)));
    }
    case "submitted":
      return problem("settlement_unknown", requestId, {
        detail: "The payment is not confirmed yet. Send the same request again. Do not pay again.",
        paymentState,
        retryAfterSeconds: CONFIRM_RETRY_SECONDS,
      });
    default:
      return problem("in_progress", requestId, { paymentState, retryAfterSeconds: TWIN_RETRY_SECONDS });
  }
}

/** The 202 of a job, rebuilt from its record. */
function accepted(
  call: CallRecord,
  job: JobRecord,
  statusUrl: string,
  resource: ResponseContext["resource"],
): StoredAnswer {
  const body = acceptedJob(call, job, statusUrl, resource);
  const answer = json(202, JSON.stringify(body), {
    "cache-control": "private, no-store",
    "referrer-policy": "no-referrer",
    location: statusUrl,
    [HEADERS.retryAfter]: String(body.retryAfterSeconds),
  });
  // The receipt of a job that is charged after its work is in its status: the 202 came before it.
  return call.charge === "after" ? answer : withReceipt(call, answer);
}

/** Puts the receipt into the header of the buyer's protocol version. */
function withReceipt({ payment, receipt }: CallRecord, answer: StoredAnswer): StoredAnswer {
  if (!payment || !receipt) return answer;
  const isV1 = payment.version === 1;
  const { transaction, payer, atomicAmount, network } = receipt;
  const settled = { success: true, transaction, network: isV1 ? payment.payload.network : network, payer };
  const header = isV1 ? HEADERS.xPaymentResponse : HEADERS.paymentResponse;
  const headers = { ...answer.headers, [header]: encodeHeader({ ...settled, amount: atomicAmount }) };
  return { ...answer, headers };
}
