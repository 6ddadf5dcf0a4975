import type { Price } from "../../schema/price.ts";
import { type Denomination, isCall, isDollars, type Range, rangeOfText, usdText } from "./amount.ts";
import { isJsonObject, type JsonRecord, recordsOf } from "./json.ts";

/** What one call costs, as the documents of others say it. */
const PER = "call";

/** What a document says about the payment of an operation. */
export interface Payment {
  /** `undefined` when the document states none that can be read in dollars. */
  readonly price: Price | undefined;
  /** True when the document says that the operation is paid for. */
  readonly isPaid: boolean;
  /** The words in which an unreadable price is stated. */
  readonly said: string | undefined;
  /** The protocols by which it is paid when x402 is none of them. */
  readonly others: readonly string[];
}

/** Where sellers state the payment of an operation, the common name first. */
const EXTENSIONS = ["x-payment-info", "x-payment", "x-x402", "x402", "x-pricing", "x-price"];
const MARKS = ["x-payment-required", "x-agentcash-auth"];

/**
 * Reads what an operation costs: `x-payment-info` in the shapes in use, else the offers in the example of its own 402.
 * A member `price` may be text, a number or an object; amounts are dollars, or smallest units in an offer.
 */
export function paymentOf(document: JsonRecord, operation: JsonRecord): Payment {
  const name = EXTENSIONS.find((extension) => stated(operation[extension]));
  const info = name === undefined ? undefined : operation[name];
  const responses = isJsonObject(operation.responses) ? operation.responses : {};
  const isMarked = MARKS.some((mark) => isMark(operation[mark]));
  const given = isJsonObject(info) && isJsonObject(info.x402) && !hasPrice(info) ? info.x402 : info;
  const range = rangeOf(given, NOTHING) ?? (hasPrice(given) ? undefined : exampleRange(responses["402"]));
  const others = isJsonObject(info) ? protocolsOf(info) : [];
  const isOurs = others.length === 0 || others.some((protocol) => OURS.test(protocol));
  return {
    price: range && priceOf(range),
    isPaid:
      info !== undefined || isMarked || responses["402"] !== undefined || asksForX402(document, operation),
    said: hasPrice(given) ? JSON.stringify(given).slice(0, 120) : undefined,
    others: isOurs ? [] : others,
  };
}

/** The prices of the x402 offers that an operation lists. One that cannot be read is left out. */
export function offerRanges(operation: JsonRecord): readonly Range[] {
  const infos = EXTENSIONS.map((extension) => operation[extension]).filter(isJsonObject);
  return infos.flatMap((info) =>
    OFFERS.flatMap((name) => recordsOf(info[name]))
      .filter(isPayable)
      .flatMap((offer) => rangeOf(offer, NOTHING) ?? []),
  );
}

const stated = (value: unknown): boolean => value !== undefined && value !== null && value !== false;

function isMark(value: unknown): boolean {
  return value === true || (isJsonObject(value) && value.mode === "paid");
}

function asksForX402(document: JsonRecord, { security = document.security }: JsonRecord): boolean {
  return recordsOf(security).some((one) => Object.keys(one).some((name) => /^x-?402/i.test(name)));
}

function priceOf({ min, max }: Range): Price | undefined {
  if (max === undefined) return undefined;
  if (max === 0n) return { kind: "free" };
  return min === max
    ? { kind: "fixed", usd: usdText(max), per: PER }
    : { kind: "quoted", min: usdText(min), max: usdText(max), per: PER };
}

const NOTHING: Denomination = { isOffer: false };

/** Names of members in small letters, without `_`, `-` and a `usd` at their end. */
const AMOUNTS = [
  "price",
  "amount",
  "maxamountrequired",
  "value",
  "cost",
  "fixed",
  "percall",
  "priceperrequest",
  "pricepercall",
  "usd",
  "",
];
const MINS = ["min", "minprice", "minimum", "minimumprice", "minamount", "pricemin", "from"];
const MAXES = ["max", "maxprice", "maximum", "maximumprice", "maxamount", "pricemax", "to"];
const TIERS = ["tiers", "prices", "options", "variants", "range"];
const OFFERS = ["offers", "accepts", "methods", "paymentoptions", "paymentrequirements"];
const CURRENCIES = ["currency", "asset", "token", "denomination", "symbol"];
const UNITS = ["unit", "per", "perunit", "billingunit"];
const OFFER_MARKS = ["intent", "method", "scheme", "payto", "maxamountrequired"];

/** The members of a record by their bare names. */
function bare(record: JsonRecord): ReadonlyMap<string, { readonly value: unknown; readonly isUsd: boolean }> {
  return new Map(
    Object.entries(record)
      .filter(([, value]) => stated(value))
      .map(([name, value]) => {
        const plain = name.toLowerCase().replace(/[_-]/g, "");
        return [plain.replace(/(?:in)?usd$/, ""), { value, isUsd: /usd$/.test(plain) }];
      }),
  );
}

function rangeOf(node: unknown, said: Denomination): Range | undefined {
  if (typeof node === "string" || typeof node === "number") return rangeOfText(node, said);
  if (Array.isArray(node)) return joined(node.map((one) => rangeOf(one, said)));
  if (!isJsonObject(node)) return undefined;
  const members = bare(node);
  const find = (names: readonly string[]) =>
    names.map((name) => members.get(name)).find((one) => one !== undefined);
  const unit = find(UNITS)?.value;
  const own = denominationOf(members, said);
  if (typeof unit === "string" && !isDollars(unit) && !isCall(unit)) return undefined;
  const at = (found: { readonly value: unknown; readonly isUsd: boolean }) =>
    rangeOf(found.value, found.isUsd ? { currency: "USD", isOffer: false } : own);
  const [min, max, tiers, amount] = [find(MINS), find(MAXES), find(TIERS), find(AMOUNTS)];
  if (max !== undefined) {
    const high = at(max)?.max;
    const low = min === undefined ? 0n : at(min)?.min;
    return high === undefined || low === undefined || low > high ? undefined : { min: low, max: high };
  }
  if (min !== undefined) return undefined;
  if (tiers !== undefined) {
    const all =
      isJsonObject(tiers.value) && !hasPrice(tiers.value) ? Object.values(tiers.value) : tiers.value;
    return joined([rangeOf(all, own), ...(amount === undefined ? [] : [at(amount)])]);
  }
  if (amount !== undefined) {
    // Beside the payment a whole number may count dollars or cents.
    if (
      said === NOTHING &&
      !members.has("price") &&
      !own.isOffer &&
      /^\d+$/.test(String(node.amount)) &&
      own.decimals === undefined
    ) {
      if (isDollars(own.currency ?? "$") && BigInt(String(node.amount)) < 1000n) return undefined;
    }
    const range = at(amount);
    const mode = node.pricingMode ?? node.mode ?? node.type;
    // The one amount of a price that varies is not its highest.
    const isVaried = typeof mode === "string" && /dynamic|variable|range|meter|usage|tier/i.test(mode);
    return isVaried && range?.min === range?.max ? undefined : range;
  }
  const offers = recordsOf(find(OFFERS)?.value).filter(isPayable);
  return offers.map((offer) => rangeOf(offer, NOTHING)).find((one) => one !== undefined);
}

function joined(ranges: readonly (Range | undefined)[]): Range | undefined {
  const known = ranges.filter((range) => range?.max !== undefined) as Required<Range>[];
  const [first, ...rest] = known;
  if (first === undefined || known.length < ranges.length) return undefined;
  return rest.reduce(
    (all, { min, max }) => ({ min: min < all.min ? min : all.min, max: max > all.max ? max : all.max }),
    first,
  );
}

function denominationOf(members: ReturnType<typeof bare>, said: Denomination): Denomination {
  const named = CURRENCIES.map((name) => members.get(name)?.value).find(stated);
  const word = isJsonObject(named) ? (named.address ?? named.symbol ?? named.name) : named;
  const unit = members.get("unit")?.value;
  const currency =
    typeof word === "string" ? word : typeof unit === "string" && isDollars(unit) ? unit : said.currency;
  const decimals = members.get("decimals")?.value;
  const isCount =
    typeof decimals === "number" && Number.isInteger(decimals) && decimals >= 0 && decimals <= 36;
  return {
    ...(currency === undefined ? {} : { currency }),
    ...(isCount ? { decimals } : {}),
    isOffer: OFFER_MARKS.some((mark) => members.has(mark)),
  };
}

/** Whether a record states a price, be it one that cannot be read. */
function hasPrice(node: unknown): boolean {
  if (!isJsonObject(node)) return typeof node === "string" || typeof node === "number";
  const members = bare(node);
  return [...AMOUNTS, ...MINS, ...MAXES, ...TIERS, ...OFFERS, "unit"].some((name) => members.has(name));
}

/** Words for x402 in a list of protocols or methods. Others are methods of the Machine Payments Protocol. */
const OURS = /^(x-?402|exact|upto|evm|base|usdc|eip-?3009)/i;

function isPayable({ method, intent, protocol, scheme }: JsonRecord): boolean {
  if (intent !== undefined && intent !== "charge") return false;
  const word = protocol ?? (scheme === undefined ? method : undefined);
  return typeof word !== "string" || OURS.test(word);
}

/** By what an operation is paid, in small letters; empty when the document does not say. */
function protocolsOf(info: JsonRecord): readonly string[] {
  const { protocols = info.supportedPaymentMethods, offers, accepts, method, scheme } = info;
  const list = Array.isArray(protocols) ? protocols : stated(protocols) ? [protocols] : [];
  const names = list.flatMap((one: unknown) =>
    typeof one === "string" ? [one] : isJsonObject(one) ? Object.keys(one) : [],
  );
  if (names.length > 0) return names.map((name) => name.toLowerCase());
  const all = [info, ...recordsOf(offers), ...recordsOf(accepts)];
  if (scheme !== undefined || all.slice(1).some(isPayable)) return [];
  const methods = recordsOf(offers).map((offer) => offer.protocol ?? offer.method);
  const words = [method, ...methods].filter((word) => typeof word === "string");
  return [...new Set(words.map((word) => word.toLowerCase()))];
}

/** The price in the example of a 402 that belongs to this operation alone. */
function exampleRange(response: unknown): Range | undefined {
  if (!isJsonObject(response) || response.$ref !== undefined || !isJsonObject(response.content))
    return undefined;
  const media = Object.values(response.content).filter(isJsonObject);
  const examples = media.flatMap(({ example, examples }) => [
    example,
    ...(isJsonObject(examples)
      ? Object.values(examples).map((one) => (isJsonObject(one) ? one.value : undefined))
      : []),
  ]);
  const offers = examples.filter(isJsonObject).flatMap(({ accepts }) => recordsOf(accepts));
  return joined(offers.flatMap((offer) => rangeOf({ scheme: "exact", ...offer }, NOTHING) ?? []));
}
