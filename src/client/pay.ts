import { durationText } from "../../schema/duration.ts";
import { formatAtomic, formatUsd, fromAtomic, type Money } from "../../schema/money.ts";
import {
  encodeHeader,
  encodeVersion1,
  findAsset,
  HEADERS,
  isRecord,
  PAYMENT_IDENTIFIER,
  type PaymentPayload,
  type PaymentRequired,
  type PaymentRequirements,
  readPaymentRequired,
  readVersion1,
  sameAddress,
} from "../protocol/index.ts";
import type { Budget } from "./budget.ts";
import { paymentsOf, type SavedCall, type SavedPayment } from "./calls.ts";
import { type Charged, type ErrorFacts, oneLine, type RefusalReason, ResourceError } from "./errors.ts";
import { isSameHost, parseUrl, randomId, readHeader } from "./http.ts";

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
  /** True only when it is proven that this payment has settled. Asked where the seller does not say. */
  used?(payment: PaymentPayload): Promise<boolean>;
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
  /** What the buyer accepts for this resource, if it is more than the published price. */
  readonly accepted?: Money | undefined;
  /** The networks that may be paid on. @default all */
  readonly networks?: readonly string[] | undefined;
  /** Other hosts by which the seller may name itself. */
  readonly hosts: readonly string[];
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

  const version2 =
    readPaymentRequired(readHeader(options.headers, HEADERS.paymentRequired)) ??
    readPaymentRequired(options.body);
  const required = version2 ?? readVersion1(options.body, options.url);
  if (!required) {
    const message = "the 402 carries no x402 challenge that can be read, of at most 64 KiB";
    throw new ResourceError("protocol", message, { ...facts, status: 402 });
  }
  const elsewhere = otherResource(required.resource.url, options);
  if (elsewhere !== undefined) throw refuse("other_resource", elsewhere);

  const offers = payable(required, options, refuse);
  const first = offers[0];
  if (!first) throw refuse("no_offer", "the 402 offers no way to pay that this client understands");
  const clock = clockProblem(offers, options);
  if (clock !== undefined) throw refuse("clock_off", clock);
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
    const payment = await sign(payer, required, offers, options, !version2).catch((cause: unknown) => {
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
  { idempotencyKey }: PayOptions,
  isVersion1: boolean,
): Promise<SavedPayment> {
  const signed = await payer.createPaymentPayload({ ...required, accepts: offers.map(({ offer }) => offer) });
  const payload = readPayload(signed);
  const chosen = payload && offers.find(({ offer }) => isSame(offer, payload.accepted));
  if (!payload || !chosen) throw new Error("signed something else");
  return {
    id: randomId(),
    header: isVersion1
      ? encodeVersion1(payload)
      : encodeHeader(withIdentifier(payload, required, idempotencyKey)),
    ...(isVersion1 ? { version: 1 as const } : {}),
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
  const { networks } = options;
  const readable = required.accepts.filter(
    // A Gateway of Circle pays from a balance that is deposited with it, in a domain of its own.
    ({ scheme, maxTimeoutSeconds, network, asset, extra }) =>
      scheme === "exact" &&
      maxTimeoutSeconds > 0 &&
      sameAddress(network, `${extra.verifyingContract ?? asset}`, asset),
  );
  const pinned = readable.filter(({ network }) => networks?.includes(network) ?? true);
  if (pinned.length === 0 && readable[0]) {
    throw refuse("other_network", `asks to be paid on ${readable[0].network}, which networks does not name`);
  }
  const known = pinned.map((offer) => ({ offer, asset: assetOf(offer, options.trusted) }));
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

  // A ceiling that the buyer has named for this call or resource stands in the place of the published price.
  const named = options.maxPrice ?? options.accepted ?? 0n;
  const price = options.price !== undefined && named > options.price ? named : options.price;
  const rules: [RefusalReason, Money | undefined, string][] = [
    ["over_price", price, "the published price of this input"],
    ["over_ceiling", options.maxPrice, "maxPrice"],
    ["over_ceiling", options.budget.perCall, "budget.perCall"],
  ];
  const { agreed, maxValidityMs } = options;
  let left = agreed ? dollars.filter(({ offer }) => isAgreed(offer, agreed)) : dollars;
  if (agreed && left.length === 0) {
    throw refuse("changed_terms", "asks for another payment than the one that was agreed to");
  }
  const strange = left[0]?.offer.asset;
  left = left.filter(({ offer }) => isInDomain(offer));
  if (left.length === 0 && strange !== undefined) {
    throw refuse("other_domain", `asks to sign for the token ${strange} in a domain that is not the token's`);
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
      const fix =
        reason === "over_price"
          ? ": the seller has raised it. Update the client, or accept more by maxPrice or budget.acceptPriceUpTo"
          : "";
      throw refuse(reason, `asks for $${asked}, which is above ${name}, $${formatUsd(limit)}${fix}`);
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

/** Whether the offer names the domain of the token, where that is known. */
function isInDomain({ network, asset, extra: { name, version } }: PaymentRequirements): boolean {
  const { domain } = findAsset(network, asset) ?? {};
  return !domain || ((name ?? domain.name) === domain.name && (version ?? domain.version) === domain.version);
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

/** Why a challenge is not for what was called. The scheme may differ: a proxy may be reached by https, the server by http. */
function otherResource(challenged: string, { url, hosts }: PayOptions): string | undefined {
  const [a, b] = [parseUrl(challenged, url), new URL(url)];
  const isSamePath = a?.pathname === b.pathname;
  if (a && isSamePath && isSameHost(a, b, hosts)) return undefined;
  const fix = isSamePath ? `. If it is the seller's inner name, allow it: resourceHosts: ["${a?.host}"]` : "";
  return `the challenge is for ${oneLine(challenged)}, not for ${url}${fix}`;
}

/** What a clock that is off would do to the signature, by the `Date` of a 402 that does not come out of a cache. */
function clockProblem(
  offers: readonly Payable[],
  { headers, maxValidityMs }: PayOptions,
): string | undefined {
  const aheadMs = headers.has(HEADERS.age) ? Number.NaN : Date.now() - Date.parse(headers.get("date") ?? "");
  const timeouts = offers.map(({ offer }) => offer.maxTimeoutSeconds * 1000);
  const isLate = -aheadMs >= Math.max(...timeouts) - SETTLING_MS;
  const isEarly = aheadMs > SETTLING_MS && aheadMs + Math.min(...timeouts) > maxValidityMs;
  if (!isLate && !isEarly) return undefined;
  const off = `this machine's clock is ${Math.round(Math.abs(aheadMs) / 1000)} seconds ${isLate ? "behind" : "ahead of"} the seller's`;
  return `${off}: what it signs ${isLate ? "would be expired on arrival" : "could be settled for too long"}. Set the clock`;
}

/** What facilitators want to be left of a signature's validity. */
const SETTLING_MS = 6_000;

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
