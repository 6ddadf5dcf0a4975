import type { JobStatus, PaymentState } from "../protocol/index.ts";

/**
 * Where the money of a call is. docs/money.md explains each phase; `src/ledger/transitions.ts` has every way from one
 * to the next.
 */
export type Phase =
  /** No settlement was sent. */
  | "open"
  /** A settlement may have been sent. Its outcome is not recorded. */
  | "submitted"
  /** Settled, and the work is not done. */
  | "charged"
  /** Settled or free, and the output is kept. */
  | "delivered"
  /** Settled without a result. A refund is owed. */
  | "owed"
  /** The refund is settled. */
  | "refunded"
  /** Settled, and ended early by the buyer under a published policy without refund. */
  | "kept"
  /** Not charged. The response is bound to this payment. */
  | "void";

/** Where the work of a call is. */
export type Work = "waiting" | "running" | "done" | "failed" | "canceled" | "expired";

/** A call's state, but for its constants (free or paid, sync or job, charged before or after the work). */
export interface State {
  readonly phase: Phase;
  readonly work: Work;
}

/** What a buyer is told about the payment. */
const PAYMENT_STATES: Readonly<Record<Phase, PaymentState>> = {
  open: "in_flight",
  submitted: "in_flight",
  charged: "settled",
  delivered: "settled",
  owed: "refund_owed",
  refunded: "refunded",
  kept: "settled",
  void: "unused",
};

/** What a buyer is told about the payment of a call; nothing when the call is free. */
export function paymentStateOf({ phase }: Pick<State, "phase">, isPaid: boolean): PaymentState | undefined {
  return isPaid ? PAYMENT_STATES[phase] : undefined;
}

const STATUSES: Readonly<Record<Work, JobStatus>> = {
  waiting: "queued",
  running: "running",
  done: "succeeded",
  failed: "failed",
  canceled: "cancelled",
  expired: "expired",
};

/** What a buyer is told about a job. While its settlement is unconfirmed, only that. */
export function statusOf({ phase, work }: State): JobStatus {
  return phase === "submitted" ? "awaiting_payment" : STATUSES[work];
}

/** Whether the work has ended and its outcome may be shown. */
export function hasEnded({ phase, work }: State): boolean {
  return phase !== "submitted" && work !== "waiting" && work !== "running";
}

/** Whether a worker may claim the job. */
export function isClaimable({ phase, work }: State): boolean {
  return work === "waiting" && phase !== "submitted";
}

/** The payment is settled. */
export const MOVED: readonly Phase[] = ["charged", "delivered", "owed", "refunded", "kept"];

/** How far the money may still move without this store asking for it. */
export const UNSETTLED: readonly Phase[] = ["open", "submitted"];
