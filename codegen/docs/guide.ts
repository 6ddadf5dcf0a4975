import type { ProblemCode } from "../../src/protocol/problem.ts";

/** The parts of the reference that are the same for every API. Markdown. */

export const PAYING =
  "A call without a payment is answered `402 Payment Required`, which says what the call costs and how to pay " +
  "it ([x402](https://www.x402.org)). Sign one of the offered payments and send the same request again with the " +
  "signature in the header `PAYMENT-SIGNATURE`.";

/** What is true beyond that of every server of this library. */
export const PAYING_HERE =
  "Both versions of x402 are spoken: the challenge of version 2 is in the header `PAYMENT-REQUIRED`, that of version 1 in " +
  "the body. Nothing has been charged by then, and nothing has run. Input that is not valid is refused with 400, free " +
  "of charge; a request without any input is answered with the highest price.";

export const REPEATING =
  "Send an `Idempotency-Key` with every call that may be repeated: the same key with the same input gets the same " +
  "answer and is charged once. The generated TypeScript client does all of this by itself: it pays, repeats and waits.";

export const RELYING: readonly string[] = [
  [
    "- One key, one charge. Under one `Idempotency-Key`, or with one signed payment, you are charged at most once, and " +
      "get the same answer every time you ask, for at least 24 hours.",
    "- When an answer is lost, send the same bytes again. While nobody knows whether a payment has been settled, the " +
      "answer is 503 with `Retry-After`, or the status of a job says `paymentState: in_flight`. It is never a new `402`.",
    "- Invalid input costs nothing, and neither does a call that is charged only when it succeeds, and fails.",
    "- If a charged call ends without a result, a refund is owed, unless you canceled it and its resource says that " +
      "nothing is refunded then: `paymentState` says `refund_owed`, and, in the status of a job, `refunded` when the " +
      "amount has been sent to the payer.",
  ].join("\n"),
  "What you cannot rely on: a call without a key that is signed anew is a new purchase, and charged again. " +
    "A refund is as good as the seller's word: it is written down at once, and paid from the seller's account. An " +
    "answer that is given in the same request is given once; that its refund has been paid shows on the chain only.",
];

export const JOBS =
  "A resource that runs as a job answers `202` at once, with a `statusUrl`, an `eventsUrl` and when to ask next " +
  "(`retryAfterSeconds`). Who has these addresses may use them; they need no payment and no other header.";

/** What the holder of a job's addresses can do, and how. */
export const JOB_USES: readonly (readonly [what: string, how: string])[] = [
  [
    "See how it stands",
    "`GET statusUrl`: state, progress in percent and, in the end, the output as `result`.",
  ],
  ["Wait for it", "`Prefer: wait=20`, with the call or with `GET statusUrl`: held for at most 25 seconds."],
  [
    "Watch it",
    "`GET eventsUrl`: the same documents as server-sent events, each as soon as there is a new one.",
  ],
  [
    "Cancel it",
    "`DELETE statusUrl`. Each resource says whether its price is then refunded, or that its jobs cannot be canceled (409 " +
      "`cancel_forbidden`).",
  ],
  [
    "Be told of its end",
    "`Callback-Url: https://…` with the call. The job's document is posted there, signed with the `webhookSecret` of " +
      "the answer `202` as Standard Webhooks have it: late at times, and more than once with the same `webhook-id`. " +
      "Answer with any 2xx; the status of the job stays what counts.",
  ],
];

/** Every `status` of a job, the `state` that stands beside it, and what has become of the money. */
export const JOB_STATUSES: readonly (readonly [
  status: string,
  state: string,
  meaning: string,
  charged: string,
])[] = [
  ["awaiting_payment", "processing", "Accepted; the payment is being settled.", "not known yet"],
  ["queued", "processing", "Waits to be started.", "as `paymentState` says"],
  ["running", "processing", "Is being worked on.", "as `paymentState` says"],
  ["succeeded", "succeeded", "`result` holds the output.", "yes"],
  ["failed", "failed", "`code` and `error` say why.", "no, or owed back"],
  ["cancelled", "failed", "The buyer has canceled it.", "no, or owed back, or kept as its resource says"],
  ["expired", "failed", "Has not been started in time.", "no, or owed back"],
];

export const ERRORS =
  "Errors are problem documents (RFC 9457) with `code`, `detail`, `retryable` and `paymentState`, which says what " +
  "has become of the payment that came with the call: `unused`, `in_flight` (nobody knows yet), `settled`, " +
  "`refund_owed` or `refunded`. Without it the server does not know: send the same bytes again, or look at the chain.";

/** Whether a call that is answered with a code has cost anything. */
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
  in_progress: "once at most; send the same bytes again",
  job_ended: "as the status of the job says",
  cancel_forbidden: "as the status of the job says",
  gone: "nothing changes",
  too_large: "no",
  unsupported_media_type: "no",
  key_mismatch: "not for this call",
  too_much_outstanding: "no",
  internal_error: "no, or owed back: `paymentState` says which",
  not_implemented: "no",
  facilitator_unavailable: "no",
  settlement_unknown: "not known yet; do not pay again",
  queue_full: "no",
  unavailable: "no, unless `paymentState` is `in_flight`; then send the same bytes again",
  timeout: "no, or owed back: `paymentState` says which",
};
