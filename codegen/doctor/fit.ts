import { isRecord } from "../../src/protocol/index.ts";
import { type CheckedSchema, requiredOf, typesOf } from "./schema.ts";

/** The default value of a field in a schema. */
export interface Default {
  /** The path of the field: `size`, `style.colours[]`. */
  readonly path: string;
  readonly schema: CheckedSchema;
}

/** The defaults of a field and of all fields nested in it. */
export function fitDefaultsOf(path: string, schema: CheckedSchema): Default[] {
  const { properties, items, prefixItems } = schema;
  const within = (at: string, one: unknown): Default[] => (isRecord(one) ? fitDefaultsOf(at, one) : []);
  return [
    ...("default" in schema ? [{ path, schema }] : []),
    ...Object.entries(isRecord(properties) ? properties : {}).flatMap(([name, one]) =>
      within(`${path}.${name}`, one),
    ),
    ...(Array.isArray(prefixItems) ? prefixItems : []).flatMap((one, at) => within(`${path}[${at}]`, one)),
    ...within(`${path}[]`, items),
    ...alternativesOf(schema).flatMap((one) => within(path, one)),
  ];
}

/**
 * The reason why a value violates a schema; `undefined` when no violation is certain. Patterns are not tried, because a
 * stranger's pattern may run forever. Formats are not tried either, because every server reads them differently.
 */
export function objectionTo(value: unknown, schema: CheckedSchema): string | undefined {
  if (value === null && schema.nullable === true) return undefined;
  const allowed = "const" in schema ? [schema.const] : schema.enum;
  if (Array.isArray(allowed) && !allowed.some((one) => maybeSame(one, value))) {
    return "it is not one of the allowed values";
  }
  const types = typesOf(schema);
  if (types.length > 0 && !types.some((one) => isOfType(one, value))) {
    return `it is not of type ${types.join(" or ")}`;
  }
  const alternatives = alternativesOf(schema);
  if (alternatives.length > 0 && alternatives.every((one) => objectionTo(value, one) !== undefined)) {
    return "it matches no alternative";
  }
  if (typeof value === "number") return objectionToNumber(value, schema);
  if (typeof value === "string") return objectionToSize([...value].length, "Length", schema);
  if (Array.isArray(value)) {
    const first: readonly unknown[] = Array.isArray(schema.prefixItems) ? schema.prefixItems : [];
    return (
      objectionToSize(value.length, "Items", schema) ??
      value
        .map((one, at) => {
          // A rule for the rest of a tuple does not apply to its first entries.
          const own = at < first.length ? first[at] : schema.items;
          return isRecord(own) ? objectionTo(one, own) : undefined;
        })
        .find((one) => one !== undefined)
    );
  }
  if (!isRecord(value)) return undefined;
  const missing = requiredOf(schema).find((name) => !Object.hasOwn(value, name));
  if (missing !== undefined) return `${missing} is missing in it`;
  return Object.entries(isRecord(schema.properties) ? schema.properties : {})
    .map(([name, one]) =>
      isRecord(one) && Object.hasOwn(value, name) ? objectionTo(value[name], one) : undefined,
    )
    .find((one) => one !== undefined);
}

function objectionToNumber(value: number, schema: CheckedSchema): string | undefined {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf } = schema;
  // OpenAPI 3.0 writes `true` beside the limit; later versions write the limit itself.
  const least = exclusiveMinimum === true ? minimum : exclusiveMinimum;
  const most = exclusiveMaximum === true ? maximum : exclusiveMaximum;
  if (typeof minimum === "number" && value < minimum) return `it is below the minimum of ${minimum}`;
  if (typeof maximum === "number" && value > maximum) return `it is above the maximum of ${maximum}`;
  if (typeof least === "number" && value <= least) return `it is not above ${least}`;
  if (typeof most === "number" && value >= most) return `it is not below ${most}`;
  if (typeof multipleOf !== "number" || multipleOf <= 0) return undefined;
  const times = value / multipleOf;
  // Tolerate floating point: 0.3 is a multiple of 0.1.
  return Math.abs(times - Math.round(times)) > 1e-9 * Math.max(1, Math.abs(times))
    ? `it is not a multiple of ${multipleOf}`
    : undefined;
}

function objectionToSize(size: number, what: "Length" | "Items", schema: CheckedSchema): string | undefined {
  const [least, most] = [schema[`min${what}`], schema[`max${what}`]];
  if (typeof least === "number" && size < least) return `min${what} is ${least}`;
  if (typeof most === "number" && size > most) return `max${what} is ${most}`;
  return undefined;
}

function isOfType(type: string, value: unknown): boolean {
  switch (type) {
    case "integer":
      return Number.isInteger(value);
    case "null":
      return value === null;
    case "array":
      return Array.isArray(value);
    case "object":
      return isRecord(value);
    case "string":
    case "number":
    case "boolean":
      return typeof value === type;
    default:
      // x402 v1 has its own names for types.
      return true;
  }
}

/** Lists and objects are not compared: they are rarely allowed values. */
function maybeSame(a: unknown, b: unknown): boolean {
  const isPlain = (one: unknown): boolean => typeof one !== "object" || one === null;
  return a === b || (!isPlain(a) && !isPlain(b));
}

function alternativesOf({ anyOf, oneOf }: CheckedSchema): readonly CheckedSchema[] {
  const list = [anyOf, oneOf].find(Array.isArray);
  return list ? list.filter(isRecord) : [];
}
