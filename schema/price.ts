import { chargeable, isUsd, type Money, parseUsd, startedUnits, type Usd } from "./money.ts";

/**
 * Prices are data: the server charges, the client quotes offline and the documents print
 * from the same value. Only `quoted` is decided at run time, inside its declared bounds.
 */
export type Price = Fixed | ByChoice | PerUnit | Sum | Quoted | Free | Unknown;

/** The same price for every call. */
export interface Fixed {
  readonly kind: "fixed";
  readonly usd: Usd;
  readonly per: string;
}

/** A price for each value of a field with a closed set of values. */
export interface ByChoice<Field extends string = string, Choice extends string = string> {
  readonly kind: "byChoice";
  readonly field: Field;
  readonly table: { readonly [choice in Choice]: Usd };
  readonly per: string;
  /** Never set. Makes a table with a surplus row a type error. */
  readonly "~choice"?: Choice;
}

/** A price for each started unit of a number, of a string's characters or of a list's entries. */
export interface PerUnit<Field extends string = string> {
  readonly kind: "perUnit";
  readonly field: Field;
  readonly usd: Usd;
  /** How many make one unit: 1000 for "per 1,000 characters". */
  readonly unit: number;
  readonly min?: Usd;
  readonly max?: Usd;
  readonly per: string;
}

/** Several prices that add up. */
export interface Sum<Part extends Fixed | ByChoice | PerUnit = Fixed | ByChoice | PerUnit> {
  readonly kind: "sum";
  readonly parts: readonly Part[];
}

/** A price that the server computes for each input, never outside `min`…`max`. */
export interface Quoted {
  readonly kind: "quoted";
  readonly min: Usd;
  readonly max: Usd;
  readonly per: string;
}

/** Nothing is charged. */
export interface Free {
  readonly kind: "free";
}

/** A third party's document states no price that can be read. No definition has it. */
export interface Unknown {
  readonly kind: "unknown";
}

/** What a buyer reads behind the amount: `{ per: "image" }` is printed as "per image". */
export interface PerWhat {
  readonly per: string;
}

/** Options of `price.perUnit`: the size and name of a unit, and the bounds of the price. */
export interface PerUnitOptions {
  /** How many make one unit. A started unit counts as a whole one. @default 1 */
  readonly unit?: number;
  /** What one unit is called, in the singular: "character", "1,000 characters". @default the field's name */
  readonly per?: string;
  /** The least that a call costs, in US dollars. */
  readonly min?: Usd;
  /** The most that a call costs, in US dollars. Required when the field itself has no upper bound. */
  readonly max?: Usd;
}

/** The price language. Amounts are US dollars, written as decimal strings: `"0.05"`. */
export const price = {
  /** One price for every call: `price.fixed("0.01", { per: "caption" })`. */
  fixed: (usd: Usd, options: PerWhat): Fixed => ({ kind: "fixed", usd, per: perOf(options) }),

  /** A price for each choice of a field. The table must name every choice, and no other. */
  byChoice: <const Field extends string, const Table extends { readonly [choice: string]: Usd }>(
    field: Field,
    table: Table,
    options: PerWhat,
  ): ByChoice<Field, `${keyof Table & (string | number)}`> => ({
    kind: "byChoice",
    field,
    table,
    per: perOf(options),
  }),

  /** A price for each started unit of a number, of a string's characters or of a list's entries. */
  perUnit: <const Field extends string>(
    field: Field,
    usd: Usd,
    options: PerUnitOptions = {},
  ): PerUnit<Field> => ({
    kind: "perUnit",
    field,
    usd,
    unit: options.unit ?? 1,
    per: options.per ?? field,
    ...(options.min === undefined ? {} : { min: options.min }),
    ...(options.max === undefined ? {} : { max: options.max }),
  }),

  /** Prices that add up: `price.sum(price.fixed("0.01", …), price.perUnit("seconds", "0.002", …))`. */
  sum: <const Parts extends readonly (Fixed | ByChoice | PerUnit)[]>(
    ...parts: Parts
  ): Sum<Parts[number]> => ({
    kind: "sum",
    parts,
  }),

  /** The server computes the amount (`quotes` of `createServer`), always held inside these bounds. */
  quoted: (options: { readonly min: Usd; readonly max: Usd } & PerWhat): Quoted => ({
    kind: "quoted",
    ...options,
  }),

  /** Nothing is charged. */
  free: (): Free => ({ kind: "free" }),
} as const;

/** A definition runs before its types are checked: what is missing is left for the compiler to report. */
function perOf(options: Partial<PerWhat> | undefined): string {
  return options?.per ?? "";
}

type Key = string | number | boolean;

/** Fields whose value can be counted; an optional one that is absent counts as 0. */
type Countable<O> = {
  [K in keyof O & string]-?: NonNullable<O[K]> extends number | string | readonly unknown[] ? K : never;
}[keyof O & string];

/** Fields with a closed set of values that are always present after validation. */
type Choosable<O> = {
  [K in keyof O & string]-?: [O[K]] extends [Key]
    ? string extends O[K]
      ? never
      : number extends O[K]
        ? never
        : K
    : never;
}[keyof O & string];

type ByChoiceOf<O> = {
  [F in Choosable<O>]: ByChoice<F, `${O[F] & Key}`>;
}[Choosable<O>];

type PerUnitOf<O> = { [F in Countable<O>]: PerUnit<F> }[Countable<O>];

/** The prices that fit a resource whose validated input is `O`. */
export type PriceFor<O> =
  | Fixed
  | ByChoiceOf<O>
  | PerUnitOf<O>
  | Sum<Fixed | ByChoiceOf<O> | PerUnitOf<O>>
  | Quoted
  | Free;

/** The least and the most that a call can cost. */
export interface PriceBounds {
  readonly min: Money;
  readonly max: Money;
}

/**
 * The exact price of a validated input, or `undefined` for a quoted price, which only the server knows.
 *
 * @throws RangeError when a field holds a value that the price does not know.
 */
export function priceOf(price: Price, input: object): Money | undefined {
  switch (price.kind) {
    case "free":
      return 0n;
    case "fixed":
      return parseUsd(price.usd);
    case "quoted":
    case "unknown":
      return undefined;
    case "byChoice": {
      const choice = String(valueAt(input, price.field));
      const usd = Object.hasOwn(price.table, choice) ? price.table[choice] : undefined;
      if (usd === undefined) throw new RangeError(`no price for ${price.field} = ${choice}`);
      return parseUsd(usd);
    }
    case "perUnit":
      return perUnit(price, countOf(valueAt(input, price.field)));
    case "sum":
      return price.parts.reduce((total, part) => total + (priceOf(part, input) ?? 0n), 0n);
  }
}

/**
 * The price of `count` of what is counted: started units, held inside `min`…`max`, and rounded up to a
 * millionth of a dollar, so that the quote is what is charged.
 */
export function perUnit(price: PerUnit, count: number): Money {
  const amount = chargeable(parseUsd(price.usd) * startedUnits(count, price.unit));
  if (price.min !== undefined && amount < parseUsd(price.min)) return parseUsd(price.min);
  if (price.max !== undefined && amount > parseUsd(price.max)) return parseUsd(price.max);
  return amount;
}

/** The fields of the input that the price looks at. */
export function pricedFields(price: Price): readonly string[] {
  switch (price.kind) {
    case "byChoice":
    case "perUnit":
      return [price.field];
    case "sum":
      return [...new Set(price.parts.flatMap(pricedFields))];
    default:
      return [];
  }
}

/** Every amount written in the price, with its place: what a check of decimals looks at. */
export function amountsIn(price: Price): readonly { readonly path: string; readonly usd: unknown }[] {
  switch (price.kind) {
    case "free":
    case "unknown":
      return [];
    case "fixed":
      return [{ path: "usd", usd: price.usd }];
    case "quoted":
      return [
        { path: "min", usd: price.min },
        { path: "max", usd: price.max },
      ];
    case "byChoice":
      return Object.entries(price.table).map(([choice, usd]) => ({ path: `table.${choice}`, usd }));
    case "perUnit":
      return [
        { path: "usd", usd: price.usd },
        ...(price.min === undefined ? [] : [{ path: "min", usd: price.min }]),
        ...(price.max === undefined ? [] : [{ path: "max", usd: price.max }]),
      ];
    case "sum":
      return price.parts.flatMap((part, index) =>
        amountsIn(part).map(({ path, usd }) => ({ path: `parts.${index}.${path}`, usd })),
      );
  }
}

/** Holds a quoted amount inside its declared bounds. @throws RangeError when it is not a decimal. */
export function withinQuote(price: Quoted, usd: string): Money {
  if (!isUsd(usd)) throw new RangeError(`the quote "${usd}" is not a decimal amount`);
  const [amount, min, max] = [chargeable(parseUsd(usd)), parseUsd(price.min), parseUsd(price.max)];
  return amount < min ? min : amount > max ? max : amount;
}

function valueAt(input: object, field: string): unknown {
  return Object.hasOwn(input, field) ? (input as Record<string, unknown>)[field] : undefined;
}

/** Characters are Unicode code points, as JSON Schema counts them, so clients in any language agree. */
function countOf(value: unknown): number {
  if (typeof value === "number") return value;
  if (Array.isArray(value)) return value.length;
  if (value === undefined || value === null) return 0;
  if (typeof value === "string") {
    let count = 0;
    for (const _ of value) count += 1;
    return count;
  }
  throw new RangeError(`a ${typeof value} cannot be counted for a price`);
}
