import { formatUsd, parseUsd, type Usd } from "../../schema/money.ts";
import type { Price } from "../../schema/price.ts";
import { perWhat, priceSentence } from "../../schema/price-prose.ts";
import { checkNames, pascalCase } from "../check/names.ts";
import { pathParams } from "../check/routes.ts";
import { type ApiModel, compareText, type JsonSchema, type ResourceModel, type Schemas } from "../model.ts";
import type { ReadOptions } from "./document.ts";
import { DocumentError, isRecord, type JsonRecord, recordsOf, textOf } from "./json.ts";
import { headOf } from "./own.ts";
import { publishedPrice } from "./price.ts";
import { foreignSchemas } from "./schemas.ts";

/** What our client asks at most where a document does not say the price; as much as stock buyers allow a call. */
const MAX_PRICE = "1.00";
/** Nothing of it is known; the client does not look at it. */
const TIMEOUT_MS = 60_000;

/** Reads a document of another make, as far as our client can call what it describes. */
export function readForeign(
  document: JsonRecord,
  { source, maxPrice = MAX_PRICE }: ReadOptions,
): { readonly model: ApiModel; readonly notes: readonly string[] } {
  const notes: string[] = [];
  const schemas = foreignSchemas(document);
  const resources: ResourceModel[] = [];
  const taken = new Set<string>();
  for (const [path, item] of Object.entries(document.paths as JsonRecord)) {
    if (!isRecord(item)) continue;
    for (const method of METHODS) {
      const operation = item[method];
      if (!isRecord(operation)) continue;
      const leaveOut = (why: string) => notes.push(`${method.toUpperCase()} ${path} is left out: ${why}`);
      if (method !== "get" && method !== "post") {
        leaveOut("only GET and POST can be called");
        continue;
      }
      const own = path.replace(/\{([^}]*)\}/g, ":$1");
      if (!/^\/[A-Za-z0-9._~/:-]*$/.test(own)) {
        leaveOut("its address holds more than names");
        continue;
      }
      const name = nameOf(textOf(operation, "operationId") ?? `${method} ${path}`, taken);
      const typeName = pascalCase(name);
      const shape = shapeOf(document, item, operation, schemas.convert);
      if (typeof shape === "string") {
        leaveOut(shape);
        continue;
      }
      taken.add(name.toLowerCase());
      schemas.add(`${typeName}Input`, shape.input);
      schemas.add(`${typeName}Output`, shape.output);
      const price = priceOf(operation, maxPrice);
      if (price.known === false) {
        notes.push(
          `${method.toUpperCase()} ${path} does not say its price: at most $${maxPrice} is paid for it`,
        );
      }
      const description = textOf(operation, "description");
      resources.push({
        name,
        typeName,
        summary: textOf(operation, "summary") ?? description ?? `${method.toUpperCase()} ${path}`,
        ...(description === undefined ? {} : { description }),
        method: method === "get" ? "GET" : "POST",
        path: own,
        pathParams: pathParams(own),
        tags: [],
        ...(operation.deprecated === true ? { deprecated: true as const } : {}),
        inferred: [],
        ...terms(price.price),
        pricedDefaults: {},
        timeoutMs: TIMEOUT_MS,
        charge: "after",
        errors: [],
        examples: [],
      });
    }
  }
  if (resources.length === 0) {
    throw new DocumentError(`${source} describes nothing that can be called. ${notes.join(". ")}`.trim());
  }
  resources.sort((a, b) => compareText(a.name, b.name));
  const found: Schemas = schemas.all();
  return { model: { ...headOf(document, source), resources, schemas: found, handlerSchemas: {} }, notes };
}

const METHODS = ["get", "post", "put", "patch", "delete"] as const;

function terms(price: Price): Pick<ResourceModel, "price" | "priceBounds" | "priceSentence" | "per"> {
  const ends =
    price.kind === "quoted"
      ? { min: price.min, max: price.max }
      : price.kind === "fixed"
        ? { min: price.usd, max: price.usd }
        : { min: "0.00", max: "0.00" };
  return { price, priceBounds: ends, priceSentence: priceSentence(price), per: perWhat(price) };
}

function priceOf(operation: JsonRecord, maxPrice: string): { price: Price; known: boolean } {
  const published = publishedPrice(operation["x-payment-info"]);
  if (published !== undefined) return { price: published, known: true };
  const responses = isRecord(operation.responses) ? operation.responses : {};
  const isPaid = operation["x-payment-info"] !== undefined || responses["402"] !== undefined;
  if (!isPaid) return { price: { kind: "free" }, known: true };
  const most = formatUsd(parseUsd(maxPrice)) as Usd;
  return { price: { kind: "quoted", min: "0.00", max: most, per: "call" }, known: false };
}

/** A name that code can use, and that no other operation has. */
function nameOf(id: string, taken: ReadonlySet<string>): string {
  const pascal = pascalCase(id);
  const camel = pascal.charAt(0).toLowerCase() + pascal.slice(1);
  const usable = checkNames([camel], () => undefined).length > 0 ? camel : `call${pascal}`;
  let name = usable;
  for (let count = 2; taken.has(name.toLowerCase()); count += 1) name = `${usable}${count}`;
  return name;
}

interface Shape {
  readonly input: JsonSchema;
  readonly output: JsonSchema;
}

/** What is sent and what comes back; a text that says why it cannot be called. */
function shapeOf(
  document: JsonRecord,
  item: JsonRecord,
  operation: JsonRecord,
  convert: (schema: unknown) => JsonSchema,
): Shape | string {
  const properties: Record<string, JsonSchema> = {};
  const required: string[] = [];
  const put = (name: string, schema: JsonSchema, isRequired: boolean) => {
    properties[name] = schema;
    if (isRequired && !required.includes(name)) required.push(name);
  };
  for (const given of [...recordsOf(item.parameters), ...recordsOf(operation.parameters)]) {
    const parameter = dereferenced(document, given);
    const name = textOf(parameter, "name");
    if (name === undefined) continue;
    const isRequired = parameter.required === true || parameter.in === "path";
    if (parameter.in === "header" || parameter.in === "cookie") {
      if (isRequired) return `it needs the ${parameter.in} "${name}"`;
      continue;
    }
    const description = textOf(parameter, "description");
    const schema = convert(parameter.schema);
    put(name, description === undefined ? schema : { ...schema, description }, isRequired);
  }
  const body = isRecord(operation.requestBody) ? dereferenced(document, operation.requestBody) : undefined;
  if (body !== undefined) {
    const schema = jsonOf(body);
    if (schema === undefined) return "its body is not JSON";
    const whole = convert(schema);
    const own = objectOf(document, schema);
    if (own === undefined) return "its body is no plain object";
    const named = Array.isArray(own.required) ? own.required : [];
    for (const [name, member] of Object.entries(isRecord(own.properties) ? own.properties : {})) {
      put(name, convert(member), named.includes(name) && body.required !== false);
    }
    if (own.properties === undefined && Object.keys(properties).length === 0) {
      return { input: { ...whole, type: "object" }, output: outputOf(document, operation, convert) };
    }
  }
  const input: JsonSchema = { type: "object", properties, ...(required.length === 0 ? {} : { required }) };
  return { input, output: outputOf(document, operation, convert) };
}

function outputOf(
  document: JsonRecord,
  { responses }: JsonRecord,
  convert: (schema: unknown) => JsonSchema,
): JsonSchema {
  const all = isRecord(responses) ? responses : {};
  const success = Object.keys(all)
    .filter((status) => /^2(\d\d|XX)$/i.test(status))
    .sort(compareText)
    .map((status) => all[status])
    .find(isRecord);
  return convert(success && jsonOf(dereferenced(document, success)));
}

function jsonOf({ content }: JsonRecord): unknown {
  if (!isRecord(content)) return undefined;
  const type = Object.keys(content).find((type) => /^application\/(.*\+)?json\b/i.test(type));
  const media = type === undefined ? undefined : content[type];
  return isRecord(media) ? (media.schema ?? {}) : undefined;
}

/** An object schema with its own members; `undefined` for anything else. */
function objectOf(document: JsonRecord, schema: unknown): JsonRecord | undefined {
  const own = isRecord(schema) ? dereferenced(document, schema) : {};
  if (own.oneOf !== undefined || own.anyOf !== undefined || own.allOf !== undefined) return undefined;
  return own.type === "object" || own.properties !== undefined || own.type === undefined ? own : undefined;
}

/** Follows `$ref` inside the document, a few steps at most. */
export function dereferenced(document: JsonRecord, value: JsonRecord): JsonRecord {
  let found = value;
  for (let hops = 0; hops < 20 && typeof found.$ref === "string"; hops += 1) {
    const target = found.$ref
      .split("/")
      .slice(1)
      .reduce<unknown>((node, part) => {
        const key = decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~");
        return isRecord(node) && Object.hasOwn(node, key) ? node[key] : undefined;
      }, document);
    if (!found.$ref.startsWith("#/") || !isRecord(target)) return {};
    found = target;
  }
  return found;
}
