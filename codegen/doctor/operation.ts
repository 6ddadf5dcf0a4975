import { isRecord } from "../../src/protocol/index.ts";
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
  /** A complete input that the document gives as an example. */
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
  readonly shape: InputShape | undefined;
  /** The caller's own input, from the command line. */
  readonly given: unknown;
  /** The operation's object in the API's OpenAPI document, references replaced. */
  readonly documented: Readonly<Record<string, unknown>> | undefined;
}

/** The first input to send, and its origin. */
export function sampleInput({ shape, given }: Pick<ProbeOperation, "shape" | "given">): Sample {
  if (given !== undefined) return { value: given, from: "given" };
  if (shape?.example !== undefined) return { value: shape.example, from: "example" };
  if (!shape) return { value: {}, from: "made up" };
  if (shape.body)
    return { value: probeSampleOf(shape.body), from: isMadeUp(shape.body) ? "made up" : "schema" };
  const needed = shape.fields.filter(({ required }) => required);
  return {
    value: Object.fromEntries(needed.map(({ name, schema }) => [name, probeSampleOf(schema)])),
    from: needed.some(({ schema }) => isMadeUp(schema)) ? "made up" : "schema",
  };
}

/** Builds the request that sends `input`; without an input, a probe that fills in only the path parameters. */
export function probeRequestOf(operation: ProbeOperation, input: unknown, probe = false): Ask {
  const { method, shape } = operation;
  const members: Record<string, unknown> = isRecord(input) ? { ...input } : {};
  const url = operation.url.replace(/\{([^{}]+)\}/g, (_, name: string) => {
    const field = shape?.fields.find((one) => one.place === "path" && one.name === name);
    const value = members[name] ?? probeSampleOf(field?.schema ?? {});
    delete members[name];
    return encodeURIComponent(typeof value === "object" ? JSON.stringify(value) : String(value));
  });
  if (probe) return { method, url };
  const query = new URL(url);
  const inQuery = (name: string): boolean =>
    !hasBody(method) || shape?.fields.some((one) => one.place === "query" && one.name === name) === true;
  for (const [name, value] of Object.entries(members)) {
    if (!inQuery(name)) continue;
    delete members[name];
    const values = Array.isArray(value) ? value : [value];
    for (const one of values) {
      query.searchParams.append(name, typeof one === "object" ? JSON.stringify(one) : String(one));
    }
  }
  if (!hasBody(method)) return { method, url: query.href };
  const body = JSON.stringify(isRecord(input) ? members : input);
  return { method, url: query.href, headers: { "content-type": "application/json" }, body };
}

export function hasBody(method: string): boolean {
  return method !== "GET" && method !== "HEAD" && method !== "DELETE";
}

/** The input of an OpenAPI operation; `undefined` when the document does not describe it. */
export function documentedShape(
  operation: Readonly<Record<string, unknown>>,
  shared: unknown,
  document: unknown,
): InputShape | undefined {
  const parameters = [...asList(shared), ...asList(operation.parameters)].map((one) =>
    inlined(one, document),
  );
  const fields: OperationField[] = parameters.flatMap((one) => {
    const place = one.in;
    if ((place !== "path" && place !== "query") || typeof one.name !== "string") return [];
    const description = one.description === undefined ? {} : { description: one.description };
    const example = "example" in one ? { example: one.example } : {};
    const schema = { ...description, ...example, ...inlined(one.schema, document) };
    return [{ name: one.name, place, required: one.required === true, schema }];
  });
  const body = inlined(operation.requestBody, document);
  const content = isRecord(body.content) ? body.content["application/json"] : undefined;
  if (!isRecord(content)) {
    return parameters.length > 0 || operation.requestBody === undefined
      ? { source: "openapi.json", fields, hasLimits: true }
      : undefined;
  }
  const example = exampleOf(content);
  return {
    ...shapeOfBody(inlined(content.schema, document), fields, "openapi.json"),
    ...(example === undefined ? {} : { example }),
  };
}

/** The first complete example of a media type object, inline or named. */
function exampleOf(content: Record<string, unknown>): unknown {
  if ("example" in content) return content.example;
  if (!isRecord(content.examples)) return undefined;
  const first = Object.values(content.examples)[0];
  return isRecord(first) ? first.value : undefined;
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

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
