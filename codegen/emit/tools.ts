import { type CallModel, callDefinition } from "../call-definition.ts";
import { mapChildren } from "../convert/normalize.ts";
import { type ApiModel, type JsonSchema, type ResourceModel, refName, refTo, resolve } from "../model.ts";
import { aboutResource, insteadOf } from "../prose.ts";

/** A resource as an agent's tool, in the words of the Model Context Protocol (2025-11-25, "Tools"). */
export interface ToolModel {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  /** Self-contained: its references point into its `$defs`. */
  readonly inputSchema: ObjectSchema;
  /** Absent when the output is not an object, because the protocol supports only objects. */
  readonly outputSchema?: ObjectSchema;
  readonly isReadOnly: boolean;
  readonly isJob: boolean;
  readonly call: CallModel;
}

interface ObjectSchema extends JsonSchema {
  readonly type: "object";
}

/** What `resource402 mcp` serves. */
export function emitTools(model: ApiModel): readonly ToolModel[] {
  return model.resources.map((resource) => {
    const outputSchema = standalone(model, `${resource.typeName}Output`);
    return {
      name: resource.name,
      title: titleOf(resource.name),
      description: descriptionOf(resource),
      // Every input is an object: its members become path, query or body.
      inputSchema: { ...standalone(model, `${resource.typeName}Input`), type: "object" },
      ...(isObject(outputSchema) ? { outputSchema } : {}),
      // Who pays changes something, even by a GET.
      isReadOnly: resource.method === "GET" && resource.price.kind === "free",
      isJob: resource.job !== undefined,
      call: callDefinition(resource),
    };
  });
}

function isObject(schema: JsonSchema): schema is ObjectSchema {
  return schema.type === "object";
}

/** `generateImage` is `Generate image`. */
function titleOf(name: string): string {
  const words = name.replace(/([a-z0-9])([A-Z])/g, "$1 $2").replace(/([A-Z])([A-Z][a-z])/g, "$1 $2");
  const small = words.replace(/\b[A-Z](?=[a-z])/g, (letter) => letter.toLowerCase());
  return small.charAt(0).toUpperCase() + small.slice(1);
}

function descriptionOf(resource: ResourceModel): string {
  const { summary, deprecated, errors, price, priceBounds } = resource;
  return [
    summary,
    "",
    ...(deprecated === undefined ? [] : [`Deprecated. ${insteadOf(deprecated)}`.trimEnd(), ""]),
    ...aboutResource(resource),
    ...(price.kind === "free" ? [] : [`A call never costs more than $${priceBounds.max}.`]),
    ...errors.map(({ code, text }) => `Fails with \`${code}\`: ${text}`),
  ].join("\n");
}

/** A component with all that it refers to, recursive or not, in its own `$defs`. */
function standalone({ schemas }: ApiModel, name: string): JsonSchema {
  const $defs: Record<string, JsonSchema> = {};
  const relocated = (schema: JsonSchema): JsonSchema => {
    // An option of a union may be a boolean.
    if (typeof schema !== "object") return schema;
    if (schema.$ref === undefined) return mapChildren(tuple(schema), relocated);
    const target = refName(schema.$ref);
    if (!(target in $defs)) {
      // Taken before it is looked into, since it may refer to itself.
      $defs[target] = {};
      $defs[target] = relocated(schemas[target] ?? {});
    }
    return { ...schema, $ref: `#/$defs/${target}` };
  };
  const root = relocated(resolve(schemas, { $ref: refTo(name) }));
  return Object.keys($defs).length === 0 ? root : { ...root, $defs };
}

/**
 * A tuple that holds for both of its readers. Draft 2020-12 takes `items` for what follows on `prefixItems`; draft 7,
 * by which the clients of the official SDK check results, knows no `prefixItems` and takes `items` for all entries.
 */
function tuple(schema: JsonSchema): JsonSchema {
  const { prefixItems, items, ...rest } = schema;
  if (prefixItems === undefined) return schema;
  if (items === false) {
    return { ...rest, prefixItems, items: { anyOf: prefixItems }, maxItems: prefixItems.length };
  }
  // Without `items` anything may follow.
  if (typeof items !== "object") return { ...rest, prefixItems };
  return { ...rest, prefixItems, items: { anyOf: [...prefixItems, items] } };
}
