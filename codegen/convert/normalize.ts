import type { JsonSchema, Schemas } from "../model.ts";

/** Maps one sub-schema; `property` is its name when it is a member of an object. */
export type MapSchema = (schema: JsonSchema, property?: string) => JsonSchema;

const NESTED = new Set(["items", "additionalProperties", "propertyNames", "not", "contains"]);
const LISTS = new Set(["anyOf", "oneOf", "allOf", "prefixItems"]);
const MEMBERS = new Set(["properties", "patternProperties"]);

/** A copy of a schema with `map` applied to its direct sub-schemas. */
export function mapChildren(schema: JsonSchema, map: MapSchema): JsonSchema {
  const mapped = Object.entries(schema).map(([key, value]): [string, unknown] => {
    if (typeof value !== "object" || value === null) return [key, value];
    if (NESTED.has(key)) return [key, map(value as JsonSchema)];
    if (LISTS.has(key)) return [key, (value as JsonSchema[]).map((option) => map(option))];
    if (!MEMBERS.has(key)) return [key, value];
    const members = Object.entries(value as Schemas);
    return [key, Object.fromEntries(members.map(([name, member]) => [name, map(member, name)]))];
  });
  return Object.fromEntries(mapped) as JsonSchema;
}

// The most readable order of keywords. Other keywords follow in their own order.
const ORDER = "$ref title description deprecated type format enum const default properties required".split(
  " ",
);

const rank = new Map(ORDER.map((key, index) => [key, index]));

/** Removes library-specific keywords and draft 7 spelling from one schema. Leaves its sub-schemas unchanged. */
export function normalize(schema: JsonSchema): JsonSchema {
  const entries = Object.entries(keyedRecord(nullable(tuple(schema)))).filter(
    ([key]) => key !== "$schema" && key !== "$defs" && key !== "definitions",
  );
  const last = ORDER.length;
  entries.sort(([a], [b]) => (rank.get(a) ?? last) - (rank.get(b) ?? last));
  return Object.fromEntries(entries) as JsonSchema;
}

/** Draft 7 writes a tuple as a list of `items`, draft 2020-12 as `prefixItems`. */
function tuple(schema: JsonSchema): JsonSchema {
  if (!Array.isArray(schema.items)) return schema;
  const { items, additionalItems, ...rest } = schema;
  return { ...rest, prefixItems: items, items: (additionalItems as JsonSchema | undefined) ?? false };
}

/** `anyOf: [{ description, … }, null]` carries the description outside, where every reader looks for it. */
function nullable(schema: JsonSchema): JsonSchema {
  const { anyOf } = schema;
  if (anyOf?.length !== 2 || !anyOf.some((option) => option.type === "null")) return schema;
  const { description, deprecated, ...value } = anyOf.find((option) => option.type !== "null") ?? {};
  return {
    ...(description === undefined ? {} : { description }),
    ...(deprecated === undefined ? {} : { deprecated }),
    ...schema,
    anyOf: anyOf.map((option) => (option.type === "null" ? option : value)),
  };
}

/** Converts a record with a closed set of keys to an object. Its members share the description of the record. */
function keyedRecord(schema: JsonSchema): JsonSchema {
  const { propertyNames, additionalProperties, ...rest } = schema;
  if (propertyNames?.enum === undefined || typeof additionalProperties !== "object") return schema;
  const { description } = schema;
  const member = description === undefined ? additionalProperties : { description, ...additionalProperties };
  const members = propertyNames.enum.map((key): [string, JsonSchema] => [String(key), member]);
  return { ...rest, properties: Object.fromEntries(members), additionalProperties: false };
}
