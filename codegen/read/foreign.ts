import { formatUsd, parseUsd, type Usd } from "../../schema/money.ts";
import type { Price } from "../../schema/price.ts";
import { perWhat, priceSentence } from "../../schema/price-prose.ts";
import { checkNames, pascalCase } from "../check/names.ts";
import { pathParams } from "../check/routes.ts";
import { type ApiModel, compareText, type ResourceModel, type Schemas } from "../model.ts";
import { DocumentError, isRecord, type JsonRecord, textOf } from "./json.ts";
import { headOf } from "./own.ts";
import { protocolsOf, publishedPrice } from "./price.ts";
import { foreignSchemas } from "./schemas.ts";
import { credentialsOf } from "./security.ts";
import { shapeOf } from "./shape.ts";

/** What our client asks at most where a document does not say the price; as much as stock buyers allow a call. */
const MAX_PRICE = "1.00";
/** Nothing of it is known; the client does not look at it. */
const TIMEOUT_MS = 60_000;

export interface ForeignOptions {
  /** How the document is named in what is generated from it. */
  readonly source: string;
  /** US dollars: the most that a call may cost whose price the document does not say. @default "1.00" */
  readonly maxPrice?: string;
}

/** Reads a document of another make, as far as our client can call what it describes. */
export function readForeign(
  document: JsonRecord,
  { source, maxPrice = MAX_PRICE }: ForeignOptions,
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
      const own = addressOf(path);
      if (own === undefined) {
        leaveOut("its path has segments other than names and parameters");
        continue;
      }
      const elsewhere = item.servers ?? operation.servers;
      if (elsewhere !== undefined) {
        leaveOut("it has a server URL of its own");
        continue;
      }
      const protocols = protocolsOf(operation["x-payment-info"]);
      if (protocols.length > 0 && !protocols.includes("x402")) {
        leaveOut(`it is paid with ${protocols.join(" or ")}, not with x402`);
        continue;
      }
      const credentials = credentialsOf(document, operation);
      if (credentials !== undefined) {
        leaveOut(`it asks for ${credentials}, which is not paid for`);
        continue;
      }
      const id = textOf(operation, "operationId") ?? `${method} ${path}`;
      const isTaken = (name: string) =>
        taken.has(name.toLowerCase()) ||
        FACES.some((face) => Object.hasOwn(schemas.known, pascalCase(name) + face));
      const name = nameOf(id, isTaken);
      const typeName = pascalCase(name);
      const shape = shapeOf({ document, item, operation, method, pathParams: pathParams(own) }, schemas);
      if (typeof shape === "string") {
        leaveOut(shape);
        continue;
      }
      if (shape.dropped.length > 0) {
        notes.push(`${method.toUpperCase()} ${path} is called without ${shape.dropped.join(", ")}`);
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
        charge: "unknown",
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
  return {
    model: { ...headOf(document, source), isForeign: true, resources, schemas: found, handlerSchemas: {} },
    notes,
  };
}

const FACES = ["Input", "Output"];
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

/** The path with `:name` for its parameters; `undefined` when a segment is more than a name or a parameter. */
function addressOf(path: string): string | undefined {
  if (!path.startsWith("/")) return undefined;
  const segments = path.split("/").map((segment) => {
    const parameter = /^\{([A-Za-z_][A-Za-z0-9_]*)\}$/.exec(segment)?.[1];
    if (parameter !== undefined) return parameter in Object.prototype ? undefined : `:${parameter}`;
    return /^[A-Za-z0-9._~-]*$/.test(segment) ? segment : undefined;
  });
  const own = segments.join("/");
  const names = pathParams(own);
  return segments.includes(undefined) || new Set(names).size < names.length ? undefined : own;
}

/** A name that code can use, and that no other operation has. */
function nameOf(id: string, isTaken: (name: string) => boolean): string {
  const pascal = pascalCase(id);
  const camel = pascal.charAt(0).toLowerCase() + pascal.slice(1);
  const usable = checkNames([camel], () => undefined).length > 0 ? camel : `call${pascal}`;
  let name = usable;
  for (let count = 2; isTaken(name); count += 1) name = `${usable}${count}`;
  return name;
}
