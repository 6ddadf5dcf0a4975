import type { CancelPolicy } from "../schema/cancel.ts";
import type { Price } from "../schema/price.ts";
import type { Carriages, Method } from "../src/protocol/request.ts";

/** A JSON object. */
export type Json = Readonly<Record<string, unknown>>;

/** JSON Schema, draft 2020-12: the keywords that the compiler and the emitters use. */
export interface JsonSchema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly default?: unknown;
  readonly deprecated?: boolean;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly format?: string;
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
  readonly multipleOf?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly items?: JsonSchema | boolean;
  readonly prefixItems?: readonly JsonSchema[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: JsonSchema | boolean;
  readonly propertyNames?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly allOf?: readonly JsonSchema[];
  readonly [keyword: string]: unknown;
}

/** Marks a schema that is not JSON: an output that is `bytes` or `events`, or a `file` among the parts of a form. */
export const ANSWER = "x-answer";

export type Schemas = Readonly<Record<string, JsonSchema>>;

/**
 * What an API sells, as plain, sorted JSON: the only thing that emitters read. It holds nothing
 * that may not be published; `costs` stay behind in the definition.
 */
export interface ApiModel {
  /** The definition's file, relative to the output folder. */
  readonly source: string;
  readonly title: string;
  readonly version: string;
  readonly description: string;
  readonly contact?: { readonly name?: string; readonly url?: string; readonly email?: string };
  readonly license?: { readonly name: string; readonly url?: string };
  readonly servers: readonly { readonly url: string; readonly description?: string }[];
  /** Sorted by name. */
  readonly resources: readonly ResourceModel[];
  /** SHA-256 of the definition's text, for `server.gen.ts`. Absent from what was read from a document. */
  readonly definitionHash?: string;
  /** True for an API of another library, known only from its document. */
  readonly isForeign?: true;
  /** Request headers that a third party's API asks for beside the payment, sorted by name. */
  readonly headers?: readonly HeaderModel[];
  /** What buyers see, sorted by name; references have the form `#/components/schemas/Name`. */
  readonly schemas: Schemas;
  /** What handlers alone see: arguments with defaults filled in, results before the output's own. Sorted. */
  readonly handlerSchemas: Schemas;
}

export interface ResourceModel {
  readonly name: string;
  /** The name in Pascal case. Its four faces are the schemas `…Input`, `…Output`, `…Args` and `…Result`. */
  readonly typeName: string;
  readonly summary: string;
  readonly description?: string;
  readonly method: Method;
  /** With `/:name` for path parameters, and in a third party's API `{name}` for those that code cannot name so. */
  readonly path: string;
  readonly pathParams: readonly string[];
  readonly tags: readonly string[];
  /** True, or the replacement. */
  readonly deprecated?: true | string;
  /** Faces that no JSON Schema can hold (a `Date`, a class): their types are inferred from the definition. */
  readonly inferred: readonly ("Args" | "Result")[];
  /** How a third party's operation is called, where that differs from our own. */
  readonly transport?: Transport;
  readonly price: Price;
  /** Decimal US dollars. */
  readonly priceBounds: { readonly min: string; readonly max: string };
  readonly priceSentence: string;
  /** The unit of the price: "per image". */
  readonly per: string;
  /** Defaults of the priced fields, which a client needs to compute the price offline. */
  readonly pricedDefaults: Readonly<Record<string, unknown>>;
  readonly timeoutMs: number;
  /** Whether the payment is settled before the handler runs, or after it has succeeded. */
  readonly charge: "before" | "after" | "unknown";
  /** Present when outputs are cached. */
  readonly cache?: { readonly ms: number };
  readonly job?: JobModel;
  /** True for a third party's operation that answers with a job of its own make. */
  readonly isForeignJob?: true;
  /** Sorted by code. */
  readonly errors: readonly { readonly code: string; readonly text: string }[];
  readonly examples: readonly { readonly input: unknown; readonly output: unknown }[];
  /** True when the server refuses the input that documents make up where there are no examples. */
  readonly isSampleRefused?: true;
}

/** Whether a call is answered by a job. */
export function isJob({ job, isForeignJob }: Pick<ResourceModel, "job" | "isForeignJob">): boolean {
  return job !== undefined || isForeignJob === true;
}

/** How an operation is called: the members of the client's `CallDefinition` of the same names. */
export interface Transport {
  readonly send?: Carriages;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly needs?: readonly string[];
  readonly produces?: readonly string[];
  readonly idempotent?: boolean;
  readonly server?: string;
}

/** A request header that the buyer gives, as a member of the client's option `headers`. */
export interface HeaderModel {
  readonly name: string;
  readonly description?: string;
  /** Whether every operation asks for it. */
  readonly required: boolean;
}

export interface JobModel {
  /** Time limit of each attempt. */
  readonly timeoutMs: number;
  /** Maximum number of retries. Absent: none. */
  readonly retries?: number;
  /** The pause before the first retry. */
  readonly backoffMs?: number;
  readonly retentionMs: number;
  /** The cancel policy for charged jobs. */
  readonly cancel: CancelPolicy;
  /** Maximum time between acceptance and start. */
  readonly startWithinMs?: number;
  readonly artifactUrl?: string;
  readonly response?: string;
}

/** One member of an object schema. */
export interface Field {
  readonly name: string;
  readonly schema: JsonSchema;
  readonly required: boolean;
}

const REF = "#/components/schemas/";

export function refTo(name: string): string {
  return REF + name;
}

/** The name behind a `$ref` to a component. */
export function refName(ref: string): string {
  return ref.slice(REF.length);
}

/** Follows references. Keywords beside a `$ref`, such as a description, override those of its target. */
export function resolve(schemas: Schemas, schema: JsonSchema): JsonSchema {
  let resolved = schema;
  for (let hops = 0; resolved.$ref !== undefined && hops < 100; hops += 1) {
    const { $ref, ...beside } = resolved;
    resolved = { ...(schemas[refName($ref)] ?? {}), ...beside };
  }
  return resolved;
}

/** References that a walk has followed: what it finds behind one the second time, it has found already. */
export type Followed = Set<string>;

/** The parts that a walk has not followed yet. Otherwise a chain of 30 schemas that names each next one twice has 2^30. */
export function unfollowed(
  parts: readonly JsonSchema[] | undefined,
  followed: Followed,
): readonly JsonSchema[] {
  return (parts ?? []).filter((part) => {
    if (part.$ref === undefined) return true;
    const key = JSON.stringify(part);
    const isNew = !followed.has(key);
    followed.add(key);
    return isNew;
  });
}

/** The members of a plain object, in the order of the definition; `undefined` for a union or anything else. */
export function fieldsOf(
  schemas: Schemas,
  schema: JsonSchema,
  followed: Followed = new Set(),
): readonly Field[] | undefined {
  const { type, properties, required, allOf, anyOf, oneOf } = resolve(schemas, schema);
  if (anyOf !== undefined || oneOf !== undefined) return undefined;
  if (type !== "object" && allOf === undefined) return undefined;
  const inherited = unfollowed(allOf, followed).map((part) => fieldsOf(schemas, part, followed));
  if (inherited.includes(undefined)) return undefined;
  const own = Object.entries(properties ?? {}).map(([name, schema]) => ({
    name,
    schema,
    required: required?.includes(name) ?? false,
  }));
  return [...inherited.flatMap((fields) => fields ?? []), ...own];
}

/** Whether an object may have members that its schema does not declare. */
export function takesMore(schemas: Schemas, schema: JsonSchema, followed: Followed = new Set()): boolean {
  const { properties, additionalProperties, patternProperties, allOf } = resolve(schemas, schema);
  if (patternProperties !== undefined) return true;
  if (additionalProperties !== undefined) return additionalProperties !== false;
  if (allOf !== undefined) {
    return unfollowed(allOf, followed).some((part) => takesMore(schemas, part, followed));
  }
  // Our plain objects do not mention other members, and drop them.
  return properties === undefined;
}

/** Whether a schema explicitly forbids undeclared members, which foreign schemas otherwise allow. */
export function isClosed(schemas: Schemas, schema: JsonSchema, followed: Followed = new Set()): boolean {
  const { additionalProperties, allOf } = resolve(schemas, schema);
  if (additionalProperties === false) return true;
  return unfollowed(allOf, followed).some((part) => isClosed(schemas, part, followed));
}

/** What every absolute URL begins with. What follows is the URL standard's, which no pattern can say. */
export const URL_PATTERN = "^\\s*[A-Za-z][A-Za-z0-9+.-]*:";

/** The bounds that an author has set; every integer of zod ends where a double is no longer exact. */
export function statedBounds({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }: JsonSchema): Bounds {
  return {
    minimum: minimum === Number.MIN_SAFE_INTEGER ? undefined : minimum,
    maximum: maximum === Number.MAX_SAFE_INTEGER ? undefined : maximum,
    exclusiveMinimum,
    exclusiveMaximum,
  };
}

interface Bounds {
  readonly minimum: number | undefined;
  readonly maximum: number | undefined;
  readonly exclusiveMinimum: number | undefined;
  readonly exclusiveMaximum: number | undefined;
}

/** The values of a closed set (enum, literal, boolean, null, or a union of those); `undefined` when it is open. */
export function choicesOf(
  schemas: Schemas,
  schema: JsonSchema,
  followed: Followed = new Set(),
): readonly unknown[] | undefined {
  const { type, enum: values, const: value, anyOf, oneOf } = resolve(schemas, schema);
  if (value !== undefined) return [value];
  if (values !== undefined) return values;
  if (type === "boolean") return [true, false];
  if (type === "null") return [null];
  const parts = anyOf ?? oneOf;
  if (parts === undefined) return undefined;
  const options = unfollowed(parts, followed).map((option) => choicesOf(schemas, option, followed));
  return options.includes(undefined) ? undefined : options.flatMap((choices) => choices ?? []);
}

/** The defaults of those of the named fields that have one. */
export function defaultsOf(
  names: readonly string[],
  fields: readonly Field[],
  schemas: Schemas,
): Readonly<Record<string, unknown>> {
  const defaults = names.flatMap((name): [string, unknown][] => {
    const field = fields.find((field) => field.name === name);
    const { default: value } = field ? resolve(schemas, field.schema) : {};
    return value === undefined ? [] : [[name, value]];
  });
  return Object.fromEntries(defaults);
}

/** Order by code unit: the same on every machine, whatever its locale. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
