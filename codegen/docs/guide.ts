import type { ProblemCode } from "../../src/protocol/problem.ts";

/** The parts of the reference that are the same for every API. Markdown. */

export const PAYING =
  "The server answers a call without a payment with `402 Payment Required`, which states the price and how to pay " +
  "it ([x402](https://www.x402.org)). Sign one of the offered payments and send the same request again with the " +
  "signature in the header `PAYMENT-SIGNATURE`.";

/** What else applies to every server of this library. */
export const PAYING_HERE =
  "The server supports both versions of x402: the challenge of version 2 is in the header `PAYMENT-REQUIRED`, that of " +
  "version 1 in the body. A 402 charges nothing and runs nothing. The server rejects invalid input with 400, free of " +
  "charge. A request without any input gets a 402 with the highest price.";

export const REPEATING =
  "Send an `Idempotency-Key` with every call that you may retry: calls with the same key and the same input get the same " +
  "response and are charged once. The generated TypeScript client does all of this: it pays, retries and waits.";

export const RELYING: readonly string[] = [
  [
    "- One key, one charge. With one `Idempotency-Key`, or one signed payment, you are charged at most once. For at least " +
      "24 hours, you get the same response to the same request.",
    "- When a response is lost, send the identical request again. While the settlement of a payment is unconfirmed, the " +
      "response is 503 with `Retry-After`, or the job has `paymentState: in_flight`. The server never sends a new `402`.",
    "- Invalid input costs nothing. A call that is charged only when it succeeds costs nothing when it fails.",
    "- If a charged call ends without a result, a refund is owed, unless you canceled it and its resource does not refund " +
      "canceled jobs. `paymentState` is then `refund_owed`. A job changes to `refunded` when the seller has paid the refund.",
  ].join("\n"),
  "What is not guaranteed: if you send a call without a key and sign a new payment for a retry, you buy again and are " +
    "charged again. The server records a refund immediately, but the seller pays it from the seller's own account. A " +
    "synchronous call does not report when its refund is paid; only the chain shows that.",
];

export const JOBS =
  "A resource that runs as a job immediately answers `202` with a `statusUrl`, an `eventsUrl` and the time to wait before " +
  "polling (`retryAfterSeconds`). Anyone who has these URLs can use them. They need no payment and no headers.";

/** What the URLs of a job offer. */
export const JOB_USES: readonly (readonly [what: string, how: string])[] = [
  [
    "Check its status",
    "`GET statusUrl`: the state, the progress in percent and, when it has succeeded, the output as `result`.",
  ],
  [
    "Wait for it",
    "`Prefer: wait=20` with the call or with `GET statusUrl`. The server waits for at most 25 seconds.",
  ],
  ["Watch it", "`GET eventsUrl`: the job as server-sent events, one for each change."],
  [
    "Cancel it",
    "`DELETE statusUrl`. Each resource states whether it refunds canceled jobs, or does not allow canceling (409 " +
      "`cancel_forbidden`).",
  ],
  [
    "Get notified when it ends",
    "`Callback-Url: https://…` with the call. The server posts the job there, signed as in Standard Webhooks with the " +
      "`webhookSecret` of the `202` response. A webhook can arrive late, or more than once with the same `webhook-id`. " +
      "Answer with any 2xx. The status of the job is authoritative.",
  ],
];

/** Every `status` of a job, its `state`, and whether the buyer is charged. */
export const JOB_STATUSES: readonly (readonly [
  status: string,
  state: string,
  meaning: string,
  charged: string,
])[] = [
  ["awaiting_payment", "processing", "Accepted; the payment is being settled.", "not known yet"],
  ["queued", "processing", "Waiting for a worker.", "as `paymentState` says"],
  ["running", "processing", "The handler is running.", "as `paymentState` says"],
  ["succeeded", "succeeded", "`result` holds the output.", "yes"],
  ["failed", "failed", "`code` and `error` explain why.", "no, or a refund is owed"],
  [
    "cancelled",
    "failed",
    "The buyer canceled it.",
    "no, or a refund is owed, unless its resource does not refund",
  ],
  ["expired", "failed", "It did not start in time.", "no, or a refund is owed"],
];

export const ERRORS =
  "Errors are problem documents (RFC 9457) with `code`, `detail`, `retryable` and `paymentState`, the state of the " +
  "payment of the call: `unused`, `in_flight` (unconfirmed), `settled`, `refund_owed` or `refunded`. Without " +
  "`paymentState`, the server does not know: send the identical request again, or look at the chain.";

/** Whether a call that ends with a code is charged. */
export const CHARGED: Readonly<Record<ProblemCode, string>> = {
  invalid_input: "no",
  malformed_payment: "no",
  malformed_key: "no",
  key_required: "no",
  callback_refused: "no",
  not_found: "no",
  method_not_allowed: "no",
  key_conflict: "not for this call",
  payment_already_used: "not again",
  possible_duplicate: "no",
  in_progress: "at most once; send the identical request again",
  job_ended: "see the status of the job",
  cancel_forbidden: "see the status of the job",
  gone: "unchanged",
  too_large: "no",
  unsupported_media_type: "no",
  key_mismatch: "not for this call",
  too_much_outstanding: "no",
  internal_error: "no, or a refund is owed: see `paymentState`",
  not_implemented: "no",
  facilitator_unavailable: "no",
  settlement_unknown: "not known yet; do not pay again",
  queue_full: "no",
  unavailable: "no, unless `paymentState` is `in_flight`; then send the identical request again",
  timeout: "no, or a refund is owed: see `paymentState`",
};
