import { durationText } from "../../schema/duration.ts";
import { formatAtomic, formatUsd, fromAtomic, type Money } from "../../schema/money.ts";
import {
  encodeHeader,
  findAsset,
  HEADERS,
  isRecord,
  PAYMENT_IDENTIFIER,
  type PaymentPayload,
  type PaymentRequired,
  type PaymentRequirements,
  readPaymentRequired,
  sameAddress,
} from "../protocol/index.ts";
import type { Budget } from "./budget.ts";
import { paymentsOf, type SavedCall, type SavedPayment } from "./calls.ts";
import { type Charged, type ErrorFacts, type RefusalReason, ResourceError } from "./errors.ts";
import { readHeader } from "./http.ts";

/** Signs payments. Accepts any `x402Client` of `@x402/core`; `evmPayer(account)` is the small one. */
export interface Payer {
  /**
   * Signs one of the offers in `accepts`. Called once per key, after every check that could refuse; again only when what
   * was signed can no longer settle, or on purpose (`renew: true`).
   */
  // biome-ignore lint/suspicious/noExplicitAny: `x402Client` has its own, structurally equal type of a challenge
  createPaymentPayload(required: any): Promise<unknown>;
  /**
   * True only when it is proven that this payment has not settled and never can. A payer that has this function is asked
   * before a held payment is released; what it throws proves nothing. Without it, an expired payment is released that the
   * seller says it did not charge.
   */
  lapsed?(payment: PaymentPayload): Promise<boolean>;
}

/** A dollar token beside those that the client knows. */
export interface TrustedAsset {
  /** CAIP-2, such as `eip155:8453`. */
  readonly network: string;
  readonly address: string;
  readonly symbol: string;
  readonly decimals: number;
}

export interface PayOptions {
  readonly resource: string;
  readonly idempotencyKey: string;
  readonly url: string;
  readonly headers: Headers;
  /** Of the same 402: where version 1 has its offers. */
  readonly body: unknown;
  readonly payer: Payer | undefined;
  readonly budget: Budget;
  /** The published price of this input, or the upper bound of a quoted one. `undefined`: not published. */
  readonly price?: Money | undefined;
  /** The call's own ceiling. */
  readonly maxPrice?: Money | undefined;
  /** For how many milliseconds a signature may be valid. */
  readonly maxValidityMs: number;
  /** What happened to the payments that were signed before under this key. */
  readonly charged: Charged;
  /** Releases what the budget holds and can release. */
  readonly review: () => Promise<void>;
  /** What was agreed to before, when this payment takes the place of one that has expired unused. */
  readonly agreed?: PaymentRequirements;
  readonly trusted: readonly TrustedAsset[];
  readonly onChallenge: (offer: PaymentRequirements, usd: string, currency: string) => void;
  /** Keeps the payment; runs while its amount is set aside. */
  readonly keep: (payment: SavedPayment) => Promise<SavedCall>;
}

/** The only place that spends: every rule that could refuse comes first, then one signature. */
export async function pay(options: PayOptions): Promise<SavedCall> {
  const { resource, idempotencyKey, budget, payer } = options;
  const facts: ErrorFacts = { resource, charged: options.charged, idempotencyKey };
  const refuse = (reason: RefusalReason, message: string, cause?: unknown): ResourceError =>
    new ResourceError("payment_refused", message, { ...facts, reason }, cause);

  const required = readPaymentRequired(readHeader(options.headers, HEADERS.paymentRequired));
  if (!required) {
    const message =
      isRecord(options.body) && options.body.x402Version === 1
        ? "the 402 offers x402 version 1 alone; this client pays version 2, whose header PAYMENT-REQUIRED is missing"
        : "the 402 carries no x402 v2 challenge that can be read, of at most 64 KiB";
    throw new ResourceError("protocol", message, { ...facts, status: 402 });
  }
  if (!sameResource(required.resource.url, options.url)) {
    throw refuse("other_resource", `the challenge is for ${required.resource.url}, not for ${options.url}`);
  }

  const offers = payable(required, options, refuse);
  const first = offers[0];
  if (!first) throw refuse("no_offer", "the 402 offers no way to pay that this client understands");
  options.onChallenge(first.offer, formatUsd(first.amount), first.currency);
  if (!payer) {
    throw refuse(
      "no_payer",
      `costs $${formatUsd(first.amount)}, and the client has no payer; pass one to createClient`,
    );
  }

  // The payer may choose among the offers, so the dearest is set aside until it has. What was agreed to is already.
  const dearest = options.agreed
    ? 0n
    : offers.reduce((most, { amount }) => (amount > most ? amount : most), 0n);
  if (!budget.reserve(dearest)) {
    await options.review();
    if (!budget.reserve(dearest)) {
      const held = formatUsd(budget.amounts().held);
      const message = `costs $${formatUsd(dearest)}, which is more than is left of budget.total ($${held} is held)`;
      throw refuse("over_budget", message);
    }
  }
  let saved: SavedCall;
  try {
    const payment = await sign(payer, required, offers, idempotencyKey).catch((cause: unknown) => {
      throw refuse("payer_failed", "the payer could not sign as it was asked to", cause);
    });
    const seconds = payment.validBefore - Date.now() / 1000;
    if (!(seconds * 1000 <= options.maxValidityMs)) {
      throw refuse("too_long", `the payer signed for longer than ${validityText(options)}; it was not sent`);
    }
    saved = await options.keep(payment).catch((cause: unknown) => {
      throw refuse("not_saved", "the signed payment could not be stored, so it was not sent", cause);
    });
  } finally {
    budget.release(dearest);
  }
  // Synchronous with the release, so that no other call can reserve in between.
  for (const payment of paymentsOf(saved)) budget.hold(payment);
  return saved;
}

async function sign(
  payer: Payer,
  required: PaymentRequired,
  offers: readonly Payable[],
  idempotencyKey: string,
): Promise<SavedPayment> {
  const signed = await payer.createPaymentPayload({ ...required, accepts: offers.map(({ offer }) => offer) });
  const payload = readPayload(signed);
  const chosen = payload && offers.find(({ offer }) => isSame(offer, payload.accepted));
  if (!payload || !chosen) throw new Error("signed something else");
  return {
    id: crypto.randomUUID(),
    header: encodeHeader(withIdentifier(payload, required, idempotencyKey)),
    offer: chosen.offer,
    usd: formatUsd(chosen.amount),
    currency: chosen.currency,
    validBefore: validBefore(payload),
  };
}

/** Until when the payment can be settled: as it says, else as the seller has asked. */
function validBefore({ payload, accepted }: PaymentPayload): number {
  const { authorization, permit2Authorization: permit } = payload;
  const said = isRecord(authorization) ? authorization.validBefore : isRecord(permit) ? permit.deadline : 0;
  return Number(said) > 0 ? Number(said) : Math.ceil(Date.now() / 1000) + accepted.maxTimeoutSeconds;
}

function validityText({ maxValidityMs }: PayOptions): string {
  return `maxValidity, ${durationText(maxValidityMs)}`;
}

interface Payable {
  readonly offer: PaymentRequirements;
  readonly amount: Money;
  readonly currency: string;
}

function payable(
  required: PaymentRequired,
  options: PayOptions,
  refuse: (reason: RefusalReason, message: string) => ResourceError,
): Payable[] {
  const known = required.accepts
    .filter(({ scheme, maxTimeoutSeconds }) => scheme === "exact" && maxTimeoutSeconds > 0)
    .map((offer) => ({ offer, asset: assetOf(offer, options.trusted) }));
  const dollars = known.flatMap(({ offer, asset }) =>
    asset ? [{ offer, amount: fromAtomic(BigInt(offer.amount), asset.decimals), asset }] : [],
  );
  const unknown = known.find(({ asset }) => !asset);
  if (dollars.length === 0 && unknown) {
    const { asset, network } = unknown.offer;
    throw refuse(
      "unknown_asset",
      `asks for the token ${asset} on ${network}, which this client does not know`,
    );
  }

  const rules: [RefusalReason, Money | undefined, string][] = [
    ["over_price", options.price, "the published price of this input"],
    ["over_ceiling", options.maxPrice, "maxPrice"],
    ["over_ceiling", options.budget.perCall, "budget.perCall"],
  ];
  const { agreed, maxValidityMs } = options;
  let left = agreed ? dollars.filter(({ offer }) => isAgreed(offer, agreed)) : dollars;
  if (agreed && left.length === 0) {
    throw refuse("changed_terms", "asks for another payment than the one that was agreed to");
  }
  const seconds = left.map(({ offer }) => offer.maxTimeoutSeconds);
  left = left.filter(({ offer }) => offer.maxTimeoutSeconds * 1000 <= maxValidityMs);
  if (left.length === 0 && seconds.length > 0) {
    const asked = `asks for a signature that is valid for ${Math.min(...seconds)} seconds`;
    throw refuse("too_long", `${asked}, which is above ${validityText(options)}`);
  }
  for (const [reason, limit, name] of rules) {
    if (limit === undefined || left.length === 0) continue;
    const most = (decimals: number): Money => (reason === "over_price" ? roundedUp(limit, decimals) : limit);
    const within = left.filter(({ amount, asset }) => amount <= most(asset.decimals));
    const cheapest = left.reduce((least, one) => (one.amount < least.amount ? one : least));
    if (within.length === 0) {
      const asked = formatAtomic(BigInt(cheapest.offer.amount), cheapest.asset.decimals);
      throw refuse(reason, `asks for $${asked}, which is above ${name}, $${formatUsd(limit)}`);
    }
    left = within;
  }
  return left.map(({ offer, amount, asset }) => ({ offer, amount, currency: asset.symbol }));
}

/** The same payee and token, and no more than before. */
function isAgreed(
  { network, asset, payTo, amount }: PaymentRequirements,
  agreed: PaymentRequirements,
): boolean {
  return (
    network === agreed.network &&
    sameAddress(network, asset, agreed.asset) &&
    sameAddress(network, payTo, agreed.payTo) &&
    BigInt(amount) <= BigInt(agreed.amount)
  );
}

/** A price finer than the token's smallest unit is charged rounded up to it. */
function roundedUp(price: Money, decimals: number): Money {
  const unit = fromAtomic(1n, decimals);
  return unit === 0n ? price : ((price + unit - 1n) / unit) * unit;
}

function assetOf(
  offer: PaymentRequirements,
  trusted: readonly TrustedAsset[],
): { symbol: string; decimals: number } | undefined {
  const own = trusted.find(
    ({ network, address }) => network === offer.network && sameAddress(network, address, offer.asset),
  );
  return own ?? findAsset(offer.network, offer.asset);
}

/** Same host and path. The scheme may differ: behind a proxy a server may not know that it is reached by https. */
function sameResource(challenged: string, called: string): boolean {
  try {
    const [a, b] = [new URL(challenged), new URL(called)];
    return a.host === b.host && a.pathname === b.pathname;
  } catch {
    return false;
  }
}

function readPayload(signed: unknown): PaymentPayload | undefined {
  if (!isRecord(signed) || signed.x402Version !== 2) return undefined;
  return isRecord(signed.accepted) && isRecord(signed.payload)
    ? (signed as unknown as PaymentPayload)
    : undefined;
}

function isSame(offer: PaymentRequirements, accepted: PaymentRequirements): boolean {
  const names = ["scheme", "network", "asset", "amount", "payTo", "maxTimeoutSeconds"] as const;
  return names.every((name) => offer[name] === accepted[name]);
}

/** Echoes the server's extensions and names the call in `payment-identifier`, where the server has declared it. */
function withIdentifier(payload: PaymentPayload, required: PaymentRequired, id: string): PaymentPayload {
  const declared = required.extensions?.[PAYMENT_IDENTIFIER];
  if (!isRecord(declared) || !/^[a-zA-Z0-9_-]{16,128}$/.test(id)) return payload;
  const info = isRecord(declared.info) ? declared.info : {};
  return {
    ...payload,
    extensions: { ...required.extensions, [PAYMENT_IDENTIFIER]: { ...declared, info: { ...info, id } } },
  };
}
