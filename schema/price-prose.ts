import { formatUsd } from "./money.ts";
import type { Free, PerWhat, Price, PriceBounds, Unknown } from "./price.ts";

/** What one amount is paid for: "image". A definition that does not say so, which the compiler advises against, sells calls. */
export function unitOf({ per }: Partial<PerWhat>): string {
  return per === undefined || per.trim() === "" ? "call" : per;
}

/** What the amount is paid for, as the 402 and the documents say it: "per image". */
export function perWhat(price: Price): string {
  switch (price.kind) {
    case "free":
      return "free";
    case "unknown":
      return "per call";
    case "sum":
      return price.parts.map(perWhat).join(" plus ");
    default:
      return `per ${unitOf(price)}`;
  }
}

/**
 * What stands beside the amount of one call in its 402: "per image", or, where the amount is made up of
 * units, how: "for this call, at $0.002 per word".
 */
export function amountDescription(price: Price): string {
  return price.kind === "perUnit" || price.kind === "sum"
    ? `for this call, at ${phrase(price)}`
    : perWhat(price);
}

/** One sentence that states the price exactly: `Costs $0.02 per image when quality is "draft", …`. */
export function priceSentence(price: Price): string {
  if (price.kind === "free") return "Free of charge.";
  if (price.kind === "unknown")
    return "Its price is not published: each call says with `maxPrice` what it may cost.";
  return `Costs ${phrase(price)}.`;
}

function phrase(price: Exclude<Price, Free | Unknown>): string {
  switch (price.kind) {
    case "fixed":
      return `$${price.usd} per ${unitOf(price)}`;
    case "byChoice": {
      const rows = Object.entries(price.table).map(
        ([choice, usd]) => `$${usd} when \`${price.field}\` is \`${choice}\``,
      );
      return `${rows.join(", ")} (per ${unitOf(price)})`;
    }
    case "perUnit": {
      const least = price.min === undefined ? "" : `, at least $${price.min}`;
      const most = price.max === undefined ? "" : `, at most $${price.max}`;
      return `$${price.usd} per ${unitOf(price)}${least}${most}`;
    }
    case "quoted":
      return `between $${price.min} and $${price.max} per ${unitOf(price)}, as quoted in the 402`;
    case "sum":
      return price.parts.map(phrase).join(" plus ");
  }
}

/** A range as text: "$0.02 – $0.10", or "$0.05" when both ends are the same. */
export function boundsText({ min, max }: PriceBounds): string {
  return min === max ? `$${formatUsd(min)}` : `$${formatUsd(min)} – $${formatUsd(max)}`;
}
