import { pascalCase } from "../check/names.ts";
import { compareText, type JsonSchema, refName, refTo, type Schemas } from "../model.ts";
import { isRecord, type JsonRecord } from "./json.ts";

const PREFIX = "#/components/schemas/";

/** The schemas of a document of another make, under names that code can use. */
export interface ForeignSchemas {
  /** A schema as JSON Schema 2020-12, whose references lead to components; `{}` for what cannot be read. */
  convert(schema: unknown): JsonSchema;
  /** Those that there are so far. */
  readonly known: Schemas;
  add(name: string, schema: JsonSchema): void;
  /** Those that were added, and what they point at. */
  all(): Schemas;
}

export function foreignSchemas(document: JsonRecord): ForeignSchemas {
  const components = isRecord(document.components) ? document.components.schemas : undefined;
  const given = isRecord(components) ? components : {};
  const names = new Map<string, string>();
  const used: Record<string, JsonSchema> = {};

  function nameOf(id: string): string {
    const known = names.get(id);
    if (known !== undefined) return known;
    const base = `Shared${pascalCase(id)}`;
    let name = base;
    for (let count = 2; Object.hasOwn(used, name); count += 1) name = `${base}${count}`;
    names.set(id, name);
    // Named first: it may point at itself.
    used[name] = {};
    used[name] = convert(given[id]);
    // One that is nothing but itself would be a type without an end.
    if (isLoop(name, used)) used[name] = {};
    return name;
  }

  function convert(schema: unknown, depth = 0): JsonSchema {
    if (schema === true || !isRecord(schema) || depth > DEEPEST) return {};
    if (typeof schema.$ref === "string") {
      const id = decode(schema.$ref);
      return id !== undefined && Object.hasOwn(given, id) ? { $ref: refTo(nameOf(id)) } : {};
    }
    const inner = (value: unknown): JsonSchema => convert(value, depth + 1);
    const own: Record<string, unknown> = {};
    for (const [keyword, value] of Object.entries(schema)) {
      if (PLAIN.get(keyword)?.(value) === true) own[keyword] = value;
      else if (ONE.has(keyword)) own[keyword] = typeof value === "boolean" ? value : inner(value);
      else if (LISTS.has(keyword) && Array.isArray(value) && value.length > 0)
        own[keyword] = value.map(inner);
      else if (keyword === "properties" && isRecord(value)) {
        const members = Object.entries(value).filter(([name]) => !(name in Object.prototype));
        own.properties = Object.fromEntries(members.map(([name, one]) => [name, inner(one)]));
      }
    }
    // Members that only a pattern names are not kept, and allowed all the same.
    if (isRecord(schema.patternProperties) && own.additionalProperties === false) {
      delete own.additionalProperties;
    }
    // What has members is an object, said or not.
    if (own.properties !== undefined && own.type === undefined) own.type = "object";
    // OpenAPI 3.0
    if (schema.nullable !== true) return own;
    const { description, deprecated, default: fallback, ...rest } = own;
    const about = Object.entries({ description, deprecated, default: fallback }).filter(
      ([, value]) => value !== undefined,
    );
    return { ...Object.fromEntries(about), anyOf: [rest, { type: "null" }] };
  }

  return {
    convert: (schema) => convert(schema),
    known: used,
    add(name, schema) {
      used[name] = schema;
    },
    all: () => Object.fromEntries(Object.entries(used).sort(([a], [b]) => compareText(a, b))),
  };
}

/** Whether a schema holds in every keyword what it should, as those do that we have written. */
export function isSchema(schema: unknown, depth = 0): boolean {
  if (!isRecord(schema) || depth > DEEPEST) return false;
  const inner = (value: unknown): boolean => isSchema(value, depth + 1);
  return Object.entries(schema).every(([keyword, value]) => {
    if (keyword === "$ref") return typeof value === "string";
    if (ONE.has(keyword)) return typeof value === "boolean" || inner(value);
    if (LISTS.has(keyword)) return Array.isArray(value) && value.length > 0 && value.every(inner);
    if (keyword !== "properties") return PLAIN.get(keyword)?.(value) ?? true;
    return (
      isRecord(value) &&
      Object.entries(value).every(([name, one]) => !(name in Object.prototype) && inner(one))
    );
  });
}

/** Maximum nesting, so that a document cannot exhaust the stack. */
const DEEPEST = 64;

/** Whether a schema leads to itself by references and choices alone, with no member or entry in between. */
export function isLoop(name: string, schemas: Schemas): boolean {
  const seen = new Set<string>();
  const open = bareRefs(schemas[name] ?? {});
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (next === name) return true;
    if (seen.has(next)) continue;
    seen.add(next);
    open.push(...bareRefs(schemas[next] ?? {}));
  }
  return false;
}

function bareRefs({ $ref, anyOf, oneOf, allOf }: JsonSchema): string[] {
  if ($ref !== undefined) return [refName($ref)];
  return [...(anyOf ?? []), ...(oneOf ?? []), ...(allOf ?? [])].flatMap(bareRefs);
}

function decode(ref: string): string | undefined {
  if (!ref.startsWith(PREFIX)) return undefined;
  return ref.slice(PREFIX.length).replaceAll("~1", "/").replaceAll("~0", "~");
}

type Check = (value: unknown) => boolean;
const isText: Check = (value) => typeof value === "string";
const isNumber: Check = (value) => typeof value === "number" && Number.isFinite(value);
const isTruth: Check = (value) => typeof value === "boolean";
const isTexts: Check = (value) => Array.isArray(value) && value.every(isText);
const TYPES = ["string", "number", "integer", "boolean", "object", "array", "null"];
const isType: Check = (value) =>
  TYPES.includes(value as string) ||
  (Array.isArray(value) && value.length > 0 && value.every((one) => TYPES.includes(one)));

/** Keywords that are copied unchanged when their value is valid. */
const PLAIN: ReadonlyMap<string, Check> = new Map(
  Object.entries({
    type: isType,
    title: isText,
    description: isText,
    format: isText,
    pattern: isText,
    default: (value) => value !== undefined,
    const: (value) => value !== undefined,
    deprecated: isTruth,
    uniqueItems: isTruth,
    enum: (value) => Array.isArray(value) && value.length > 0,
    examples: Array.isArray,
    required: isTexts,
    minLength: isNumber,
    maxLength: isNumber,
    minimum: isNumber,
    maximum: isNumber,
    exclusiveMinimum: isNumber,
    exclusiveMaximum: isNumber,
    multipleOf: isNumber,
    minItems: isNumber,
    maxItems: isNumber,
  }),
);
const ONE = new Set(["items", "additionalProperties", "propertyNames"]);
const LISTS = new Set(["anyOf", "oneOf", "allOf", "prefixItems"]);
