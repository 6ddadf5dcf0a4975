import { type CallDefinition, requestOf } from "../../src/client/definition.ts";
import { isRecord } from "../../src/protocol/index.ts";
import type { Method } from "../../src/protocol/request.ts";
import type { CallModel } from "../call-definition.ts";
import { fieldsOf, type ResourceModel, refTo, type Schemas } from "../model.ts";
import { type CheckedSchema, inlined, isMadeUp, probeSampleOf, requiredOf } from "./schema.ts";
import type { Ask } from "./wire.ts";

/** One field that a caller may send. */
export interface OperationField {
  readonly name: string;
  readonly place: "path" | "query" | "body";
  readonly required: boolean;
  readonly schema: CheckedSchema;
}

/** The input of an operation: its source, and its fields when they are known. */
export interface InputShape {
  /** The document that describes the input, named for a reader. */
  readonly source: string;
  readonly fields: readonly OperationField[];
  /** The schema of the whole body, when the body is not an object with named fields. */
  readonly body?: CheckedSchema;
  /** An input that the document gives as an example, as far as it goes. */
  readonly example?: unknown;
  /** False when the source gives names and types only, as x402 v1 does. Limits cannot be checked then. */
  readonly hasLimits: boolean;
}

/** An input and its origin. The origin tells whether a refusal is evidence about the server or only about the input. */
export interface Sample {
  readonly value: unknown;
  readonly from: "given" | "example" | "schema" | "made up";
}

/** One operation to examine: a method, an address and the facts known beforehand. */
export interface ProbeOperation {
  readonly method: string;
  /** Absolute URL, with `{name}` for a path parameter. */
  readonly url: string;
  /** The URL that the path of `call` is added to. */
  readonly root: string;
  /** How the client calls it, when a document says so. */
  readonly call: CallModel | undefined;
  readonly shape: InputShape | undefined;
  /** The caller's own input, from the command line. */
  readonly given: unknown;
  /** Request headers that the caller gives, such as a key. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly documented: DocumentedResource | undefined;
}

/** What the API's document says about an operation, read as `generate --from` reads it. */
interface DocumentedResource {
  readonly operation: Readonly<Record<string, unknown>>;
  readonly resource: ResourceModel;
  readonly schemas: Schemas;
  /** True for an API of another library. */
  readonly isForeign: boolean;
}

/** The first input to send, and its origin. */
export function sampleInput({ shape, given }: Pick<ProbeOperation, "shape" | "given">): Sample {
  if (given !== undefined) return { value: given, from: "given" };
  if (!shape) return { value: {}, from: "made up" };
  const { example, body } = shape;
  if (body) {
    if (example !== undefined) return { value: example, from: "example" };
    return { value: probeSampleOf(body), from: isMadeUp(body) ? "made up" : "schema" };
  }
  const shown = isRecord(example) ? example : {};
  const needed = shape.fields.filter(({ required, name }) => required && !Object.hasOwn(shown, name));
  const isShown = example !== undefined && needed.length === 0;
  return {
    value: {
      ...Object.fromEntries(needed.map(({ name, schema }) => [name, probeSampleOf(schema)])),
      ...shown,
    },
    from: isShown ? "example" : needed.some(({ schema }) => isMadeUp(schema)) ? "made up" : "schema",
  };
}

/** Builds the request that sends `input`; without an input, a probe that fills in only the path parameters. */
export function probeRequestOf(operation: ProbeOperation, input: unknown, probe = false): Ask {
  const { method, shape, root, documented } = operation;
  const call = operation.call ?? callOf(operation);
  const members: Record<string, unknown> = isRecord(input) && !probe ? { ...input } : {};
  for (const { name, place, schema } of shape?.fields ?? []) {
    if (place !== "path") continue;
    const given = isRecord(input) && Object.hasOwn(input, name) ? input[name] : probeSampleOf(schema);
    // No client can leave a segment of a path empty.
    members[name] = /^\.{0,2}$/.test(String(given)) ? "sample" : given;
  }
  const request = requestOf(root, call as CallDefinition, members, "");
  const whole = hasBody(method) && !isRecord(input) && !probe && documented === undefined;
  const isBare = probe || (request.body === undefined && !whole);
  const { "content-type": type, accept: _, ...known } = request.headers;
  const headers = { ...known, ...operation.headers };
  const url = withQuery(request.url, new URL(operation.url).searchParams);
  if (isBare) return { method, url, headers };
  const body = whole ? JSON.stringify(input) : request.body;
  return {
    ...{ method, url },
    headers: { ...headers, "content-type": type ?? "application/json" },
    ...(body === undefined ? {} : { body }),
  };
}

/** Adds the query of the address that the user named. */
function withQuery(address: string, query: URLSearchParams): string {
  const url = new URL(address);
  const before = new Set(url.searchParams.keys());
  const more = [...query].filter(([name]) => !before.has(name));
  if (more.length === 0) return address;
  return `${address}${url.search === "" ? "?" : "&"}${new URLSearchParams(more)}`;
}

/** How an operation is called of which only the challenge tells. */
function callOf({ method, shape }: ProbeOperation): CallModel {
  const inQuery = (shape?.fields ?? []).filter(({ place }) => place === "query" || !hasBody(method));
  return {
    ...{ name: "probe", method: method as Method, path: "", price: { kind: "unknown" } },
    send: Object.fromEntries(inQuery.map(({ name }) => [name, { in: "query" }])),
    ...(hasBody(method) ? {} : { body: "" }),
  };
}

export function hasBody(method: string): boolean {
  return method !== "GET" && method !== "HEAD" && method !== "DELETE";
}

/** True when the operation is known to take a body of JSON. A resource that reads no body may ignore every body. */
export function takesJson({ method, call, shape, given }: ProbeOperation): boolean {
  if (!hasBody(method)) return false;
  if (call) return call.body === undefined || /json/i.test(call.body);
  const isGiven = isRecord(given) ? Object.keys(given).length > 0 : given !== undefined;
  return isGiven || shape?.body !== undefined || shape?.fields.some(({ place }) => place === "body") === true;
}

/** The operation at one of its addresses, whose path parameters are known. */
export function operationAt(operation: ProbeOperation, url: URL): ProbeOperation {
  const { call, shape } = operation;
  return {
    ...operation,
    ...{ url: url.href, root: url.origin + url.pathname, call: call && { ...call, path: "" } },
    shape: shape && { ...shape, fields: shape.fields.filter(({ place }) => place !== "path") },
  };
}

/** The input of a resource that a document describes. */
export function resourceShape(
  { typeName, method, pathParams, transport }: ResourceModel,
  from: { readonly schemas: Schemas; readonly example: unknown; readonly source: string },
): InputShape {
  const { schemas, example, source } = from;
  const input = { $ref: refTo(`${typeName}Input`) };
  const root = { components: { schemas } };
  const common = { source, hasLimits: true, ...(example === undefined ? {} : { example }) };
  const fields = fieldsOf(schemas, input);
  if (fields === undefined) return { ...common, fields: [], body: inlined(input, root) };
  return {
    ...common,
    fields: fields.map(({ name, required, schema }): OperationField => {
      const isQuery = method === "GET" || transport?.send?.[name]?.in === "query";
      const place = pathParams.includes(name) ? "path" : isQuery ? "query" : "body";
      return { name, place, required, schema: inlined(schema, root) };
    }),
  };
}

function shapeOfBody(schema: CheckedSchema, others: readonly OperationField[], source: string): InputShape {
  const whole = Array.isArray(schema.examples) ? schema.examples[0] : schema.example;
  const example = whole === undefined ? {} : { example: whole };
  if (!isRecord(schema.properties))
    return { source, fields: others, body: schema, hasLimits: true, ...example };
  const required = requiredOf(schema);
  const own = Object.entries(schema.properties).map(
    ([name, one]): OperationField => ({
      ...{ name, place: "body", required: required.includes(name) },
      schema: one as CheckedSchema,
    }),
  );
  return { source, fields: [...others, ...own], hasLimits: true, ...example };
}

/** The input that the `bazaar` extension of a v2 challenge describes. */
export function bazaarShape(
  extension: unknown,
): { readonly method?: string; readonly shape: InputShape } | undefined {
  if (!isRecord(extension)) return undefined;
  const info = isRecord(extension.info) && isRecord(extension.info.input) ? extension.info.input : {};
  const schema = inlined(extension.schema, extension.schema);
  const parts = propertiesOf(propertiesOf(schema).input);
  const source = "the bazaar extension";
  const fields: OperationField[] = (
    [
      ["queryParams", "query"],
      ["pathParams", "path"],
    ] as const
  ).flatMap(([key, place]) => {
    const part = parts[key];
    return Object.entries(propertiesOf(part)).map(([name, one]): OperationField => {
      return { name, place, required: requiredOf(part ?? {}).includes(name), schema: one };
    });
  });
  const body = parts.body;
  const example = isRecord(info.body) ? info.body : isRecord(info.queryParams) ? info.queryParams : undefined;
  const shape: InputShape = {
    ...(body ? shapeOfBody(body, fields, source) : { source, fields, hasLimits: true }),
    ...(example === undefined || Object.keys(example).length === 0 ? {} : { example }),
  };
  // A description that names only the method means that there is no input.
  const isSilent = shape.fields.length === 0 && !shape.body && example === undefined;
  if (isSilent && typeof info.method !== "string") return undefined;
  return { shape, ...(typeof info.method === "string" ? { method: info.method } : {}) };
}

/** The input that `outputSchema` of a v1 challenge describes. */
export function outputSchemaShape(
  schema: unknown,
): { readonly method?: string; readonly shape: InputShape } | undefined {
  if (!isRecord(schema) || !isRecord(schema.input)) return undefined;
  const { input } = schema;
  const fields = (
    [
      ["bodyFields", "body"],
      ["queryParams", "query"],
      ["pathParams", "path"],
    ] as const
  ).flatMap(([key, place]) =>
    Object.entries(isRecord(input[key]) ? input[key] : {}).flatMap(([name, one]): OperationField[] =>
      isRecord(one) ? [{ name, place, required: one.required === true, schema: one }] : [],
    ),
  );
  const method = typeof input.method === "string" ? { method: input.method.toUpperCase() } : {};
  return { shape: { source: "outputSchema of the 402", fields, hasLimits: false }, ...method };
}

function propertiesOf(schema: unknown): Record<string, CheckedSchema> {
  return isRecord(schema) && isRecord(schema.properties)
    ? (schema.properties as Record<string, CheckedSchema>)
    : {};
}
