import type { Schema } from "../../schema/standard.ts";
import { isRecord } from "../protocol/index.ts";
import type { JsonLimits } from "../protocol/json-structure.ts";

/** How large an input may be. */
export interface InputLimits extends JsonLimits {
  readonly maxBytes: number;
}

/** The most that a valid value can be, as JSON. Infinite where the schema sets no bound. */
interface Size {
  readonly bytes: number;
  readonly values: number;
}

/** Deeper inputs are refused: schemas that refer to themselves call themselves once a level. */
const MAX_DEPTH = 100;
/** Smaller inputs are never refused for their size: they may hold unknown members, long numbers and white space. */
const MIN_BYTES = 64 * 1024;
const MIN_VALUES = 10_000;
const SLACK = 2;
/** Without a bound in the schema, one value may stand in so many bytes on average. */
const BYTES_PER_VALUE = 20;

/**
 * How large an input of this schema may be: twice what its largest valid value takes, where the schema says so in its
 * JSON Schema (zod 4.2 and later), and never more than `maxBodyBytes`.
 */
export function inputLimits(schema: Schema, maxBodyBytes: number): InputLimits {
  const { bytes, values } = largest(schema);
  return {
    maxBytes: Math.min(maxBodyBytes, Math.max(MIN_BYTES, SLACK * bytes)),
    maxValues: Number.isFinite(values)
      ? Math.max(MIN_VALUES, SLACK * values)
      : Math.max(MIN_VALUES, Math.floor(maxBodyBytes / BYTES_PER_VALUE)),
    maxDepth: MAX_DEPTH,
  };
}

const UNBOUNDED: Size = { bytes: Number.POSITIVE_INFINITY, values: Number.POSITIVE_INFINITY };
const SCALAR: Size = { bytes: 32, values: 1 };
/** A character may be written as two escapes of six bytes. */
const BYTES_PER_CHARACTER = 12;

/** Standard JSON Schema (standardschema.dev/json-schema). */
interface Described {
  readonly jsonSchema?: { readonly input?: (options: { readonly target: string }) => unknown };
}

function largest(schema: Schema): Size {
  const { jsonSchema } = schema["~standard"] as Described;
  try {
    const root = jsonSchema?.input?.({ target: "draft-2020-12" });
    return isRecord(root) ? sizeOf(root, root, new Set()) : UNBOUNDED;
  } catch {
    // Not every schema can be written as JSON Schema.
    return UNBOUNDED;
  }
}

/** @param open Schemas that contain this one: a schema within itself sets no bound. */
function sizeOf(schema: unknown, root: object, open: ReadonlySet<unknown>): Size {
  if (!isRecord(schema) || open.has(schema)) return UNBOUNDED;
  const within = new Set(open).add(schema);
  const of = (part: unknown): Size => sizeOf(part, root, within);
  const { $ref, anyOf, oneOf, allOf, type } = schema;
  if (typeof $ref === "string") return of(target($ref, root));
  const choices = [anyOf, oneOf].find(Array.isArray);
  if (choices) return choices.map(of).reduce(larger, { bytes: 0, values: 0 });
  // What one part leaves open another may bound; to take their sum is enough where all are objects.
  if (Array.isArray(allOf)) return allOf.map(of).reduce(sum, { bytes: 0, values: 0 });
  if ("const" in schema) return written([schema.const]);
  if (Array.isArray(schema.enum)) return written(schema.enum);
  if (type === "number" || type === "integer" || type === "boolean" || type === "null") return SCALAR;
  if (type === "string") {
    return { bytes: 2 + BYTES_PER_CHARACTER * numberIn(schema.maxLength), values: 1 };
  }
  if (type === "array") return sizeOfList(schema, of);
  return type === "object" ? sizeOfObject(schema, of) : UNBOUNDED;
}

function sizeOfList(schema: Readonly<Record<string, unknown>>, of: (part: unknown) => Size): Size {
  const fixed = Array.isArray(schema.prefixItems) ? schema.prefixItems : [];
  const isClosed = schema.items === false || (fixed.length > 0 && schema.items === undefined);
  const others = isClosed ? 0 : numberIn(schema.maxItems);
  const each = others === 0 ? SCALAR : of(schema.items);
  return [...fixed.map(of), times(each, others)].reduce(sum, SCALAR);
}

function sizeOfObject(schema: Readonly<Record<string, unknown>>, of: (part: unknown) => Size): Size {
  const { properties = {}, additionalProperties: other, maxProperties } = schema;
  const named = Object.entries(properties as object).map(([name, part]) =>
    sum(of(part), { bytes: name.length * BYTES_PER_CHARACTER + 4, values: 0 }),
  );
  if (other === true) return UNBOUNDED;
  const free = isRecord(other) ? [times(sum(of(other), SCALAR), numberIn(maxProperties))] : [];
  return [...named, ...free].reduce(sum, SCALAR);
}

function written(values: readonly unknown[]): Size {
  const lengths = values.map((value) => BYTES_PER_CHARACTER * (JSON.stringify(value) ?? "").length);
  return { bytes: Math.max(0, ...lengths), values: 1 };
}

function numberIn(limit: unknown): number {
  return typeof limit === "number" ? limit : Number.POSITIVE_INFINITY;
}

function times(size: Size, count: number): Size {
  return count === 0
    ? { bytes: 0, values: 0 }
    : { bytes: (size.bytes + 1) * count, values: size.values * count };
}

function sum(a: Size, b: Size): Size {
  return { bytes: a.bytes + b.bytes, values: a.values + b.values };
}

function larger(a: Size, b: Size): Size {
  return { bytes: Math.max(a.bytes, b.bytes), values: Math.max(a.values, b.values) };
}

/** The schema at a JSON pointer into the document. */
function target(ref: string, root: object): unknown {
  if (!ref.startsWith("#")) return undefined;
  let found: unknown = root;
  for (const part of ref.slice(2).split("/").filter(Boolean)) {
    const name = part.replaceAll("~1", "/").replaceAll("~0", "~");
    found = isRecord(found) && Object.hasOwn(found, name) ? found[name] : undefined;
  }
  return found;
}
