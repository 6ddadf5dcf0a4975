import { type Followed, type JsonSchema, resolve, type Schemas, unfollowed } from "../model.ts";

/** Maximum number of options that are written out; more are left unchanged. */
const MAX_OPTIONS = 32;

/**
 * Writes a schema so that each of its options stands alone. A list of types cannot hold parts that only say
 * `required`, or members beside a union; here each option gets the members of the whole.
 */
export function spelledOut(schemas: Schemas, schema: JsonSchema): JsonSchema {
  return withOptions(schemas, withRequired(schemas, schema));
}

/** Merges the parts of `allOf` where a part only names required members, or members stand beside it. */
function withRequired(schemas: Schemas, schema: JsonSchema): JsonSchema {
  const { allOf, ...beside } = schema;
  if (allOf === undefined) return schema;
  const parts = allOf.filter((part) => Object.keys(part).some((keyword) => !ABOUT.has(keyword)));
  const [only] = parts;
  const isAlone = Object.keys(beside).every(
    (keyword) => ABOUT.has(keyword) || (keyword === "type" && beside.type === "object"),
  );
  if (only === undefined) return beside;
  if (parts.length === 1 && isAlone)
    return only.$ref === undefined ? { ...only, ...about(beside) } : { ...about(beside), allOf: parts };
  const isBare =
    parts.some((part) => isRequiredOnly(part)) ||
    beside.properties !== undefined ||
    beside.required !== undefined;
  if (!isBare) return { ...beside, allOf: parts };
  const merged = merge(schemas, [...parts, withoutAbout(beside)]);
  return merged === undefined ? { ...beside, allOf: parts } : { ...merged, ...about(beside) };
}

/** Gives each option of a union the members that stand beside the union. */
function withOptions(schemas: Schemas, schema: JsonSchema): JsonSchema {
  const keyword = schema.anyOf !== undefined ? "anyOf" : "oneOf";
  const { [keyword]: options, ...beside } = schema;
  if (options === undefined || options.length > MAX_OPTIONS) return schema;
  const isBeside =
    beside.properties !== undefined || beside.required !== undefined || beside.allOf !== undefined;
  const isBare = options.some(isRequiredOnly);
  if (!isBeside && !isBare) return schema;
  const base = withoutAbout(beside);
  const written = options.map((option) => merge(schemas, [base, option]));
  if (written.some((option) => option === undefined)) {
    return isBare ? beside : schema;
  }
  const distinct = new Map(written.map((option) => [JSON.stringify(option), option as JsonSchema]));
  const all = [...distinct.values()];
  const [single] = all;
  return all.length === 1 && single !== undefined
    ? { ...single, ...about(beside) }
    : { ...about(beside), [keyword]: all };
}

/** One plain object with the members of all parts; `undefined` when a part is something else. */
function merge(schemas: Schemas, parts: readonly JsonSchema[]): JsonSchema | undefined {
  const properties = new Map<string, JsonSchema>();
  const required = new Set<string>();
  let more: JsonSchema["additionalProperties"];
  const followed: Followed = new Set();
  const hold = (part: JsonSchema, depth: number): boolean => {
    if (depth > MAX_HOPS) return false;
    const { type, allOf, anyOf, oneOf, ...own } = resolve(schemas, part);
    if (anyOf !== undefined || oneOf !== undefined) return false;
    if (type !== undefined && type !== "object") return false;
    for (const [name, schema] of Object.entries(own.properties ?? {})) {
      const other = properties.get(name);
      const both = other === undefined || JSON.stringify(other) === JSON.stringify(schema);
      properties.set(
        name,
        both ? schema : Object.keys(other).length === 0 ? schema : { allOf: [other, schema] },
      );
    }
    for (const name of own.required ?? []) required.add(name);
    if (own.additionalProperties !== undefined) more = own.additionalProperties;
    return unfollowed(allOf, followed).every((inner) => hold(inner, depth + 1));
  };
  if (!parts.every((part) => hold(part, 0))) return undefined;
  for (const name of required) if (!properties.has(name)) properties.set(name, {});
  return {
    type: "object",
    ...(properties.size === 0 ? {} : { properties: Object.fromEntries(properties) }),
    ...(required.size === 0 ? {} : { required: [...required] }),
    ...(more === undefined
      ? properties.size === 0
        ? { additionalProperties: true }
        : {}
      : { additionalProperties: more }),
  };
}

/** Maximum number of parts within parts. */
const MAX_HOPS = 16;

const ABOUT = new Set(["title", "description", "deprecated", "default", "examples"]);

function about(schema: JsonSchema): JsonSchema {
  return Object.fromEntries(Object.entries(schema).filter(([keyword]) => ABOUT.has(keyword)));
}

function withoutAbout(schema: JsonSchema): JsonSchema {
  return Object.fromEntries(Object.entries(schema).filter(([keyword]) => !ABOUT.has(keyword)));
}

function isRequiredOnly(schema: JsonSchema): boolean {
  const said = Object.keys(withoutAbout(schema));
  return said.includes("required") && said.every((keyword) => keyword === "required" || keyword === "type");
}
