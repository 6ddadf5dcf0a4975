import type { Carriage } from "../../src/protocol/request.ts";
import { fieldsOf, isClosed, type JsonSchema, type Transport, takesMore } from "../model.ts";
import { fileSchema, filesIn, isParts, outputOf, type RequestBody, requestBodyOf } from "./body.ts";
import { isJsonObject, type JsonRecord } from "./json.ts";
import { type HeaderParameter, hasParts, type Parameter, type Parameters } from "./parameters.ts";
import type { ForeignSchemas } from "./schemas.ts";

/** What is sent to an operation of another make, and what comes back. */
export interface Shape {
  readonly input: JsonSchema;
  readonly output: JsonSchema;
  readonly transport: Pick<Transport, "send" | "body" | "produces">;
  readonly headers: readonly HeaderParameter[];
  /** The names of path parameters as members of the input, by their names in the path. */
  readonly path: ReadonlyMap<string, string>;
  /** Parts that need not be sent and cannot be. */
  readonly dropped: readonly string[];
  /** An input that the document gives as an example, as far as it goes. */
  readonly example?: JsonRecord;
}

interface Operation {
  readonly document: JsonRecord;
  readonly operation: JsonRecord;
  readonly method: string;
  readonly pathParams: readonly string[];
  readonly parameters: Parameters;
}

/** The shape as far as our client can send it; a text that says why it cannot. */
export function shapeOf(from: Operation, schemas: ForeignSchemas): Shape | string {
  const { document, operation, method, pathParams, parameters } = from;
  if (parameters.problem !== undefined) return parameters.problem;
  const dropped = [...parameters.dropped];
  const listed = parameters.members.filter(
    ({ place, name }) => place === "query" || pathParams.includes(name),
  );
  const unlisted = pathParams
    .filter((name) => !listed.some((one) => one.place === "path" && one.name === name))
    .map((name): Parameter => ({ name, place: "path", schema: { type: "string" }, required: true }));

  const found = requestBodyOf(document, operation, schemas);
  let body = typeof found === "string" ? undefined : found;
  if (typeof found === "string") {
    if (method !== "get") return found;
    dropped.push("its body");
  } else if (body !== undefined && method === "get") {
    // RFC 9110: a body of GET has no meaning, and no browser sends one.
    dropped.push("its body, which GET has none of");
    body = undefined;
  }

  const files = isForm(body) ? filesIn(schemas.known, body.schema).map(({ name }) => name) : [];
  const isSent = body !== undefined && isParts(body.type);
  if (!isSent) dropped.push(...files.map((name) => `the file "${name}"`));
  const members = body?.isObject ? fieldsOf(schemas.known, body.schema) : undefined;
  const ofBody = (members ?? []).flatMap((member) => {
    if (!files.includes(member.name)) return [member];
    return isSent ? [{ ...member, schema: fileSchema(schemas.known, member.schema) }] : [];
  });
  const taken = new Set(ofBody.map(({ name }) => name));
  if (body !== undefined && !body.isObject) taken.add(WHOLE);
  const fields = new Map<string, JsonSchema>();
  const required = new Set<string>();
  const send: Record<string, Carriage> = {};
  if (isSent) for (const name of files) send[name] = { in: "form", as: "file" };
  const path = new Map<string, string>();
  const examples: [string, unknown][] = [];
  for (const { name, place, schema, required: isRequired, as, example } of [...listed, ...unlisted]) {
    const member = freeName(name, place, taken);
    taken.add(member);
    fields.set(member, schema);
    if (example !== undefined) examples.push([member, example]);
    if (isRequired) required.add(member);
    if (place === "path") {
      path.set(name, member);
      continue;
    }
    const layout = layoutFor(as, hasParts(schemas, schema));
    const how: Carriage = {
      in: "query",
      ...(member === name ? {} : { name }),
      ...(layout === undefined ? {} : { as: layout }),
    };
    if (method !== "get" || Object.keys(how).length > 1) send[member] = how;
  }
  const { schema: output, produces } = outputOf(document, operation, schemas);
  const transport = {
    ...(Object.keys(send).length === 0 ? {} : { send }),
    ...(method === "get" || body?.type === "application/json" ? {} : { body: body?.type ?? "" }),
    ...(produces === undefined ? {} : { produces }),
  };
  const result = (input: JsonSchema): Shape => ({
    input,
    output,
    transport,
    headers: parameters.headers,
    path,
    dropped,
    ...exampleOf(body, examples),
  });

  if (body !== undefined && !body.isObject) {
    fields.set(WHOLE, body.schema);
    if (body.required) required.add(WHOLE);
    const whole = { ...send, [WHOLE]: { in: "body" } as const };
    const own = objectOf(fields, required, { additionalProperties: false });
    return { ...result(own), transport: { ...transport, send: whole } };
  }
  if (body === undefined) {
    // Beyond the parameters that are listed there is nothing to be said in an address.
    return result(objectOf(fields, required, method === "get" ? { additionalProperties: false } : {}));
  }
  if (fields.size === 0 && files.length === 0) return result(body.schema);
  if (members === undefined) {
    return result({ allOf: [objectOf(fields, required, {}), body.schema] });
  }
  for (const field of ofBody) {
    fields.set(field.name, field.schema);
    if (field.required) required.add(field.name);
  }
  const isOpen = takesMore(schemas.known, body.schema);
  const more = isClosed(schemas.known, body.schema) ? false : isOpen ? true : undefined;
  return result(objectOf(fields, required, more === undefined ? {} : { additionalProperties: more }));
}

/** The examples of the body and of the parameters as one input. */
function exampleOf(
  body: RequestBody | undefined,
  parameters: readonly [string, unknown][],
): Pick<Shape, "example"> {
  const whole = body?.example;
  const isMembers = body?.isObject === true && isJsonObject(whole);
  const members = isMembers ? whole : whole === undefined || body?.isObject ? {} : { [WHOLE]: whole };
  const example = { ...members, ...Object.fromEntries(parameters) };
  return Object.keys(example).length === 0 ? {} : { example };
}

function isForm(body: RequestBody | undefined): body is RequestBody {
  return body?.isObject === true && !/json/i.test(body.type);
}

/** The member of an input that is the whole body. */
const WHOLE = "body";

function objectOf(
  fields: ReadonlyMap<string, JsonSchema>,
  required: ReadonlySet<string>,
  more: Pick<JsonSchema, "additionalProperties">,
): JsonSchema {
  const named = required.size === 0 ? {} : { required: [...required] };
  return { type: "object", properties: Object.fromEntries(fields), ...named, ...more };
}

/** Two members of the same name are told apart by the place of the one that is not in the body. */
function freeName(name: string, place: string, taken: ReadonlySet<string>): string {
  if (!taken.has(name)) return name;
  const base = place + name.charAt(0).toUpperCase() + name.slice(1);
  let free = base;
  for (let count = 2; taken.has(free); count += 1) free = `${base}${count}`;
  return free;
}

/** The layout of a value, where it has parts. */
function layoutFor(
  as: Carriage["as"],
  { list, object }: { readonly list: boolean; readonly object: boolean },
): Carriage["as"] | undefined {
  if (as === "json") return as;
  if (as === "members" || as === "deep") return object ? as : undefined;
  return list || object ? as : undefined;
}
