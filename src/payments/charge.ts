import type { FacilitatorClient } from "@x402/core/server";
import { SettleError, VerifyError } from "@x402/core/types";
import { unsigned } from "../observe/log.ts";
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

/** What a facilitator was asked, what came of it, and how long it took, in milliseconds. */
export type Asked = (question: "verify" | "settle", outcome: string, ms: number) => void;

/** The same facilitator, of which every answer is told. */
export function measured(facilitator: FacilitatorClient, asked: Asked): FacilitatorClient {
  const timed =
    <Args extends unknown[], Answer>(
      question: "verify" | "settle",
      ask: (...args: Args) => Promise<Answer>,
      word: (answer: Answered<Answer>) => string,
    ) =>
    async (...args: Args): Promise<Answer> => {
      const begun = performance.now();
      const tell = (outcome: string): void => asked(question, outcome, performance.now() - begun);
      try {
        const given = await ask(...args);
        tell(word({ given }));
        return given;
      } catch (thrown) {
        tell(word({ thrown }));
        throw thrown;
      }
    };
  return {
    getSupported: () => facilitator.getSupported(),
    verify: timed("verify", facilitator.verify.bind(facilitator), (answer) => verdictOf(answer).verdict),
    settle: timed("settle", facilitator.settle.bind(facilitator), (answer) => settlementOf(answer).outcome),
  };
}

/** Asks the facilitator whether a payment could be settled. Moves nothing. */
export async function verify(facilitator: FacilitatorClient, payment: SignedPayment): Promise<Verdict> {
  return verdictOf(await answered(facilitator.verify, facilitator, payment));
}

/** Moves the money. Whatever is not a definite yes or a definite no is `unknown`. */
export async function settle(facilitator: FacilitatorClient, payment: SignedPayment): Promise<Settlement> {
  return settlementOf(await answered(facilitator.settle, facilitator, payment));
}

type Answered<Answer> = { readonly given: Answer } | { readonly thrown: unknown };

async function answered<Answer>(
  ask: (payload: Payload, requirements: Requirements) => Promise<Answer>,
  facilitator: FacilitatorClient,
  { payload, requirements }: SignedPayment,
): Promise<Answered<Answer>> {
  try {
    const given = await ask.call(
      facilitator,
      payload as unknown as Payload,
      requirements as unknown as Requirements,
    );
    return { given };
  } catch (thrown) {
    return { thrown };
  }
}

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
