import { formatUsd, fromAtomic, isUsd, type Money, parseUsd, type Usd } from "../../schema/money.ts";
import { ASSETS } from "../../src/protocol/index.ts";

/** The ends of a price in US dollars. `max` is absent where the text names a lower end alone. */
export interface Range {
  readonly min: Money;
  readonly max?: Money;
}

/** What is said beside an amount. */
export interface Denomination {
  /** A name or the address of a token. Absent: dollars. */
  readonly currency?: string;
  /** Digits of the smallest unit, where the document states them. */
  readonly decimals?: number;
  /** Whole numbers count smallest units, as in an x402 or MPP offer. */
  readonly isOffer: boolean;
}

const DOLLARS = /^(us ?\$|\$|usd|us ?dollars?|dollars?)$/i;
const TOKENS = /^(usdc|usdc\.e|usdbc|usdt|usdt0|usat|usd coin)$/i;
const ADDRESSES = new Set(
  Object.values(ASSETS).flatMap((places) => Object.values(places).map((address) => address.toLowerCase())),
);
/** Digits of the smallest unit of a dollar, and of the tokens that are worth one. */
const [CENTS, TOKEN_DIGITS] = [2, 6];
/** Without a word on units, a whole number from here on may as well count smallest units. */
const LARGE = 1000n;

/** Whether a word names dollars or a token that is worth one. */
export function isDollars(word: string): boolean {
  return DOLLARS.test(word.trim()) || isToken(word);
}

function isToken(word: string): boolean {
  return TOKENS.test(word.trim()) || ADDRESSES.has(word.trim().toLowerCase());
}

const CALLS = "(?:(?:api )?(?:call|request|req|query|invocation|execution))";
const PER_CALL = new RegExp(`^(?:per|/|each|a|an)?\\s*(?:${CALLS})?$`, "i");

/** Whether a unit is one call. */
export function isCall(unit: string): boolean {
  return PER_CALL.test(unit.trim());
}

const NUMBER = String.raw`(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+)?(?:e[+-]?\d{1,2})?`;
const PIECE = new RegExp(
  String.raw`^(?<before>us ?\$|\$|[a-z][a-z.]*[0-9]?)?\s*(?<number>(?=[.\d])${NUMBER})\s*(?<after>¢|\$|us ?\$|usd coin|[a-z][a-z.]*[0-9]?(?![a-z]))?(?<rest>.*)$`,
  "i",
);
const UP_TO = /^(?:up to|max(?:imum)?(?: of)?|at most|<=?|≤)\s*/i;
const FROM = /^(?:from|starting (?:at|from)|min(?:imum)?(?: of)?|at least|>=?|≥)\s*/i;
/** Between two amounts. A minus sign of an exponent is none. */
const BETWEEN = /\s*(?:–|—|\.\.\.?|\bto\b|(?<![e\d]e)-)\s*/i;

/** Reads `"$0.05"`, `0.05`, `"0.05 USDC per call"`, `"$0.002-$0.004"`, `"5 cents"`; `undefined` for anything else. */
export function rangeOfText(value: string | number, said: Denomination): Range | undefined {
  const text = String(value).trim();
  if (/^free$/i.test(text)) return { min: 0n, max: 0n };
  if (UP_TO.test(text)) {
    const max = amountOf(text.replace(UP_TO, ""), said);
    return max === undefined ? undefined : { min: 0n, max };
  }
  const ends = text
    .replace(/^(?:between|from)\s+/i, "")
    .replace(/\s+and\s+/i, " to ")
    .split(BETWEEN);
  if (ends.length === 2) {
    const [low = "", high = ""] = ends;
    // "0.10 - 0.50 USDC" names its currency once.
    const currency = unitIn(low) ?? unitIn(high) ?? said.currency;
    const both = { ...said, ...(currency === undefined ? {} : { currency }) };
    const [min, max] = [amountOf(low, both), amountOf(high, both)];
    return min === undefined || max === undefined || min > max ? undefined : { min, max };
  }
  if (FROM.test(text) || /\+$/.test(text)) {
    const min = amountOf(text.replace(FROM, "").replace(/\+$/, ""), said);
    return min === undefined ? undefined : { min };
  }
  const amount = amountOf(text, said);
  return amount === undefined ? undefined : { min: amount, max: amount };
}

function unitIn(text: string): string | undefined {
  const { before, after } = PIECE.exec(text.trim())?.groups ?? {};
  return [after, before].find((word) => word !== undefined && isDollars(word));
}

function amountOf(text: string, said: Denomination): Money | undefined {
  const { before, number = "", after, rest = "" } = PIECE.exec(text.trim())?.groups ?? {};
  // "0.01 per call": the word behind the number does not name a currency.
  const isWord = after !== undefined && /^(?:per|each|a|an)$/i.test(after);
  const unit = isWord ? undefined : after;
  if (!isCall(isWord ? after + rest : rest)) return undefined;
  const decimal = plainDecimal(number);
  if (decimal === undefined || !isUsd(decimal)) return undefined;
  if (before === undefined && unit !== undefined && /^(¢|c|cents?)$/i.test(unit))
    return parseUsd(decimal) / 100n;
  const written = [before, unit].filter((word) => word !== undefined);
  if (!written.every(isDollars)) return undefined;
  if (written.length === 0 && said.currency !== undefined && !isDollars(said.currency)) return undefined;
  return measured(decimal, written.length > 0, said);
}

/** A number in dollars or in smallest units; `undefined` when it may as well be the other. */
function measured(decimal: string, isWritten: boolean, said: Denomination): Money | undefined {
  const { currency = "", decimals, isOffer } = said;
  if (decimal.includes(".") || isWritten) return parseUsd(decimal);
  const units = BigInt(decimal);
  const isAddress = ADDRESSES.has(currency.trim().toLowerCase());
  if (decimals !== undefined || isOffer || isAddress) {
    return fromAtomic(units, decimals ?? (DOLLARS.test(currency.trim()) ? CENTS : TOKEN_DIGITS));
  }
  if (units < LARGE || DOLLARS.test(currency.trim())) return parseUsd(decimal);
  return isToken(currency) ? fromAtomic(units, TOKEN_DIGITS) : undefined;
}

/** `1,000.50` and `5e-3` without comma and exponent; `undefined` when it has more than 18 places. */
function plainDecimal(number: string): string | undefined {
  const [mantissa = "", exponent = "0"] = number.replaceAll(",", "").toLowerCase().split("e");
  const [whole = "", fraction = ""] = mantissa.split(".");
  const places = fraction.length - Number(exponent);
  const digits = (whole + fraction).replace(/^0+(?=\d)/, "");
  if (digits === "" || Math.abs(places) > 40) return undefined;
  if (places <= 0) return digits + "0".repeat(-places);
  const padded = digits.padStart(places + 1, "0");
  return `${padded.slice(0, -places)}.${padded.slice(-places)}`.replace(/\.0+$/, (zeros) =>
    zeros.slice(0, 3),
  );
}

/** An amount as prices are written. */
export function usdText(amount: Money): Usd {
  return formatUsd(amount) as Usd;
}
