import { HEADERS } from "../../src/wire/headers.ts";
import { JOB_PATH } from "../check/routes.ts";
import {
  type ApiModel,
  compareText,
  type Field,
  fieldsOf,
  type JsonSchema,
  type ResourceModel,
  refTo,
  resolve,
  type Schemas,
} from "../model.ts";
import { banner, json } from "../print.ts";
import { aboutResource, guidance, insteadOf } from "../prose.ts";
import { DEFAULT_TAG, EXTENSION, FORMAT, mapRefs, refBeside } from "../published.ts";
import {
  codesOf,
  HEADER_COMPONENTS,
  headers,
  type Json,
  PARAMETERS,
  problemResponse,
  RESPONSES,
} from "../wire-answers.ts";
import { wireSchemas } from "../wire-schemas.ts";

const JOB_TAG = "jobs";

/** `openapi.json`, version 3.1: the published document, for people's tools and for agents. */
export function emitOpenapi(model: ApiModel): string {
  const { resources, title, version, description, contact, license, servers } = model;
  const jobs = resources.filter(({ job }) => job !== undefined);
  const paths = new Map<string, Json>();
  for (const resource of resources) {
    const path = template(resource.path);
    paths.set(path, { ...paths.get(path), [resource.method.toLowerCase()]: operation(resource, model) });
  }
  if (jobs.length > 0) {
    paths.set(template(JOB_PATH), jobOperations());
    paths.set(`${template(JOB_PATH)}/events`, jobEvents());
  }
  const codes = resources.flatMap(({ errors }) => errors.map(({ code }) => code));
  const results = jobs.map(({ typeName }) => ({ $ref: refTo(`${typeName}Output`) }));
  const components = used(paths, {
    schemas: { ...model.schemas, ...wireSchemas([...new Set(codes)].sort(compareText), results) },
    responses: RESPONSES,
    parameters: PARAMETERS,
    headers: HEADER_COMPONENTS,
  });
  return json({
    "x-generated": banner(model.source),
    openapi: "3.1.0",
    [EXTENSION]: { format: FORMAT, schemas: besides(components.schemas as Schemas, model.schemas) },
    info: { title, version, description, "x-guidance": guidance(model).join("\n\n"), contact, license },
    servers: servers.length > 0 ? servers : [{ url: "/" }],
    security: [],
    tags: tags(resources),
    paths: Object.fromEntries(paths),
    components,
  });
}

/** Schemas that no path points at, as the input of a resource whose fields are all in its address. */
function besides(components: Schemas, schemas: Schemas): Schemas | undefined {
  const names = Object.keys(schemas).filter((name) => !Object.hasOwn(components, name));
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

function operation(resource: ResourceModel, model: ApiModel): Json {
  const { name, typeName, summary, method, pathParams, tags, deprecated, job } = resource;
  const fields = fieldsOf(model.schemas, { $ref: refTo(`${typeName}Input`) }) ?? [];
  const inAddress = fields.filter(({ name }) => method === "GET" || pathParams.includes(name));
  const parameters = inAddress.map((field) => parameter(field, resource, model));
  if (method === "POST" || resource.price.kind !== "free")
    parameters.push({ $ref: "#/components/parameters/IdempotencyKey" });
  if (job !== undefined) {
    parameters.push({ $ref: "#/components/parameters/CallbackUrl" });
    parameters.push({ $ref: "#/components/parameters/Prefer" });
  }
  return {
    operationId: name,
    summary,
    description: [
      ...(deprecated === undefined || insteadOf(deprecated) === "" ? [] : [insteadOf(deprecated), ""]),
      ...aboutResource(resource),
    ].join("\n"),
    tags: tags.length > 0 ? tags : [DEFAULT_TAG],
    ...(deprecated === undefined ? {} : { deprecated: true }),
    "x-payment-info": paymentInfo(resource),
    [EXTENSION]: offered(resource),
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(method === "POST" ? { requestBody: requestBody(resource, model, fields) } : {}),
    responses: {
      ...(job === undefined
        ? { 200: success(resource) }
        : {
            200: { $ref: "#/components/responses/JobEndedInTime" },
            202: { $ref: "#/components/responses/JobAccepted" },
          }),
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

function paymentInfo({ price, priceBounds: { min, max } }: ResourceModel): Json | undefined {
  if (price.kind === "free") return undefined;
  const amount = min === max ? { mode: "fixed", currency: "USD", amount: min } : undefined;
  return { price: amount ?? { mode: "dynamic", currency: "USD", min, max }, protocols: [{ x402: {} }] };
}

function parameter({ name, schema, required }: Field, resource: ResourceModel, model: ApiModel): Json {
  const { description, deprecated, ...rest } = resolve(model.schemas, schema);
  const values = resource.examples.map(({ input }) => (input as Json)[name]);
  const given = values.flatMap((value, index) =>
    value === undefined ? [] : [[`example${index + 1}`, { value }]],
  );
  return {
    name,
    in: resource.pathParams.includes(name) ? "path" : "query",
    required,
    description,
    deprecated,
    schema: rest,
    examples: given.length === 0 ? undefined : Object.fromEntries(given),
  };
}

function requestBody(resource: ResourceModel, model: ApiModel, fields: readonly Field[]): Json | undefined {
  const { typeName, pathParams, examples } = resource;
  const inBody = fields.filter(({ name }) => !pathParams.includes(name));
  if (pathParams.length > 0 && inBody.length === 0) return undefined;
  const { properties, required, ...rest } = resolve(model.schemas, { $ref: refTo(`${typeName}Input`) });
  const schema: JsonSchema =
    pathParams.length === 0
      ? { $ref: refTo(`${typeName}Input`) }
      : {
          ...rest,
          properties: Object.fromEntries(inBody.map(({ name, schema }) => [name, schema])),
          required: inBody.filter(({ required }) => required).map(({ name }) => name),
        };
  const bodies = examples.map(({ input }) =>
    Object.fromEntries(Object.entries(input as Json).filter(([name]) => !pathParams.includes(name))),
  );
  return { required: true, content: { "application/json": { schema, examples: named(bodies) } } };
}

function success({ typeName, method, price, cache, examples }: ResourceModel): Json {
  const outputs = named(examples.map(({ output }) => output));
  const paid = price.kind === "free" ? [] : [HEADERS.paymentResponse];
  const replayed = method === "GET" && paid.length === 0 ? [] : [HEADERS.idempotentReplayed];
  const names = [...paid, ...replayed, ...(cache === undefined ? [] : [HEADERS.age])];
  return {
    description: "The output.",
    headers: headers(...names),
    content: { "application/json": { schema: { $ref: refTo(`${typeName}Output`) }, examples: outputs } },
  };
}

function named(values: readonly unknown[]): Json | undefined {
  if (values.length === 0) return undefined;
  return Object.fromEntries(values.map((value, index) => [`example${index + 1}`, { value }]));
}

function failures({ method, price, charge, job, errors }: ResourceModel): Json {
  const ref = (name: string): Json => ({ $ref: `#/components/responses/${name}` });
  const posts = method === "POST";
  const keyed = posts || price.kind !== "free";
  const declared = errors.map(({ code, text }) => `- \`${code}\`: ${text}`);
  return {
    400: ref("BadRequest"),
    ...(price.kind === "free" ? {} : { 402: ref("PaymentRequired") }),
    ...(keyed ? { 409: ref("Conflict") } : {}),
    ...(posts ? { 413: ref("TooLarge"), 415: ref("UnsupportedMediaType") } : {}),
    ...(job === undefined && declared.length > 0
      ? { 422: problemResponse([...(keyed ? codesOf(422) : []), ...declared].join("\n")) }
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

function jobOperations(): Json {
  const ref = (name: string): Json => ({ $ref: `#/components/responses/${name}` });
  const ok = (description: string, more: readonly string[]): Json => ({
    description,
    headers: headers(...more),
    content: { "application/json": { schema: { $ref: refTo("JobDocument") } } },
  });
  const absent = { 404: ref("NotFound"), 410: ref("Gone"), 500: ref("InternalError") };
  return {
    parameters: [{ $ref: "#/components/parameters/JobId" }],
    get: {
      operationId: "getJob",
      summary: "Ask how a job stands, and for its result.",
      description:
        "Always 200 while the job is known. `Prefer: wait=20` holds the answer until the job has changed.",
      tags: [JOB_TAG],
      parameters: [{ $ref: "#/components/parameters/Prefer" }],
      responses: { 200: ok("The job.", [HEADERS.retryAfter]), ...absent },
    },
    delete: {
      operationId: "cancelJob",
      summary: "Cancel a job.",
      description: "Stops a job that has not ended. What was paid for it is owed back to the payer.",
      tags: [JOB_TAG],
      responses: { 200: ok("The job, cancelled.", []), ...absent, 409: ref("JobEnded") },
    },
  };
}

function jobEvents(): Json {
  const ref = (name: string): Json => ({ $ref: `#/components/responses/${name}` });
  return {
    parameters: [{ $ref: "#/components/parameters/JobId" }],
    get: {
      operationId: "watchJob",
      summary: "Be told of every change of a job.",
      description:
        "Server-sent events: the `data` of each is the job as `getJob` answers it, the `id` its ETag. The job as it stands " +
        "comes at once, unless `Last-Event-ID` names it; the stream ends when the job has ended.",
      tags: [JOB_TAG],
      parameters: [{ $ref: "#/components/parameters/LastEventId" }],
      responses: {
        200: {
          description: "The job, again and again.",
          content: { "text/event-stream": { schema: { type: "string" } } },
        },
        204: {
          description: "The job has ended, and `Last-Event-ID` names its last state: do not come back.",
        },
        404: ref("NotFound"),
        410: ref("Gone"),
        500: ref("InternalError"),
      },
    },
  };
}

function template(path: string): string {
  return path.replace(/:([A-Za-z0-9_]+)/g, "{$1}");
}

/** The components that the paths need, directly or not, sorted by name. */
function used(paths: ReadonlyMap<string, Json>, components: Readonly<Record<string, Json>>): Json {
  const needed = new Set<string>();
  const visit = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    const { $ref } = value as { readonly $ref?: unknown };
    if (typeof $ref === "string" && !needed.has($ref)) {
      needed.add($ref);
      const [, , group = "", name = ""] = $ref.split("/");
      visit(components[group]?.[name]);
    }
    for (const member of Object.values(value)) visit(member);
  };
  for (const item of paths.values()) visit(item);
  const groups = Object.entries(components).map(([group, members]): [string, object] => {
    const kept = Object.entries(members).filter(([name]) => needed.has(`#/components/${group}/${name}`));
    return [group, Object.fromEntries(kept.sort(([a], [b]) => compareText(a, b)))];
  });
  return Object.fromEntries(groups.filter(([, members]) => Object.keys(members).length > 0));
}
