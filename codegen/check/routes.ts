import { OPERATOR_PATHS, PUBLISHED_PATHS } from "../../src/protocol/pages.ts";
import type { Method } from "../../src/protocol/request.ts";
import { didYouMean, listOf, type MistakeReport } from "../mistake.ts";
import { choicesOf, fieldsOf, type JsonSchema, resolve, type Schemas } from "../model.ts";

/** The path of the job routes. All resources that run as jobs share them. */
export const JOB_PATH = "/v1/jobs/:jobId";

export interface Route {
  readonly name: string;
  readonly method: Method;
  readonly path: string;
}

const SEGMENT = /^(?::[A-Za-z_][A-Za-z0-9_]*|[A-Za-z0-9._~-]+)$/;

/** The names of the `:name` segments. */
export function pathParams(path: string): string[] {
  return [...path.matchAll(/:([A-Za-z_][A-Za-z0-9_]*)/g)].map((match) => match[1] ?? "");
}

/** Reports paths that the server cannot serve, and paths that two resources share. */
export function checkRoutes(routes: readonly Route[], report: MistakeReport): void {
  const accepted: (Route & { readonly segments: readonly string[]; readonly open: boolean })[] = [];
  for (const route of routes) {
    const { name, method, path } = route;
    const at = `resources.${name}.path`;
    const segments = path.split("/").slice(1);
    if (!path.startsWith("/") || !segments.every((segment) => SEGMENT.test(segment))) {
      const fix =
        'write "/" and segments of letters, digits, ".", "_", "~", "-" or ":name": "/v1/images/:id"';
      report(at, `"${path}" is not a valid path`, fix);
      continue;
    }
    const params = pathParams(path);
    if (new Set(params).size < params.length) {
      report(at, `"${path}" names a parameter twice`, "give each parameter a name of its own");
    }
    if (overlap(segments, JOB_PATH.split("/").slice(1))) {
      report(at, `"${path}" conflicts with the job status route ${JOB_PATH}`, "choose another path");
    }
    const open = params.length > 0;
    const other = accepted.find((one) => {
      if (one.method !== method) return false;
      if (!open && !one.open) return one.path === path;
      return one.segments.length === segments.length && overlap(one.segments, segments);
    });
    if (other !== undefined) {
      report(at, `${method} ${path} is also the route of "${other.name}"`, "give one of them another path");
    }
    accepted.push({ ...route, segments, open });
  }
}

/** Advises against the paths of the server's own pages: a resource with such a path hides the page. */
export function lintRoute({ name, method, path }: Route, advise: MistakeReport): void {
  const segments = path.split("/");
  const covers = (page: string): boolean => {
    const own = page.split("/");
    return own.length === segments.length && overlap(segments, own);
  };
  const hidden = [
    ...(method === "GET" ? PUBLISHED_PATHS.filter(covers) : []),
    ...OPERATOR_PATHS.filter((page) => page === path),
  ];
  if (hidden.length === 0) return;
  const problem = `hides the server's own page at ${listOf(hidden)}`;
  advise(`resources.${name}.path`, problem, `choose another path, such as "/v1${path}"`);
}

/** Whether one URL path can match both. Ignores the segments of `a` after the last one of `b`. */
function overlap(a: readonly string[], b: readonly string[]): boolean {
  return b.every((segment, index) => {
    const other = a[index];
    return other === segment || other?.startsWith(":") || (other !== undefined && segment.startsWith(":"));
  });
}

/** Reports fields that path or query cannot carry. `input` is the schema of the request. */
export function checkCarriers(
  route: Route,
  schemas: Schemas,
  input: JsonSchema,
  report: MistakeReport,
): void {
  const params = pathParams(route.path);
  if (route.method === "POST" && params.length === 0) return;
  const at = `resources.${route.name}`;
  const fields = fieldsOf(schemas, input);
  if (fields === undefined) {
    const what = route.method === "GET" ? "path and query" : "a path";
    report(
      `${at}.input`,
      `is not a plain object, so ${what} cannot carry it`,
      "use z.object({ … }), or POST",
    );
    return;
  }
  for (const param of params) {
    const field = fields.find(({ name }) => name === param);
    const place = `${at}.path`;
    if (field === undefined) {
      const near = didYouMean(
        param,
        fields.map(({ name }) => name),
      );
      report(
        place,
        `":${param}" is not a field of the input${near}`,
        `rename it, or add ${param} to the input`,
      );
    } else if (
      textKind(schemas, field.schema) === undefined ||
      textKind(schemas, field.schema)?.endsWith("[]")
    ) {
      report(place, `":${param}" is not one string, number or boolean`, "use a plain field in the path");
    } else if (!field.required) {
      report(place, `":${param}" may be absent`, "make the field required, without a default");
    }
  }
  if (route.method === "POST") return;
  for (const { name, schema } of fields) {
    if (params.includes(name)) continue;
    if (textKind(schemas, schema) !== undefined) {
      const { default: fallback = schema.default, minItems } = resolve(schemas, schema);
      if (!Array.isArray(fallback) || fallback.length === 0 || Number(minItems) >= 1) continue;
      const problem = "may be empty; a query cannot carry an empty list, so the default would apply";
      report(`${at}.input.${name}`, problem, 'add .min(1), or use method: "POST"');
      continue;
    }
    const problem =
      "cannot be sent in a query: a query carries strings, numbers, booleans and lists of those";
    report(`${at}.input.${name}`, problem, 'use one of those types, or method: "POST"');
  }
}

/**
 * How the text of a query or path becomes a value: `string`, `number` or `boolean`, with `[]` for a list.
 * `undefined` when the text does not determine the value.
 */
export function textKind(schemas: Schemas, schema: JsonSchema): string | undefined {
  return textKindWithin(schemas, schema, 0);
}

/** A list of lists has no text, so that nothing is asked of what is deeper. */
const MAX_DEPTH = 16;

function textKindWithin(schemas: Schemas, schema: JsonSchema, depth: number): string | undefined {
  if (depth > MAX_DEPTH) return undefined;
  const { type, anyOf, oneOf, items } = resolve(schemas, schema);
  if (type === "array") {
    const item = typeof items === "object" ? textKindWithin(schemas, items, depth + 1) : undefined;
    return item === undefined || item.endsWith("[]") ? undefined : `${item}[]`;
  }
  if (type === "string" || type === "number" || type === "boolean") return type;
  if (type === "integer") return "number";
  const choices = choicesOf(schemas, schema)?.map((choice) => typeof choice);
  const kinds = new Set(
    choices ?? (anyOf ?? oneOf)?.map((option) => textKindWithin(schemas, option, depth + 1)),
  );
  const [kind] = kinds;
  if (kinds.size !== 1 || kind === undefined || kind === "object" || kind.endsWith("[]")) return undefined;
  return kind;
}
