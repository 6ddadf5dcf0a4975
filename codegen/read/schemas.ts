import { pascalCase } from "../check/names.ts";
import { compareText, type JsonSchema, refTo, type Schemas } from "../model.ts";
import { isRecord, type JsonRecord } from "./json.ts";

const PREFIX = "#/components/schemas/";

/** The schemas of a document of another make, under names that code can use. */
export interface ForeignSchemas {
  /** A schema as JSON Schema 2020-12, whose references lead to components; `{}` for what cannot be read. */
  convert(schema: unknown): JsonSchema;
  add(name: string, schema: JsonSchema): void;
  /** Those that were added, and what they point at. */
  all(): Schemas;
}

export function foreignSchemas(document: JsonRecord): ForeignSchemas {
  const components = isRecord(document.components) ? document.components.schemas : undefined;
  const given = isRecord(components) ? components : {};
  const names = new Map<string, string>();
  const used = new Map<string, JsonSchema>();

  function nameOf(id: string): string {
    const known = names.get(id);
    if (known !== undefined) return known;
    const base = `Shared${pascalCase(id)}`;
    const taken = new Set(names.values());
    let name = base;
    for (let count = 2; taken.has(name); count += 1) name = `${base}${count}`;
    names.set(id, name);
    // Named first: it may point at itself.
    used.set(name, {});
    used.set(name, convert(given[id]));
    return name;
  }

  function convert(schema: unknown): JsonSchema {
    if (schema === true || !isRecord(schema)) return {};
    if (typeof schema.$ref === "string") {
      const id = decode(schema.$ref);
      return id !== undefined && Object.hasOwn(given, id) ? { $ref: refTo(nameOf(id)) } : {};
    }
    const own: Record<string, unknown> = {};
    for (const [keyword, value] of Object.entries(schema)) {
      if (PLAIN.has(keyword)) own[keyword] = value;
      else if (ONE.has(keyword)) own[keyword] = typeof value === "boolean" ? value : convert(value);
      else if (LISTS.has(keyword) && Array.isArray(value)) own[keyword] = value.map(convert);
      else if (keyword === "properties" && isRecord(value)) {
        own.properties = Object.fromEntries(Object.entries(value).map(([name, one]) => [name, convert(one)]));
      }
    }
    // OpenAPI 3.0
    if (schema.nullable === true) return { anyOf: [own as JsonSchema, { type: "null" }] };
    return own as JsonSchema;
  }

  return {
    convert,
    add: (name, schema) => used.set(name, schema),
    all: () => Object.fromEntries([...used].sort(([a], [b]) => compareText(a, b))),
  };
}

function decode(ref: string): string | undefined {
  if (!ref.startsWith(PREFIX)) return undefined;
  return ref.slice(PREFIX.length).replaceAll("~1", "/").replaceAll("~0", "~");
}

const PLAIN = new Set(
  `type title description default deprecated enum const format pattern minLength maxLength minimum maximum
  multipleOf minItems maxItems uniqueItems required examples example`.split(/\s+/),
);
const ONE = new Set(["items", "additionalProperties", "propertyNames"]);
const LISTS = new Set(["anyOf", "oneOf", "allOf", "prefixItems"]);
