import {
  type ApiModel,
  choicesOf,
  type Field,
  fieldsOf,
  type JsonSchema,
  type ResourceModel,
  refName,
  refTo,
  resolve,
  type Schemas,
} from "./model.ts";
import { kindText } from "./prose.ts";
import { sampleOf } from "./sample.ts";

/** How a 402 describes its resource, for marketplaces and agents that do not read the document. */

/** The descriptions that each 402 includes, by the name of the resource. */
export function descriptions({ resources, schemas }: ApiModel): object {
  const paid = resources.filter(({ price }) => price.kind !== "free");
  const entries = paid.map((resource): [string, object] => [
    resource.name,
    { outputSchema: outputSchema(resource, schemas), bazaar: bazaar(resource, schemas) },
  ]);
  return Object.fromEntries(entries);
}

/** `outputSchema` of x402 version 1: a flat list of fields for each place that they are sent in. */
function outputSchema(resource: ResourceModel, schemas: Schemas): object {
  const { typeName, method, pathParams } = resource;
  const fields = fieldsOf(schemas, { $ref: refTo(`${typeName}Input`) }) ?? [];
  const described = fields.map(({ name, schema, required }): [string, object] => {
    const { description, default: fallback } = resolve(schemas, schema);
    const choices = choicesOf(schemas, schema);
    const type = kindText(schemas, schema);
    return [
      name,
      { type, required, description, default: fallback, enum: type === "boolean" ? undefined : choices },
    ];
  });
  const group = (inPath: boolean): object | undefined => {
    const chosen = described.filter(([name]) => pathParams.includes(name) === inPath);
    return chosen.length === 0 ? undefined : Object.fromEntries(chosen);
  };
  const output = fieldsOf(schemas, { $ref: refTo(`${typeName}Output`) }) ?? [];
  return {
    input: {
      type: "http",
      method,
      pathParams: group(true),
      ...(method === "GET" ? { queryParams: group(false) } : { bodyType: "json", bodyFields: group(false) }),
    },
    output: Object.fromEntries(
      output.map(({ name, schema }): [string, object] => {
        const { description } = resolve(schemas, schema);
        return [name, { type: kindText(schemas, schema), description }];
      }),
    ),
  };
}

/**
 * The `bazaar` extension of x402 version 2: an example of what is sent and what comes back, and a JSON Schema that the
 * example keeps to. Source: x402 specification, extensions/bazaar.
 */
function bazaar(resource: ResourceModel, schemas: Schemas): object {
  const { typeName, method, path, pathParams, examples } = resource;
  const face = (name: string): JsonSchema => ({ $ref: refTo(typeName + name) });
  const fields = fieldsOf(schemas, face("Input"));
  const sample = (examples[0]?.input ?? sampleOf(schemas, face("Input"))) as Readonly<
    Record<string, unknown>
  >;
  const output = examples[0]?.output ?? sampleOf(schemas, face("Output"));
  const inPath = fields?.filter(({ name }) => pathParams.includes(name)) ?? [];
  const rest = fields?.filter(({ name }) => !pathParams.includes(name));
  const values = (given: readonly Field[]): object =>
    Object.fromEntries(given.flatMap(({ name }) => (name in sample ? [[name, sample[name]]] : [])));
  const sent = rest === undefined ? sample : values(rest);
  const shape = rest === undefined ? inlined(schemas, face("Input")) : objectOf(schemas, rest);
  const place = method === "GET" ? "queryParams" : "body";
  const isSent = method === "POST" || (rest?.length ?? 1) > 0;
  const input = {
    type: "http",
    method,
    ...(method === "POST" ? { bodyType: "json" } : {}),
    ...(isSent ? { [place]: sent } : {}),
    ...(inPath.length > 0 ? { pathParams: values(inPath) } : {}),
  };
  return {
    info: { input, output: { type: "json", example: output } },
    ...(pathParams.length > 0 ? { routeTemplate: path } : {}),
    schema: {
      $schema: "https://json-schema.org/draft/2020-12/schema",
      type: "object",
      properties: {
        input: {
          type: "object",
          properties: {
            type: { type: "string", const: "http" },
            method: { type: "string", enum: [method] },
            ...(method === "POST" ? { bodyType: { type: "string", enum: ["json"] } } : {}),
            ...(isSent ? { [place]: shape } : {}),
            ...(inPath.length > 0 ? { pathParams: objectOf(schemas, inPath) } : {}),
          },
          required: ["type", "method", ...(method === "POST" ? ["bodyType", "body"] : [])],
          additionalProperties: false,
        },
        output: {
          type: "object",
          properties: { type: { type: "string" }, example: inlined(schemas, face("Output")) },
          required: ["type"],
        },
      },
      required: ["input"],
    },
  };
}

/** Names that the official validator of the extension takes for references wherever they stand. Such members are not described. */
const REFERENCES = ["$ref", "$id"];
const isDescribed = (name: string): boolean => !REFERENCES.includes(name);

function objectOf(schemas: Schemas, all: readonly Field[]): JsonSchema {
  const fields = all.filter(({ name }) => isDescribed(name));
  const required = fields.filter(({ required }) => required).map(({ name }) => name);
  return {
    type: "object",
    properties: Object.fromEntries(fields.map(({ name, schema }) => [name, inlined(schemas, schema)])),
    ...(required.length === 0 ? {} : { required }),
  };
}

/** A schema that stands by itself. What points into itself is left open where it does so. */
function inlined(schemas: Schemas, schema: JsonSchema, within: readonly string[] = []): JsonSchema {
  if (schema.$ref !== undefined) {
    const name = refName(schema.$ref);
    if (within.includes(name)) return {};
    return inlined(schemas, resolve(schemas, schema), [...within, name]);
  }
  const onPlace = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(onPlace);
    return typeof value === "object" && value !== null
      ? inlined(schemas, value as JsonSchema, within)
      : value;
  };
  // Values are data, and members may have any name: what looks like a reference or a keyword in them is none.
  const isLess = REFERENCES.some((name) => Object.hasOwn(schema.properties ?? {}, name));
  const entries = Object.entries(schema).flatMap(([keyword, value]): [string, unknown][] => {
    if (VALUES.has(keyword)) return [[keyword, value]];
    if (isLess && keyword === "additionalProperties") return [];
    if (isLess && keyword === "required") return [[keyword, (value as string[]).filter(isDescribed)]];
    if (keyword !== "properties") return [[keyword, onPlace(value)]];
    const members = Object.entries(value as Schemas).filter(([name]) => isDescribed(name));
    return [
      [keyword, Object.fromEntries(members.map(([name, one]) => [name, inlined(schemas, one, within)]))],
    ];
  });
  return Object.fromEntries(entries) as JsonSchema;
}

const VALUES = new Set(["default", "const", "enum", "examples", "example"]);
