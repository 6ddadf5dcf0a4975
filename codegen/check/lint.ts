import type { ResourceDefinition } from "../../schema/api.ts";
import { parseUsd } from "../../schema/money.ts";
import type { Price } from "../../schema/price.ts";
import { type SchemaPlace, walk } from "../convert/walk.ts";
import type { MistakeReport } from "../mistake.ts";
import {
  choicesOf,
  type JsonSchema,
  type ResourceModel,
  refTo,
  resolve,
  type Schemas,
  statedBounds,
} from "../model.ts";
import { lintRoute } from "./routes.ts";

const MAX_SUMMARY_LENGTH = 120;
const PLACEHOLDER = /^(|todo|tbd|fixme|xxx|foo|bar|baz|test|unit|thing|item|\?+|\.+|…|-)$/i;

/** Facts of the definition that the model does not hold. */
interface Source {
  readonly definition: ResourceDefinition;
  /** Fields whose default differs between calls. */
  readonly volatile: readonly string[];
}

/** Reports advice. A resource works without following it. */
export function lint(resource: ResourceModel, source: Source, schemas: Schemas, advise: MistakeReport): void {
  const { name, typeName, summary, price, job, errors } = resource;
  const path = `resources.${name}`;
  if (summary.length > MAX_SUMMARY_LENGTH) {
    const fix = `keep it to ${MAX_SUMMARY_LENGTH} and say the rest in the description`;
    advise(`${path}.summary`, `has ${summary.length} characters`, fix);
  }
  if (!summary.trimEnd().endsWith("."))
    advise(`${path}.summary`, "does not end with a period", "write a sentence");
  if (job === undefined && source.definition.timeout === undefined) {
    advise(
      `${path}.timeout`,
      "is not set, so the default of 30 seconds applies",
      'set the time limit: timeout: "20s"',
    );
  }
  if (job !== undefined && source.definition.timeout !== undefined) {
    const fix = "remove it; job.timeout limits how long the job runs";
    advise(`${path}.timeout`, "applies to a synchronous resource only, not to a job", fix);
  }
  if (job !== undefined && errors.length === 0) {
    const fix = 'name what can go wrong: errors: { content_filtered: "The prompt was refused." }';
    advise(`${path}.errors`, "is missing, so a job can fail only with internal_error", fix);
  }
  lintRoute(resource, advise);
  for (const [at, per] of pers(price)) {
    const text = String(per ?? "").trim();
    if (!PLACEHOLDER.test(text)) continue;
    const problem =
      text === "" ? 'is missing, so buyers read "per call"' : `"${text}" does not say what is paid for`;
    const fix =
      'name what one payment buys: per: "image" where a picture is drawn, per: "answer" where a question is answered';
    advise(`${path}.price${at}.per`, problem, fix);
  }
  if (price.kind !== "free" && parseUsd(resource.priceBounds.min) === 0n) {
    const fix = "set a least price, bound the field from below, or use price.free()";
    advise(`${path}.price`, "can come to $0.00", fix);
  }
  for (const field of source.volatile) {
    const problem = "has a default that differs between calls, so documents leave it out";
    advise(`${path}.input.${field}`, problem, "use a fixed default, or .optional()");
  }
  walk(schemas, { $ref: refTo(`${typeName}Input`) }, (place) =>
    lintField(`${path}.input.${place.path}`, place, schemas, advise),
  );
}

function pers(price: Price): (readonly [at: string, per: unknown])[] {
  if (price.kind === "free" || price.kind === "unknown") return [];
  if (price.kind !== "sum") return [["", price.per]];
  return price.parts.map((part, index) => [`.parts.${index}`, part.per]);
}

function lintField(path: string, place: SchemaPlace, schemas: Schemas, advise: MistakeReport): void {
  const schema = resolve(schemas, place.schema);
  const letters = (text: string): string => text.toLowerCase().replace(/[^\p{L}\p{N}]/gu, "");
  if (letters(schema.description ?? "") === letters(place.name)) {
    advise(path, "has a description that only repeats its name", "describe its meaning and its valid values");
  }
  const choices = choicesOf(schemas, schema);
  if (choices === undefined) lintBounds(path, schema, schemas, advise);
  else if (!place.required && schema.default === undefined && choices.length > 1) {
    advise(path, "is an optional choice without a default", "add .default(…)");
  }
}

function lintBounds(
  path: string,
  schema: JsonSchema,
  schemas: Schemas,
  advise: MistakeReport,
  around: readonly string[] = [],
): void {
  // A component that holds itself is looked at once.
  if (schema.$ref !== undefined && around.includes(schema.$ref)) return;
  const within = schema.$ref === undefined ? around : [...around, schema.$ref];
  const { type, anyOf, items, maxLength, maxItems, ...whole } = resolve(schemas, schema);
  const own = { ...whole, ...statedBounds(whole) };
  const lint = (at: string, inner: JsonSchema): void => lintBounds(at, inner, schemas, advise, within);
  for (const option of anyOf ?? []) lint(path, option);
  // A nullable schema has two types.
  const types = Array.isArray(type) ? type : [type];
  if (types.includes("string") && maxLength === undefined && !isBounded(own)) {
    const unbounded = own.enum === undefined && own.const === undefined;
    if (unbounded) advise(path, "is a string of any length", "add .max(…)");
  }
  if (types.includes("array")) {
    if (maxItems === undefined) advise(path, "is a list of any length", "add .max(…)");
    if (typeof items === "object") lint(`${path}[]`, items);
  }
  if (types.includes("number") || types.includes("integer")) {
    const below = own.minimum ?? own.exclusiveMinimum ?? own.const;
    const above = own.maximum ?? own.exclusiveMaximum ?? own.const;
    if (below === undefined || above === undefined) {
      advise(path, "is a number without bounds", "add .min(…) and .max(…)");
    }
  }
}

const FIXED_LENGTH = new Set("date-time date time duration uuid ipv4 ipv6 ulid cuid2 nanoid".split(" "));

/** Whether the format or the pattern limits the length. */
function isBounded({ format, pattern }: Pick<JsonSchema, "format" | "pattern">): boolean {
  if (format !== undefined && FIXED_LENGTH.has(format)) return true;
  return pattern !== undefined && /^\^.*\$$/s.test(pattern) && !/[*+]|\{\d+,\}/.test(pattern);
}
