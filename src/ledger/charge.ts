import type { FacilitatorClient } from "@x402/core/server";
import { SettleError, VerifyError } from "@x402/core/types";
import { unsigned } from "../observe/redact.ts";
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
type VerifyResponse = Awaited<ReturnType<FacilitatorClient["verify"]>>;

/** Who verifies and settles the payments for resources. */
export interface Facilitator {
  /** Asks whether a payment could be settled. Moves nothing. */
  verify(payment: SignedPayment, resource: string): Promise<Verdict>;
  /** Moves the money. Whatever is not a definite yes or a definite no is `unknown`. */
  settle(payment: SignedPayment, resource: string): Promise<Settlement>;
}

interface FacilitatorOptions {
  /** Given up on after so many milliseconds without an answer; what it does later is found out by evidence. */
  readonly timeoutMs?: number;
  /** Told of every answer. */
  readonly asked?: (about: Asked) => void;
}

/** What was asked for which resource, what came of it, and how long it took, in milliseconds. */
interface Asked {
  readonly question: "verify" | "settle";
  readonly resource: string;
  readonly outcome: string;
  readonly ms: number;
}

/** What a facilitator's client answers, as words that can be relied on. */
export function createFacilitator(
  client: FacilitatorClient,
  { timeoutMs, asked = () => {} }: FacilitatorOptions = {},
): Facilitator {
  async function answered<Answer>(
    ask: (payload: Payload, requirements: Requirements) => Promise<Answer>,
    { payload, requirements }: SignedPayment,
  ): Promise<Answered<Answer>> {
    try {
      const answer = ask.call(client, payload as unknown as Payload, requirements as unknown as Requirements);
      return { given: await (timeoutMs === undefined ? answer : within(timeoutMs, answer)) };
    } catch (thrown) {
      return { thrown };
    }
  }

  return {
    async verify(payment, resource) {
      const begun = performance.now();
      const verdict = verdictOf(await answered(client.verify, payment));
      const { verdict: outcome } = verdict;
      asked({ question: "verify", resource, outcome, ms: performance.now() - begun });
      return verdict;
    },

    async settle(payment, resource) {
      const begun = performance.now();
      const settlement = settlementOf(await answered(client.settle, payment));
      const { outcome } = settlement;
      asked({ question: "settle", resource, outcome, ms: performance.now() - begun });
      return settlement;
    },
  };
}

function within<T>(ms: number, answer: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no answer in ${ms / 1000} seconds`)), ms);
    answer.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

type Answered<Answer> = { readonly given: Answer } | { readonly thrown: unknown };

function verdictOf(answer: Answered<VerifyResponse>): Verdict {
  if ("thrown" in answer) {
    const { thrown } = answer;
    if (thrown instanceof VerifyError && isDefinite(thrown)) return invalid(thrown.invalidReason);
    return { verdict: "unavailable", cause: thrown };
  }
  const { isValid, payer, invalidReason } = answer.given;
  return isValid ? { verdict: "valid", payer } : invalid(invalidReason);
}

function invalid(reason = "invalid_payment"): Verdict {
  return { verdict: "invalid", reason: unsigned(reason) };
}

function settlementOf(answer: Answered<SettleResponse>): Settlement {
  if ("thrown" in answer) {
    const { thrown } = answer;
    if (thrown instanceof SettleError && isDefinite(thrown)) return classify(thrown.errorReason);
    const reason = thrown instanceof Error ? unsigned(thrown.message) : "no answer";
    return { outcome: "unknown", reason };
  }
  const { given: response } = answer;
  return response.success ? { outcome: "settled", response } : classify(response.errorReason);
}

/** A facilitator that is overloaded or broken has not decided anything. */
function isDefinite({ statusCode }: { readonly statusCode: number }): boolean {
  return statusCode < 500 && statusCode !== 429;
}

/**
 * Words that do not say that the money did not move. A broadcast that is not confirmed may still succeed; a nonce that
 * is used may have been used by this very payment, whose answer was lost; an unexpected error may have come after the
 * transfer. `transaction_failed` is what the official facilitator makes of every error of its node, also of an answer
 * that was lost after the broadcast. Facilitators spell them in many ways, down to the revert text of the token.
 */
const OPEN = /pending|unexpected|time[d_ -]*out|transaction_failed|settlement_failed/i;

/** A nonce that is used says that a payment has been settled, or cancelled; not which. */
export function saysUsed(reason: string): boolean {
  return /nonce\w*_used|nonce.*already|authorization is used/i.test(reason);
}

function classify(errorReason: string | undefined): Settlement {
  const reason = unsigned(errorReason ?? "settlement_failed");
  return OPEN.test(reason) || saysUsed(reason)
    ? { outcome: "unknown", reason }
    : { outcome: "refused", reason };
}
