import { durationText } from "../../schema/duration.ts";
import { formatAtomic, formatUsd, fromAtomic, type Money } from "../../schema/money.ts";
import {
  findAsset,
  HEADERS,
  type PaymentRequired,
  type PaymentRequirements,
  sameAddress,
} from "../protocol/index.ts";
import type { Budget } from "./budget.ts";
import { oneLine, type RefusalReason, type ResourceError } from "./errors.ts";
import { isSameHost, parseUrl } from "./http.ts";

/** A dollar token beside those that the client knows. */
export interface TrustedAsset {
  /** CAIP-2, such as `eip155:8453`. */
  readonly network: string;
  readonly address: string;
  readonly symbol: string;
  readonly decimals: number;
}

/** What the buyer agrees to, and what was called. */
export interface Terms {
  readonly url: string;
  readonly headers: Headers;
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
  /** What was agreed to before, when this payment takes the place of one that has expired unused. */
  readonly agreed?: PaymentRequirements;
  readonly trusted: readonly TrustedAsset[];
}

/** An offer that the client understands, with what it costs in dollars. */
export interface Payable {
  readonly offer: PaymentRequirements;
  readonly amount: Money;
  readonly currency: string;
}

/** The offers that break no rule. @throws the refusal of the first rule that leaves none */
export function payable(
  required: PaymentRequired,
  options: Terms,
  refuse: (reason: RefusalReason, message: string) => ResourceError,
): Payable[] {
  const { networks } = options;
  const readable = required.accepts.filter(
    // A Gateway of Circle pays from a balance that is deposited with it, in a domain of its own.
    ({ scheme, maxTimeoutSeconds, network, asset, extra }) =>
      scheme === "exact" && maxTimeoutSeconds > 0 && isTokenItself(extra.verifyingContract, network, asset),
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

/** Whether a contract that an offer names is its token. What is not text names none: then nothing is signed. */
function isTokenItself(contract: unknown, network: string, asset: string): boolean {
  return (
    (contract ?? undefined) === undefined ||
    (typeof contract === "string" && sameAddress(network, contract, asset))
  );
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
export function otherResource(challenged: string, { url, hosts }: Terms): string | undefined {
  const [a, b] = [parseUrl(challenged, url), new URL(url)];
  const isSamePath = a?.pathname === b.pathname;
  if (a && isSamePath && isSameHost(a, b, hosts)) return undefined;
  const fix = isSamePath ? `. To allow it: resourceHosts: ["${a?.host}"]` : "";
  return `the challenge is for ${oneLine(challenged)}, not for ${url}${fix}`;
}

/** What a clock that is off would do to the signature, by the `Date` of a 402 that does not come out of a cache. */
export function clockProblem(
  offers: readonly Payable[],
  { headers, maxValidityMs }: Terms,
): string | undefined {
  const aheadMs = headers.has(HEADERS.age) ? Number.NaN : Date.now() - Date.parse(headers.get("date") ?? "");
  const timeouts = offers.map(({ offer }) => offer.maxTimeoutSeconds * 1000);
  const isLate = -aheadMs >= Math.max(...timeouts) - SETTLING_MS;
  const isEarly = aheadMs > SETTLING_MS && aheadMs + Math.min(...timeouts) > maxValidityMs;
  if (!isLate && !isEarly) return undefined;
  const seconds = Math.round(Math.abs(aheadMs) / 1000);
  return `this machine's clock is ${seconds} seconds ${isLate ? "behind" : "ahead of"} the seller's. Set it`;
}

/** What facilitators want to be left of a signature's validity. */
const SETTLING_MS = 6_000;

/** The ceiling of a signature's validity, as errors name it. */
export function validityText({ maxValidityMs }: Terms): string {
  return `maxValidity, ${durationText(maxValidityMs)}`;
}
