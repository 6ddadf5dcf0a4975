import type { Outcome } from "../jobs/run.ts";
import {
  DECLARED_FAILURE_STATUS,
  HEADERS,
  type PaymentState,
  PROBLEM_MEDIA_TYPE,
  PROBLEMS,
  type Problem,
  type ProblemCode,
  problemType,
} from "../protocol/index.ts";
import type { StoredAnswer } from "../store/store.ts";

export interface ProblemOptions {
  /** Safe text for the buyer. @default the title */
  readonly detail?: string;
  readonly details?: Problem["details"];
  /** What is known about the payment. `"unknown"` leaves it out of the document. */
  readonly paymentState: PaymentState | "unknown";
  readonly retryAfterSeconds?: number;
}

/** An error of the library's own. */
export function problem(code: ProblemCode, requestId: string, options: ProblemOptions): StoredAnswer {
  const [status, title, retryable] = PROBLEMS[code];
  return problemAnswer({ code, status, title, retryable, requestId }, options);
}

/**
 * A failure of the handler: one of the seller's declared codes, a timeout or an internal error. It says nothing about
 * money: that is added when it is sent.
 */
export function failure(outcome: Extract<Outcome, { ok: false }>, requestId: string): StoredAnswer {
  const own = Object.hasOwn(PROBLEMS, outcome.code) ? PROBLEMS[outcome.code as ProblemCode][0] : 500;
  const status = outcome.declared ? DECLARED_FAILURE_STATUS : own;
  const title = status >= 500 ? "The request could not be completed" : "The request was refused";
  return problemAnswer(
    { code: outcome.code, status, title, retryable: false, requestId },
    { detail: outcome.error, paymentState: "unknown" },
  );
}

function problemAnswer(
  base: Pick<Problem, "code" | "status" | "title" | "retryable" | "requestId">,
  { paymentState, ...options }: ProblemOptions,
): StoredAnswer {
  const detail = options.detail ?? `${base.title}.`;
  const document: Problem = {
    type: problemType(base.code),
    title: base.title,
    status: base.status,
    detail,
    error: detail,
    code: base.code,
    ...(options.details === undefined ? {} : { details: options.details }),
    retryable: base.retryable,
    ...(paymentState === "unknown" ? {} : { paymentState }),
    requestId: base.requestId,
  };
  const retryAfter = options.retryAfterSeconds;
  return {
    status: base.status,
    headers: {
      "content-type": PROBLEM_MEDIA_TYPE,
      "cache-control": "no-store",
      [HEADERS.requestId]: base.requestId,
      ...(retryAfter === undefined ? {} : { [HEADERS.retryAfter]: String(retryAfter) }),
    },
    body: JSON.stringify(document),
  };
}

/** An answer with a JSON body that has been written already. */
export function json(
  status: number,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): StoredAnswer {
  return { status, headers: { "content-type": "application/json", ...headers }, body };
}

/** A stored failure with what is known about the money now. */
export function withPaymentState(answer: StoredAnswer, paymentState: PaymentState | undefined): StoredAnswer {
  if (paymentState === undefined || answer.headers["content-type"] !== PROBLEM_MEDIA_TYPE) return answer;
  const document = JSON.parse(answer.body) as Problem;
  return { ...answer, body: JSON.stringify({ ...document, paymentState }) };
}

/** The response to a repeated request. `isUnused`: its payment was not needed, and will not be settled. */
export function replayed(answer: StoredAnswer, isUnused = false): StoredAnswer {
  const unused = isUnused ? { [HEADERS.paymentUnused]: "true" } : {};
  return { ...answer, headers: { ...answer.headers, [HEADERS.idempotentReplayed]: "true", ...unused } };
}

/** No answer is to be shown in a frame, or taken for another type than it names. */
export const GUARDS = {
  "x-content-type-options": "nosniff",
  "content-security-policy": "frame-ancestors 'none'",
};

/** What a browser on another origin may read and send. Paid APIs carry no cookies, so any origin may call. */
const CORS = {
  "access-control-allow-origin": "*",
  "access-control-expose-headers": [
    HEADERS.paymentRequired,
    HEADERS.paymentResponse,
    HEADERS.xPaymentResponse,
    HEADERS.idempotentReplayed,
    HEADERS.paymentUnused,
    HEADERS.requestId,
    HEADERS.retryAfter,
    HEADERS.age,
    "location",
    "content-location",
    "etag",
    "preference-applied",
  ].join(", "),
};

const PREFLIGHT = {
  ...GUARDS,
  ...CORS,
  "access-control-allow-methods": "GET, POST, DELETE, OPTIONS",
  "access-control-allow-headers": [
    "content-type",
    "prefer",
    "if-none-match",
    "last-event-id",
    HEADERS.paymentSignature,
    HEADERS.xPayment,
    HEADERS.idempotencyKey,
    HEADERS.xIdempotencyKey,
    HEADERS.callbackUrl,
  ].join(", "),
  "access-control-max-age": "86400",
};

/** An answer on its way out: whole, or a stream. */
export type Answer = Omit<StoredAnswer, "body"> & { readonly body: string | ReadableStream<Uint8Array> };

export function respond(answer: Answer, cors: boolean): Response {
  const headers = cors ? { ...GUARDS, ...answer.headers, ...CORS } : { ...GUARDS, ...answer.headers };
  return new Response(answer.status === 204 || answer.status === 304 ? null : answer.body, {
    status: answer.status,
    headers,
  });
}

export function preflight(): Response {
  return new Response(null, { status: 204, headers: PREFLIGHT });
}
