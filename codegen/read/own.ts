import type { ResourceDefinition } from "../../schema/api.ts";
import { CANCEL_POLICIES, type CancelPolicy, DEFAULT_CANCEL } from "../../schema/cancel.ts";
import { formatUsd } from "../../schema/money.ts";
import { type Price, pricedFields } from "../../schema/price.ts";
import { perWhat, priceSentence } from "../../schema/price-prose.ts";
import { checkNames, pascalCase } from "../check/names.ts";
import { checkPrice } from "../check/pricing.ts";
import { checkRoutes, pathParams } from "../check/routes.ts";
import { checkErrors } from "../check/wording.ts";
import { listOf, type Mistake, type MistakeReport, reporter } from "../mistake.ts";
import {
  type ApiModel,
  compareText,
  defaultsOf,
  fieldsOf,
  type ResourceModel,
  refTo,
  type Schemas,
} from "../model.ts";
import { DEFAULT_TAG, EXTENSION, FORMAT, mapRefs, refBeside } from "../published.ts";
import { sampleOf } from "../sample.ts";
import { wireSchemas } from "../wire-schemas.ts";
import { DocumentError, isJsonObject, type JsonRecord, recordsOf, textOf } from "./json.ts";
import type { DocumentOperation, DocumentReading } from "./operation.ts";
import { isLoop, isSchema } from "./schemas.ts";

const WIRE = new Set(Object.keys(wireSchemas([], [])));

/**
 * Reads what {@link emitOpenapi} has written. Names, paths and prices are checked as those of a definition are: what
 * becomes code must not come from a stranger unseen.
 */
export function readOwn(document: JsonRecord, source: string): DocumentReading {
  const mistakes: Mistake[] = [];
  const report = reporter("error", mistakes);
  const extension = document[EXTENSION] as JsonRecord;
  if (extension.format !== FORMAT) {
    throw new DocumentError(
      `${source} has format ${String(extension.format)}, this resource402 reads ${FORMAT}. Install the release that wrote it, or a later one.`,
    );
  }
  const found = Object.entries(document.paths as JsonRecord).flatMap(([path, item]) =>
    (["get", "post"] as const).flatMap((method) => {
      const operation = isJsonObject(item) ? item[method] : undefined;
      return isJsonObject(operation) && isJsonObject(operation[EXTENSION])
        ? [{ path: path.replace(/\{([^}]*)\}/g, ":$1"), method, operation, terms: operation[EXTENSION] }]
        : [];
    }),
  );
  if (found.length === 0) report("paths", "offer no resource", "add one");
  const schemas = schemasOf(document, extension, bodiesOf(found), source);
  const names = found.map(({ operation }) => String(operation.operationId));
  checkNames(names, report);
  if (new Set(names).size < names.length) report("paths", "name an operation twice", "name each once");
  const resources = found.map(({ path, method, operation, terms }) =>
    resourceOf({ path, method: method === "get" ? "GET" : "POST", operation, terms, schemas }, report),
  );
  checkRoutes(resources, report);
  const [first] = mistakes;
  if (first !== undefined) {
    throw new DocumentError(
      `${source} is not as resource402 writes it: ${first.path} ${first.problem}. Fetch it again, or ask its seller.`,
    );
  }
  resources.sort((a, b) => compareText(a.name, b.name));
  const operations = found.map(({ path, operation, terms }): [string, DocumentOperation] => {
    const example = recordsOf(terms.examples).find(({ input }) => isJsonObject(input))?.input as
      | JsonRecord
      | undefined;
    const written = path.replace(/:([A-Za-z0-9_]+)/g, "{$1}");
    return [
      String(operation.operationId),
      { path: written, operation, ...(example === undefined ? {} : { example }) },
    ];
  });
  return {
    model: { ...headOf(document, source), resources, schemas, handlerSchemas: {} },
    ...{ notes: [], operations: new Map(operations), left: [] },
  };
}

interface Found {
  readonly path: string;
  readonly method: "GET" | "POST";
  readonly operation: JsonRecord;
  readonly terms: JsonRecord;
  readonly schemas: Schemas;
}

function resourceOf(
  { path, method, operation, terms, schemas }: Found,
  report: MistakeReport,
): ResourceModel {
  const name = String(operation.operationId);
  const typeName = pascalCase(name);
  const at = `resources.${name}`;
  const fields = fieldsOf(schemas, { $ref: refTo(`${typeName}Input`) });
  for (const face of ["Input", "Output"]) {
    if (schemas[typeName + face] === undefined) report(at, `has no schema ${typeName + face}`, "add it");
  }
  if (!isJsonObject(sampleOf(schemas, { $ref: refTo(`${typeName}Input`) }))) {
    report(at, "has an input that is not an object", "declare an object");
  }
  const price = terms.price as Price;
  const bounds = checkPrice(
    { path: at, definition: { price } as ResourceDefinition, fields, schemas },
    report,
  );
  const number = (record: JsonRecord, member: string): number => {
    const value = record[member];
    if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
    report(`${at}.${member}`, "is not a whole number", "write a whole number");
    return 0;
  };
  const policy = (value: unknown): CancelPolicy => {
    const known = CANCEL_POLICIES.find((one) => one === value);
    if (known === undefined && value !== undefined) {
      report(
        `${at}.job.cancel`,
        `${JSON.stringify(value)} is not a known policy`,
        `use one of ${listOf(CANCEL_POLICIES)}`,
      );
    }
    return known ?? DEFAULT_CANCEL;
  };
  const { cache, job, charge } = terms;
  const errors = recordsOf(terms.errors).map(({ code, text }) => ({
    code: String(code),
    text: String(text),
  }));
  checkErrors(
    at,
    errors.map(({ code, text }) => [code, text]),
    report,
  );
  if (charge !== "before" && charge !== "after")
    report(`${at}.charge`, "is not valid", "write before or after");
  const description = textOf(terms, "description");
  const sound = bounds !== undefined;
  return {
    name,
    typeName,
    summary: textOf(operation, "summary") ?? name,
    ...(description === undefined ? {} : { description }),
    method,
    path,
    pathParams: pathParams(path),
    tags: tagsOf(operation),
    ...(operation.deprecated === true ? { deprecated: textOf(terms, "deprecated") ?? true } : {}),
    inferred: [],
    price,
    priceBounds: sound ? { min: formatUsd(bounds.min), max: formatUsd(bounds.max) } : { min: "0", max: "0" },
    priceSentence: sound ? priceSentence(price) : "",
    per: sound ? perWhat(price) : "",
    pricedDefaults: sound ? defaultsOf(pricedFields(price), fields ?? [], schemas) : {},
    timeoutMs: number(terms, "timeoutMs"),
    charge: charge === "before" ? "before" : "after",
    ...(isJsonObject(cache) ? { cache: { ms: number(cache, "ms") } } : {}),
    ...(isJsonObject(job)
      ? {
          job: {
            timeoutMs: number(job, "timeoutMs"),
            ...(job.retries === undefined
              ? {}
              : { retries: number(job, "retries"), backoffMs: number(job, "backoffMs") }),
            retentionMs: number(job, "retentionMs"),
            cancel: policy(job.cancel),
            ...(job.startWithinMs === undefined ? {} : { startWithinMs: number(job, "startWithinMs") }),
            ...(typeof job.artifactUrl === "string" ? { artifactUrl: job.artifactUrl } : {}),
            ...(typeof job.response === "string" ? { response: job.response } : {}),
          },
        }
      : {}),
    errors,
    examples: recordsOf(terms.examples)
      .filter(({ input }) => isJsonObject(input))
      .map(({ input, output }) => ({ input, output })),
  };
}

function tagsOf({ tags }: JsonRecord): readonly string[] {
  const named = Array.isArray(tags) ? tags.filter((tag) => typeof tag === "string") : [];
  return named.length === 1 && named[0] === DEFAULT_TAG ? [] : named;
}

/** The inputs that are the whole request body of their operation. */
function bodiesOf(found: readonly { readonly operation: JsonRecord }[]): JsonRecord {
  const bodies = found.flatMap(({ operation: { operationId, requestBody } }): [string, unknown][] => {
    const content = isJsonObject(requestBody) ? requestBody.content : undefined;
    const media = isJsonObject(content) ? content["application/json"] : undefined;
    const schema = isJsonObject(media) ? media.schema : undefined;
    return isJsonObject(schema) ? [[`${pascalCase(String(operationId))}Input`, schema]] : [];
  });
  return Object.fromEntries(bodies);
}

function schemasOf(document: JsonRecord, extension: JsonRecord, bodies: JsonRecord, source: string): Schemas {
  const components = isJsonObject(document.components) ? document.components.schemas : undefined;
  const beside = isJsonObject(extension.schemas) ? extension.schemas : {};
  const back = new Map(Object.keys(beside).map((name) => [refBeside(name), refTo(name)]));
  const all = { ...bodies, ...(isJsonObject(components) ? components : {}), ...beside };
  const entries = Object.entries(all)
    .filter(([name]) => !WIRE.has(name))
    .sort(([a], [b]) => compareText(a, b));
  const known = new Set(entries.map(([name]) => refTo(name)));
  const resolved = entries.map(([name, schema]): [string, unknown] => {
    if (!/^[A-Z][A-Za-z0-9]*$/.test(name) || !isSchema(schema)) {
      throw new DocumentError(`${source}: "${name}" is not a schema of resource402`);
    }
    return [
      name,
      mapRefs(schema, (ref) => {
        const target = back.get(ref) ?? ref;
        if (!known.has(target)) throw new DocumentError(`${source}: "${ref}" leads nowhere`);
        return target;
      }),
    ];
  });
  const schemas = Object.fromEntries(resolved) as Schemas;
  for (const name of Object.keys(schemas)) {
    if (isLoop(name, schemas)) throw new DocumentError(`${source}: "${name}" is nothing but itself`);
  }
  return schemas;
}

/** The title, version and servers of a document. */
export function headOf({ info, servers }: JsonRecord, source: string) {
  const about = isJsonObject(info) ? info : {};
  const member = (record: unknown, names: readonly string[]) => {
    const found = isJsonObject(record)
      ? names.flatMap((name) => {
          const value = textOf(record, name);
          return value === undefined ? [] : [[name, value]];
        })
      : [];
    return Object.fromEntries(found) as Record<string, string>;
  };
  const contact = member(about.contact, ["name", "url", "email"]);
  const license = member(about.license, ["name", "url"]);
  const named = recordsOf(servers).map((server) => member(server, ["url", "description"]));
  const elsewhere = named.filter(({ url }) => url !== undefined && url !== "/");
  return {
    source,
    title: textOf(about, "title") ?? "API",
    version: textOf(about, "version") ?? "0.0.0",
    description: textOf(about, "description") ?? "",
    ...(Object.keys(contact).length === 0 ? {} : { contact }),
    ...(license.name === undefined ? {} : { license: license as { name: string; url?: string } }),
    servers: elsewhere as unknown as ApiModel["servers"],
  };
}
