import { type CallModel, callDefinition } from "../call-definition.ts";
import { mapChildren } from "../convert/normalize.ts";
import {
  type ApiModel,
  isJob,
  type JsonSchema,
  type ResourceModel,
  refName,
  refTo,
  resolve,
} from "../model.ts";
import { aboutResource, insteadOf } from "../prose.ts";
import { acceptedNames, objectRoot } from "../tool-input.ts";

/** A resource as an agent's tool, in the words of the Model Context Protocol (2025-11-25, "Tools"). */
export interface ToolModel {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  /** Self-contained: its references point into its `$defs`. */
  readonly inputSchema: ObjectSchema;
  /** What each property name stands for that replaces one which models do not accept. */
  readonly names?: Readonly<Record<string, string>>;
  /** Absent when the output is not an object, because the protocol supports only objects. */
  readonly outputSchema?: ObjectSchema;
  readonly isReadOnly: boolean;
  readonly isJob: boolean;
  readonly call: CallModel;
}

interface ObjectSchema extends JsonSchema {
  readonly type: "object";
}

/** Characters of a tool's name and of its description that all known clients take. */
const MAX_NAME = 64;
const MAX_DESCRIPTION = 1024;

/** What `resource402 mcp` serves. */
export function emitTools(model: ApiModel): readonly ToolModel[] {
  const taken = new Set<string>();
  return model.resources.map((resource) => {
    const outputSchema = standalone(
      model,
      resolve(model.schemas, { $ref: refTo(`${resource.typeName}Output`) }),
    );
    const root = objectRoot(model.schemas, { $ref: refTo(`${resource.typeName}Input`) });
    const { schema, names } = acceptedNames(standalone(model, root));
    const name = toolName(resource.name, taken);
    taken.add(name);
    return {
      name,
      title: titleOf(resource.name),
      description: descriptionOf(resource),
      // Every input is an object: its members become path, query or body.
      inputSchema: { ...schema, type: "object" },
      ...(Object.keys(names).length === 0 ? {} : { names }),
      ...(isObject(outputSchema) ? { outputSchema } : {}),
      // Who pays changes something, even by a GET.
      isReadOnly: resource.method === "GET" && resource.price.kind === "free",
      isJob: isJob(resource),
      call: callDefinition(resource),
    };
  });
}

function toolName(name: string, taken: ReadonlySet<string>): string {
  let free = name.slice(0, MAX_NAME);
  for (let count = 2; taken.has(free); count += 1) free = `${name.slice(0, MAX_NAME - 4)}${count}`;
  return free;
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

/** What a tool does and costs. What is too long for some client is cut off, but for the price. */
function descriptionOf(resource: ResourceModel): string {
  const { summary, deprecated, errors, price, priceBounds, description: _, ...terms } = resource;
  const isCapped = price.kind !== "free" && price.kind !== "unknown";
  const top = [
    summary,
    "",
    ...(deprecated === undefined ? [] : [`Deprecated. ${insteadOf(deprecated)}`.trimEnd(), ""]),
  ];
  const most = isCapped ? [`A call never costs more than $${priceBounds.max}.`] : [];
  const fails = errors.map(({ code, text }) => `Fails with \`${code}\`: ${text}`);
  const whole = [...top, ...aboutResource(resource), ...most, ...fails].join("\n");
  if (whole.length <= MAX_DESCRIPTION) return whole;
  const money = [...aboutResource({ ...terms, summary, errors, price, priceBounds }), ...most].join("\n");
  const head = [...top, resource.description ?? ""].join("\n");
  return `${cut(head, MAX_DESCRIPTION - money.length - 2)}\n\n${money}`;
}

/** The beginning of a text, which ends with a word. */
function cut(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, Math.max(0, length - 1)).replace(/\s+\S*$/, "")}…`;
}

/** A schema with all that it refers to, recursive or not, in its own `$defs`. */
function standalone({ schemas }: ApiModel, schema: JsonSchema): JsonSchema {
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
  const root = relocated(schema);
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
