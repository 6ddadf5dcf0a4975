import { formatUsd, type Money, parseUsd, startedUnits } from "../../schema/money.ts";
import type { ByChoice, Fixed, PerUnit, Price } from "../../schema/price.ts";
import { boundsText, priceSentence, unitOf } from "../../schema/price-prose.ts";
import { fieldsOf, type ResourceModel, refTo, type Schemas } from "../model.ts";
import { arrow, type Tell } from "./change.ts";
import type { Sides } from "./schemas.ts";

const PATH = "price";

/** Maximum number of counts to compare when the unit of a price has changed. */
const SAMPLES = 100;

/** Whether a field that a price looked at is the one that it looks at now, be it under another name. */
type SameField = (was: string, now: string) => boolean;

/** Records which calls cost more or less, by choice and per unit. */
export function comparePrices(sides: Sides, was: ResourceModel, now: ResourceModel, tell: Tell): void {
  const [before, after] = [inputOf(sides.was, was), inputOf(sides.now, now)];
  comparePrice(was, now, (a, b) => a === b || (!after.has(a) && !before.has(b)), tell);
  compareDefaults(was, now, tell);
  if (was.per !== now.per && isReckonedAlike(was.price, now.price)) {
    tell("note", PATH, `what it is paid for is called ${arrow(was.per, now.per)}`);
  }
}

/** Whether only the word for what is paid for can have changed, where no amount is told with it. */
function isReckonedAlike(a: Price, b: Price): boolean {
  if (a.kind === "perUnit" && b.kind === "perUnit") return a.unit === b.unit;
  return a.kind === b.kind && a.kind !== "sum";
}

function inputOf(schemas: Schemas, { typeName }: ResourceModel): ReadonlySet<string> {
  const fields = fieldsOf(schemas, { $ref: refTo(`${typeName}Input`) }) ?? [];
  return new Set(fields.map(({ name }) => name));
}

function comparePrice(was: ResourceModel, now: ResourceModel, isSame: SameField, tell: Tell): void {
  const [a, b] = [was.price, now.price];
  if (a.kind === "free" || b.kind === "free") {
    if (a.kind !== b.kind) tell("price", PATH, arrow(costText(a), costText(b)), a.kind === "free");
  } else if (a.kind === "sum" && b.kind === "sum") compareSums(a.parts, b.parts, isSame, tell);
  else if (a.kind === "quoted" && b.kind === "quoted") {
    compareAmounts("at least ", a.min, b.min, "", tell);
    compareAmounts("at most ", a.max, b.max, "", tell);
  } else if (!isPart(a) || !isPart(b) || !isAlike(a, b, isSame)) compareBounds(was, now, tell);
  else compareParts(a, b, tell);
}

type Part = Fixed | ByChoice | PerUnit;

function isPart(price: Price): price is Part {
  return price.kind === "fixed" || price.kind === "byChoice" || price.kind === "perUnit";
}

/** Whether two prices are computed in the same way. */
function isAlike(a: Part, b: Part, isSame: SameField): boolean {
  if ((a.kind === "perUnit") !== (b.kind === "perUnit")) return false;
  return a.kind === "fixed" || b.kind === "fixed" || isSame(a.field, b.field);
}

function compareParts(a: Part, b: Part, tell: Tell): void {
  if (a.kind === "perUnit" || b.kind === "perUnit") {
    if (a.kind === "perUnit" && b.kind === "perUnit") compareUnits(a, b, tell);
  } else if (a.kind === "fixed" && b.kind === "fixed") {
    compareAmounts("", a.usd, b.usd, ` per ${unitOf(b)}`, tell);
  } else compareTables(a, b, tell);
}

/** Compares row by row. A fixed price counts as the same amount in every row. */
function compareTables(a: Fixed | ByChoice, b: Fixed | ByChoice, tell: Tell): void {
  const field = [b, a].map((price) => (price.kind === "byChoice" ? price.field : "")).find(Boolean) ?? "";
  const rowOf = (price: Fixed | ByChoice, choice: string): string | undefined =>
    price.kind === "fixed"
      ? price.usd
      : Object.hasOwn(price.table, choice)
        ? price.table[choice as never]
        : undefined;
  const choices = new Set(
    [a, b].flatMap((price) => (price.kind === "fixed" ? [] : Object.keys(price.table))),
  );
  for (const choice of choices) {
    const [before, after] = [rowOf(a, choice), rowOf(b, choice)];
    const row = `${field} ${choice}: `;
    if (before !== undefined && after !== undefined) compareAmounts(row, before, after, "", tell);
    else if (after !== undefined) tell("addition", PATH, `${row}new, $${formatUsd(parseUsd(after))}`);
    else if (before !== undefined) tell("note", PATH, `${row}gone, was $${formatUsd(parseUsd(before))}`);
  }
}

function compareUnits(a: PerUnit, b: PerUnit, tell: Tell): void {
  if (a.unit === b.unit) compareAmounts("", a.usd, b.usd, ` per ${unitOf(b)}`, tell);
  else {
    const cost = ({ usd, unit }: PerUnit, count: number): Money => parseUsd(usd) * startedUnits(count, unit);
    const both = a.unit * b.unit;
    // Calls that fill whole units as they were gain most from them; the smallest pays one unit.
    const counts = Array.from({ length: SAMPLES }, (_, index) => a.unit * (index + 1));
    const isDearer =
      parseUsd(b.usd) > parseUsd(a.usd) || [both, ...counts].some((count) => cost(b, count) > cost(a, count));
    const isRounding = isDearer && cost(b, both) <= cost(a, both);
    const rounding = isRounding ? ", dearer where a started unit counts as a whole one" : "";
    const text = arrow(`$${a.usd} per ${unitOf(a)}`, `$${b.usd} per ${unitOf(b)}`);
    tell("price", PATH, `${text}${percentText(cost(a, both), cost(b, both))}${rounding}`, isDearer);
  }
  compareEnd("least", a.min, b.min, tell);
  compareEnd("most", a.max, b.max, tell);
}

/** Compares the minimum or maximum price of a call. `undefined` means unlimited. */
function compareEnd(end: "least" | "most", a: string | undefined, b: string | undefined, tell: Tell): void {
  if (a !== undefined && b !== undefined) compareAmounts(`at ${end} `, a, b, "", tell);
  else if (a !== b) {
    const text = (usd: string | undefined): string =>
      usd === undefined ? `no ${end} amount` : `at ${end} $${formatUsd(parseUsd(usd))}`;
    tell("price", PATH, arrow(text(a), text(b)), (end === "least") === (a === undefined));
  }
}

function compareSums(a: readonly Part[], b: readonly Part[], isSame: SameField, tell: Tell): void {
  const rest = [...b];
  for (const part of a) {
    const at = rest.findIndex((other) => other.kind === part.kind && isAlike(part, other, isSame));
    const [other] = at < 0 ? [] : rest.splice(at, 1);
    if (other === undefined) tell("price", PATH, `no longer adds ${costText(part)}`, false);
    else compareParts(part, other, tell);
  }
  for (const part of rest) tell("price", PATH, `also adds ${costText(part)}`, true);
}

/**
 * Prices that are reckoned in different ways: what is sure of them is the least and the most. The call that cost least
 * may be the one that costs most now.
 */
function compareBounds(was: ResourceModel, now: ResourceModel, tell: Tell): void {
  const [before, after] = [amountsOf(was), amountsOf(now)];
  const isDearer = after.max > before.min;
  const isSometimes = isDearer && after.max <= before.max && after.min <= before.min;
  tell(
    "price",
    PATH,
    `${arrow(costText(was.price), costText(now.price))} (${arrow(rangeText(was), rangeText(now))})` +
      (isSometimes ? ", which may be more for the same call" : ""),
    isDearer,
  );
}

/** A default that changes can change what the same call costs. */
function compareDefaults(was: ResourceModel, now: ResourceModel, tell: Tell): void {
  const [a, b] = [was.price, now.price];
  if (a.kind !== "byChoice" || b.kind !== "byChoice" || a.field !== b.field) return;
  const [before, after] = [was.pricedDefaults[a.field], now.pricedDefaults[b.field]];
  if (before === undefined || after === undefined || before === after) return;
  const [usd, usdNow] = [a.table[String(before)], b.table[String(after)]];
  if (usd !== undefined && usdNow !== undefined) {
    compareAmounts(`a call that leaves out ${a.field}: `, usd, usdNow, "", tell);
  }
}

function compareAmounts(before: string, a: string, b: string, after: string, tell: Tell): void {
  const [was, now] = [parseUsd(a), parseUsd(b)];
  if (was === now) return;
  const amounts = arrow(`$${formatUsd(was)}`, `$${formatUsd(now)}`);
  tell("price", PATH, `${before}${amounts}${after}${percentText(was, now)}`, now > was);
}

/** ` (+20 %)`; empty when there is nothing to compare with. */
function percentText(was: Money, now: Money): string {
  if (was === 0n || was === now) return "";
  const tenths = ((now > was ? now - was : was - now) * 2000n + was) / (2n * was);
  const text =
    tenths === 0n ? "less than 0.1" : `${tenths / 10n}${tenths % 10n === 0n ? "" : `.${tenths % 10n}`}`;
  return ` (${now > was ? "+" : "−"}${text} %)`;
}

/** The price in words, as part of a sentence. */
function costText(price: Price): string {
  return price.kind === "free"
    ? "free"
    : priceSentence(price)
        .replace(/^Costs /, "")
        .replace(/\.$/, "");
}

function amountsOf({ priceBounds: { min, max } }: ResourceModel): {
  readonly min: Money;
  readonly max: Money;
} {
  return { min: parseUsd(min), max: parseUsd(max) };
}

function rangeText(resource: ResourceModel): string {
  return boundsText(amountsOf(resource));
}
