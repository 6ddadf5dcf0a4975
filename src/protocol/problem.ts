import type { PaymentState } from "./payment.ts";

/**
 * An error on the wire: RFC 9457 members, and beside them the plain ones that clients of the field
 * read (`error`, `code`). Never an internal message, a stack, a path or a query.
 */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  /** The same safe text as `detail`. */
  readonly error: string;
  readonly code: string;
  /** What is wrong with the input, field by field. */
  readonly details?: readonly { readonly path: string; readonly message: string }[];
  /** True when the same request, byte for byte, may succeed later. */
  readonly retryable: boolean;
  /**
   * What has become of the payment that came with the request, or `unused` when there was none.
   * Absent where the server cannot know: of a job that it has forgotten, or never heard of.
   */
  readonly paymentState?: PaymentState;
  readonly requestId: string;
}

/** Every code that the library itself answers with: status, title, and whether the same bytes may be sent again. */
export const PROBLEMS = {
  invalid_input: [400, "Invalid input", false],
  malformed_payment: [400, "Malformed payment", false],
  malformed_key: [400, "Malformed idempotency key", false],
  key_required: [400, "Idempotency key required", false],
  callback_refused: [400, "Callback address refused", false],
  not_found: [404, "Not found", false],
  method_not_allowed: [405, "Method not allowed", false],
  key_conflict: [409, "Idempotency key used for another input", false],
  payment_already_used: [409, "Payment already used", false],
  possible_duplicate: [409, "Possibly the same purchase again", false],
  in_progress: [409, "Call in progress", true],
  job_ended: [409, "Job has ended", false],
  cancel_forbidden: [409, "Job cannot be canceled", false],
  gone: [410, "Gone", false],
  too_large: [413, "Request too large", false],
  unsupported_media_type: [415, "Unsupported media type", false],
  key_mismatch: [422, "Idempotency key used for another input", false],
  too_much_outstanding: [429, "Too much not settled yet", true],
  internal_error: [500, "Internal error", false],
  not_implemented: [501, "Not implemented", false],
  facilitator_unavailable: [503, "Payment facilitator unavailable", true],
  settlement_unknown: [503, "Settlement not confirmed yet", true],
  queue_full: [503, "Too many jobs are waiting", true],
  unavailable: [503, "Temporarily unavailable", true],
  timeout: [504, "Timed out", false],
} as const satisfies Record<string, readonly [status: number, title: string, retryable: boolean]>;

export type ProblemCode = keyof typeof PROBLEMS;

/** The status with which a handler's own, declared failure is answered. */
export const DECLARED_FAILURE_STATUS = 422;

export const PROBLEM_MEDIA_TYPE = "application/problem+json";

/** Problem types are URNs: stable names, no page to keep alive. */
export function problemType(code: string): string {
  return `urn:problem-type:resource402:${code}`;
}
