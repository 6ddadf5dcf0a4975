import { parseUsd } from "../schema/money.ts";
import type { Price } from "../schema/price.ts";
import { boundsText, unitOf } from "../schema/price-prose.ts";
import type { ResourceModel } from "./model.ts";
import { cell, code } from "./print.ts";

/** The parts of which documents in Markdown are made. */

/** Paragraphs, tables and headings with an empty line between them; what is empty is left out. */
export function blocks(...parts: readonly string[]): string {
  return `${parts
    .map((part) => part.trim())
    .filter((part) => part !== "")
    .join("\n\n")}\n`;
}

export function fenced(language: string, text: string): string {
  const longest = Math.max(2, ...(text.match(/`{3,}/g) ?? []).map((run) => run.length));
  const fence = "`".repeat(longest + 1);
  return `${fence}${language}\n${text}\n${fence}`;
}

/** A Markdown table without the columns that hold nothing. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return "None.";
  const kept = head.map((_, column) => rows.some((row) => row[column] !== ""));
  const line = (cells: readonly string[]): string =>
    `| ${cells
      .filter((_, column) => kept[column])
      .map(cell)
      .join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

/** `$0.02 – $0.10`, `$0.01` or `free`. */
export function priceRange({ price, priceBounds: { min, max } }: ResourceModel): string {
  if (price.kind === "unknown") return "not published";
  return price.kind === "free" ? "free" : boundsText({ min: parseUsd(min), max: parseUsd(max) });
}

/**
 * A table for each part of the price that depends on the input or is told in the 402, and for each part of a sum.
 * `defaults` are those of the fields that the price looks at.
 */
export function priceTables(price: Price, defaults: Readonly<Record<string, unknown>> = {}): string[] {
  if (price.kind === "sum") return price.parts.map((part) => priceTable(part, defaults));
  return price.kind === "free" || price.kind === "fixed" || price.kind === "unknown"
    ? []
    : [priceTable(price, defaults)];
}

function priceTable(
  part: Exclude<Price, { readonly kind: "free" | "sum" | "unknown" }>,
  defaults: Readonly<Record<string, unknown>>,
): string {
  const perWhat = `Price per ${unitOf(part)}`;
  switch (part.kind) {
    case "fixed":
      return table(["Always", perWhat], [["every call", `$${part.usd}`]]);
    case "byChoice": {
      const preset = String(defaults[part.field] ?? "");
      const rows = Object.entries(part.table).map(([choice, usd]) => [
        code(choice) + (choice === preset ? " (default)" : ""),
        `$${usd}`,
      ]);
      return table([code(part.field), perWhat], rows);
    }
    case "perUnit": {
      const least = part.min === undefined ? "" : `$${part.min}`;
      const most = part.max === undefined ? "" : `$${part.max}`;
      return table(
        ["Counted", perWhat, "At least", "At most"],
        [[code(part.field), `$${part.usd}`, least, most]],
      );
    }
    case "quoted": {
      const row = ["as quoted in the 402", `$${part.min}`, `$${part.max}`];
      return table([perWhat, "At least", "At most"], [row]);
    }
  }
}
