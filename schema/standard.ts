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

export type Validation<T> = { readonly value: T } | { readonly issues: readonly Issue[] };

/** Validates through the schema's own library. Never throws for a value that is merely wrong. */
export function validate<S extends Schema>(
  schema: S,
  value: unknown,
): Validation<OutputOf<S>> | Promise<Validation<OutputOf<S>>> {
  const result = schema["~standard"].validate(value);
  return result instanceof Promise ? result.then(plain) : plain(result);
}

function plain<T>(result: StandardSchemaV1.Result<T>): Validation<T> {
  if (result.issues === undefined) return { value: result.value };
  return { issues: result.issues.map((issue) => ({ path: dotted(issue.path), message: issue.message })) };
}

function dotted(path: StandardSchemaV1.Issue["path"]): string {
  return (path ?? []).map((part) => String(typeof part === "object" ? part.key : part)).join(".");
}
