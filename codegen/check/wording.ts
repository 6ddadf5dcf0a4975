import type { ApiDefinition, JobOptions, ResourceDefinition } from "../../schema/api.ts";
import { parseDuration } from "../../schema/duration.ts";
import { PROBLEMS } from "../../src/wire/problem.ts";
import { didYouMean, listOf, type Report } from "../mistake.ts";
import { fieldsOf, type JsonSchema, type Schemas } from "../model.ts";
import { textKind } from "./routes.ts";

/** Checks of what is written in a definition beside schemas and price: texts, durations, codes, field names. */

/** Everything that a resource may say of itself. Held complete by the type of the record. */
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
  errors: 0,
  costs: 0,
  tags: 0,
  deprecated: 0,
  examples: 0,
} satisfies Record<keyof ResourceDefinition, 0>);

const DURATION = 'write a number and a unit: "20s", "2m", "24h"';

/** Reports texts of the API itself that are missing. */
export function checkHead(api: ApiDefinition, report: Report): void {
  for (const name of ["title", "version", "description"] as const) {
    if (!isText(api[name])) report(name, "is missing or empty", `add ${name}: "…"`);
  }
}

/** Reports what is wrong with the plain members of a resource; false when nothing more can be asked of it. */
export function checkResource(path: string, resource: ResourceDefinition, report: Report): boolean {
  if (typeof resource !== "object" || resource === null) {
    report(path, "is no resource", "use resource({ summary, input, output, price })");
    return false;
  }
  const { summary, method, timeout, job, charge, errors } = resource;
  if (!isText(summary))
    report(`${path}.summary`, "is missing or empty", "say in one sentence what the buyer gets");
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
  const durations = [
    ["timeout", timeout],
    ["job.timeout", job?.timeout],
    ["job.retention", job?.retention],
  ] as const;
  if (job !== undefined && job.timeout === undefined) {
    report(`${path}.job.timeout`, "is missing", 'say how long the job may run: timeout: "2m"');
  }
  for (const name of Object.keys(resource)) {
    if (MEMBERS.includes(name)) continue;
    report(
      `${path}.${name}`,
      `is not known here${didYouMean(name, MEMBERS)}`,
      `use one of ${listOf(MEMBERS)}`,
    );
  }
  for (const [name, value] of durations) {
    if (value === undefined || parseDuration(value) !== undefined) continue;
    report(`${path}.${name}`, `${JSON.stringify(value)} is no duration`, DURATION);
  }
  for (const [code, text] of Object.entries(errors ?? {})) {
    const at = `${path}.errors.${code}`;
    if (!/^[a-z][a-z0-9_]*$/.test(code))
      report(at, `"${code}" is no error code`, 'write it like "content_filtered"');
    if (Object.hasOwn(PROBLEMS, code))
      report(at, `"${code}" is a code of this library`, "choose another code");
    if (!isText(text)) report(at, "has no text", "say what buyers read when it happens");
  }
  for (const name of ["tags", "examples"] as const) {
    const list: unknown = resource[name];
    if (list !== undefined && !Array.isArray(list)) report(`${path}.${name}`, "is no list", "write [ … ]");
  }
  const schemas = (["input", "output"] as const).filter((face) => {
    const schema: unknown = resource[face];
    const fits = (typeof schema === "object" || typeof schema === "function") && schema !== null;
    if (fits && "~standard" in schema) return true;
    report(`${path}.${face}`, "is no schema", "use z.object({ … })");
    return false;
  });
  return schemas.length === 2 && [resource.tags ?? [], resource.examples ?? []].every(Array.isArray);
}

/** Reports fields of the output that the status of a job is to be filled from, but cannot be. */
export function checkJob(
  path: string,
  job: JobOptions | undefined,
  schemas: Schemas,
  output: JsonSchema,
  report: Report,
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

export function isText(value: unknown): value is string {
  return typeof value === "string" && value.trim() !== "";
}
