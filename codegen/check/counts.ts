import { choicesOf, type Field, type JsonSchema, resolve, type Schemas, statedBounds } from "../model.ts";

/** How much a field can hold: the size of a number, the characters of a string, the entries of a list. */
export interface CountRange {
  /** `above`: the count itself is not reached, only passed. */
  readonly min: { readonly count: number; readonly above: boolean };
  /** Infinite when nothing bounds it. */
  readonly max: number;
}

/** The range of a field's count; an absent value counts as 0. `undefined` when it cannot be counted. */
export function countRange(schemas: Schemas, field: Field): CountRange | undefined {
  const { default: fallback } = resolve(schemas, field.schema);
  const range = rangeOf(schemas, field.schema);
  const absent = !field.required && fallback === undefined;
  return range === undefined || !absent ? range : union([range, NOTHING]);
}

const NOTHING: CountRange = { min: { count: 0, above: false }, max: 0 };

function rangeOf(schemas: Schemas, schema: JsonSchema): CountRange | undefined {
  const own = resolve(schemas, schema);
  const choices = choicesOf(schemas, own);
  if (choices !== undefined) {
    const counts = choices.map((choice) =>
      typeof choice === "number"
        ? choice
        : typeof choice === "string"
          ? [...choice].length
          : choice === null
            ? 0
            : NaN,
    );
    if (counts.some(Number.isNaN)) return undefined;
    return { min: { count: Math.min(...counts), above: false }, max: Math.max(...counts) };
  }
  const options = own.anyOf ?? own.oneOf;
  if (options !== undefined) {
    const ranges = options.map((option) => rangeOf(schemas, option));
    return ranges.includes(undefined) ? undefined : union(ranges.flatMap((range) => range ?? []));
  }
  const types = Array.isArray(own.type) ? own.type : [own.type];
  const ranges = types.map((type) => rangeOfType(type, own));
  return ranges.includes(undefined) ? undefined : union(ranges.flatMap((range) => range ?? []));
}

function rangeOfType(type: unknown, schema: JsonSchema): CountRange | undefined {
  const infinity = Number.POSITIVE_INFINITY;
  switch (type) {
    case "null":
      return NOTHING;
    case "string":
      return { min: { count: schema.minLength ?? 0, above: false }, max: schema.maxLength ?? infinity };
    case "array":
      return { min: { count: schema.minItems ?? 0, above: false }, max: schema.maxItems ?? infinity };
    case "integer":
    case "number": {
      const { exclusiveMinimum, exclusiveMaximum, ...stated } = statedBounds(schema);
      const { minimum = -infinity, maximum = infinity } = stated;
      if (type === "integer") {
        const above = exclusiveMinimum === undefined ? -infinity : Math.floor(exclusiveMinimum) + 1;
        const below = exclusiveMaximum === undefined ? infinity : Math.ceil(exclusiveMaximum) - 1;
        return { min: { count: Math.max(minimum, above), above: false }, max: Math.min(maximum, below) };
      }
      const above = exclusiveMinimum !== undefined && exclusiveMinimum >= minimum;
      return {
        min: { count: above ? exclusiveMinimum : minimum, above },
        max: Math.min(maximum, exclusiveMaximum ?? infinity),
      };
    }
    default:
      return undefined;
  }
}

function union(ranges: readonly CountRange[]): CountRange {
  return ranges.reduce((all, { min, max }) => ({
    min: min.count < all.min.count || (min.count === all.min.count && !min.above) ? min : all.min,
    max: Math.max(all.max, max),
  }));
}
