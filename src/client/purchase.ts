import type { PaymentRequired } from "../protocol/index.ts";
import { isChanged, type KnownTerms } from "./ahead.ts";
import {
  type CallName,
  type Calls,
  paymentsOf,
  type SavedCall,
  type SavedPayment,
  type SavedRequest,
} from "./calls.ts";
import type { CallDefinition } from "./definition.ts";
import { acceptedBy, type Delivery } from "./delivery.ts";
import { chargedBy, ResourceError, readProblem } from "./errors.ts";
import { type Send, throwIfAborted } from "./http.ts";
import { type Exchanged, factsOf, lost, retryAtOf } from "./outcome.ts";
import { challengeOf } from "./pay.ts";
import type { Sign, SigningLimits, UnsignedCall } from "./signing.ts";

/** Refusals after which the seller is asked for its present price. */
const TOO_EXPENSIVE: readonly unknown[] = ["over_price", "over_ceiling", "over_budget"];
/** Known terms take the place of a 402. */
const NO_ANSWER = { headers: new Headers(), body: undefined };

/** One call with its ceilings. */
interface LimitedCall {
  readonly definition: CallDefinition;
  readonly input: object;
  readonly call: UnsignedCall;
  readonly request: SavedRequest;
  readonly limits: SigningLimits;
  readonly signal: AbortSignal | undefined;
}

export interface PurchaseDeps {
  readonly send: Send;
  readonly calls: Calls;
  readonly sign: Sign;
  readonly deliver: Delivery["deliver"];
  /** Present when calls are paid ahead of a 402 where they can be. */
  readonly terms: KnownTerms | undefined;
  /** Counts what earlier runs have signed in the budget. */
  readonly count: (name: CallName) => Promise<void>;
}

export interface Purchases {
  buy(purchase: LimitedCall, known?: SavedCall, replaced?: SavedPayment): Promise<Exchanged>;
  replace(purchase: LimitedCall, sent: Exchanged): Promise<Exchanged | undefined>;
}

/** Buys: send → 402 → sign once → store → send. With known terms, the payment is sent ahead of a 402. */
export function createPurchases({ send, calls, sign, deliver, terms, ...deps }: PurchaseDeps): Purchases {
  /**
   * Signs for a call. `known` is an earlier one under its key that may still settle; `replaced` is its payment, where
   * one of the two is to settle.
   */
  async function buy(purchase: LimitedCall, known?: SavedCall, replaced?: SavedPayment): Promise<Exchanged> {
    const { definition, input, call, request, limits, signal } = purchase;
    const charged = known ? (known.ended?.charged ?? "unknown") : "no";
    const agreed = known ? undefined : terms?.of(definition, input, request.url);
    const ahead = agreed && (await buyAhead(purchase, agreed));
    if (ahead) return ahead;
    const answer = await send({ ...request, signal, isKeyed: definition.idempotent }).catch(
      (cause: unknown) => {
        throw lost(cause, signal, { ...factsOf(call, charged), url: request.url });
      },
    );
    if (answer.status !== 402) {
      if (answer.isOutput && limits.price !== 0n) terms?.avoid(definition);
      const accepted = acceptedBy(answer, request);
      const saved = replaced ? undefined : known;
      const { baseUrl, resource, idempotencyKey } = call;
      const name = { baseUrl, resource, idempotencyKey };
      return { ...name, answer, accepted, saved, receipt: saved?.receipt };
    }
    if (definition.price.kind === "unknown" && limits.maxPrice === undefined) {
      const message = "publishes no price that can be read; pass maxPrice, the most that this call may cost";
      const facts = { ...factsOf(call, charged), reason: "no_max_price" as const };
      throw new ResourceError("payment_refused", message, facts);
    }
    await deps.count(call);
    const own = known && !replaced ? { ...call, earlier: paymentsOf(known) } : call;
    const store = known ? (next: SavedCall) => calls.replace(known, next) : calls.add;
    const { saved, fresh } = await sign(own, answer, { ...limits, replaced }, charged, store);
    return learn(
      purchase,
      await deliver({ ...saved, request }, signal, fresh ? "new" : "known"),
      challengeOf(answer),
    );
  }

  /** Signs for terms that are known. `undefined`: they are above a ceiling, and the seller is to be asked. */
  async function buyAhead(purchase: LimitedCall, known: PaymentRequired): Promise<Exchanged | undefined> {
    const { definition, call, request, limits, signal } = purchase;
    throwIfAborted(signal);
    const signed = await sign(call, NO_ANSWER, { ...limits, known }, "no", calls.add).catch(
      (error: unknown) => {
        // The seller may ask for less by now.
        if (!(error instanceof ResourceError && TOO_EXPENSIVE.includes(error.reason))) throw error;
      },
    );
    if (!signed) return undefined;
    const { saved, fresh } = signed;
    const sent = await deliver({ ...saved, request }, signal, fresh ? "new" : "known").catch((error) => {
      // While the seller cannot be reached, one payment is in question, and not one for each call.
      terms?.forget(definition);
      throw error;
    });
    return (await replace(purchase, sent, known)) ?? learn(purchase, sent, undefined, fresh);
  }

  /**
   * Signs what the seller asks for in the place of a payment that was sent ahead, so that one of the two can settle.
   * `undefined`: the answer stands. `known` are the terms that were signed, where they are at hand.
   */
  async function replace(
    purchase: LimitedCall,
    sent: Exchanged,
    known?: PaymentRequired,
  ): Promise<Exchanged | undefined> {
    const { definition, call, request, limits, signal } = purchase;
    const { answer, receipt, isSettled, saved } = sent;
    const charged = isSettled ? "yes" : chargedBy(true, readProblem(answer.body).paymentState, receipt);
    const isTaken = charged === "yes" || charged === "refunded";
    const next = answer.status === 402 && !isTaken ? challengeOf(answer) : undefined;
    const isPriced = (limits.price ?? limits.maxPrice) !== undefined;
    if (!terms || !next || !isPriced || !saved?.payment.isAhead) return undefined;
    const isOver = saved.payment.validBefore * 1000 <= Date.now();
    if (!isOver && !isChanged(next, saved.payment.offer, known)) return undefined;
    terms.forget(definition);
    await deps.count(call);
    const replacing = { ...limits, replaced: saved.payment, retryAt: retryAtOf(saved, charged) };
    const store = (next: SavedCall) => calls.replace(saved, next);
    const other = await sign(call, answer, replacing, charged, store).catch((error: unknown) => {
      // It may ask for another token each time.
      const isOther = error instanceof ResourceError && error.reason === "changed_terms";
      if (isOther) terms?.avoid(definition);
      throw error;
    });
    const end = await deliver({ ...other.saved, request }, signal, other.fresh ? "new" : "known");
    return learn(purchase, end, next, other.fresh);
  }

  /**
   * After the answer to a payment. Terms are known by a receipt or a job: the seller may ask for nothing else.
   * `challenge`: those of a 402 of this call.
   */
  function learn(
    { definition, input, request }: LimitedCall,
    sent: Exchanged,
    challenge: PaymentRequired | undefined,
    isAhead = false,
  ): Exchanged {
    const { answer, receipt, accepted, saved } = sent;
    const isTaken = answer.status < 400 && (receipt ?? accepted) !== undefined;
    const isExplained = answer.status >= 500 || readProblem(answer.body).paymentState !== undefined;
    if (isTaken && !saved?.payment.isUnused) terms?.learn(definition, input, challenge, request.url);
    else if (isAhead && !isTaken && !isExplained) terms?.avoid(definition);
    else terms?.forget(definition);
    return sent;
  }

  return { buy, replace };
}
