import { decodeHeader, HEADERS, isRecord, type Receipt, readSettleResponse } from "../wire/index.ts";
import { type Charged, type ErrorFacts, ResourceError, readProblem } from "./errors.ts";
import type { HttpAnswer } from "./http.ts";
import type { Signed } from "./pay.ts";

/** The end of a paid exchange: the last answer, with what is known of the money. */
export interface Exchanged {
  readonly answer: HttpAnswer;
  readonly idempotencyKey: string;
  readonly signed: Signed | undefined;
  readonly receipt: Receipt | undefined;
}

/** An answer that is neither output nor job, as an error that says what happened to the money. */
export function refusal(
  resource: string,
  { answer, idempotencyKey, signed, receipt }: Exchanged,
): ResourceError {
  const problem = readProblem(answer.body);
  const ofThis = chargedOf(problem.paymentState, signed, receipt);
  if (ofThis === "no") signed?.reservation.release();
  // Another payment under the same key may have been charged, whatever became of this one.
  const charged = ofThis === "no" && signed?.reservation.shared ? "unknown" : ofThis;
  const { status } = answer;
  const facts: ErrorFacts = {
    resource,
    charged,
    idempotencyKey,
    status,
    receipt,
    requestId: problem.requestId,
  };
  const detail = problem.detail ?? `the server answered ${status}`;
  if (status === 402) {
    const reason = rejectionOf(answer) ?? detail;
    const message = `the seller did not take the payment: ${reason}`;
    return new ResourceError("payment_rejected", message, { ...facts, reason });
  }
  if (status < 400) return new ResourceError("protocol", `${detail}, which is neither output nor job`, facts);
  if (status === 400) return new ResourceError("invalid_input", detail, { ...facts, issues: problem.issues });
  const failed =
    [422, 500, 504].includes(status) && problem.code !== undefined && problem.code !== "key_mismatch";
  return new ResourceError(failed ? "failed" : "http", detail, { ...facts, failure: problem.code });
}

function chargedOf(
  state: string | undefined,
  signed: Signed | undefined,
  receipt: Receipt | undefined,
): Charged {
  if (!signed) return "no";
  if (receipt || state === "settled") return "yes";
  return state === "unused" ? "no" : "unknown";
}

/** The word with which a payment was turned down: from the v2 challenge, the receipt header, or the body. */
function rejectionOf(answer: HttpAnswer): string | undefined {
  for (const name of [HEADERS.paymentRequired, HEADERS.paymentResponse]) {
    const document = decodeHeader(answer.headers.get(name) ?? "");
    if (!isRecord(document)) continue;
    if (typeof document.error === "string") return document.error;
    if (typeof document.errorReason === "string") return document.errorReason;
  }
  return undefined;
}

/** The receipt in the answer to a paid request, checked to say success. */
export function receiptOf(answer: HttpAnswer, signed: Signed): Receipt | undefined {
  const settled = readSettleResponse(decodeHeader(answer.headers.get(HEADERS.paymentResponse) ?? ""));
  if (!settled?.success) return undefined;
  const { offer } = signed;
  return {
    amount: signed.usd,
    currency: signed.currency,
    atomicAmount: offer.amount,
    asset: offer.asset,
    network: offer.network,
    transaction: settled.transaction,
    payer: settled.payer ?? "",
    payTo: offer.payTo,
    settledAt: new Date().toISOString(),
  };
}

/** The lack of an answer as an error; the caller's own abort reason stays what it is. */
export function lost(cause: unknown, signal: AbortSignal | undefined, facts: ErrorFacts): unknown {
  if (signal?.aborted) return signal.reason;
  const message =
    facts.charged === "no" ? "the server could not be reached" : "the paid request was not answered";
  return new ResourceError("network", message, facts, cause);
}
