import { HEADERS } from "../../src/protocol/headers.ts";
import { JOB_PATH } from "../check/routes.ts";
import { type ApiModel, compareText, type Json, type ResourceModel, refTo, type Schemas } from "../model.ts";
import { examplesOf, named, type WireExample } from "../openapi/examples.ts";
import { CALLBACKS, JOB_TAG, jobAnswers, jobEvents, jobOperations, LONG_RUNNING } from "../openapi/jobs.ts";
import { paymentInfo, serviceInfo } from "../openapi/payment-info.ts";
import { createRequests, type Requests } from "../openapi/request.ts";
import { jobExamples, succeededJob } from "../openapi/wire-examples.ts";
import { banner, jsonText } from "../print.ts";
import { aboutResource, guidance, insteadOf } from "../prose.ts";
import { DEFAULT_TAG, EXTENSION, FORMAT, mapRefs, refBeside } from "../published.ts";
import {
  codesOf,
  HEADER_COMPONENTS,
  headers,
  PARAMETERS,
  problemResponse,
  RESPONSES,
} from "../wire-answers.ts";
import { wireSchemas } from "../wire-schemas.ts";

/** `openapi.json`: the published document, for people's tools and for agents. */
export function emitOpenapi(model: ApiModel): string {
  return jsonText(openapiOf(model));
}

/** The document itself, of OpenAPI 3.1. */
export function openapiOf(model: ApiModel): Json {
  const { resources, title, version, description, contact, license, servers } = model;
  const jobs = resources.filter(({ job }) => job !== undefined);
  const requests = createRequests(model);
  const paths = new Map<string, Json>();
  for (const resource of resources) {
    const path = template(resource.path);
    const own = operation(resource, { model, requests, isOnlyJob: jobs.length === 1 });
    paths.set(path, { ...paths.get(path), [resource.method.toLowerCase()]: own });
  }
  const [job] = jobs;
  if (job !== undefined) {
    paths.set(template(JOB_PATH), jobOperations());
    paths.set(`${template(JOB_PATH)}/events`, jobEvents());
  }
  const codes = resources.flatMap(({ errors }) => errors.map(({ code }) => code));
  const results = jobs.map(({ typeName }) => ({ $ref: refTo(`${typeName}Output`) }));
  const wire = wireSchemas([...new Set(codes)].sort(compareText), results);
  const components = used(paths, {
    schemas: { ...model.schemas, ...requests.components(), ...wire },
    responses: RESPONSES,
    parameters: PARAMETERS,
    headers: HEADER_COMPONENTS,
    callbacks: CALLBACKS,
    examples: job === undefined ? {} : jobExamples(job, examplesOf(job, model)[0]?.output),
  });
  return {
    "x-generated": banner(model.source),
    openapi: "3.1.0",
    [EXTENSION]: { format: FORMAT, schemas: besides(components.schemas as Schemas, model, requests) },
    info: { title, version, description, "x-guidance": guidance(model).join("\n\n"), contact, license },
    "x-service-info": serviceInfo(model),
    servers: servers.length > 0 ? servers : [{ url: "/" }],
    security: [],
    tags: tags(resources),
    paths: Object.fromEntries(paths),
    components,
  };
}

/** Schemas that the document does not contain unchanged: of path and query fields, and those with their defaults written out. */
function besides(components: Schemas, { schemas }: ApiModel, { carried }: Requests): Schemas | undefined {
  const names = Object.keys(schemas).filter(
    (name) => components[name] !== schemas[name] && !(carried.has(name) && components[name] === undefined),
  );
  const moved = new Map(names.map((name) => [refTo(name), refBeside(name)]));
  const entries = names.map((name) => [name, mapRefs(schemas[name], (ref) => moved.get(ref) ?? ref)]);
  return names.length === 0 ? undefined : (Object.fromEntries(entries) as Schemas);
}

function tags(resources: readonly ResourceModel[]): Json[] {
  const names = new Set(resources.flatMap(({ tags }) => (tags.length > 0 ? tags : [DEFAULT_TAG])));
  if (resources.some(({ job }) => job !== undefined)) names.add(JOB_TAG);
  const about: Readonly<Record<string, string>> = {
    [DEFAULT_TAG]: "What is for sale.",
    [JOB_TAG]: "How jobs that have been started stand.",
  };
  return [...names]
    .sort(compareText)
    .map((name) => ({ name, description: about[name] ?? `All about ${name}.` }));
}

interface Surroundings {
  readonly model: ApiModel;
  readonly requests: Requests;
  readonly isOnlyJob: boolean;
}

function operation(resource: ResourceModel, { model, requests, isOnlyJob }: Surroundings): Json {
  const { name, summary, method, tags, deprecated, job, price } = resource;
  const examples = examplesOf(resource, model);
  const isFree = price.kind === "free";
  const shared = [
    ...(method === "POST" || !isFree ? ["IdempotencyKey"] : []),
    ...(isFree ? [] : ["PaymentSignature"]),
    ...(job === undefined ? [] : ["CallbackUrl", "Prefer"]),
  ];
  const parameters = [
    ...requests.parameters(resource, examples),
    ...shared.map((name) => ({ $ref: `#/components/parameters/${name}` })),
  ];
  return {
    operationId: name,
    summary,
    description: [
      ...(deprecated === undefined || insteadOf(deprecated) === "" ? [] : [insteadOf(deprecated), ""]),
      ...aboutResource(resource),
    ].join("\n"),
    tags: tags.length > 0 ? tags : [DEFAULT_TAG],
    ...(deprecated === undefined ? {} : { deprecated: true }),
    ...(isFree ? { security: [] } : {}),
    "x-payment-info": paymentInfo(resource),
    [EXTENSION]: offered(resource),
    ...(job === undefined ? {} : LONG_RUNNING),
    ...(parameters.length > 0 ? { parameters } : {}),
    requestBody: requests.body(resource, examples),
    responses: {
      ...(job === undefined
        ? { 200: success(resource, examples) }
        : jobAnswers(resource, isOnlyJob, succeededJob(resource, examples[0]?.output))),
      ...failures(resource),
    },
  };
}

/** What the rest of the document cannot say, so that a client can be made from the document alone. */
function offered(resource: ResourceModel): Json {
  const { description, deprecated, price, timeoutMs, charge, cache, job, errors, examples } = resource;
  return {
    description,
    deprecated: deprecated === true ? undefined : deprecated,
    price,
    charge,
    timeoutMs,
    cache,
    job,
    errors: errors.length === 0 ? undefined : errors,
    examples: examples.length === 0 ? undefined : examples,
  };
}

function success({ typeName, method, price, cache }: ResourceModel, examples: readonly WireExample[]): Json {
  const outputs = named(examples.map(({ output, ...about }) => ({ ...about, value: output })));
  const paid = price.kind === "free" ? [] : [HEADERS.paymentResponse];
  const replayed = method === "GET" && paid.length === 0 ? [] : [HEADERS.idempotentReplayed];
  const names = [...paid, ...replayed, ...(cache === undefined ? [] : [HEADERS.age])];
  return {
    description: "The output.",
    headers: headers(...names),
    content: { "application/json": { schema: { $ref: refTo(`${typeName}Output`) }, examples: outputs } },
  };
}

function failures({ method, price, charge, job, errors }: ResourceModel): Json {
  const ref = (name: string): Json => ({ $ref: `#/components/responses/${name}` });
  const posts = method === "POST";
  const keyed = posts || price.kind !== "free";
  return {
    400: ref("BadRequest"),
    ...(price.kind === "free" ? {} : { 402: ref("PaymentRequired") }),
    ...(keyed ? { 409: ref("Conflict") } : {}),
    ...(posts ? { 413: ref("TooLarge"), 415: ref("UnsupportedMediaType") } : {}),
    ...(job === undefined && errors.length > 0
      ? { 422: problemResponse(keyed ? codesOf(422) : [], { declared: errors }) }
      : keyed
        ? { 422: ref("Unprocessable") }
        : {}),
    ...(job !== undefined && price.kind !== "free" && charge === "after"
      ? { 429: ref("TooMuchOutstanding") }
      : {}),
    500: ref("InternalError"),
    503: ref("Unavailable"),
    ...(job === undefined ? { 504: ref("Timeout") } : {}),
  };
}

function template(path: string): string {
  return path.replace(/(?<=\/):([A-Za-z0-9_]+)/g, "{$1}");
}

/** The components that the paths need, directly or not, sorted by name. */
function used(paths: ReadonlyMap<string, Json>, components: Readonly<Record<string, Json>>): Json {
  const needed = new Set<string>();
  const onPlace = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    const { $ref } = value as { readonly $ref?: unknown };
    if (typeof $ref === "string" && !needed.has($ref)) {
      needed.add($ref);
      const [, , group = "", name = ""] = $ref.split("/");
      onPlace(components[group]?.[name]);
    }
    for (const member of Object.values(value)) onPlace(member);
  };
  for (const item of paths.values()) onPlace(item);
  const groups = Object.entries(components).map(([group, members]): [string, object] => {
    const kept = Object.entries(members).filter(([name]) => needed.has(`#/components/${group}/${name}`));
    return [group, Object.fromEntries(kept.sort(([a], [b]) => compareText(a, b)))];
  });
  return Object.fromEntries(groups.filter(([, members]) => Object.keys(members).length > 0));
}
