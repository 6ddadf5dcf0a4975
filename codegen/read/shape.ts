import { textKind } from "../check/routes.ts";
import { fieldsOf, isClosed, type JsonSchema, resolve, type Schemas, takesMore } from "../model.ts";
import { dereferenced, isRecord, type JsonRecord, recordsOf, textOf } from "./json.ts";
import type { ForeignSchemas } from "./schemas.ts";

/** What is sent to an operation of another make, and what comes back. */
export interface Shape {
  readonly input: JsonSchema;
  readonly output: JsonSchema;
  /** Fields that need not be sent and cannot be. */
  readonly dropped: readonly string[];
}

interface Operation {
  readonly document: JsonRecord;
  readonly item: JsonRecord;
  readonly operation: JsonRecord;
  readonly method: "get" | "post";
  readonly pathParams: readonly string[];
}

/** The shape as far as our client can send it: path, query of GET, JSON of POST; a text that says why it cannot. */
export function shapeOf(from: Operation, schemas: ForeignSchemas): Shape | string {
  const { document, operation, pathParams } = from;
  const output = outputOf(document, operation, schemas);
  const dropped: string[] = [];
  const fields = new Map<string, JsonSchema>();
  const required = new Set<string>(pathParams);
  for (const [name, { parameter, place }] of parametersOf(from)) {
    if (place === "path" && !pathParams.includes(name)) continue;
    const isRequired = parameter.required === true;
    const schema = plain(schemas, parameter);
    const inQuery = place === "query" && from.method === "get";
    const isCarried = textKind(schemas.known, schema) !== undefined && !(name in Object.prototype);
    if (fields.has(name)) return `"${name}" is in its path and in its query`;
    if (place === "path" || (inQuery && isCarried)) {
      fields.set(name, schema);
      if (isRequired) required.add(name);
    } else if (isRequired) return `it needs the ${place} "${name}"`;
    else dropped.push(`the ${place} "${name}"`);
  }
  for (const name of pathParams.filter((name) => !fields.has(name))) fields.set(name, { type: "string" });

  // Beyond the parameters that are listed there is nothing to be said in an address.
  let more: Pick<JsonSchema, "additionalProperties"> =
    from.method === "get" ? { additionalProperties: false } : {};
  const body = isRecord(operation.requestBody) ? dereferenced(document, operation.requestBody) : undefined;
  const given = body === undefined || from.method === "get" ? undefined : jsonOf(body);
  if (body !== undefined && given === undefined && (from.method === "post" || body.required === true)) {
    return from.method === "get" ? "it needs a body, which GET has none of" : "its body is not JSON";
  }
  if (given !== undefined) {
    const whole = schemas.convert(given);
    const isOpen = Object.keys(whole).length === 0;
    if (!isOpen && !isObject(schemas.known, whole)) return "its body is not an object";
    if (pathParams.length === 0) return { input: isOpen ? { type: "object" } : whole, output, dropped };
    if (isClosed(schemas.known, whole)) more = { additionalProperties: false };
    else if (takesMore(schemas.known, whole)) more = { additionalProperties: true };
    const members = isOpen ? [] : fieldsOf(schemas.known, whole);
    if (members === undefined) return "its body is not a plain object, and its path has parameters";
    for (const { name, schema, required: isRequired } of members) {
      if (fields.has(name)) return `"${name}" is in its path and in its body`;
      if (name in Object.prototype) continue;
      fields.set(name, schema);
      if (isRequired) required.add(name);
    }
  }
  const named = required.size === 0 ? {} : { required: [...required] };
  return {
    input: { type: "object", properties: Object.fromEntries(fields), ...named, ...more },
    output,
    dropped,
  };
}

/** Those of the operation win over those of its path. */
function parametersOf({ document, item, operation }: Operation) {
  const found = new Map<
    string,
    { readonly parameter: JsonRecord; readonly place: string; readonly at: string }
  >();
  for (const given of [...recordsOf(item.parameters), ...recordsOf(operation.parameters)]) {
    const parameter = dereferenced(document, given);
    const name = textOf(parameter, "name");
    const place = textOf(parameter, "in") ?? "query";
    if (name !== undefined) found.set(`${place} ${name}`, { parameter, place, at: name });
  }
  return [...found.values()].map(({ at, ...rest }) => [at, rest] as const);
}

/** A parameter without a schema that can be read is a text: that is what an address holds. */
function plain(schemas: ForeignSchemas, parameter: JsonRecord): JsonSchema {
  // Swagger 2 and careless documents write the type beside the name.
  const given = schemas.convert(isRecord(parameter.schema) ? parameter.schema : { type: parameter.type });
  const { anyOf, ...about } = given;
  // An address cannot say null; what is absent is left out of it.
  const [option, ...others] = anyOf?.filter(({ type }) => type !== "null") ?? [];
  const value = option === undefined || others.length > 0 ? given : { ...about, ...option };
  const schema: JsonSchema = Object.keys(value).length === 0 ? { type: "string" } : value;
  const description = textOf(parameter, "description");
  return description === undefined ? schema : { ...schema, description };
}

function outputOf(document: JsonRecord, { responses }: JsonRecord, schemas: ForeignSchemas): JsonSchema {
  const all = isRecord(responses) ? responses : {};
  const success = Object.keys(all)
    .filter((status) => /^2(\d\d|XX)$/i.test(status))
    .sort()
    .map((status) => all[status])
    .find(isRecord);
  return schemas.convert(success && jsonOf(dereferenced(document, success)));
}

function jsonOf({ content }: JsonRecord): unknown {
  if (!isRecord(content)) return undefined;
  const type = Object.keys(content).find((type) => /^(application\/([^;]*\+)?json\b|\*\/\*)/i.test(type));
  const media = type === undefined ? undefined : content[type];
  return isRecord(media) ? (media.schema ?? {}) : undefined;
}

/** Whether every value of a schema can be an object. */
function isObject(schemas: Schemas, schema: JsonSchema): boolean {
  const { type, anyOf, oneOf, allOf, properties } = resolve(schemas, schema);
  const options = anyOf ?? oneOf;
  if (options !== undefined) return options.every((option) => isObject(schemas, option));
  if (allOf !== undefined) return allOf.every((part) => isObject(schemas, part));
  return type === "object" || (type === undefined && properties !== undefined);
}
