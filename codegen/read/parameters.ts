import type { Carriage } from "../../src/protocol/request.ts";
import { type Followed, type JsonSchema, unfollowed } from "../model.ts";
import { dereferenced, exampleIn, isJsonObject, type JsonRecord, recordsOf, textOf } from "./json.ts";
import type { ForeignSchemas } from "./schemas.ts";

/** A parameter that is a member of the input. */
export interface Parameter {
  readonly name: string;
  readonly place: "path" | "query";
  readonly schema: JsonSchema;
  readonly required: boolean;
  readonly as?: NonNullable<Carriage["as"]>;
  readonly example?: unknown;
}

/** A request header beside the payment. */
export interface HeaderParameter {
  readonly name: string;
  readonly description?: string;
  readonly required: boolean;
  /** The only value that it may have. */
  readonly value?: string;
}

export interface Parameters {
  readonly members: readonly Parameter[];
  readonly headers: readonly HeaderParameter[];
  /** Whether the operation declares an idempotency key. */
  readonly isIdempotent: boolean;
  /** Parameters that cannot be sent, and need not be. */
  readonly dropped: readonly string[];
  /** Why the operation cannot be called without one that cannot be sent. */
  readonly problem?: string;
}

/** OpenAPI ignores parameters with the first three names. The others belong to the payment. */
const IGNORED =
  /^(accept|content-type|authorization|content-length|host|x-payment|payment-.*|x-payment-.*|sign-in-with-x|(x-)?idempotency-key)$/i;

/** The parameters of an operation. Those of the operation win over those of its path. */
export function parametersOf(
  document: JsonRecord,
  item: JsonRecord,
  operation: JsonRecord,
  schemas: ForeignSchemas,
): Parameters {
  const found = new Map<string, JsonRecord>();
  for (const given of [...recordsOf(item.parameters), ...recordsOf(operation.parameters)]) {
    const parameter = dereferenced(document, given);
    const name = textOf(parameter, "name");
    if (name !== undefined) found.set(`${textOf(parameter, "in") ?? "query"} ${name}`, parameter);
  }
  const members: Parameter[] = [];
  const headers: HeaderParameter[] = [];
  const dropped: string[] = [];
  const cookies: Cookie[] = [];
  let problem: string | undefined;
  let isIdempotent = false;
  for (const parameter of found.values()) {
    const name = textOf(parameter, "name") ?? "";
    const place = textOf(parameter, "in") ?? "query";
    const required = parameter.required === true;
    if (place === "header") {
      isIdempotent ||= /^(x-)?idempotency-key$/i.test(name);
      if (!IGNORED.test(name)) headers.push(headerOf(name, parameter, required, schemas));
    } else if (place === "query" || place === "path") {
      const style = layoutOf(parameter, place);
      if (style === "none")
        problem ??= `its path parameter "${name}" has the style ${String(parameter.style)}`;
      const schema = schemaOf(schemas, parameter);
      const as = style === undefined || style === "none" ? {} : { as: style };
      const example = exampleIn(document, parameter) ?? exampleIn(document, parameter.schema);
      const shown = example === undefined ? {} : { example };
      members.push({ name, place, schema, required: required || place === "path", ...as, ...shown });
    } else if (place === "cookie") cookies.push({ name, required, about: textOf(parameter, "description") });
    else if (required) problem ??= `it needs the ${place} "${name}"`;
    else dropped.push(`the ${place} "${name}"`);
  }
  if (cookies.length > 0) headers.push(cookieHeader(cookies));
  return { members, headers, isIdempotent, dropped, ...(problem === undefined ? {} : { problem }) };
}

interface Cookie {
  readonly name: string;
  readonly required: boolean;
  readonly about: string | undefined;
}

/** All cookies are one request header, which the buyer gives as a whole. */
function cookieHeader(cookies: readonly Cookie[]): HeaderParameter {
  const all = cookies.map(({ name, about }) => `\`${name}=…\`${about === undefined ? "" : ` (${about})`}`);
  return {
    name: "Cookie",
    description: `The cookies ${all.join("; ")}.`,
    required: cookies.some(({ required }) => required),
  };
}

function headerOf(
  name: string,
  parameter: JsonRecord,
  required: boolean,
  schemas: ForeignSchemas,
): HeaderParameter {
  const { enum: values, const: value, description: about } = schemaOf(schemas, parameter);
  const [first, ...others] = value === undefined ? (values ?? []) : [value];
  const isFixed = first !== undefined && others.length === 0 && /^[\x20-\x7e]+$/.test(String(first));
  const description = textOf(parameter, "description") ?? about;
  return {
    name,
    required,
    ...(description === undefined ? {} : { description }),
    ...(isFixed && required ? { value: String(first) } : {}),
  };
}

/** How a list or an object is laid out (OpenAPI 3.1 section 4.8.12.2); `none` when the client cannot write it. */
function layoutOf(parameter: JsonRecord, place: "path" | "query"): Carriage["as"] | "none" {
  const { style, explode, collectionFormat, content } = parameter;
  if (place === "path") return style === undefined || style === "simple" ? undefined : "none";
  if (isJsonObject(content)) return "json";
  const isJoined = explode === false || (explode === undefined && style !== undefined && style !== "form");
  if (style === "deepObject") return "deep";
  if (style === "spaceDelimited" || collectionFormat === "ssv")
    return isJoined || style === undefined ? "space" : undefined;
  if (style === "pipeDelimited" || collectionFormat === "pipes")
    return isJoined || style === undefined ? "pipe" : undefined;
  if (explode === false || collectionFormat === "csv") return "comma";
  return "members";
}

/** A parameter without a schema that can be read is a text: that is what an address holds. */
function schemaOf(schemas: ForeignSchemas, parameter: JsonRecord): JsonSchema {
  const [media] = isJsonObject(parameter.content)
    ? Object.values(parameter.content).filter(isJsonObject)
    : [];
  // Careless documents write the type beside the name.
  const stated = parameter.schema ??
    media?.schema ?? { type: parameter.type, items: parameter.items, enum: parameter.enum };
  const given = schemas.convert(stated);
  const { anyOf, ...about } = given;
  // An address cannot say null; what is absent is left out of it.
  const [option, ...others] = anyOf?.filter(({ type }) => type !== "null") ?? [];
  const value = option === undefined || others.length > 0 ? given : { ...about, ...option };
  const schema: JsonSchema = Object.keys(value).length === 0 ? { type: "string" } : value;
  const description = textOf(parameter, "description");
  return description === undefined ? schema : { ...schema, description };
}

/** Whether a value can be a list or an object, so that its layout matters. */
export function hasParts(
  schemas: ForeignSchemas,
  schema: JsonSchema,
  followed: Followed = new Set(),
  depth = 0,
): { list: boolean; object: boolean } {
  if (depth > 8) return { list: true, object: true };
  const { type, anyOf = [], oneOf = [], allOf = [], properties, $ref } = schema;
  if ($ref !== undefined) {
    const name = $ref.slice("#/components/schemas/".length);
    return hasParts(schemas, schemas.known[name] ?? {}, followed, depth + 1);
  }
  const types = Array.isArray(type) ? type : [type];
  const parts = unfollowed([...anyOf, ...oneOf, ...allOf], followed);
  const inner = parts.map((part) => hasParts(schemas, part, followed, depth + 1));
  return {
    list: types.includes("array") || inner.some(({ list }) => list),
    object: types.includes("object") || properties !== undefined || inner.some(({ object }) => object),
  };
}
