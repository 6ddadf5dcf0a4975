/**
 * Named places between two steps of a call, at which a test stops, delays or kills a server. When they are
 * not used, they cost a comparison with `undefined`.
 */
export const FAULT_POINTS = [
  /** A request came in; nothing has been looked up. */
  "call.received",
  /** Payment and key are not known yet; the payment has not been verified. */
  "call.unknown",
  /** The payment is good; the intent is not written yet. */
  "call.verified",
  /** The intent is written; nothing has run, nothing has been settled. */
  "call.begun",
  /** The handler of a synchronous call has ended; its output is not stored yet. */
  "call.ran",
  /** The answer of a call that was charged before its work is about to be kept. */
  "call.concluding",
  /** The answer is kept and may be sent. */
  "call.answered",
  /** It is written that the money may move; the facilitator has not been asked. */
  "settle.before",
  /** The facilitator has answered; its word is not written yet. */
  "settle.after",
  /** The outcome of the settlement is written. */
  "settle.recorded",
  /** A server has taken the job; its handler has not been started. */
  "job.claimed",
  /** The handler of a job has ended; its end is not written yet. */
  "job.ran",
  /** The end of a job is written. */
  "job.ended",
  /** A refund's transfer is signed and kept; the facilitator has not been asked. */
  "refund.before",
  /** The facilitator has answered; the refund is not recorded yet. */
  "refund.after",
] as const;

/** The name of one point between two writes, at which tests stop a server. */
export type FaultPoint = (typeof FAULT_POINTS)[number];

/** Called at every point. When it throws or never resolves, the server fails or hangs there. */
export interface Faults {
  reach(point: FaultPoint): Promise<void>;
}
