import type { StandardSchemaV1 } from "@standard-schema/spec";

/** Any schema that speaks Standard Schema v1 (zod 3.24+, zod 4, valibot, arktype, …). Source: standardschema.dev. */
export type Schema<Input = unknown, Output = Input> = StandardSchemaV1<Input, Output>;

/** What a caller writes: fields with a default may be left out. */
export type InputOf<S extends Schema> = StandardSchemaV1.InferInput<S>;

/** What comes out of validation: defaults filled in, transforms applied. */
export type OutputOf<S extends Schema> = StandardSchemaV1.InferOutput<S>;

/** One thing that is wrong with a value. `path` is dotted (`tags.0`); empty for the value as a whole. */
interface Issue {
  readonly path: string;
  readonly message: string;
}

/** What is wrong with a value, at most {@link MAX_ISSUES} of it. */
interface Invalid {
  readonly issues: readonly Issue[];
  /** How many further issues there are. */
  readonly more: number;
}

export type Validation<T> = { readonly value: T } | Invalid;

/** A sender chooses how much is wrong with a value, and so how long a list of all issues would be. */
const MAX_ISSUES = 20;
/** Characters of a path and of a message: both may repeat what the sender wrote. */
const MAX_PATH_LENGTH = 100;
const MAX_MESSAGE_LENGTH = 200;

/** Validates through the schema's own library. Throws only what that library throws. */
export function validate<S extends Schema>(
  schema: S,
  value: unknown,
): Validation<OutputOf<S>> | Promise<Validation<OutputOf<S>>> {
  const result = parsesOnce(schema) ? parsed(schema, value) : schema["~standard"].validate(value);
  return result instanceof Promise ? result.then(plain) : plain(result);
}

/** A schema of zod 3 or 4. */
interface ParsesOnce {
  safeParseAsync(
    value: unknown,
  ): Promise<{ success: true; data: unknown } | { success: false; error: StandardSchemaV1.FailureResult }>;
}

/**
 * zod's `~standard.validate` begins without asynchronous steps, and begins again when it meets one. Such a step
 * runs twice, and nothing handles the rejection of the first run: in Node, that ends the process.
 */
async function parsed<S extends Schema>(
  schema: ParsesOnce,
  value: unknown,
): Promise<StandardSchemaV1.Result<OutputOf<S>>> {
  const result = await schema.safeParseAsync(value);
  return result.success ? { value: result.data as OutputOf<S> } : { issues: result.error.issues };
}

function parsesOnce(schema: object): schema is ParsesOnce {
  return "safeParseAsync" in schema && typeof schema.safeParseAsync === "function";
}

function plain<T>(result: StandardSchemaV1.Result<T>): Validation<T> {
  if (result.issues === undefined) return { value: result.value };
  const issues = result.issues.slice(0, MAX_ISSUES).map((issue) => ({
    path: shortened(dotted(issue.path), MAX_PATH_LENGTH),
    message: shortened(issue.message, MAX_MESSAGE_LENGTH),
  }));
  return { issues, more: result.issues.length - issues.length };
}

function dotted(path: StandardSchemaV1.Issue["path"]): string {
  return (path ?? []).map((part) => String(typeof part === "object" ? part.key : part)).join(".");
}

function shortened(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}
