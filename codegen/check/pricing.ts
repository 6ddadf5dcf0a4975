import type { Costs, ResourceDefinition } from "../../schema/api.ts";
import { CHARGED_PLACES, chargeable, formatUsd, isUsd, type Money, parseUsd } from "../../schema/money.ts";
import {
  amountsIn,
  type ByChoice,
  type PerUnit,
  type Price,
  type PriceBounds,
  perUnit,
  priceOf,
} from "../../schema/price.ts";
import { didYouMean, listOf, type MistakeReport } from "../mistake.ts";
import { choicesOf, type Field, resolve, type Schemas } from "../model.ts";
import { countRange } from "./counts.ts";
import { overwriteOf } from "./overwrites.ts";

/** What a price is checked against. */
export interface PricedResource {
  /** `resources.caption` */
  readonly path: string;
  readonly definition: ResourceDefinition;
  /** Fields of the input; `undefined` when the input is not one plain object. */
  readonly fields: readonly Field[] | undefined;
  readonly schemas: Schemas;
}

/** Reports every mistake in a price. Returns the exact bounds of a price without mistakes. */
export function checkPrice(priced: PricedResource, report: MistakeReport): PriceBounds | undefined {
  const { path, definition } = priced;
  let sound = true;
  const note: MistakeReport = (at, problem, fix) => {
    sound = false;
    report(`${path}.price${at}`, problem, fix);
  };
  const { price } = definition;
  if (!isPrice(price)) {
    note(
      "",
      "is not a valid price",
      'use price.fixed("0.01", { per: "image" }), price.byChoice(…), … or price.free()',
    );
    return undefined;
  }
  for (const { path, usd } of amountsIn(price)) {
    if (isUsd(usd)) {
      // The price of a unit may have more decimal places: the server charges a multiple of it, rounded up.
      const ofUnit = path.endsWith("usd") && partAt(price, path)?.kind === "perUnit";
      if (ofUnit || parseUsd(usd) === chargeable(parseUsd(usd))) continue;
      note(
        `.${path}`,
        `$${usd} has too many decimal places`,
        `write at most ${CHARGED_PLACES} decimal places`,
      );
      continue;
    }
    note(
      `.${path}`,
      `${JSON.stringify(usd)} is not a valid amount`,
      'write a plain decimal in quotes, such as "0.05"',
    );
  }
  if (!sound) return undefined;
  if ((price.kind === "quoted" || price.kind === "perUnit") && over(price.min, price.max)) {
    note("", `min $${price.min} is greater than max $${price.max}`, "swap them, or correct one");
  }
  if (price.kind === "sum" && price.parts.length === 0) {
    note("", "is a sum without parts", "add a part, or use price.free()");
  }
  const parts = price.kind === "sum" ? price.parts : [price];
  for (const [index, part] of parts.entries()) {
    const at = price.kind === "sum" ? `.parts.${index}` : "";
    if ("per" in part && part.per !== undefined && typeof part.per !== "string") {
      note(`${at}.per`, "is not a string", 'write what the amount pays for, such as "image"');
    }
    if (price.kind === "sum" && part.kind === "perUnit" && over(part.min, part.max)) {
      note(at, `min $${part.min} is greater than max $${part.max}`, "swap them, or correct one");
    }
    if (part.kind === "byChoice" || part.kind === "perUnit") checkField(part, at, priced, note);
  }
  if (!sound) return undefined;
  const bounds = boundsOf(price, priced);
  checkCosts(path, definition.costs, bounds, report);
  return bounds;
}

/** The part of a price that holds the amount at `path`. */
function partAt(price: Price, path: string): Price | undefined {
  return price.kind === "sum" ? price.parts[Number(path.split(".")[1])] : price;
}

// Node runs a definition without checking its types, so the value can be anything.
function isPrice(value: unknown): value is Price {
  if (typeof value !== "object" || value === null) return false;
  const { kind, field, table, parts } = value as Readonly<Record<string, unknown>>;
  switch (kind) {
    case "fixed":
    case "quoted":
    case "free":
      return true;
    case "byChoice":
      return typeof field === "string" && typeof table === "object" && table !== null;
    case "perUnit":
      return typeof field === "string";
    case "sum":
      return Array.isArray(parts) && parts.every((part) => isPrice(part) && isPart(part));
    default:
      return false;
  }
}

function isPart(price: Price): boolean {
  return price.kind === "fixed" || price.kind === "byChoice" || price.kind === "perUnit";
}

const over = (min: string | undefined, max: string | undefined): boolean =>
  min !== undefined && max !== undefined && parseUsd(min) > parseUsd(max);

function checkField(part: ByChoice | PerUnit, at: string, priced: PricedResource, note: MistakeReport): void {
  const field = priced.fields?.find(({ name }) => name === part.field);
  if (field === undefined) {
    const names = priced.fields?.map(({ name }) => name) ?? [];
    const fix = names.length === 0 ? "price by a field of a plain object" : `use one of ${listOf(names)}`;
    note(`${at}.field`, `there is no field "${part.field}"${didYouMean(part.field, names)}`, fix);
    return;
  }
  const change = overwriteOf(priced.definition.input, part.field);
  if (change !== undefined) {
    const problem = `"${part.field}" ${change} by validation, so buyers cannot compute the price from what they send`;
    note(`${at}.field`, problem, "price by a field that validation does not change");
  }
  if (part.kind === "byChoice") checkTable(part, at, field, priced, note);
  else checkUnits(part, at, field, priced, note);
}

function checkTable(
  part: ByChoice,
  at: string,
  field: Field,
  { schemas }: PricedResource,
  note: MistakeReport,
): void {
  const choices = choicesOf(schemas, field.schema);
  const { default: fallback } = resolve(schemas, field.schema);
  if (choices === undefined) {
    note(`${at}.field`, `"${part.field}" has no closed set of values`, "use z.enum([…]), or price.perUnit");
    return;
  }
  if (choices.includes(null) || (!field.required && fallback === undefined)) {
    note(
      `${at}.field`,
      `"${part.field}" may be absent, and an absent value has no price`,
      "give it a default",
    );
    return;
  }
  const wanted = choices.map(String);
  const rows = Object.keys(part.table);
  for (const choice of wanted.filter((choice) => !rows.includes(choice))) {
    note(`${at}.table`, `has no price for ${part.field} = "${choice}"`, `add a row: "${choice}": "0.05"`);
  }
  for (const row of rows.filter((row) => !wanted.includes(row))) {
    const problem = `"${row}" is not one of the choices of ${part.field}${didYouMean(row, wanted)}`;
    note(`${at}.table.${row}`, problem, `the choices are ${listOf(wanted)}`);
  }
  if (fallback !== undefined && !wanted.includes(String(fallback))) {
    note(`${at}.field`, `the default of "${part.field}" is not one of its choices`, "choose one of them");
  }
}

function checkUnits(
  part: PerUnit,
  at: string,
  field: Field,
  { schemas }: PricedResource,
  note: MistakeReport,
): void {
  if (!Number.isFinite(part.unit) || part.unit <= 0) {
    note(
      `${at}.unit`,
      `${String(part.unit)} is not a valid size of a unit`,
      "write a number above zero, such as 1000",
    );
  }
  const range = countRange(schemas, field);
  if (range === undefined) {
    note(`${at}.field`, `"${part.field}" cannot be counted`, "use a number, a string or a list");
    return;
  }
  if (range.min.count < 0) {
    note(`${at}.field`, `"${part.field}" may be negative, and a negative count has no price`, "add .min(0)");
  }
  if (range.max === Number.POSITIVE_INFINITY && part.max === undefined) {
    const fix = `add .max(…) to ${part.field}, or { max: "1.00" } to the price`;
    note(at, `has no upper bound, because "${part.field}" has none`, fix);
  }
}

/**
 * The lowest and the highest price of a call. Parts that depend on the same field are computed together: each value of
 * a closed set, or both ends of a range (no part gets cheaper as its field grows).
 */
function boundsOf(price: Price, { fields = [], schemas }: PricedResource): PriceBounds {
  if (price.kind === "quoted") return { min: parseUsd(price.min), max: parseUsd(price.max) };
  const parts = price.kind === "sum" ? price.parts : [price];
  const byField = new Map<string | undefined, (typeof parts)[number][]>();
  for (const part of parts) {
    const field = "field" in part ? part.field : undefined;
    byField.set(field, [...(byField.get(field) ?? []), part]);
  }
  let [min, max] = [0n, 0n];
  for (const [name, group] of byField) {
    const field = fields.find((field) => field.name === name);
    const choices = field && choicesOf(schemas, field.schema);
    const amounts =
      field === undefined
        ? [total(group, {})]
        : choices !== undefined
          ? [...choices, ...(field.required ? [] : [resolve(schemas, field.schema).default])].map((value) =>
              total(group, { [field.name]: value }),
            )
          : ends(group, field, schemas);
    min += amounts.reduce((least, amount) => (amount < least ? amount : least));
    max += amounts.reduce((most, amount) => (amount > most ? amount : most));
  }
  return { min, max };
}

function total(parts: readonly Price[], input: object): Money {
  return parts.reduce((sum, part) => sum + (priceOf(part, input) ?? 0n), 0n);
}

function ends(parts: readonly Price[], field: Field, schemas: Schemas): Money[] {
  const range = countRange(schemas, field);
  return (["min", "max"] as const).map((end) =>
    parts.reduce((sum, part) => {
      if (part.kind !== "perUnit" || range === undefined) return sum;
      if (end === "min")
        return sum + perUnit(part, range.min.above ? nextUp(range.min.count) : range.min.count);
      return sum + (Number.isFinite(range.max) ? perUnit(part, range.max) : parseUsd(part.max ?? "0"));
    }, 0n),
  );
}

/** The next number above `count`, which starts the next unit. */
function nextUp(count: number): number {
  return count === 0 ? Number.MIN_VALUE : count * (1 + Number.EPSILON);
}

function checkCosts(
  path: string,
  costs: Costs | undefined,
  { min }: PriceBounds,
  report: MistakeReport,
): void {
  if (costs === undefined) return;
  const { margin = 0, ...amounts } = costs;
  let spent = 0n;
  let sound = true;
  for (const [name, usd] of Object.entries(amounts)) {
    if (isUsd(usd)) spent += parseUsd(usd);
    else {
      sound = false;
      report(
        `${path}.costs.${name}`,
        `${JSON.stringify(usd)} is not a valid amount`,
        'write a decimal such as "0.008"',
      );
    }
  }
  if (typeof margin !== "number" || !(margin >= 0 && margin < 1)) {
    sound = false;
    report(
      `${path}.costs.margin`,
      `${String(margin)} is not a valid margin`,
      "write a fraction from 0 to below 1, such as 0.3 for 30 %",
    );
  }
  if (!sound) return;
  const one = parseUsd("1");
  const rest = one - parseUsd(isUsd(String(margin)) ? String(margin) : margin.toFixed(18));
  const needed = (spent * one + rest - 1n) / rest;
  if (min >= needed) return;
  const missing = formatUsd(needed - min);
  const problem = `the lowest price, $${formatUsd(min)}, does not cover the costs and the margin: $${missing} is missing`;
  report(`${path}.costs`, problem, `charge at least $${formatUsd(needed)}`);
}
