import { parseUsd, type Usd } from "../../schema/money.ts";
import {
  decodeHeader,
  HEADERS,
  PAYMENT_IDENTIFIER,
  type PaymentPayload,
  type PaymentRequired,
  type PaymentRequirements,
  quoteKey,
  type Receipt,
} from "../protocol/index.ts";
import { isChanged, type KnownTerms } from "./ahead.ts";
import type { Budget } from "./budget.ts";
import {
  type CallName,
  type Calls,
  chargedFor,
  nameOf,
  paymentsOf,
  type SavedCall,
  type SavedPayment,
  type SavedRequest,
} from "./calls.ts";
import {
  type CallDefinition,
  DEFAULT_VALIDITY_MS,
  priceCeiling,
  requestOf,
  validityCeiling,
} from "./definition.ts";
import { type Charged, chargedBy, type ErrorFacts, ResourceError, readProblem } from "./errors.ts";
import { withFiles } from "./files.ts";
import type { Held } from "./held.ts";
import { type HttpAnswer, hexOf, randomId, type Send, throwIfAborted } from "./http.ts";
import type { JobUpdate } from "./job.ts";
import { type Accepted, readAccepted } from "./job-format.ts";
import type { TrustedAsset } from "./offers.ts";
import { type Exchanged, isSpared, lost, retryAtOf } from "./outcome.ts";
import { challengeOf, type Payer, type PayOptions, pay } from "./pay.ts";
import { receiptOf } from "./receipt.ts";

/** Options of one call. */
export interface CallOptions {
  /** Stops the call. It does not undo a payment, and a job goes on; `pending()` lists a call that was paid for. */
  readonly signal?: AbortSignal;
  /** Names the call: sent again with the same input, it is not charged again. @default a new random key */
  readonly idempotencyKey?: string;
  /** The most that this call may cost, in US dollars, be it more than the published price. */
  readonly maxPrice?: Usd;
  /**
   * True: signs again under `idempotencyKey` on purpose, although an earlier payment may still settle. Both count in the
   * budget, and both may be taken. @default false
   */
  readonly renew?: boolean;
}

/** Options of one call of a job resource. */
export interface JobCallOptions extends CallOptions {
  /**
   * Where the seller is to post the job's document once it has ended, signed with `webhookSecret` of the job as
   * Standard Webhooks have it: an https address that is reachable from everywhere, at most 2,000 characters. It may
   * come late, or more than once; to wait for `result()` is as good. Sent again under the same key, a call keeps the
   * address of the first time.
   */
  readonly callbackUrl?: string;
}

/** What `onEvent` receives: the steps of a call, from its 402 to its end. */
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

export interface ExchangeDeps {
  readonly baseUrl: string;
  readonly send: Send;
  readonly calls: Calls;
  readonly budget: Budget;
  readonly held: Held;
  readonly payer: Payer | undefined;
  readonly trusted: readonly TrustedAsset[];
  readonly networks: readonly string[] | undefined;
  readonly hosts: readonly string[];
  /** Present when calls are paid ahead of a 402 where they can be. */
  readonly terms: KnownTerms | undefined;
  /** For how many milliseconds a signature may be valid. @default by what the seller publishes */
  readonly maxValidityMs: number | undefined;
  /** The name of a request header that the call needs and the buyer has not given. */
  readonly missing: (definition: CallDefinition) => string | undefined;
  readonly emit: (event: ClientEvent) => void;
}

export interface Exchange {
  /** One call, from its input to the answer to its payment: send → 402 → sign once → store → send. */
  call(
    definition: CallDefinition,
    input: object,
    options: JobCallOptions,
    isJob: boolean,
  ): Promise<Exchanged>;
  /** Sends a payment that is stored, the same bytes until they are answered. */
  deliver(saved: SavedCall, signal: AbortSignal | undefined): Promise<Exchanged>;
  /** Calls of this API that were paid for and have not ended. */
  pending(): Promise<readonly SavedCall[]>;
}

type Limits = Pick<
  PayOptions,
  "price" | "maxPrice" | "accepted" | "maxValidityMs" | "agreed" | "known" | "replaced" | "retryAt"
>;
/** Refusals to sign known terms that the seller's present ones may not deserve. */
const DEAR: readonly unknown[] = ["over_price", "over_ceiling", "over_budget"];
/** Known terms take the place of a 402. */
const NO_ANSWER = { headers: new Headers(), body: undefined };

type New = Pick<SavedCall, "request" | "fingerprint" | "isKeyRandom" | "earlier"> & CallName;

/** The exchange of a payment for an answer. One key, one signature: who asks again sends the same bytes again. */
export function createExchange(deps: ExchangeDeps): Exchange {
  const { baseUrl, send, calls, budget, held, payer, trusted, emit } = deps;
  /** The last call under a key that its caller has chosen: the next one waits for its end. */
  const turns = new Map<string, Promise<unknown>>();
  /** Calls that are being sent: they may be renewed, so that their share of the budget is not free even when they lapsed. */
  const inFlight = new Set<string>();
  /** What earlier runs have left behind counts before anything is signed. */
  let counted: Promise<unknown> | undefined;

  async function call(
    definition: CallDefinition,
    input: object,
    options: JobCallOptions,
    isJob: boolean,
  ): Promise<Exchanged> {
    const { idempotencyKey = newKey(), signal, callbackUrl } = options;
    const name = { baseUrl, resource: definition.name, idempotencyKey };
    const maxPrice = options.maxPrice === undefined ? undefined : parseUsd(options.maxPrice);
    const lacking = deps.missing(definition);
    if (lacking !== undefined) {
      const message = `needs the request header ${lacking}; pass it in \`headers\` of the client`;
      const issues = [{ path: `headers.${lacking}`, message: "is missing" }];
      throw new ResourceError("invalid_input", message, { ...factsOf(name, "no"), issues });
    }
    const { headers, ...rest } = requestOf(
      baseUrl,
      definition,
      await withFiles(input, definition.send),
      idempotencyKey,
    );
    const request: SavedRequest = {
      ...rest,
      expected: {
        isJob,
        produces: definition.produces,
        format: definition.job,
        isKeyed: definition.idempotent,
      },
      headers: {
        ...headers,
        [HEADERS.idempotencyKey]: quoteKey(idempotencyKey),
        ...(callbackUrl === undefined ? {} : { [HEADERS.callbackUrl]: new URL(callbackUrl).href }),
      },
    };
    const isKeyRandom = options.idempotencyKey === undefined;
    // What no request can be made of is the caller's mistake, and no failure of the network.
    new Request(request.url, { method: request.method, headers: request.headers });
    const call = { ...name, request, isKeyRandom, fingerprint: await fingerprintOf(request) };
    const limits: Limits = {
      price: priceCeiling(definition, input),
      maxPrice,
      accepted: budget.accepted(definition.name),
      maxValidityMs: deps.maxValidityMs ?? validityCeiling(definition),
    };

    /**
     * Signs for a call. `known` is an earlier one under its key that may still settle; `replaced` is its payment, where
     * one of the two is to settle.
     */
    const buy = async (known?: SavedCall, replaced?: SavedPayment): Promise<Exchanged> => {
      const charged = known ? (known.ended?.charged ?? "unknown") : "no";
      const terms = known ? undefined : deps.terms?.of(definition, input, request.url);
      const ahead = terms && (await buyAhead(terms));
      if (ahead) return ahead;
      const answer = await send({ ...request, signal, isKeyed: definition.idempotent }).catch(
        (cause: unknown) => {
          throw lost(cause, signal, { ...factsOf(name, charged), url: request.url });
        },
      );
      if (answer.status !== 402) {
        if (answer.isOutput && limits.price !== 0n) deps.terms?.avoid(definition);
        const accepted = acceptedBy(answer, request);
        const saved = replaced ? undefined : known;
        return { ...name, answer, accepted, saved, receipt: saved?.receipt };
      }
      if (definition.price.kind === "unknown" && maxPrice === undefined) {
        const message =
          "publishes no price that can be read; pass maxPrice, the most that this call may cost";
        const facts = { ...factsOf(name, charged), reason: "no_max_price" as const };
        throw new ResourceError("payment_refused", message, facts);
      }
      await count();
      const own = known && !replaced ? { ...call, earlier: paymentsOf(known) } : call;
      const store = known ? (next: SavedCall) => calls.replace(known, next) : calls.add;
      const { saved, fresh } = await sign(own, answer, { ...limits, replaced }, charged, store);
      return learn(
        await deliver({ ...saved, request }, signal, fresh ? "new" : "known"),
        challengeOf(answer),
      );
    };

    const count = async (): Promise<void> => {
      counted ??= pending();
      await readable(name, counted).catch((error) => {
        counted = undefined;
        throw error;
      });
    };

    /** Signs for terms that are known. `undefined`: they are above a ceiling, and the seller is to be asked. */
    const buyAhead = async (known: PaymentRequired): Promise<Exchanged | undefined> => {
      throwIfAborted(signal);
      const signed = await sign(call, NO_ANSWER, { ...limits, known }, "no", calls.add).catch(
        (error: unknown) => {
          // The seller may ask for less by now.
          if (!(error instanceof ResourceError && DEAR.includes(error.reason))) throw error;
        },
      );
      if (!signed) return undefined;
      const { saved, fresh } = signed;
      const sent = await deliver({ ...saved, request }, signal, fresh ? "new" : "known").catch((error) => {
        // While the seller cannot be reached, one payment is in question, and not one for each call.
        deps.terms?.forget(definition);
        throw error;
      });
      return (await replace(sent, known)) ?? learn(sent, undefined, fresh);
    };

    /**
     * Signs what the seller asks for in the place of a payment that was sent ahead, so that one of the two can settle.
     * `undefined`: the answer stands. `known` are the terms that were signed, where they are at hand.
     */
    const replace = async (sent: Exchanged, known?: PaymentRequired): Promise<Exchanged | undefined> => {
      const { answer, receipt, isSettled, saved } = sent;
      const charged = isSettled ? "yes" : chargedBy(true, readProblem(answer.body).paymentState, receipt);
      const isTaken = charged === "yes" || charged === "refunded";
      const next = answer.status === 402 && !isTaken ? challengeOf(answer) : undefined;
      const isPriced = (limits.price ?? maxPrice) !== undefined;
      if (!deps.terms || !next || !isPriced || !saved?.payment.isAhead) return undefined;
      const isOver = saved.payment.validBefore * 1000 <= Date.now();
      if (!isOver && !isChanged(next, saved.payment.offer, known)) return undefined;
      deps.terms.forget(definition);
      await count();
      const replacing = { ...limits, replaced: saved.payment, retryAt: retryAtOf(saved, charged) };
      const store = (next: SavedCall) => calls.replace(saved, next);
      const other = await sign(call, answer, replacing, charged, store).catch((error: unknown) => {
        // It may ask for another token each time.
        const isOther = error instanceof ResourceError && error.reason === "changed_terms";
        if (isOther) deps.terms?.avoid(definition);
        throw error;
      });
      const end = await deliver({ ...other.saved, request }, signal, other.fresh ? "new" : "known");
      return learn(end, next, other.fresh);
    };

    /**
     * After the answer to a payment. Terms are known by a receipt or a job: the seller may ask for nothing else.
     * `challenge`: those of a 402 of this call.
     */
    const learn = (sent: Exchanged, challenge: PaymentRequired | undefined, isAhead = false): Exchanged => {
      const { answer, receipt, accepted, saved } = sent;
      const isTaken = answer.status < 400 && (receipt ?? accepted) !== undefined;
      const isExplained = answer.status >= 500 || readProblem(answer.body).paymentState !== undefined;
      if (isTaken && !saved?.payment.isUnused) deps.terms?.learn(definition, input, challenge, request.url);
      else if (isAhead && !isTaken && !isExplained) deps.terms?.avoid(definition);
      else deps.terms?.forget(definition);
      return sent;
    };
    if (isKeyRandom) return buy();

    return inTurn(nameOf(name), signal, async () => {
      const known = await readable(name, calls.find(name));
      if (!known || (await held.release(known))) return buy();
      const { payment, ended, fingerprint } = known;
      // The seller has not asked for it, and says that it did not charge it: the key is still free, the money is not.
      const isOpen = deps.terms && payment.isAhead && ended?.charged === "no" && !options.renew;
      if (isOpen && fingerprint !== call.fingerprint) return buy(known, payment);
      mustMatch(known, call);
      if (options.renew) return buy(known);
      const open = await readable(name, reopen(known, request));
      const sent = await deliver({ ...open, request, isKeyRandom }, signal);
      return (await replace(sent)) ?? sent;
    });
  }

  async function deliver(
    saved: SavedCall,
    signal: AbortSignal | undefined,
    payment: "new" | "known" | "renewed" = "known",
  ): Promise<Exchanged> {
    const name = nameOf(saved);
    inFlight.add(name);
    held.reopen(saved);
    try {
      return await sendPaid(saved, signal, payment);
    } finally {
      inFlight.delete(name);
    }
  }

  async function sendPaid(
    saved: SavedCall,
    signal: AbortSignal | undefined,
    payment: "new" | "known" | "renewed",
  ): Promise<Exchanged> {
    const { baseUrl, resource, idempotencyKey, request } = saved;
    if (!request)
      throw new ResourceError("protocol", "the saved call has no request", factsOf(saved, "unknown"));
    const headerName = saved.payment.version === 1 ? HEADERS.xPayment : HEADERS.paymentSignature;
    const headers = { ...request.headers, [headerName]: saved.payment.header };
    const isKeyed = request.expected?.isKeyed ?? declaresKey(saved.payment);
    for (const one of paymentsOf(saved)) budget.hold(one);
    const answer = await send({ ...request, headers, signal, isKeyed }).catch(async (cause: unknown) => {
      await stayOpen(saved, request);
      const isSettled =
        !signal?.aborted && (saved.receipt !== undefined || (await held.isUsed(saved.payment)));
      const isOver = !isSettled && !signal?.aborted && (await haveLapsed(saved));
      if (isOver) await held.end(saved, { charged: "no", isDelivered: false, receipt: undefined });
      const charged = isSettled ? "yes" : isOver ? "no" : "unknown";
      throw lost(cause, signal, { ...factsOf(saved, charged), url: request.url });
    });
    if (answer.status === 402 && payment !== "renewed" && (await held.hasLapsed(saved.payment))) {
      return deliver(await renew(saved, answer), signal, "renewed");
    }

    const told = receiptOf(answer, saved.payment);
    if (told) emit({ type: "settled", resource, receipt: told, idempotencyKey });
    // The answer to an earlier call under this key, and not to a copy of this one.
    const isFirst = payment === "new" && answer.attempts === 1 && !saved.payment.isUnsure;
    const isUnused = isFirst && answer.headers.get(HEADERS.paymentUnused) === "true";
    const receipt = isUnused ? undefined : (told ?? saved.receipt);
    const state = answer.status >= 400 ? readProblem(answer.body).paymentState : undefined;
    const said = isUnused || isSpared(answer) ? "no" : chargedBy(true, state, receipt);
    const believed = chargedFor(saved.payment, said);
    // Where the seller does not say that it charged, the chain may know it. A "no" of the seller proves nothing.
    const isSettled = believed !== "yes" && answer.status >= 400 && (await held.isUsed(saved.payment));
    const charged = isSettled ? "yes" : believed;
    const isRejected = isSettled && answer.status === 402;
    const accepted = acceptedBy(answer, request);
    const isLostJob = request.expected?.isJob && answer.status === 202;
    const isDelivered = answer.isOutput && !accepted && !isLostJob;
    if (isDelivered || isRejected || chargedBy(true, state, undefined) !== "unknown") {
      await held.end(saved, { charged, isDelivered, receipt });
    } else {
      await stayOpen(saved, request, accepted !== undefined);
    }
    const sent = isUnused ? { ...saved, payment: { ...saved.payment, isUnused } } : saved;
    const names = { baseUrl, resource, idempotencyKey };
    return { ...names, answer, accepted, isSettled, saved: sent, receipt: told ?? saved.receipt };
  }

  /** True when the payer proves that no payment of the call has settled or ever can. */
  async function haveLapsed(saved: SavedCall): Promise<boolean> {
    if (paymentsOf(saved).some(({ validBefore }) => validBefore * 1000 > Date.now())) return false;
    return (await Promise.all(paymentsOf(saved).map(held.hasLapsed))).every(Boolean);
  }

  /** Stores a call as open that another attempt has ended. */
  async function reopen(stored: SavedCall, request: SavedRequest): Promise<SavedCall> {
    if (!stored.ended) return stored;
    held.reopen(stored);
    const { isUnused: _, ...payment } = stored.payment;
    return calls.replace(stored, { ...stored, payment, request, ended: undefined });
  }

  /** After an outcome that is not known: another process may have ended the call in the meantime. */
  async function stayOpen(saved: SavedCall, request: SavedRequest, isJob = false): Promise<void> {
    const stored = await calls.find(saved).catch(() => undefined);
    if (stored?.payment.header !== saved.payment.header) return;
    await reopen(stored, request).catch(() => {});
    // A job may live longer than its payment.
    if (!stored.job && !isJob) held.adopt({ ...stored, ended: undefined });
  }

  /** Signs again under the same key, for no more and for the same payee, after proof that the first payment lapsed unused. */
  async function renew(saved: SavedCall, answer: HttpAnswer): Promise<SavedCall> {
    const { payment } = saved;
    const maxValidityMs =
      deps.maxValidityMs ?? Math.max(DEFAULT_VALIDITY_MS, payment.offer.maxTimeoutSeconds * 1000);
    try {
      const limits = { agreed: payment.offer, maxValidityMs };
      const next = await sign(saved, answer, limits, "no", (next) => calls.replace(saved, next));
      return { ...next.saved, request: saved.request };
    } catch (error) {
      await calls.remove(saved).catch(() => {});
      throw error;
    } finally {
      // Not before the new one is counted: what it is to cost has been set aside by the old one.
      budget.free(payment);
    }
  }

  /** Signs and stores. Not `fresh`: another process has come first with this key, and its payment is the one to send. */
  async function sign(
    call: New,
    { headers, body }: Pick<HttpAnswer, "headers" | "body">,
    limits: Limits,
    charged: Charged,
    store: (call: SavedCall) => Promise<SavedCall>,
  ): Promise<{ saved: SavedCall; fresh: boolean }> {
    const { resource, idempotencyKey, request, fingerprint, isKeyRandom, earlier } = call;
    let fresh = false;
    const saved = await pay({
      ...limits,
      ...{
        resource,
        idempotencyKey,
        url: request?.url ?? "",
        headers,
        body,
        payer,
        budget,
        trusted,
        networks: deps.networks,
        hosts: deps.hosts,
        charged,
      },
      review: held.review,
      onChallenge: (offer, usd, currency) => emit({ type: "challenged", resource, offer, usd, currency }),
      async keep(payment) {
        const createdAt = new Date().toISOString();
        const name = { baseUrl, resource, idempotencyKey };
        const own = { ...name, request, fingerprint, isKeyRandom, payment, createdAt, version: 1 } as const;
        const stored = await store(earlier ? { ...own, earlier } : own);
        fresh = stored.payment.header === payment.header;
        const { usd, currency } = payment;
        if (fresh) emit({ type: "signed", resource, usd, currency, idempotencyKey });
        return stored;
      },
    });
    mustMatch(saved, call);
    return { saved, fresh };
  }

  /** Reads what is stored. What may still settle counts in the budget, whoever signed it. */
  async function pending(): Promise<readonly SavedCall[]> {
    const own = (await calls.list()).filter((one) => one.baseUrl === baseUrl);
    for (const one of own) {
      // A job may live longer than its payment.
      if (one.ended || !(one.job || inFlight.has(nameOf(one)))) held.adopt(one);
      const isSpent = one.ended?.charged === "yes" || one.ended?.charged === "refunded";
      if (!isSpent) for (const payment of paymentsOf(one)) budget.hold(payment);
    }
    return own.filter(({ ended }) => !ended);
  }

  /** Calls under one key go one after the other. */
  async function inTurn<T>(id: string, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    throwIfAborted(signal);
    const before = turns.get(id);
    const turn = (async () => {
      await before;
      throwIfAborted(signal);
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

  return { call, deliver, pending };
}

/** Whether the challenge that was paid has declared the extension `payment-identifier`. */
function declaresKey({ header }: SavedPayment): boolean {
  const { extensions } = (decodeHeader(header) ?? {}) as Partial<PaymentPayload>;
  return extensions?.[PAYMENT_IDENTIFIER] !== undefined;
}

/** The job in an answer; `undefined` where none is expected. */
function acceptedBy(answer: HttpAnswer, { expected }: SavedRequest): Accepted | undefined {
  const isJob = expected?.isJob ?? answer.status === 202;
  return isJob && answer.isOutput ? readAccepted(answer, expected?.format) : undefined;
}

/** @throws ResourceError when the key names a call with another input */
function mustMatch(known: SavedCall, { fingerprint }: Pick<SavedCall, "fingerprint">): void {
  if (known.fingerprint === fingerprint) return;
  const message = "the idempotency key names another call, with another input";
  const reason = "key_mismatch";
  throw new ResourceError("payment_refused", message, { ...factsOf(known, "unknown"), reason });
}

async function fingerprintOf({ url, body = "" }: SavedRequest): Promise<string> {
  const text = new TextEncoder().encode(`${url}\n${body}`);
  return hexOf(new Uint8Array(await crypto.subtle.digest("SHA-256", text)));
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
  return `pay_${randomId()}`;
}
