import { type JsonSchema, statedBounds } from "../model.ts";
import { limitsText } from "../prose.ts";
import { arrow } from "./change.ts";

/** Whether a schema allows fewer values than before, more values, or other values. */
export type Shift = "narrower" | "wider" | "other";

export interface LimitChange {
  readonly shift: Shift;
  readonly text: string;
}

/** Keywords that {@link compareLimits} understands. Changes of other keywords are reported without a judgment. */
export const LIMITS: ReadonlySet<string> = new Set(
  `minLength maxLength minItems maxItems minProperties maxProperties minimum maximum exclusiveMinimum
  exclusiveMaximum multipleOf pattern format uniqueItems`.split(/\s+/),
);

const COUNTS = ["Length", "Items", "Properties"] as const;

/** Compares the limits of one type before and after. */
export function compareLimits(was: JsonSchema, now: JsonSchema): readonly LimitChange[] {
  const changes: LimitChange[] = [];
  const tell = (shift: Shift, before: string, after: string): void => {
    changes.push({ shift, text: arrow(before, after) });
  };
  /** Compares one bound; `undefined` means unlimited. A higher lower bound is narrower. */
  const end = (isLower: boolean, before: Bound | undefined, after: Bound | undefined): void => {
    if (before?.value === after?.value && before?.isOpen === after?.isOpen) return;
    const none = isLower ? "no lower limit" : "no upper limit";
    const rose = after === undefined ? false : before === undefined || isAbove(isLower, after, before);
    tell(rose ? "narrower" : "wider", before?.text ?? none, after?.text ?? none);
  };
  for (const what of COUNTS) {
    end(true, count(was, `min${what}`), count(now, `min${what}`));
    end(false, count(was, `max${what}`), count(now, `max${what}`));
  }
  // The range of integers goes with their type.
  const isSameType = was.type === now.type;
  const [before, after] = [was, now].map((schema) => (isSameType ? schema : stated(schema)));
  end(true, lowest(before ?? {}), lowest(after ?? {}));
  end(false, highest(before ?? {}), highest(after ?? {}));
  if (was.multipleOf !== now.multipleOf) {
    const isMultiple = (a: number, b: number): boolean => Math.abs(a / b - Math.round(a / b)) < 1e-9;
    const [a, b] = [was.multipleOf, now.multipleOf];
    const shift =
      a === undefined || (b !== undefined && isMultiple(b, a))
        ? "narrower"
        : b === undefined || isMultiple(a, b)
          ? "wider"
          : "other";
    tell(
      shift,
      limitsText({}, pick(was, "multipleOf")) || "any number",
      limitsText({}, pick(now, "multipleOf")) || "any number",
    );
  }
  for (const keyword of ["pattern", "format"] as const) {
    const [a, b] = [was[keyword], now[keyword]];
    // A pattern beside a format says the same more exactly.
    if (a === b || (keyword === "pattern" && was.format !== now.format)) continue;
    const shift = a === undefined ? "narrower" : b === undefined ? "wider" : "other";
    tell(
      shift,
      limitsText({}, pick(was, keyword)) || "any text",
      limitsText({}, pick(now, keyword)) || "any text",
    );
  }
  if ((was.uniqueItems === true) !== (now.uniqueItems === true)) {
    const text = (isUnique: boolean): string => (isUnique ? "no entry twice" : "entries may repeat");
    tell(
      now.uniqueItems === true ? "narrower" : "wider",
      text(was.uniqueItems === true),
      text(now.uniqueItems === true),
    );
  }
  return changes;
}

interface Bound {
  readonly value: number;
  /** Whether the value itself is outside. */
  readonly isOpen: boolean;
  readonly text: string;
}

/** Whether a bound allows less than another at the same end. */
function isAbove(isLower: boolean, one: Bound, other: Bound): boolean {
  if (one.value === other.value) return one.isOpen;
  return one.value > other.value === isLower;
}

function count(schema: JsonSchema, keyword: `${"min" | "max"}${(typeof COUNTS)[number]}`): Bound | undefined {
  const value = schema[keyword];
  if (typeof value !== "number" || (value === 0 && keyword.startsWith("min"))) return undefined;
  const text = limitsText({}, { [keyword]: value });
  return {
    value,
    isOpen: false,
    text: text || `${keyword.startsWith("min") ? "at least" : "at most"} ${value} fields`,
  };
}

function lowest(schema: JsonSchema): Bound | undefined {
  return tighter(true, numeric(schema, "minimum"), numeric(schema, "exclusiveMinimum"));
}

function highest(schema: JsonSchema): Bound | undefined {
  return tighter(false, numeric(schema, "maximum"), numeric(schema, "exclusiveMaximum"));
}

function numeric(
  schema: JsonSchema,
  keyword: "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum",
): Bound | undefined {
  const value = schema[keyword];
  if (typeof value !== "number") return undefined;
  return {
    value,
    isOpen: keyword.startsWith("exclusive"),
    text: limitsText({}, { [keyword]: value }) || String(value),
  };
}

function stated(schema: JsonSchema): JsonSchema {
  const bounds = Object.entries(statedBounds(schema)).filter(([, bound]) => bound !== undefined);
  return Object.fromEntries(bounds);
}

function tighter(isLower: boolean, one: Bound | undefined, other: Bound | undefined): Bound | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return isAbove(isLower, one, other) ? one : other;
}

function pick(schema: JsonSchema, keyword: "multipleOf" | "pattern" | "format"): JsonSchema {
  return schema[keyword] === undefined ? {} : { [keyword]: schema[keyword] };
}
