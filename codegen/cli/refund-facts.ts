import type { RefundRecord } from "../../src/store/store.ts";
import { isoTime } from "./payment-facts.ts";

/** The public fields of a refund, without its signed transfer. */
export function publishedRefund({ payment: _, domain: __, ...refund }: RefundRecord): object {
  const { resolution } = refund;
  return {
    ...refund,
    createdAt: isoTime(refund.createdAt),
    retryAt: isoTime(refund.retryAt),
    ...(resolution ? { resolution: { ...resolution, at: isoTime(resolution.at) } } : {}),
  };
}

/** The state of a refund in the words of a list. */
export function refundText({ state, transaction, tries, problem }: RefundRecord): string {
  if (state === "paid") return `paid ${transaction ?? ""}`.trimEnd();
  return [state, ...(tries > 0 ? [`tried ${tries}×`] : []), ...(problem === undefined ? [] : [problem])].join(
    ", ",
  );
}
