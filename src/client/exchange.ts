import { parseUsd, type Usd } from "../../schema/money.ts";
import {
  decodeHeader,
  HEADERS,
  type PaymentPayload,
  type PaymentRequirements,
  quoteKey,
  type Receipt,
} from "../wire/index.ts";
import { type Budget, EXPIRY_MARGIN_SECONDS } from "./budget.ts";
import { type CallName, type Calls, nameOf, type SavedCall, type SavedPayment } from "./calls.ts";
import { type CallDefinition, priceCeiling, requestOf } from "./definition.ts";
import { type Charged, chargedBy, type ErrorFacts, ResourceError, readProblem } from "./errors.ts";
import type { HttpAnswer, Send } from "./http.ts";
import type { JobUpdate } from "./job.ts";
import { type Exchanged, isSpared, lost, receiptOf } from "./outcome.ts";
import { type Payer, type PayOptions, pay, type TrustedAsset } from "./pay.ts";

export interface CallOptions {
  /** Stops the call. It does not undo a payment, and a job goes on; `pending()` lists a call that was paid for. */
  readonly signal?: AbortSignal;
  /** Names the call: sent again with the same input, it is not charged again. @default a new random key */
  readonly idempotencyKey?: string;
  /** The most that this call may cost, in US dollars. */
  readonly maxPrice?: Usd;
}

export interface JobCallOptions extends CallOptions {
  /**
   * Where the seller is to post the job's document once it has ended, signed with `webhookSecret` of the job as
   * Standard Webhooks have it: an https address that is reachable from everywhere, at most 2,000 characters. It may
   * come late, or more than once; to wait for `result()` is as good. Sent again under the same key, a call keeps the
   * address of the first time.
   */
  readonly callbackUrl?: string;
}

export type ClientEvent =
  /** A 402 came. Amounts are decimal: `usd` dollars, paid in `currency`. */
  | {
      readonly type: "challenged";
      readonly resource: string;
      readonly usd: string;
      readonly currency: string;
      readonly offer: PaymentRequirements;
    }
  /** The payment was signed and stored; it has not been sent yet. */
  | {
      readonly type: "signed";
      readonly resource: string;
      readonly usd: string;
      readonly currency: string;
      readonly idempotencyKey: string;
    }
  | {
      /** Comes again with an answer that is given again: who adds up counts each `receipt.transaction` once. */
      readonly type: "settled";
      readonly resource: string;
      readonly receipt: Receipt;
      readonly idempotencyKey: string;
    }
  | {
      readonly type: "accepted";
      readonly resource: string;
      readonly jobId: string;
      readonly statusUrl: string;
    }
  | {
      readonly type: "progress";
      readonly resource: string;
      readonly jobId: string;
      readonly update: JobUpdate;
    };

export interface ExchangeRoom {
  readonly baseUrl: string;
  readonly send: Send;
  readonly calls: Calls;
  readonly budget: Budget;
  readonly payer: Payer | undefined;
  readonly trusted: readonly TrustedAsset[];
  readonly emit: (event: ClientEvent) => void;
}

export interface Exchange {
  /** One call, from its input to the answer to its payment: send → 402 → sign once → store → send. */
  call(definition: CallDefinition, input: object, options: JobCallOptions): Promise<Exchanged>;
  /** Sends a payment that is stored, the same bytes until they are answered. */
  deliver(saved: SavedCall, signal: AbortSignal | undefined): Promise<Exchanged>;
  /** The end of a call is known: it is not pending any more, and its payment was made, or is not used. */
  end(saved: SavedCall, how: "made" | "unused"): Promise<void>;
  /** Calls of this API that were paid for and have not ended. */
  pending(): Promise<readonly SavedCall[]>;
}

/** The exchange of a payment for an answer. One key, one signature: who asks again sends the same bytes again. */
export function createExchange(room: ExchangeRoom): Exchange {
  const { baseUrl, send, calls, budget, payer, trusted, emit } = room;
  /** What was paid under keys that callers have chosen, and may choose again, until it has expired. */
  const past = new Map<string, SavedCall>();
  /** The last call under such a key: the next one waits for its end. */
  const turns = new Map<string, Promise<unknown>>();
  /** What earlier runs have left behind counts before anything is signed. */
  let counted: Promise<unknown> | undefined;

  async function call(
    definition: CallDefinition,
    input: object,
    options: JobCallOptions,
  ): Promise<Exchanged> {
    const { idempotencyKey = newKey(), signal, callbackUrl } = options;
    const name = { baseUrl, resource: definition.name, idempotencyKey };
    const maxPrice = options.maxPrice === undefined ? undefined : parseUsd(options.maxPrice);
    const { headers, ...written } = requestOf(baseUrl, definition, input, idempotencyKey);
    const request: SavedCall["request"] = {
      method: definition.method,
      ...written,
      headers: {
        ...headers,
        [HEADERS.idempotencyKey]: quoteKey(idempotencyKey),
        ...(callbackUrl === undefined ? {} : { [HEADERS.callbackUrl]: new URL(callbackUrl).href }),
      },
    };

    const buy = async (): Promise<Exchanged> => {
      const answer = await send({ ...request, signal }).catch((cause: unknown) => {
        throw lost(cause, signal, factsOf(name, "no"));
      });
      if (answer.status !== 402) return { ...name, answer, saved: undefined, receipt: undefined };
      counted ??= pending();
      await readable(name, counted).catch((error) => {
        counted = undefined;
        throw error;
      });
      const limits = { price: priceCeiling(definition, input), maxPrice };
      const { saved, fresh } = await sign(name, request, answer, limits, calls.add);
      return deliver(saved, signal, fresh ? "new" : "known");
    };
    if (options.idempotencyKey === undefined) return buy();

    return inTurn(nameOf(name), signal, async () => {
      const known = await readable(name, recall(name));
      if (known && (known.request.url !== request.url || known.request.body !== request.body)) {
        const message = "the idempotency key names another call, with another input";
        const reason = "key_mismatch";
        throw new ResourceError("payment_refused", message, { ...factsOf(name, "unknown"), reason });
      }
      // It is stored again before it is sent again.
      const exchanged = await (known ? deliver(await readable(name, calls.add(known)), signal) : buy());
      remember(exchanged.saved);
      return exchanged;
    });
  }

  async function deliver(
    saved: SavedCall,
    signal: AbortSignal | undefined,
    payment: "new" | "known" | "renewed" = "known",
  ): Promise<Exchanged> {
    const { resource, idempotencyKey, request } = saved;
    const headers = { ...request.headers, [HEADERS.paymentSignature]: saved.payment.header };
    budget.count(saved);
    const answer = await send({ ...request, headers, signal }).catch((cause: unknown) => {
      throw lost(cause, signal, factsOf(saved, "unknown"));
    });
    if (answer.status === 402 && payment !== "renewed" && (await hasLapsed(saved.payment))) {
      return deliver(await renew(saved, answer), signal, "renewed");
    }

    const receipt = receiptOf(answer, saved.payment);
    if (receipt) emit({ type: "settled", resource, receipt, idempotencyKey });
    const { paymentState } = readProblem(answer.body);
    // The answer to an earlier call under this key, and not to a copy of this one.
    const isUnused = answer.headers.get(HEADERS.paymentUnused) === "true";
    if (isUnused && payment === "new" && answer.attempts === 1) budget.close(saved, "unused");
    if (answer.status >= 400 && chargedBy(paymentState, undefined) !== "unknown") {
      await end(saved, chargedBy(paymentState, receipt) === "no" ? "unused" : "made");
    } else if (isSpared(answer)) {
      await end(saved, "unused");
    } else if (answer.status === 200 && !answer.tooLarge) {
      await end(saved, "made");
    }
    return { baseUrl, resource, idempotencyKey, answer, saved, receipt };
  }

  /** Signs once more under the same key, for no more and for nobody else, after proof that the first has expired. */
  async function renew(saved: SavedCall, answer: HttpAnswer): Promise<SavedCall> {
    try {
      const limits = { agreed: saved.payment.offer };
      const next = await sign(saved, saved.request, answer, limits, (next) => calls.replace(saved, next));
      // Not before the new one is counted: what it is to cost has been set aside by the old one.
      budget.close(saved, "unused");
      return next.saved;
    } catch (error) {
      await end(saved, "unused");
      throw error;
    }
  }

  /** Signs and stores. Not `fresh`: another process has come first with this key, and its payment is the one to send. */
  async function sign(
    { resource, idempotencyKey }: CallName,
    request: SavedCall["request"],
    { headers, body }: HttpAnswer,
    limits: Pick<PayOptions, "price" | "maxPrice" | "agreed">,
    store: (call: SavedCall) => Promise<SavedCall>,
  ): Promise<{ saved: SavedCall; fresh: boolean }> {
    let fresh = false;
    const saved = await pay({
      ...limits,
      ...{ resource, idempotencyKey, url: request.url, headers, body, payer, budget, trusted },
      onChallenge: (offer, usd, currency) => emit({ type: "challenged", resource, offer, usd, currency }),
      async keep(payment) {
        const createdAt = new Date().toISOString();
        const own = { version: 1, baseUrl, resource, idempotencyKey, request, payment, createdAt } as const;
        const stored = await store(own);
        fresh = stored.payment.header === payment.header;
        const { usd, currency } = payment;
        if (fresh) emit({ type: "signed", resource, usd, currency, idempotencyKey });
        return stored;
      },
    });
    return { saved, fresh };
  }

  async function hasLapsed({ header }: SavedPayment): Promise<boolean> {
    try {
      return (await payer?.lapsed?.(decodeHeader(header) as PaymentPayload)) === true;
    } catch {
      return false;
    }
  }

  /** What was paid under this key. */
  async function recall(name: CallName): Promise<SavedCall | undefined> {
    const known = past.get(nameOf(name));
    return known && canSettle(known) ? known : calls.find(name);
  }

  function remember(saved: SavedCall | undefined): void {
    for (const [id, call] of past) {
      if (canSettle(call)) break;
      past.delete(id);
    }
    if (saved) past.set(nameOf(saved), saved);
  }

  async function end(saved: SavedCall, how: "made" | "unused"): Promise<void> {
    budget.close(saved, how);
    // What stays behind is asked for once more, and answered as before: it costs nothing.
    await calls.remove(saved).catch(() => {});
  }

  async function pending(): Promise<readonly SavedCall[]> {
    const own = (await calls.list()).filter((one) => one.baseUrl === baseUrl);
    for (const one of own) budget.count(one);
    return own;
  }

  /** Calls under one key go one after the other. */
  async function inTurn<T>(id: string, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    signal?.throwIfAborted();
    const before = turns.get(id);
    const turn = (async () => {
      await before;
      signal?.throwIfAborted();
      return work();
    })();
    const ended = turn
      .catch(() => {})
      .then(() => {
        if (turns.get(id) === ended) turns.delete(id);
      });
    turns.set(id, ended);
    if (!before || !signal) return turn;
    const aborted = new Promise<never>((_, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
    return Promise.race([turn, aborted]);
  }

  return { call, deliver, end, pending };
}

function canSettle({ payment }: SavedCall): boolean {
  return (payment.validBefore + EXPIRY_MARGIN_SECONDS) * 1000 > Date.now();
}

function factsOf({ resource, idempotencyKey }: CallName, charged: Charged): ErrorFacts {
  return { resource, charged, idempotencyKey };
}

/** What cannot be read may hold a payment for this very call: nothing is signed. */
async function readable<T>(name: CallName, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    const message = "the saved calls could not be read, so nothing was sent";
    const facts = { ...factsOf(name, "unknown"), reason: "not_saved" } as const;
    throw new ResourceError("payment_refused", message, facts, cause);
  }
}

/** Fits an idempotency key and the `payment-identifier` extension alike. */
function newKey(): string {
  return `pay_${crypto.randomUUID().replaceAll("-", "")}`;
}
