import {
  type ApiModel,
  choicesOf,
  type Field,
  fieldsOf,
  type ResourceModel,
  refTo,
  resolve,
  type Schemas,
} from "../model.ts";
import { kindText, limitsText } from "../prose.ts";
import { sampleOf } from "../sample.ts";

/** The data that the page's script needs to send a call. */
export interface Form {
  readonly method: ResourceModel["method"];
  readonly path: string;
  /** Absent when the input is not a plain object. Then the user writes it as JSON. */
  readonly fields?: readonly FormField[];
  /** The input as JSON, where there are no fields. */
  readonly body?: unknown;
}

interface FormField {
  readonly name: string;
  readonly kind: "text" | "long" | "number" | "choice" | "json";
  readonly required: boolean;
  /** Filled in before anybody has written anything. */
  readonly value?: unknown;
  readonly choices?: readonly unknown[];
  /** Limits, in words. */
  readonly hint: string;
}

/** A text that may be longer than this gets several lines. */
const ONE_LINE = 200;
/** A choice among more than this is written, not picked. */
const MAX_CHOICES = 300;

/** The form of every resource, by name. */
export function formsOf({ resources, schemas }: ApiModel): Readonly<Record<string, Form>> {
  return Object.fromEntries(resources.map((resource) => [resource.name, formOf(resource, schemas)]));
}

function formOf({ typeName, method, path, examples }: ResourceModel, schemas: Schemas): Form {
  const input = { $ref: refTo(`${typeName}Input`) };
  const fields = fieldsOf(schemas, input);
  const example = examples[0]?.input;
  if (fields === undefined) return { method, path, body: example ?? sampleOf(schemas, input) };
  const given = new Map(Object.entries((example ?? {}) as object));
  return { method, path, fields: fields.map((field) => formField(field, given.get(field.name), schemas)) };
}

function formField({ name, schema, required }: Field, given: unknown, schemas: Schemas): FormField {
  const { default: fallback, ...own } = resolve(schemas, schema);
  const choices = choicesOf(schemas, schema);
  const isPicked = choices !== undefined && choices.length <= MAX_CHOICES;
  const value = given ?? fallback ?? (required ? sampleOf(schemas, schema) : undefined);
  return {
    name,
    kind: isPicked ? "choice" : writtenAs(own.anyOf ?? own.oneOf, kindText(schemas, own), own.maxLength),
    required,
    ...(value === undefined ? {} : { value }),
    ...(isPicked ? { choices } : {}),
    hint: limitsText(schemas, own),
  };
}

function writtenAs(
  options: unknown,
  kind: string,
  maxLength: number | undefined,
): "text" | "long" | "number" | "json" {
  if (options !== undefined) return "json";
  if (kind === "string") return (maxLength ?? Number.POSITIVE_INFINITY) > ONE_LINE ? "long" : "text";
  return kind === "number" || kind === "integer" ? "number" : "json";
}
