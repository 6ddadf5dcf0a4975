import { pascalCase } from "../check/names.ts";
import { compareText, type JsonSchema, refName, refTo, type Schemas } from "../model.ts";
import { isJsonObject, type JsonRecord, pointerOf, targetOf } from "./json.ts";
import { LISTS, MAX_DEPTH, ONE, PLAIN } from "./keywords.ts";
import { spelledOut } from "./unions.ts";

/** The schemas of a document of another make, under names that code can use. */
export interface ForeignSchemas {
  /** A schema as JSON Schema 2020-12, whose references lead to components; `{}` for what cannot be read. */
  convert(schema: unknown): JsonSchema;
  /** Those that there are so far. */
  readonly known: Schemas;
  add(name: string, schema: JsonSchema): void;
  /** Those that were added, and what they point at. */
  all(): Schemas;
  /** References that lead nowhere or to another document: their values are not typed. */
  readonly lost: ReadonlySet<string>;
}

export function foreignSchemas(document: JsonRecord): ForeignSchemas {
  const names = new Map<string, string>();
  const used: Record<string, JsonSchema> = {};
  const lost = new Set<string>();

  /** The component that a reference leads to, whatever part of the document it is. */
  function componentOf(ref: string): string | undefined {
    const target = targetOf(document, ref);
    if (!isJsonObject(target)) {
      if (target !== true) lost.add(ref);
      return undefined;
    }
    const keys = pointerOf(ref) ?? [];
    const id = keys.map((key) => key.replaceAll("/", "~1")).join("/");
    const known = names.get(id);
    if (known !== undefined) return known;
    const isComponent = keys.length === 3 && keys[0] === "components";
    const last = isComponent ? (keys[2] ?? "") : keys.filter((key) => !STEPS.has(key)).join("-");
    const base = `Shared${pascalCase(last)}`.slice(0, 100);
    let name = base;
    for (let count = 2; Object.hasOwn(used, name); count += 1) name = `${base}${count}`;
    names.set(id, name);
    // Named first: it may point at itself.
    used[name] = {};
    used[name] = convert(target);
    // One that is nothing but itself would be a type without an end.
    if (isLoop(name, used)) used[name] = {};
    return name;
  }

  function convert(schema: unknown, depth = 0): JsonSchema {
    if (schema === true || !isJsonObject(schema) || depth > MAX_DEPTH) return {};
    if (typeof schema.$ref === "string") return referenced(schema.$ref, schema, depth);
    const inner = (value: unknown): JsonSchema => convert(value, depth + 1);
    const own: Record<string, unknown> = {};
    for (const [keyword, value] of Object.entries(schema)) {
      if (PLAIN.get(keyword)?.(value) === true) own[keyword] = value;
      else if (ONE.has(keyword)) own[keyword] = typeof value === "boolean" ? value : inner(value);
      else if (LISTS.has(keyword) && Array.isArray(value) && value.length > 0)
        own[keyword] = value.map(inner);
      else if (keyword === "properties" && isJsonObject(value)) {
        const members = Object.entries(value).filter(([, one]) => one !== false);
        own.properties = Object.fromEntries(members.map(([name, one]) => [name, inner(one)]));
      }
    }
    told(schema, own);
    const whole = spelledOut(used, tagged(schema, open(schema, own)));
    return schema.nullable === true ? nullable(whole) : whole;
  }

  /** A reference, with what is said beside it. */
  function referenced(
    ref: string,
    { $ref: _, nullable: isNullable, ...beside }: JsonRecord,
    depth: number,
  ): JsonSchema {
    const name = componentOf(ref);
    if (name === undefined) return Object.keys(beside).length === 0 ? {} : convert(beside, depth + 1);
    const own = convert(beside, depth + 1);
    const { description, deprecated, default: fallback, title: _title, examples: _examples, ...rest } = own;
    const about = said({ description, deprecated, default: fallback });
    const isMore = Object.keys(rest).length > 0;
    const target = isMore
      ? spelledOut(used, { ...about, allOf: [{ $ref: refTo(name) }, rest] })
      : { ...about, $ref: refTo(name) };
    return isNullable === true ? nullable(target) : target;
  }

  /** The option of a union by its tag, where a discriminator names it. */
  function tagged({ discriminator }: JsonRecord, own: JsonSchema): JsonSchema {
    const keyword = own.anyOf !== undefined ? "anyOf" : "oneOf";
    const options = own[keyword];
    if (!isJsonObject(discriminator) || options === undefined) return own;
    const { propertyName: tag, mapping } = discriminator;
    if (typeof tag !== "string" || !isJsonObject(mapping)) return own;
    const words = new Map<string, string[]>();
    for (const [word, to] of Object.entries(mapping)) {
      const ref = typeof to !== "string" ? "" : /[#/]/.test(to) ? to : `#/components/schemas/${to}`;
      const name = isJsonObject(targetOf(document, ref)) ? componentOf(ref) : undefined;
      if (name !== undefined) words.set(refTo(name), [...(words.get(refTo(name)) ?? []), word]);
    }
    const written = options.map((option) => {
      const given = option.$ref === undefined ? undefined : words.get(option.$ref);
      if (given === undefined) return option;
      const part = {
        type: "object",
        properties: { [tag]: { type: "string", enum: given } },
        required: [tag],
      };
      return { allOf: [option, part] };
    });
    return { ...own, [keyword]: written };
  }

  return {
    convert: (schema) => convert(schema),
    known: used,
    add(name, schema) {
      used[name] = schema;
    },
    all: () => Object.fromEntries(Object.entries(used).sort(([a], [b]) => compareText(a, b))),
    lost,
  };
}

/** Steps of a pointer that say nothing about what it leads to. */
const STEPS = new Set([
  "components",
  "schemas",
  "paths",
  "content",
  "schema",
  "properties",
  "application/json",
]);

/** What a document says by other keywords, or by older ones. */
function told(schema: JsonRecord, own: Record<string, unknown>): void {
  // OpenAPI 3.1 names the media type of bytes where 3.0 has the format.
  const media = schema.contentMediaType;
  const isBytes = typeof media === "string" && !/json|^text\//i.test(media);
  if (own.type === "string" && isBytes && schema.contentEncoding === undefined) own.format = "binary";
  if (schema.example !== undefined && own.examples === undefined) own.examples = [schema.example];
  // OpenAPI 3.0 has truth values beside the bound.
  for (const [keyword, bound] of [
    ["exclusiveMinimum", "minimum"],
    ["exclusiveMaximum", "maximum"],
  ] as const) {
    if (schema[keyword] !== true || own[bound] === undefined) continue;
    own[keyword] = own[bound];
    delete own[bound];
  }
  // Members that only a pattern names are not kept, and allowed all the same.
  if (isJsonObject(schema.patternProperties) && own.additionalProperties === false)
    delete own.additionalProperties;
  // A member that only an answer has cannot be required of a request, and the other way round.
  const members = isJsonObject(schema.properties) ? schema.properties : {};
  if (Array.isArray(own.required)) {
    own.required = own.required.filter((name: string) => {
      const member = Object.hasOwn(members, name) ? members[name] : undefined;
      return !isJsonObject(member) || (member.readOnly !== true && member.writeOnly !== true);
    });
    if ((own.required as unknown[]).length === 0) delete own.required;
  }
}

/** What has members is an object, said or not; an object without any is free in its form. */
function open(schema: JsonRecord, own: Record<string, unknown>): JsonSchema {
  const isUnion = own.anyOf !== undefined || own.oneOf !== undefined || own.allOf !== undefined;
  const members = Object.keys((own.properties ?? {}) as object);
  if (members.length > 0 && own.type === undefined) own.type = "object";
  if (members.length === 0) delete own.properties;
  else own.properties = inheritable(own.properties as Schemas, own.required);
  const isObject = own.type === "object" || (Array.isArray(own.type) && own.type.includes("object"));
  if (isObject && !isUnion && members.length === 0 && own.required === undefined) {
    if (own.additionalProperties === undefined || schema.patternProperties !== undefined)
      own.additionalProperties = true;
  }
  // A member of its own kind would have to be of this kind as well.
  if (members.length > 0 && isJsonObject(own.additionalProperties)) own.additionalProperties = true;
  return own;
}

/**
 * Every object inherits a `constructor`: where it may be left out, TypeScript takes that one for the member, so its type
 * is left open.
 */
function inheritable(members: Schemas, required: unknown): Schemas {
  const isRequired = (name: string): boolean => Array.isArray(required) && required.includes(name);
  const written = Object.entries(members).map(([name, member]): [string, JsonSchema] => {
    if (!(name in Object.prototype) || isRequired(name)) return [name, member];
    return [name, member.description === undefined ? {} : { description: member.description }];
  });
  return Object.fromEntries(written);
}

function said(members: JsonRecord): JsonRecord {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}

/** OpenAPI 3.0. */
function nullable({ description, deprecated, default: fallback, ...rest }: JsonSchema): JsonSchema {
  const isEnum = rest.enum?.includes(null) === true;
  const value = isEnum ? { ...rest, enum: (rest.enum ?? []).filter((one) => one !== null) } : rest;
  const about = said({ description, deprecated, default: fallback });
  if (value.enum?.length === 0) return { ...about, type: "null" };
  return { ...about, anyOf: [value, { type: "null" }] };
}

/** Whether a schema holds in every keyword what it should, as those do that we have written. */
export function isSchema(schema: unknown, depth = 0): boolean {
  if (!isJsonObject(schema) || depth > MAX_DEPTH) return false;
  const inner = (value: unknown): boolean => isSchema(value, depth + 1);
  return Object.entries(schema).every(([keyword, value]) => {
    if (keyword === "$ref") return typeof value === "string";
    if (ONE.has(keyword)) return typeof value === "boolean" || inner(value);
    if (LISTS.has(keyword)) return Array.isArray(value) && value.length > 0 && value.every(inner);
    if (keyword !== "properties") return PLAIN.get(keyword)?.(value) ?? true;
    return (
      isJsonObject(value) &&
      Object.entries(value).every(([name, one]) => !(name in Object.prototype) && inner(one))
    );
  });
}

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
