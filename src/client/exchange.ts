import { parseUsd } from "../../schema/money.ts";
import { HEADERS, quoteKey } from "../protocol/index.ts";
import type { KnownTerms } from "./ahead.ts";
import { type CallName, nameOf, paymentsOf, type SavedCall, type SavedRequest } from "./calls.ts";
import { type CallDefinition, priceCeiling, requestOf, validityCeiling } from "./definition.ts";
import { createDelivery, type DeliveryDeps } from "./delivery.ts";
import { ResourceError } from "./errors.ts";
import { withFiles } from "./files.ts";
import { hexOf, randomId } from "./http.ts";
import type { JobCallOptions } from "./options.ts";
import { type Exchanged, factsOf } from "./outcome.ts";
import { createPurchases } from "./purchase.ts";
import { createSign, mustMatch, type SigningDeps } from "./signing.ts";
import { createTurns } from "./turns.ts";

export interface ExchangeDeps extends SigningDeps, DeliveryDeps {
  /** Present when calls are paid ahead of a 402 where they can be. */
  readonly terms: KnownTerms | undefined;
  /** The name of a request header that the call needs and the buyer has not given. */
  readonly missing: (definition: CallDefinition) => string | undefined;
}

export interface Exchange {
  /** Sends the payment of a stored call until it is answered. */
  deliver(saved: SavedCall, signal: AbortSignal | undefined): Promise<Exchanged>;
  /** One call, from its input to the answer to its payment: send → 402 → sign once → store → send. */
  call(
    definition: CallDefinition,
    input: object,
    options: JobCallOptions,
    isJob: boolean,
  ): Promise<Exchanged>;
  /** Calls of this API that were paid for and have not ended. */
  pending(): Promise<readonly SavedCall[]>;
}

/** The exchange of a payment for an answer. One key, one signature: a repeated call sends the same bytes. */
export function createExchange(deps: ExchangeDeps): Exchange {
  const { baseUrl, calls, budget, held } = deps;
  const sign = createSign(deps);
  const { deliver, reopen, isSending } = createDelivery(deps, sign);
  const { buy, replace } = createPurchases({ ...deps, sign, deliver, count });
  /** The next call under a key that its caller has chosen waits for the end of the last one. */
  const inTurn = createTurns();
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
    const sent = await withFiles(input, definition.send);
    const { headers, ...rest } = requestOf(baseUrl, definition, sent, idempotencyKey);
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
    const limits = {
      price: priceCeiling(definition, input),
      maxPrice,
      accepted: budget.accepted(definition.name),
      maxValidityMs: deps.maxValidityMs ?? validityCeiling(definition),
    };

    const purchase = { definition, input, call, request, limits, signal };
    if (isKeyRandom) return buy(purchase);

    return inTurn(nameOf(name), signal, async () => {
      const known = await readable(name, calls.find(name));
      if (!known || (await held.release(known))) return buy(purchase);
      const { payment, ended, fingerprint } = known;
      // The seller has not asked for it, and says that it did not charge it: the key is still free, the money is not.
      const isOpen = deps.terms && payment.isAhead && ended?.charged === "no" && !options.renew;
      if (isOpen && fingerprint !== call.fingerprint) return buy(purchase, known, payment);
      mustMatch(known, call);
      if (options.renew) return buy(purchase, known);
      const open = await readable(name, reopen(known, request));
      const sent = await deliver({ ...open, request, isKeyRandom }, signal);
      return (await replace(purchase, sent)) ?? sent;
    });
  }

  async function count(name: CallName): Promise<void> {
    counted ??= pending();
    await readable(name, counted).catch((error) => {
      counted = undefined;
      throw error;
    });
  }

  /** Reads what is stored. What may still settle counts in the budget, whoever signed it. */
  async function pending(): Promise<readonly SavedCall[]> {
    const own = (await calls.list()).filter((one) => one.baseUrl === baseUrl);
    for (const one of own) {
      // A job may live longer than its payment.
      if (one.ended || !(one.job || isSending(one))) held.adopt(one);
      const isSpent = one.ended?.charged === "yes" || one.ended?.charged === "refunded";
      if (!isSpent) for (const payment of paymentsOf(one)) budget.hold(payment);
    }
    return own.filter(({ ended }) => !ended);
  }

  return { call, deliver, pending };
}

async function fingerprintOf({ url, body = "" }: SavedRequest): Promise<string> {
  const text = new TextEncoder().encode(`${url}\n${body}`);
  return hexOf(new Uint8Array(await crypto.subtle.digest("SHA-256", text)));
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
