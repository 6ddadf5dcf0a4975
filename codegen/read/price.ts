import { formatUsd, isUsd, parseUsd, type Usd } from "../../schema/money.ts";
import type { Price } from "../../schema/price.ts";
import { isRecord, type JsonRecord, recordsOf } from "./json.ts";

/** What one call costs, as the documents of others say it. */
const PER = "call";

/**
 * The price in `x-payment-info`, in the shapes in use: `price { mode, currency, amount | min, max }`, the older
 * `pricingMode`, `price`, `minPrice` and `maxPrice` beside each other, and `offers`, whose amounts are in the smallest
 * units of a currency. `undefined` when it is not said in dollars.
 */
export function publishedPrice(info: unknown): Price | undefined {
  if (!isRecord(info)) return undefined;
  const { price } = info;
  if (isRecord(price)) return inDollars(price) ? ranged(price.amount, price.min, price.max) : undefined;
  if (price !== undefined || info.minPrice !== undefined || info.maxPrice !== undefined) {
    return ranged(price, info.minPrice, info.maxPrice);
  }
  const offers = info.offers === undefined ? [info] : recordsOf(info.offers);
  return offers.map(offered).find((found) => found !== undefined);
}

function inDollars({ currency }: JsonRecord): boolean {
  return currency === undefined || currency === "USD";
}

function ranged(amount: unknown, min: unknown, max: unknown): Price | undefined {
  const fixed = usdOf(amount);
  if (fixed !== undefined)
    return fixed === "0.00" ? { kind: "free" } : { kind: "fixed", usd: fixed, per: PER };
  const most = usdOf(max);
  if (most === undefined) return undefined;
  const least = usdOf(min) ?? "0.00";
  if (parseUsd(least) > parseUsd(most)) return undefined;
  return { kind: "quoted", min: least, max: most, per: PER };
}

/** `"$0.05"`, `"0.05"` and `0.05` are all in use. */
function usdOf(amount: unknown): Usd | undefined {
  const text = typeof amount === "number" ? String(amount) : amount;
  if (typeof text !== "string") return undefined;
  const plain = text.trim().replace(/^\$/, "");
  return isUsd(plain) ? (formatUsd(parseUsd(plain)) as Usd) : undefined;
}

/** How many digits the smallest unit of a currency has: dollars, and the tokens worth one. */
const DIGITS: readonly (readonly [RegExp, number])[] = [
  [/^usd$/i, 2],
  [/^(usdc|usdt|0x833589fcd6edb6e08f4c7c32d4f71b54bda02913|0x036cbd53842c5426634e7929541ec2318f3dcf7e)$/i, 6],
];

function offered({ amount, currency, intent }: JsonRecord): Price | undefined {
  if (intent !== undefined && intent !== "charge") return undefined;
  if (typeof amount !== "string" || !/^\d{1,30}$/.test(amount) || typeof currency !== "string")
    return undefined;
  const digits = DIGITS.find(([name]) => name.test(currency))?.[1];
  if (digits === undefined) return undefined;
  const padded = amount.padStart(digits + 1, "0");
  return ranged(`${padded.slice(0, -digits)}.${padded.slice(-digits)}`, undefined, undefined);
}

/** By what an operation is paid, in small letters; empty when the document does not say. */
export function protocolsOf(info: unknown): readonly string[] {
  const given: readonly unknown[] = isRecord(info) && Array.isArray(info.protocols) ? info.protocols : [];
  const names = given.flatMap((one) =>
    typeof one === "string" ? [one] : isRecord(one) ? Object.keys(one) : [],
  );
  return names.map((name) => name.toLowerCase());
}
