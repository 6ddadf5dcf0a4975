import { createHash } from "node:crypto";
import {
  type ApiDefinition,
  chargeOf,
  DEFAULT_BACKOFF,
  DEFAULT_RETENTION,
  DEFAULT_TIMEOUT,
  isApiDefinition,
  type ResourceDefinition,
} from "../schema/api.ts";
import { DEFAULT_CANCEL } from "../schema/cancel.ts";
import { definitionText } from "../schema/definition-text.ts";
import { milliseconds, parseDuration } from "../schema/duration.ts";
import { formatUsd } from "../schema/money.ts";
import { pricedFields } from "../schema/price.ts";
import { perWhat, priceSentence } from "../schema/price-prose.ts";
import { checkExamples, refusedSample } from "./check/examples.ts";
import { lint } from "./check/lint.ts";
import { checkNames, kebabCase, pascalCase } from "./check/names.ts";
import { checkPrice } from "./check/pricing.ts";
import { checkCarriers, checkRoutes, pathParams } from "./check/routes.ts";
import { checkHead, checkJob, checkLoggable, checkResource, isText } from "./check/wording.ts";
import { type Components, createComponents } from "./convert/components.ts";
import { type Conversion, toJsonSchema } from "./convert/json-schema.ts";
import { type SchemaPlace, walk } from "./convert/walk.ts";
import { type Mistake, type MistakeReport, reporter } from "./mistake.ts";
import {
  type ApiModel,
  compareText,
  defaultsOf,
  fieldsOf,
  type JsonSchema,
  type ResourceModel,
  refTo,
  resolve,
  type Schemas,
} from "./model.ts";
import { sampleOf } from "./sample.ts";

export type Compilation = (
  | { readonly model: ApiModel }
  | {
      /** All mistakes. */
      readonly mistakes: readonly Mistake[];
    }
) & {
  /** Advice, which does not prevent compiling. */
  readonly advice: readonly Mistake[];
};

export interface CompileOptions {
  /** The name of the definition in generated files. @default "resources.ts" */
  readonly source?: string;
}

/** Compiles a definition to the model for all emitters, or returns its mistakes. */
export async function compile(api: unknown, options: CompileOptions = {}): Promise<Compilation> {
  const mistakes: Mistake[] = [];
  const advice: Mistake[] = [];
  const report = reporter("error", mistakes);
  if (!isApiDefinition(api)) {
    const problem =
      api === undefined ? "there is no default export" : "the default export is not an API definition";
    report("", problem, "write: export default defineApi({ … })");
    return { mistakes, advice };
  }
  checkHead(api, report);
  const definitions: Readonly<Record<string, ResourceDefinition>> = api.resources ?? {};
  if (Object.keys(definitions).length === 0) report("resources", "is missing or empty", "add a resource");

  const components = createComponents(report);
  const drafts: Draft[] = [];
  for (const name of checkNames(Object.keys(definitions), report).sort(compareText)) {
    const definition = definitions[name] as ResourceDefinition;
    if (!checkResource(`resources.${name}`, definition, report)) continue;
    drafts.push(await draft(name, definition, components, report));
  }
  const published = drafts.flatMap(({ faces }) => faces);
  const { schemas, handlerSchemas } = components.finish(published);
  checkRoutes(drafts, report);
  checkFields(drafts, schemas, report);
  const resources: ResourceModel[] = [];
  for (const one of drafts) {
    const resource = await complete(one, schemas, report);
    if (resource !== undefined) resources.push(resource);
    const path = `resources.${one.name}`;
    const wrong = mistakes.some((mistake) => mistake.path === path || mistake.path.startsWith(`${path}.`));
    if (resource === undefined || wrong) continue;
    const advise = reporter("warning", advice);
    lint(resource, one, schemas, advise);
    if (resource.examples.length > 0) continue;
    const sample = sampleOf(schemas, { $ref: refTo(`${one.typeName}Input`) });
    const why = await refusedSample(one.definition.input, sample);
    if (why === undefined) continue;
    resources[resources.length - 1] = { ...resource, isSampleRefused: true };
    const problem = `has no examples, and the input that documents make up is refused (${why})`;
    advise(path, problem, "add examples: [{ input: { … }, output: { … } }]");
  }
  if (mistakes.length > 0) return { mistakes, advice };
  const definitionHash = createHash("sha256").update(definitionText(api)).digest("hex");
  return { model: { ...head(api, options), resources, schemas, handlerSchemas, definitionHash }, advice };
}

/** A resource with converted but unchecked schemas. */
interface Draft {
  readonly name: string;
  readonly typeName: string;
  readonly definition: ResourceDefinition;
  readonly method: "GET" | "POST";
  readonly path: string;
  /** The public faces that could be converted. */
  readonly faces: readonly string[];
  readonly inferred: readonly ("Args" | "Result")[];
  /** Fields of the input whose default differs between calls. */
  readonly volatile: readonly string[];
}

async function draft(
  name: string,
  definition: ResourceDefinition,
  components: Components,
  report: MistakeReport,
): Promise<Draft> {
  const typeName = pascalCase(name);
  const faces: string[] = [];
  const inferred: ("Args" | "Result")[] = [];

  /** The public face of a schema under one name, and what the handler sees of it under another. */
  async function convert(
    member: "input" | "output",
    publicFace: "Input" | "Output",
    inner: "Args" | "Result",
  ): Promise<Conversion> {
    const path = `resources.${name}.${member}`;
    const outward = await toJsonSchema(definition[member], member);
    for (const gap of outward.gaps) {
      report(gap.path === "" ? path : `${path}.${gap.path}`, gap.problem, gap.fix);
    }
    if (outward.gaps.length > 0) return outward;
    const other = member === "input" ? "output" : "input";
    const inward = outward.oneFaced ? outward : await toJsonSchema(definition[member], other);
    const same = outward.oneFaced || JSON.stringify(inward.schema) === JSON.stringify(outward.schema);
    try {
      components.add(typeName + publicFace, outward, member, path);
      faces.push(typeName + publicFace);
      if (inward.gaps.length > 0) inferred.push(inner);
      else if (same) components.alias(typeName + inner, typeName + publicFace);
      else components.add(typeName + inner, inward, other, path);
    } catch (error) {
      report(path, (error as Error).message, "use a schema that refers to itself by a getter or z.lazy");
    }
    return outward;
  }

  const { volatile } = await convert("input", "Input", "Args");
  await convert("output", "Output", "Result");
  return {
    name,
    typeName,
    definition,
    method: definition.method ?? "POST",
    path: String(definition.path ?? `/v1/${kebabCase(name)}`),
    faces,
    inferred,
    volatile,
  };
}

/** Reports fields without a description or with an unusable name, at any depth. Visits a shared schema once. */
function checkFields(drafts: readonly Draft[], schemas: Schemas, report: MistakeReport): void {
  const seen = new Set<string>();
  for (const { name, typeName } of drafts) {
    for (const face of ["Input", "Output"] as const) {
      if (schemas[typeName + face] === undefined) continue;
      const at = `resources.${name}.${face.toLowerCase()}`;
      const onPlace = ({ path, name, schema }: SchemaPlace): void => {
        if (!isText(resolve(schemas, schema).description)) {
          report(`${at}.${path}`, "has no description", 'add .describe("…")');
        }
        if (name in Object.prototype) {
          report(`${at}.${path}`, "has a name that every JavaScript object inherits", "rename it");
        }
      };
      walk(schemas, { $ref: refTo(typeName + face) }, onPlace, seen);
    }
  }
}

/** Checks a resource as a whole. Returns `undefined` when its schemas or its price cannot be used. */
async function complete(
  draft: Draft,
  schemas: Schemas,
  report: MistakeReport,
): Promise<ResourceModel | undefined> {
  const { name, typeName, definition, inferred } = draft;
  const path = `resources.${name}`;
  const input = schemas[`${typeName}Input`];
  const output = schemas[`${typeName}Output`];
  if (output !== undefined) checkJob(path, definition.job, schemas, output, report);
  if (input === undefined || output === undefined) return undefined;
  if (!isObject(schemas, input)) {
    report(`${path}.input`, "is not an object", "wrap it: z.object({ … })");
    return undefined;
  }
  checkCarriers(draft, schemas, input, report);
  const fields = fieldsOf(schemas, input);
  checkLoggable(path, definition.loggable ?? [], fields, report);
  const bounds = checkPrice({ path, definition, fields, schemas }, report);
  if (bounds === undefined) return undefined;
  await checkExamples(path, definition, !inferred.includes("Result"), report);

  const { price, description, deprecated, job, cache } = definition;
  for (const name of pricedFields(price).filter((name) => draft.volatile.includes(name))) {
    const problem = `the default of "${name}" differs between calls, so buyers cannot compute the price`;
    report(`${path}.price`, problem, "use a fixed default");
  }
  return {
    name,
    typeName,
    summary: definition.summary,
    ...(isText(description) ? { description: description.trim() } : {}),
    method: draft.method,
    path: draft.path,
    pathParams: pathParams(draft.path),
    tags: definition.tags ?? [],
    ...(deprecated === undefined || deprecated === false ? {} : { deprecated }),
    inferred,
    price,
    priceBounds: { min: formatUsd(bounds.min), max: formatUsd(bounds.max) },
    priceSentence: priceSentence(price),
    per: perWhat(price),
    pricedDefaults: defaultsOf(pricedFields(price), fields ?? [], schemas),
    timeoutMs: durationMs(definition.timeout, DEFAULT_TIMEOUT),
    charge: chargeOf(definition),
    ...(cache === undefined ? {} : { cache: { ms: durationMs(cache, DEFAULT_TIMEOUT) } }),
    ...(job === undefined
      ? {}
      : {
          job: {
            timeoutMs: durationMs(job.timeout, DEFAULT_TIMEOUT),
            ...((job.retries ?? 0) === 0
              ? {}
              : { retries: job.retries, backoffMs: durationMs(job.backoff, DEFAULT_BACKOFF) }),
            retentionMs: durationMs(job.retention, DEFAULT_RETENTION),
            cancel: definition.cancel ?? DEFAULT_CANCEL,
            ...(job.startWithin === undefined
              ? {}
              : { startWithinMs: durationMs(job.startWithin, DEFAULT_RETENTION) }),
            ...(job.artifactUrl === undefined ? {} : { artifactUrl: job.artifactUrl }),
            ...(job.response === undefined ? {} : { response: job.response }),
          },
        }),
    errors: Object.entries(definition.errors ?? {})
      .map(([code, text]) => ({ code, text }))
      .sort((a, b) => compareText(a.code, b.code)),
    examples: (definition.examples ?? []).map(({ input, output }) => ({ input, output })),
  };
}

/** The default replaces an invalid duration, which has already been reported. */
function durationMs(text: unknown, fallback: string): number {
  return parseDuration(text) ?? milliseconds(fallback);
}

/** Whether every value of a schema is an object. */
function isObject(schemas: Schemas, schema: JsonSchema): boolean {
  const { type, anyOf, oneOf, allOf } = resolve(schemas, schema);
  const options = anyOf ?? oneOf;
  if (options !== undefined) return options.every((option) => isObject(schemas, option));
  return type === "object" || (allOf?.some((part) => isObject(schemas, part)) ?? false);
}

function head(api: ApiDefinition, { source = "resources.ts" }: CompileOptions) {
  const { title, version, description, contact, license, servers = [] } = api;
  return {
    source,
    title,
    version,
    description,
    ...(contact === undefined ? {} : { contact }),
    ...(license === undefined ? {} : { license }),
    servers,
  };
}
