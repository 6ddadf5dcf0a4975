import { HEADERS, isRecord, type Receipt, saysShort } from "../protocol/index.ts";
import { type CallName, chargedFor, expiryOf, type SavedCall } from "./calls.ts";
import {
  type Charged,
  chargedBy,
  type ErrorFacts,
  type ErrorResponse,
  oneLine,
  ResourceError,
  readProblem,
  withRefund,
} from "./errors.ts";
import { type HttpAnswer, readHeader } from "./http.ts";
import type { Accepted } from "./job-format.ts";
import { signerOfCall } from "./receipt.ts";

/** The end of an exchange: the last answer, with what is known of the money. */
export interface Exchanged extends CallName {
  readonly answer: HttpAnswer;
  /** The job in the answer. */
  readonly accepted: Accepted | undefined;
  /** The call whose payment was sent. Absent when nothing was signed. */
  readonly saved: SavedCall | undefined;
  readonly receipt: Receipt | undefined;
  /** True when the chain, and not the seller, says that the payment has settled. */
  readonly isSettled?: boolean;
}

/** What every error about a call says. */
export function factsOf({ resource, idempotencyKey }: CallName, charged: Charged): ErrorFacts {
  return { resource, charged, idempotencyKey };
}

/**
 * An answer that is neither output nor job, as an error that says what happened to the money. `elsewhere` is where the
 * status address of a job leads that is not followed.
 */
export function refusal(
  { resource, idempotencyKey, answer, saved, receipt, isSettled }: Exchanged,
  elsewhere?: string,
): ResourceError {
  const { status } = answer;
  const { code, paymentState, requestId, issues, ...problem } = readProblem(answer.body);
  const said = chargedBy(saved !== undefined && !isSpared(answer), paymentState, receipt);
  const charged = isSettled ? "yes" : saved ? chargedFor(saved.payment, said) : said;
  const facts: ErrorFacts = {
    resource,
    charged,
    retryAt: saved && retryAtOf(saved, charged),
    idempotencyKey,
    status,
    url: answer.url,
    response: responseOf(answer),
    paymentState,
    receipt,
    requestId,
  };
  const detail = withRefund(
    problem.detail ?? `the server answered ${status} (${placeOf(answer.url)})`,
    paymentState,
  );
  if (status === 402) {
    const reason = oneLine(rejectionOf(answer) ?? detail);
    if (saved && saysShort(reason)) {
      const { offer, usd, currency } = saved.payment;
      const what = `${usd} ${currency} is needed on ${offer.network}. Send it ${currency} (the token ${offer.asset}) on that network; it needs no gas`;
      const message = `${signerOfCall(saved.payment) ?? "the account"} does not hold enough: ${what}. The seller reports: ${reason}`;
      return new ResourceError("payment_rejected", message, { ...facts, reason });
    }
    const message = `the seller did not take the payment: ${reason} (not paid again: it is not proven to have expired unused)`;
    return new ResourceError("payment_rejected", message, { ...facts, reason });
  }
  if (status < 400) {
    const [message, reason] = answer.tooLarge
      ? ["the answer is larger than maxAnswerBytes", "too_large"]
      : elsewhere
        ? [`the job's status is at ${elsewhere}, not on the host of baseUrl`, "other_host"]
        : answer.isOutput || status >= 300
          ? [`${detail}, which is neither output nor job`]
          : ["the answer is a web page, which is not what is sold here", "html"];
    return new ResourceError("protocol", message, { ...facts, reason });
  }
  if (status === 400 && (code ?? "invalid_input") === "invalid_input") {
    return new ResourceError("invalid_input", detail, { ...facts, issues });
  }
  const failed = [422, 500, 504].includes(status) && code !== undefined && code !== "key_mismatch";
  return new ResourceError(failed ? "failed" : "http", detail, { ...facts, failure: code });
}

/** An address without its query, which may hold the whole input. */
function placeOf(url: string): string {
  return url.split("?", 1)[0] ?? url;
}

/** The answer as an error carries it. */
export function responseOf({ status, headers, body }: HttpAnswer): ErrorResponse {
  return { status, headers: Object.fromEntries(headers), body };
}

/** Until when a payment is held that the seller has not charged, as it says. */
export function retryAtOf(saved: SavedCall, charged: Charged): string | undefined {
  return charged === "no" ? new Date(expiryOf(saved)).toISOString() : undefined;
}

/** The word with which a payment was turned down: from the v2 challenge, the receipt header, or the body. */
export function rejectionOf(answer: Pick<HttpAnswer, "headers">): string | undefined {
  for (const name of [HEADERS.paymentRequired, HEADERS.paymentResponse]) {
    const document = readHeader(answer.headers, name);
    if (!isRecord(document)) continue;
    if (typeof document.error === "string") return document.error;
    if (typeof document.errorReason === "string") return document.errorReason;
  }
  return undefined;
}

/**
 * Whether a paid call was answered for nothing: out of a cache, as `Age` says (RFC 9111 §5.1), and without a receipt.
 * The lack of a receipt alone proves nothing.
 */
export function isSpared({ status, headers }: HttpAnswer): boolean {
  if (status !== 200 || !headers.has(HEADERS.age)) return false;
  return !headers.has(HEADERS.paymentResponse) && !headers.has(HEADERS.xPaymentResponse);
}

/** The lack of an answer as an error; the caller's own abort reason stays what it is. */
export function lost(cause: unknown, signal: AbortSignal | undefined, facts: ErrorFacts): unknown {
  if (signal?.aborted) return signal.reason;
  const place = facts.url === undefined ? "the server" : placeOf(facts.url);
  const message =
    facts.charged === "no"
      ? `${place} could not be reached`
      : `the paid request to ${place} was not answered`;
  return new ResourceError("network", message, facts, cause);
}
