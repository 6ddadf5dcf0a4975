import { isRecord, type PaymentState, type Receipt } from "../protocol/index.ts";

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
  /** The answer breaks the protocol, or is larger than is read. `reason` may say which rule stopped it. */
  | "protocol";

/** What the server answered. */
export interface ErrorResponse {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** JSON as its value, else a text or a `Blob`: of an output at most `maxAnswerBytes`, of an error 1 MiB. */
  readonly body: unknown;
}

/** Whether the call has cost money, as far as can be known. `refunded`: it had, and was paid back. */
export type Charged = "no" | "yes" | "unknown" | "refunded";

/** The rule that kept us from signing. */
export type RefusalReason =
  /** The call has a price, and the client has no payer. */
  | "no_payer"
  /** The 402 names no way to pay that this client understands. */
  | "no_offer"
  /** Every way to pay is in a token that this client does not know to be worth a dollar. */
  | "unknown_asset"
  /** The challenge asks for more than the published price of this input: the seller has raised it. */
  | "over_price"
  /** No price is published that can be read, and the call gives no `maxPrice`. */
  | "no_max_price"
  /** The challenge asks for more than `budget.perCall`, or than the call's `maxPrice`. */
  | "over_ceiling"
  /** The challenge asks for more than is left of `budget.total`. */
  | "over_budget"
  /** The challenge asks for a signature that stays valid for longer than `maxValidity`. */
  | "too_long"
  /** The challenge is for another resource than the one called. `resourceHosts` allows other names of the same host. */
  | "other_resource"
  /** Every way to pay is on a network that `networks` does not name. */
  | "other_network"
  /** Every way to pay would be signed in a domain that is not the token's. */
  | "other_domain"
  /** This machine's clock and the seller's differ so much that the signature would be useless or too long valid. */
  | "clock_off"
  /** After our payment the server asks for another one: of more, to another payee, or in another token. */
  | "changed_terms"
  /** The payment could not be stored in `calls`, so it was not sent. `cause` says more. */
  | "not_saved"
  /** The idempotency key names a call of this client with another input. */
  | "key_mismatch"
  /** The payer threw, or signed something else than it was asked to. `cause` says more. */
  | "payer_failed";

export interface ErrorFacts {
  readonly resource: string;
  readonly charged: Charged;
  /** Send it again with the same input, and the call is not charged twice. */
  readonly idempotencyKey: string;
  /**
   * Which rule or which of the seller's words is behind `payment_refused`, `payment_rejected` and `protocol`
   * (`too_large`: more than `maxAnswerBytes`; `html`: a web page, which is not what is sold here; `other_host`: the job's
   * status address is not on the host of `baseUrl`).
   */
  readonly reason?: RefusalReason | (string & {}) | undefined;
  /** What is wrong with the input, field by field. */
  readonly issues?: readonly { readonly path: string; readonly message: string }[] | undefined;
  /** The seller's code behind `failed` and `http`: its own, or one of the protocol, such as `key_mismatch`. */
  readonly failure?: string | undefined;
  readonly status?: number | undefined;
  /** The address that was called. */
  readonly url?: string | undefined;
  /** The answer that is neither output nor job. What was paid for may be in it. */
  readonly response?: ErrorResponse | undefined;
  /** The server's word for the state of the payment. Newer servers may send a word that this version does not know. */
  readonly paymentState?: PaymentState | undefined;
  readonly jobId?: string | undefined;
  /** Quote it to the seller. */
  readonly requestId?: string | undefined;
  readonly receipt?: Receipt | undefined;
  /**
   * RFC 3339. Present when the seller says that it did not charge what was signed (`charged: "no"`): until then the
   * signature may still settle, and a call under the same key sends it again. Afterwards the key signs again, or before
   * then with `renew: true`, or as soon as the payer proves that the signature lapsed unused.
   */
  readonly retryAt?: string | undefined;
}

const BRAND = Symbol.for("resource402.error");

/** The one error that calls throw, apart from the caller's own abort reason. */
export class ResourceError extends Error implements ErrorFacts {
  override readonly name = "ResourceError";
  readonly code: ErrorCode;
  declare readonly resource: string;
  declare readonly charged: Charged;
  declare readonly idempotencyKey: string;
  declare readonly reason: ErrorFacts["reason"];
  declare readonly issues: ErrorFacts["issues"];
  declare readonly failure: string | undefined;
  declare readonly status: number | undefined;
  declare readonly url: string | undefined;
  declare readonly response: ErrorResponse | undefined;
  declare readonly paymentState: PaymentState | undefined;
  declare readonly jobId: string | undefined;
  declare readonly requestId: string | undefined;
  declare readonly receipt: Receipt | undefined;
  declare readonly retryAt: string | undefined;

  constructor(code: ErrorCode, message: string, facts: ErrorFacts, cause?: unknown) {
    super(`${facts.resource}: ${message}`, cause === undefined ? undefined : { cause });
    this.code = code;
    Object.assign(this, facts);
    Object.defineProperty(this, BRAND, { value: true });
  }
}

/** True for a {@link ResourceError} of this or another copy of the package. */
export function isResourceError(error: unknown): error is ResourceError {
  return error instanceof Error && BRAND in error;
}

/** What can be read of a problem document: foreign servers leave members out. */
export interface ReadProblem {
  readonly detail: string | undefined;
  readonly code: string | undefined;
  readonly requestId: string | undefined;
  readonly paymentState: PaymentState | undefined;
  readonly issues: readonly { readonly path: string; readonly message: string }[];
}

export function readProblem(body: unknown): ReadProblem {
  const problem = isRecord(body) ? body : {};
  const text = (name: string): string | undefined => {
    const value = problem[name];
    return typeof value === "string" ? value : undefined;
  };
  return {
    detail: text("detail") ?? text("error") ?? text("title"),
    code: text("code"),
    requestId: text("requestId"),
    paymentState: text("paymentState") as PaymentState | undefined,
    issues: (Array.isArray(problem.details) ? problem.details : [])
      .filter(isRecord)
      .map(({ path, message }) => ({ path: plain(path), message: plain(message) })),
  };
}

/** A foreign text as one line of at most 200 characters. */
export function oneLine(text: string): string {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length > 200 ? `${line.slice(0, 199)}…` : line;
}

/** A text or number as text. Not `String`, which calls what the server sent as `toString`. */
function plain(value: unknown): string {
  return typeof value === "string" || typeof value === "number" ? `${value}` : "";
}

/**
 * What happened to the money of a call. The first line that applies:
 *
 * | known | charged |
 * |---|---|
 * | nothing was signed for the call, or the payer proved that what was signed lapsed unused | no |
 * | the seller says `refunded` | refunded |
 * | a well-formed receipt is held, or the seller says `settled` or `refund_owed` | yes |
 * | the seller says `unused`: its word, so that the signature is held (`retryAt`) | no |
 * | anything else | unknown |
 */
export function chargedBy(
  isSigned: boolean,
  state: PaymentState | undefined,
  receipt: Receipt | undefined,
): Charged {
  if (!isSigned) return "no";
  if (state === "refunded") return "refunded";
  if (receipt || state === "settled" || state === "refund_owed") return "yes";
  return state === "unused" ? "no" : "unknown";
}

/** A seller's text, with what it owes. */
export function withRefund(text: string, state: PaymentState | undefined): string {
  if (state === "refunded") return `${text} (the payment has been refunded)`;
  return state === "refund_owed" ? `${text} (the seller owes a refund)` : text;
}
