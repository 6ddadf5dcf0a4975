import type { ApiDefinition, JobOptions, ResourceDefinition } from "../../schema/api.ts";
import { PROBLEMS } from "../../src/protocol/problem.ts";
import { didYouMean, listOf, type MistakeReport } from "../mistake.ts";
import { type Field, fieldsOf, type JsonSchema, type Schemas } from "../model.ts";
import { textKind } from "./routes.ts";
import { checkRunning } from "./running.ts";

/** Checks of the texts, codes and field names in a definition. Schemas and prices have their own checks. */

/** The members of a resource. The type of the record keeps the list complete. */
const MEMBERS: readonly string[] = Object.keys({
  summary: 0,
  description: 0,
  input: 0,
  output: 0,
  price: 0,
  method: 0,
  path: 0,
  timeout: 0,
  job: 0,
  charge: 0,
  cancel: 0,
  errors: 0,
  costs: 0,
  tags: 0,
  deprecated: 0,
  examples: 0,
  cache: 0,
  concurrency: 0,
  loggable: 0,
} satisfies Record<keyof ResourceDefinition, 0>);

const JOB_MEMBERS = Object.keys({
  timeout: 0,
  retention: 0,
  retries: 0,
  backoff: 0,
  startWithin: 0,
  concurrency: 0,
  maxQueued: 0,
  artifactUrl: 0,
  response: 0,
} satisfies Record<keyof JobOptions, 0>);

const LISTS = ["tags", "examples", "loggable"] as const;

function checkNames(path: string, value: object, known: readonly string[], report: MistakeReport): void {
  for (const name of Object.keys(value)) {
    if (known.includes(name)) continue;
    const place = known === MEMBERS && JOB_MEMBERS.includes(name) ? ": it belongs in `job`" : "";
    report(
      `${path}.${name}`,
      `is not known here${place || didYouMean(name, known)}`,
      place ? `write job: { …, ${name}: … }` : `use one of ${listOf(known)}`,
    );
  }
}

/** Reports missing texts of the API itself. */
export function checkHead(api: ApiDefinition, report: MistakeReport): void {
  for (const name of ["title", "version", "description"] as const) {
    if (!isText(api[name])) report(name, "is missing or empty", `add ${name}: "…"`);
  }
}

/** Reports invalid declared errors of a resource, given as pairs of code and text. */
export function checkErrors(
  path: string,
  errors: Iterable<readonly [code: string, text: unknown]>,
  report: MistakeReport,
): void {
  for (const [code, text] of errors) {
    const at = `${path}.errors.${code}`;
    if (!/^[a-z][a-z0-9_]*$/.test(code))
      report(at, `"${code}" is not a valid error code`, 'write it like "content_filtered"');
    if (Object.hasOwn(PROBLEMS, code))
      report(at, `"${code}" is a reserved error code`, "choose another code");
    if (!isText(text)) report(at, "has no text", "write a message for buyers");
  }
}

/** Reports mistakes in the plain members of a resource. Returns false when they prevent further checks. */
export function checkResource(path: string, resource: ResourceDefinition, report: MistakeReport): boolean {
  if (typeof resource !== "object" || resource === null) {
    report(path, "is not a valid resource", "use resource({ summary, input, output, price })");
    return false;
  }
  const { summary, method, charge, errors } = resource;
  if (!isText(summary))
    report(`${path}.summary`, "is missing or empty", "describe in one sentence what the buyer gets");
  if (method !== undefined && method !== "GET" && method !== "POST") {
    report(`${path}.method`, `${JSON.stringify(method)} is not supported`, 'use "POST" or "GET"');
  }
  if (charge !== undefined && charge !== "before" && charge !== "after") {
    report(
      `${path}.charge`,
      `${JSON.stringify(charge)} is not known`,
      'write "before" (settle, then run) or "after" (run, then settle)',
    );
  }
  checkNames(path, resource, MEMBERS, report);
  checkNames(`${path}.job`, resource.job ?? {}, JOB_MEMBERS, report);
  checkRunning(path, resource, report);
  checkErrors(path, Object.entries(errors ?? {}), report);
  for (const name of LISTS) {
    const list: unknown = resource[name];
    if (list !== undefined && !Array.isArray(list)) report(`${path}.${name}`, "is not a list", "write [ … ]");
  }
  const schemas = (["input", "output"] as const).filter((face) => {
    const schema: unknown = resource[face];
    const fits = (typeof schema === "object" || typeof schema === "function") && schema !== null;
    if (fits && "~standard" in schema) return true;
    report(`${path}.${face}`, "is not a valid schema", "use z.object({ … })");
    return false;
  });
  return schemas.length === 2 && LISTS.every((name) => Array.isArray(resource[name] ?? []));
}

/** Reports `artifactUrl` and `response` when they do not name a string field of the output. */
export function checkJob(
  path: string,
  job: JobOptions | undefined,
  schemas: Schemas,
  output: JsonSchema,
  report: MistakeReport,
): void {
  const fields = fieldsOf(schemas, output) ?? [];
  for (const role of ["artifactUrl", "response"] as const) {
    const name: unknown = job?.[role];
    if (name === undefined) continue;
    const field = fields.find((field) => field.name === name);
    const names = fields.map(({ name }) => name);
    if (field === undefined) {
      const problem = `the output has no field ${JSON.stringify(name)}${didYouMean(String(name), names)}`;
      report(`${path}.job.${role}`, problem, names.length === 0 ? "add it" : `use one of ${listOf(names)}`);
    } else if (textKind(schemas, field.schema) !== "string") {
      report(`${path}.job.${role}`, `"${field.name}" is not a string`, "name a field that is a string");
    }
  }
}

/** Reports loggable fields that the input does not have. The fields of a union are not known here. */
export function checkLoggable(
  path: string,
  loggable: readonly unknown[],
  fields: readonly Field[] | undefined,
  report: MistakeReport,
): void {
  if (fields === undefined) return;
  const names = fields.map(({ name }) => name);
  for (const [index, name] of loggable.entries()) {
    if (names.some((known) => known === name)) continue;
    const problem = `the input has no field ${JSON.stringify(name)}${didYouMean(String(name), names)}`;
    report(
      `${path}.loggable.${index}`,
      problem,
      names.length === 0 ? "remove it" : `use one of ${listOf(names)}`,
    );
  }
}

export function isText(value: unknown): value is string {
  return typeof value === "string" && value.trim() !== "";
}
