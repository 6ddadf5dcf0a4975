import { isRecord } from "../../src/protocol/index.ts";

export type CheckedSchema = Readonly<Record<string, unknown>>;

/** Maximum depth to which recursive schemas are followed. */
const DEEPEST = 6;

/** Replaces the references of a schema by their targets in `root`. */
export function inlined(schema: unknown, root: unknown, depth = 0): CheckedSchema {
  if (!isRecord(schema)) return {};
  if (typeof schema.$ref === "string") {
    if (depth >= DEEPEST) return {};
    const { $ref, ...beside } = schema;
    return { ...inlined(pointed(root, $ref as string), root, depth + 1), ...beside };
  }
  const copy: Record<string, unknown> = { ...schema };
  if (isRecord(schema.properties)) {
    copy.properties = Object.fromEntries(
      Object.entries(schema.properties).map(([name, one]) => [name, inlined(one, root, depth + 1)]),
    );
  }
  for (const key of ["items", "additionalProperties"]) {
    if (isRecord(schema[key])) copy[key] = depth >= DEEPEST ? {} : inlined(schema[key], root, depth + 1);
  }
  for (const key of ["anyOf", "oneOf", "allOf", "prefixItems"]) {
    const list = schema[key];
    if (Array.isArray(list)) copy[key] = list.map((one) => inlined(one, root, depth + 1));
  }
  return Array.isArray(copy.allOf) ? merged(copy) : copy;
}

/** The target of a reference within a document (RFC 6901). */
function pointed(root: unknown, reference: string): unknown {
  if (!reference.startsWith("#/")) return undefined;
  let value = root;
  for (const part of reference.slice(2).split("/")) {
    if (!isRecord(value)) return undefined;
    value = value[decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~")];
  }
  return value;
}

/** Merges `allOf` into one schema: good enough for objects composed of parts. */
function merged({ allOf, ...own }: Record<string, unknown>): CheckedSchema {
  const parts = [own, ...(allOf as CheckedSchema[])];
  const properties = parts.map((part) => part.properties).filter(isRecord);
  const required = parts.flatMap(requiredOf);
  return {
    ...Object.assign({}, ...parts),
    // Without properties the key stays absent: `typesOf` reads `properties` as type "object".
    ...(properties.length === 0 ? {} : { properties: Object.assign({}, ...properties) }),
    ...(required.length === 0 ? {} : { required }),
  };
}

export function typesOf(schema: CheckedSchema): readonly string[] {
  if (typeof schema.type === "string") return [schema.type];
  if (Array.isArray(schema.type)) return schema.type.filter((one) => typeof one === "string");
  return isRecord(schema.properties) ? ["object"] : [];
}

/** True when `sampleOf` made this value up instead of reading it from the schema: it may be meaningless. */
export function isMadeUp(schema: CheckedSchema): boolean {
  if (givenOf(schema) !== undefined) return false;
  const alternatives = [schema.anyOf, schema.oneOf].find(Array.isArray);
  if (alternatives) return isMadeUp((alternatives[0] ?? {}) as CheckedSchema);
  const types = typesOf(schema);
  if (types.includes("object") && isRecord(schema.properties)) {
    return requiredOf(schema).some((name) =>
      isMadeUp((schema.properties as Record<string, CheckedSchema>)[name] ?? {}),
    );
  }
  if (types.includes("boolean") || types.includes("null")) return false;
  if (types.includes("string")) return schema.format !== undefined || schema.pattern !== undefined;
  return !types.includes("integer") && !types.includes("number");
}

/** A value that the schema itself gives. */
function givenOf(schema: CheckedSchema): { readonly value: unknown } | undefined {
  if ("const" in schema) return { value: schema.const };
  if ("example" in schema) return { value: schema.example };
  if (Array.isArray(schema.examples) && schema.examples.length > 0) return { value: schema.examples[0] };
  if ("default" in schema) return { value: schema.default };
  if (Array.isArray(schema.enum) && schema.enum.length > 0) return { value: schema.enum[0] };
  return undefined;
}

export function requiredOf(schema: CheckedSchema): readonly string[] {
  return Array.isArray(schema.required) ? schema.required.filter((one) => typeof one === "string") : [];
}

const FORMATS: Readonly<Record<string, string>> = {
  uri: "https://example.com/a",
  url: "https://example.com/a",
  email: "someone@example.com",
  uuid: "3f2b8c1e-5d4a-4e6f-9a7b-1c2d3e4f5a6b",
  date: "2026-01-31",
  "date-time": "2026-01-31T12:00:00Z",
  time: "12:00:00Z",
  ipv4: "192.0.2.1",
  hostname: "example.com",
};

/** A small value that the schema allows, as far as that is certain without trying. */
export function probeSampleOf(schema: CheckedSchema): unknown {
  const given = givenOf(schema);
  if (given) return given.value;
  const alternatives = [schema.anyOf, schema.oneOf].find(Array.isArray);
  if (alternatives) return probeSampleOf((alternatives[0] ?? {}) as CheckedSchema);
  switch (typesOf(schema).find((one) => one !== "null")) {
    case "object": {
      const properties = (schema.properties ?? {}) as Record<string, CheckedSchema>;
      return Object.fromEntries(
        requiredOf(schema).map((name) => [name, probeSampleOf(properties[name] ?? {})]),
      );
    }
    case "array": {
      const count = typeof schema.minItems === "number" ? schema.minItems : 1;
      return Array.from({ length: count }, () => probeSampleOf((schema.items ?? {}) as CheckedSchema));
    }
    case "integer":
    case "number":
      return numberOf(schema);
    case "boolean":
      return true;
    case undefined:
      return typesOf(schema).includes("null") ? null : "sample";
    default:
      return textOf(schema);
  }
}

function numberOf(schema: CheckedSchema): number {
  const bound = (key: string): number | undefined =>
    typeof schema[key] === "number" ? (schema[key] as number) : undefined;
  const step = bound("multipleOf") ?? 1;
  const above = bound("exclusiveMinimum");
  const least = bound("minimum") ?? (above === undefined ? undefined : above + step);
  const most = bound("maximum");
  const from = least ?? (most !== undefined && most < 1 ? most : 1);
  return Math.ceil(from / step) * step;
}

function textOf(schema: CheckedSchema): string {
  const format = typeof schema.format === "string" ? FORMATS[schema.format] : undefined;
  if (format !== undefined) return format;
  const least = typeof schema.minLength === "number" ? schema.minLength : 0;
  const most = typeof schema.maxLength === "number" ? schema.maxLength : Number.POSITIVE_INFINITY;
  return "sample text ".repeat(Math.ceil(least / 12) || 1).slice(0, Math.max(least, Math.min(11, most)));
}

/** A value of a type that the schema does not allow; `undefined` when it allows every type. */
export function wrongTypeOf(schema: CheckedSchema): unknown {
  const alternatives = [schema.anyOf, schema.oneOf].find(Array.isArray) as CheckedSchema[] | undefined;
  const types = alternatives ? alternatives.flatMap(typesOf) : typesOf(schema);
  if (types.length === 0) {
    return Array.isArray(schema.enum) && schema.enum.every((one) => typeof one === "string") ? 7 : undefined;
  }
  if (!types.includes("object")) return { not: "expected" };
  return types.includes("array") ? undefined : ["not expected"];
}
