import type { FacilitatorClient } from "@x402/core/server";
import { SettleError, VerifyError } from "@x402/core/types";
import type { SignedPayment } from "../store/store.ts";
import type { SettleResponse } from "../wire/index.ts";

export type Verdict =
  | { readonly verdict: "valid"; readonly payer: string | undefined }
  | { readonly verdict: "invalid"; readonly reason: string }
  | { readonly verdict: "unavailable"; readonly cause: unknown };

export type Settlement =
  | { readonly outcome: "settled"; readonly response: SettleResponse }
  | { readonly outcome: "refused"; readonly reason: string }
  /** Nobody can say yet whether the money moved. Closed only by evidence, never by asking for a new payment. */
  | { readonly outcome: "unknown"; readonly reason: string };

// The facilitator's types know v2 only; on the wire both versions travel the same way.
type Payload = Parameters<FacilitatorClient["verify"]>[0];
type Requirements = Parameters<FacilitatorClient["verify"]>[1];

/**
 * The same facilitator, given up on after `ms` milliseconds without an answer. What it does later is found out by
 * evidence.
 */
export function bounded(facilitator: FacilitatorClient, ms: number): FacilitatorClient {
  const within = <T>(answer: Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no answer in ${ms / 1000} seconds`)), ms);
      answer.then(resolve, reject).finally(() => clearTimeout(timer));
    });
  return {
    getSupported: () => within(facilitator.getSupported()),
    verify: (...args) => within(facilitator.verify(...args)),
    settle: (...args) => within(facilitator.settle(...args)),
  };
}

/** Asks the facilitator whether a payment could be settled. Moves nothing. */
export async function verify(facilitator: FacilitatorClient, payment: SignedPayment): Promise<Verdict> {
  try {
    const answer = await facilitator.verify(
      payment.payload as unknown as Payload,
      payment.requirements as unknown as Requirements,
    );
    if (answer.isValid) return { verdict: "valid", payer: answer.payer };
    return { verdict: "invalid", reason: answer.invalidReason ?? "invalid_payment" };
  } catch (cause) {
    if (cause instanceof VerifyError && cause.statusCode < 500 && cause.statusCode !== 429) {
      return { verdict: "invalid", reason: cause.invalidReason ?? "invalid_payment" };
    }
    return { verdict: "unavailable", cause };
  }
}

/** Moves the money. Whatever is not a definite yes or a definite no is `unknown`. */
export async function settle(facilitator: FacilitatorClient, payment: SignedPayment): Promise<Settlement> {
  try {
    const response = await facilitator.settle(
      payment.payload as unknown as Payload,
      payment.requirements as unknown as Requirements,
    );
    if (response.success) return { outcome: "settled", response };
    return classify(response.errorReason);
  } catch (error) {
    if (error instanceof SettleError && error.statusCode < 500 && error.statusCode !== 429) {
      return classify(error.errorReason);
    }
    return { outcome: "unknown", reason: error instanceof Error ? error.message : "no answer" };
  }
}

/**
 * Words that do not say that the money did not move. A broadcast that is not confirmed may still succeed; a nonce that
 * is used may have been used by this very payment, whose answer was lost; an unexpected error may have come after the
 * transfer. Facilitators spell them in many ways, down to the revert text of the token.
 */
const OPEN = /pending|unexpected|time[d_ -]*out/i;

/** A nonce that is used says that a payment has been settled, or cancelled; not which. */
export function saysUsed(reason: string): boolean {
  return /nonce\w*_used|nonce.*already|authorization is used/i.test(reason);
}

function classify(errorReason: string | undefined): Settlement {
  const reason = errorReason ?? "settlement_failed";
  return OPEN.test(reason) || saysUsed(reason)
    ? { outcome: "unknown", reason }
    : { outcome: "refused", reason };
}
