/**
 * Exact decimal money. An amount is a bigint of 10⁻¹⁸ dollars, so sums and products of
 * declared prices carry no rounding; the only rounding is up, to the asset's smallest unit.
 */
export type Money = bigint;

/** A price as people write it: a plain decimal in US dollars, such as `"0.05"`. No sign, no exponent. */
export type Usd = `${number}`;

const SCALE = 18;
const ONE = 10n ** BigInt(SCALE);
const DECIMAL = /^(\d+)(?:\.(\d{1,18}))?$/;

/** True for a plain decimal with at most 18 places: what {@link parseUsd} accepts. */
export function isUsd(text: unknown): text is Usd {
  return typeof text === "string" && DECIMAL.test(text);
}

/** Places behind the point that a charge has: the smallest unit of USDC and its like. */
export const CHARGED_PLACES = 6;

const CHARGED_UNIT = 10n ** BigInt(SCALE - CHARGED_PLACES);

/** Rounds up to what can be charged, a millionth of a dollar. */
export function chargeable(amount: Money): Money {
  return ((amount + CHARGED_UNIT - 1n) / CHARGED_UNIT) * CHARGED_UNIT;
}

/** Millionths of a dollar, rounded up: a number that a database can add. */
export function microUsd(amount: Money): number {
  return Number(toAtomic(amount, CHARGED_PLACES));
}

/** @throws RangeError when `text` is not a plain decimal such as `"0.05"`. */
export function parseUsd(text: string): Money {
  const match = DECIMAL.exec(text);
  if (!match) throw new RangeError(`"${text}" is not a plain decimal amount such as "0.05"`);
  return BigInt(match[1] ?? "") * ONE + BigInt((match[2] ?? "").padEnd(SCALE, "0"));
}

/** The shortest decimal with at least two places: `0.1` is written `"0.10"`, `0.001` stays `"0.001"`. */
export function formatUsd(amount: Money): string {
  return decimal(amount, SCALE);
}

/**
 * The asset's smallest units that cover `amount`, rounded up. `decimals` is the asset's own (USDC: 6), `rate` what one
 * whole token is worth (a dollar token: one dollar).
 */
export function toAtomic(amount: Money, decimals: number, rate: Money = ONE): bigint {
  return (amount * 10n ** BigInt(decimals) + rate - 1n) / rate;
}

/** The value of `atomic` smallest units of an asset with `decimals` places. Exact for up to 18 places. */
export function fromAtomic(atomic: bigint, decimals: number): Money {
  return decimals >= SCALE
    ? atomic / 10n ** BigInt(decimals - SCALE)
    : atomic * 10n ** BigInt(SCALE - decimals);
}

/** An amount of an asset as a person reads it: 50000 units of a six-decimal asset are `"0.05"`. */
export function formatAtomic(atomic: bigint, decimals: number): string {
  return decimal(atomic, decimals);
}

function decimal(amount: bigint, places: number): string {
  const digits = (amount < 0n ? -amount : amount).toString().padStart(places + 1, "0");
  const whole = digits.slice(0, digits.length - places);
  const fraction = digits
    .slice(digits.length - places)
    .replace(/0+$/, "")
    .padEnd(2, "0");
  return `${amount < 0n ? "-" : ""}${whole}.${fraction}`;
}

/** Counts units that have begun: 1.2 of 1 is 2, 1,500 of 1,000 is 2. Exact for every finite `count` ≥ 0. */
export function startedUnits(count: number, unit: number): bigint {
  if (!Number.isFinite(count) || count < 0) throw new RangeError(`${count} cannot be counted for a price`);
  const [a, b] = [fraction(count), fraction(unit)];
  const top = a.digits * 10n ** BigInt(b.places);
  const bottom = b.digits * 10n ** BigInt(a.places);
  return (top + bottom - 1n) / bottom;
}

/** A double as the exact decimal that JavaScript prints for it. */
function fraction(value: number): { digits: bigint; places: number } {
  const match = /^(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(String(value));
  if (!match) throw new RangeError(`${value} is not a positive number`);
  const decimals = match[2] ?? "";
  const places = decimals.length - Number(match[3] ?? 0);
  const digits = BigInt((match[1] ?? "") + decimals);
  return places < 0 ? { digits: digits * 10n ** BigInt(-places), places: 0 } : { digits, places };
}
