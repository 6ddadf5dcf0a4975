import type { Amount, Offers } from "../ledger/offer.ts";
import type { PaymentState } from "../protocol/index.ts";
import type { StoredAnswer } from "../store/store.ts";
import { problem } from "./answer.ts";
import type { RequestContext } from "./request-context.ts";

/** The 402, and the 503 in its place while the facilitator does not say how it can be paid. Never kept. */
export interface Challenger {
  /** @param paymentState of the payment that came along */
  challenge(
    context: RequestContext,
    amount: Amount,
    paymentState: PaymentState | "unknown",
    error?: string,
  ): Promise<StoredAnswer>;
  unavailable(context: RequestContext, cause: unknown, paymentState: PaymentState | "unknown"): StoredAnswer;
}

const FACILITATOR_RETRY_SECONDS = 5;

/** @param offers absent when everything is free */
export function createChallenger(offers: Offers | undefined): Challenger {
  const challenger: Challenger = {
    async challenge(context, amount, paymentState, error) {
      try {
        if (!offers) throw new Error("payments are not configured");
        return await offers.challenge(context.resource, amount, context.url, paymentState, error);
      } catch (cause) {
        return challenger.unavailable(context, cause, paymentState);
      }
    },
    unavailable({ log, requestId }, cause, paymentState) {
      log.error({ error: cause }, "the facilitator is not available");
      const retryAfterSeconds = FACILITATOR_RETRY_SECONDS;
      return problem("facilitator_unavailable", requestId, { retryAfterSeconds, paymentState });
    },
  };
  return challenger;
}
