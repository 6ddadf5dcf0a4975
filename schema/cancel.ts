/**
 * What follows when the buyer cancels a job that was charged. `"refund"`: the full price is refunded. `"keep"`: the
 * seller keeps the price. `"forbid"`: the job cannot be canceled.
 */
export type CancelPolicy = "refund" | "keep" | "forbid";

export const CANCEL_POLICIES: readonly CancelPolicy[] = ["refund", "keep", "forbid"];

export const DEFAULT_CANCEL: CancelPolicy = "refund";

/**
 * What a buyer must know before paying for a job that is not refunded on cancellation. The 402 and the documents print
 * the same sentence. Empty for `"refund"`, which is part of the sentence about refunds.
 */
export function cancelSentence(policy: CancelPolicy): string {
  switch (policy) {
    case "refund":
      return "";
    case "keep":
      return "If the buyer cancels the job, nothing is refunded.";
    case "forbid":
      return "The job cannot be canceled.";
  }
}

/** When a refund is owed for a charged call: "If it ends without a result", and for jobs the cancellation. */
export function refundCondition(policy: CancelPolicy | undefined): string {
  return policy === "refund"
    ? "If it ends without a result, or the buyer cancels it"
    : "If it ends without a result";
}
