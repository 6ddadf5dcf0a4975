import { type JsonSchema, URL_PATTERN } from "../model.ts";
import type { Gap } from "./gap.ts";
import { patternOf } from "./pattern.ts";

/** The part of zod 4's description of a string that is read here. */
interface TextDef {
  readonly type: string;
  readonly pattern?: unknown;
  readonly checks?: readonly { readonly _zod: { readonly def: { readonly pattern?: unknown } } }[];
}

type Writable = { -readonly [Keyword in keyof JsonSchema]: JsonSchema[Keyword] };

/** Formats that zod writes beside a pattern and that say exactly the same. */
const SAME = new Set(["date"]);

/**
 * Formats that refuse values which zod accepts, with an example in their place: a URL may hold letters of any script, a
 * duration fractions.
 */
const NARROWER: Readonly<Record<string, string>> = { uri: "https://example.com/", duration: "PT1H" };

// Formats that zod writes beside a pattern and that no other reader knows.
const UNKNOWN = new Set(["starts_with", "ends_with", "includes", "regex", "lowercase", "uppercase"]);

/** Makes the schema of a text accept what zod accepts. Returns what cannot be said. */
export function exactText(def: object, whole: unknown, schema: Writable): Omit<Gap, "path"> | undefined {
  const { pattern: own, checks = [] } = def as TextDef;
  const patterns = [own, whole, ...checks.map(({ _zod }) => _zod.def.pattern)].filter(
    (one) => one instanceof RegExp,
  );
  for (const expression of patterns) {
    const pattern = patternOf(expression);
    if (pattern === undefined) {
      const problem = `has the pattern ${expression}, which cannot be expressed as JSON Schema`;
      return { problem, fix: "write the pattern without flags" };
    }
    if (schema.pattern === expression.source) schema.pattern = pattern;
    if (schema.allOf === undefined) continue;
    schema.allOf = schema.allOf.map((part) =>
      part.pattern === expression.source ? { ...part, pattern } : part,
    );
  }
  const { format = "" } = schema;
  if (UNKNOWN.has(format)) delete schema.format;
  if (SAME.has(format)) delete schema.pattern;
  const example = Object.hasOwn(NARROWER, format) ? NARROWER[format] : undefined;
  if (example === undefined) return undefined;
  delete schema.format;
  if (format === "uri" && schema.pattern === undefined) schema.pattern = URL_PATTERN;
  const { maxLength = example.length, minLength = 0 } = schema;
  const fits = example.length <= maxLength && example.length >= minLength;
  if (fits && schema.examples === undefined) schema.examples = [example];
  return undefined;
}

const BOUNDS = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"] as const;

/** Makes the schema of a number accept what zod accepts. Returns what cannot be said. */
export function exactNumber(schema: Writable): Omit<Gap, "path"> | undefined {
  for (const keyword of BOUNDS) {
    const bound = schema[keyword];
    if (bound === undefined || Number.isFinite(bound)) continue;
    // No number of JSON is infinite.
    const isOpen = /max/i.test(keyword)
      ? bound === Number.POSITIVE_INFINITY
      : bound === Number.NEGATIVE_INFINITY;
    if (!isOpen)
      return { problem: `has the bound ${bound}, so it takes no number`, fix: "use a finite bound" };
    delete schema[keyword];
  }
  return undefined;
}

/** Whether a value can be written as JSON without becoming another. */
export function isJson(value: unknown): boolean {
  if (typeof value === "number") return Number.isFinite(value);
  if (typeof value !== "object" || value === null)
    return typeof value !== "bigint" && typeof value !== "symbol";
  return Object.values(value).every(isJson);
}
