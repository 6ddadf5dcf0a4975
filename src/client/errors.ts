import { isRecord, type Problem, type Receipt } from "../wire/index.ts";

/** What went wrong, as one word to switch on. */
export type ErrorCode =
  /** The server does not accept the input. `issues` says why. */
  | "invalid_input"
  /** We did not sign. `reason` says which rule forbade it. */
  | "payment_refused"
  /** The seller did not take the payment that we signed. `reason` is its word. */
  | "payment_rejected"
  /** The seller's side failed: a declared code, a time-out, an internal error. `failure` is the seller's code. */
  | "failed"
  /** We stopped waiting. The job lives on: `resume(jobId)`. */
  | "wait_timeout"
  /** Another HTTP status. `status` says which. */
  | "http"
  /** No answer after all retries. */
  | "network"
  /** The answer breaks the protocol. */
  | "protocol";

/** Whether the call has cost money, as far as can be known. */
export type Charged = "no" | "yes" | "unknown";

/** The rule that kept us from signing. */
export type RefusalReason =
  /** The call has a price, and the client has no payer. */
  | "no_payer"
  /** The 402 names no way to pay that this client understands. */
  | "no_offer"
  /** Every way to pay is in a token that this client does not know to be worth a dollar. */
  | "unknown_asset"
  /** The challenge asks for more than the published price of this input. */
  | "over_price"
  /** The challenge asks for more than `budget.perCall`, or than the call's `maxPrice`. */
  | "over_ceiling"
  /** The challenge asks for more than is left of `budget.total`. */
  | "over_budget"
  /** The challenge is for another resource than the one called. */
  | "other_resource"
  /** The payer threw, or signed something else than it was asked to. `cause` says more. */
  | "payer_failed";

export interface ErrorFacts {
  readonly resource: string;
  readonly charged: Charged;
  readonly idempotencyKey: string;
  readonly reason?: string;
  readonly issues?: readonly { readonly path: string; readonly message: string }[];
  readonly failure?: string;
  readonly status?: number;
  readonly jobId?: string;
  readonly requestId?: string;
  readonly receipt?: Receipt;
  readonly cause?: unknown;
}

const BRAND = Symbol.for("resource402.error");

/** The one error that calls throw, apart from the caller's own abort reason. */
export class ResourceError extends Error {
  override readonly name = "ResourceError";
  readonly code: ErrorCode;
  readonly charged: Charged;
  readonly resource: string;
  /** Send it again with the same input, and the call is not charged twice. */
  readonly idempotencyKey: string;
  /** Which rule or which of the seller's words is behind `payment_refused` and `payment_rejected`. */
  readonly reason: RefusalReason | (string & {}) | undefined;
  /** What is wrong with the input, field by field. */
  readonly issues: ErrorFacts["issues"];
  /** The seller's code behind `failed`. */
  readonly failure: string | undefined;
  readonly status: number | undefined;
  readonly jobId: string | undefined;
  /** Quote it to the seller. */
  readonly requestId: string | undefined;
  readonly receipt: Receipt | undefined;

  constructor(code: ErrorCode, message: string, facts: ErrorFacts) {
    super(`${facts.resource}: ${message}`, facts.cause === undefined ? {} : { cause: facts.cause });
    Object.defineProperty(this, BRAND, { value: true });
    this.code = code;
    this.charged = facts.charged;
    this.resource = facts.resource;
    this.idempotencyKey = facts.idempotencyKey;
    this.reason = facts.reason;
    this.issues = facts.issues;
    this.failure = facts.failure;
    this.status = facts.status;
    this.jobId = facts.jobId;
    this.requestId = facts.requestId;
    this.receipt = facts.receipt;
  }
}

/** True for a {@link ResourceError} of this or another copy of the package. */
export function isResourceError(error: unknown): error is ResourceError {
  return error instanceof Error && BRAND in error;
}

/** The problem document in a body, as far as it is one: foreign servers leave members out. */
export function readProblem(body: unknown): Partial<Problem> {
  if (!isRecord(body)) return {};
  const text = (name: string): string | undefined =>
    typeof body[name] === "string" ? body[name] : undefined;
  const detail = text("detail") ?? text("error") ?? text("title");
  const code = text("code");
  const requestId = text("requestId");
  const state = text("paymentState");
  const details = Array.isArray(body.details)
    ? body.details
        .filter(isRecord)
        .map((issue) => ({ path: String(issue.path ?? ""), message: String(issue.message ?? "") }))
    : undefined;
  return {
    ...(detail === undefined ? {} : { detail }),
    ...(code === undefined ? {} : { code }),
    ...(requestId === undefined ? {} : { requestId }),
    ...(details === undefined ? {} : { details }),
    ...(state === "unused" || state === "in_flight" || state === "settled" ? { paymentState: state } : {}),
  };
}
