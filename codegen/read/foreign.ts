import type { Usd } from "../../schema/money.ts";
import type { Price } from "../../schema/price.ts";
import { perWhat, priceSentence } from "../../schema/price-prose.ts";
import { checkNames, pascalCase } from "../check/names.ts";
import { compareText, type ResourceModel } from "../model.ts";
import { credentialHeaders, type HeaderUse, headerModels, headersOf } from "./headers.ts";
import { isForeignJob } from "./job.ts";
import { DocumentError, dereferenced, isJsonObject, type JsonRecord, textOf } from "./json.ts";
import type { DocumentOperation, DocumentReading, LeftOperation } from "./operation.ts";
import { headOf } from "./own.ts";
import { parametersOf } from "./parameters.ts";
import { parametersIn, piecesOf, templateOf } from "./path.ts";
import { type Payment, paymentOf } from "./price.ts";
import { foreignSchemas } from "./schemas.ts";
import { credentialsOf } from "./security.ts";
import { placeOf } from "./servers.ts";
import { shapeOf } from "./shape.ts";

/** Nothing of it is known; the client does not look at it. */
const TIMEOUT_MS = 60_000;

export interface ForeignOptions {
  /** How the document is named in what is generated from it. */
  readonly source: string;
  /** The URL of the document. */
  readonly url?: string;
  /** US dollars: the most that a call may cost whose price the document does not state. @default each call says it */
  readonly maxPrice?: Usd;
}

/** One operation of a document. */
interface Place {
  readonly path: string;
  readonly item: JsonRecord;
  readonly method: string;
  readonly operation: JsonRecord;
}

type Method = ResourceModel["method"];
const METHODS: ReadonlyMap<string, Method> = new Map(
  (["GET", "POST", "PUT", "PATCH", "DELETE"] as const).map((method) => [method.toLowerCase(), method]),
);
const OTHERS = ["head", "options", "trace", "query"];
const FACES = ["Input", "Output"];

/** Reads a document of another make, as far as our client can call what it describes. */
export function readForeign(document: JsonRecord, options: ForeignOptions): DocumentReading {
  const notes: string[] = [];
  const schemas = foreignSchemas(document);
  const resources: ResourceModel[] = [];
  const uses: HeaderUse[] = [];
  const taken = new Set<string>();
  const operations = new Map<string, DocumentOperation>();
  const left: LeftOperation[] = [];
  const root = placeOf(document.servers, options.url).url;

  /** One operation as a resource; a text that says why it is left out. */
  function read({ path, item, method, operation }: Place, label: string): string | undefined {
    const verb = METHODS.get(method);
    if (verb === undefined) return "its method cannot be called";
    const parameters = parametersOf(document, item, operation, schemas);
    const pieces = piecesOf(path);
    if (typeof pieces === "string") return pieces;
    const payment = paymentOf(document, { ...pick(item), ...operation });
    if (payment.others.length > 0) return `it is paid with ${payment.others.join(" or ")}, not with x402`;
    const credentials = credentialsOf(document, operation);
    if (typeof credentials === "string") return credentials;
    const keys = credentials.query.map((name) => ({
      ...{ name, place: "query" as const, required: true },
      schema: { type: "string", description: "An API key." },
    }));
    const members = [...parameters.members.filter(({ name }) => !credentials.query.includes(name)), ...keys];
    const from = { document, operation, method, pathParams: parametersIn(pieces) };
    const shape = shapeOf({ ...from, parameters: { ...parameters, members } }, schemas);
    if (typeof shape === "string") return shape;
    if (shape.dropped.length > 0) notes.push(`${label} is called without ${shape.dropped.join(", ")}`);

    const id = textOf(operation, "operationId") ?? `${method} ${path}`;
    const isTaken = (name: string) =>
      taken.has(name.toLowerCase()) ||
      FACES.some((face) => Object.hasOwn(schemas.known, pascalCase(name) + face));
    const name = nameOf(id, isTaken);
    const typeName = pascalCase(name);
    taken.add(name.toLowerCase());
    schemas.add(`${typeName}Input`, shape.input);
    const isJob = isForeignJob(document, operation, schemas);
    // What a job results in is not what the answer that accepts it holds.
    schemas.add(`${typeName}Output`, isJob ? {} : shape.output);
    const price = priceOf(payment, options.maxPrice);
    if (payment.isPaid && payment.price === undefined) notes.push(`${label} ${unpriced(payment, options)}`);
    const { example } = shape;
    operations.set(name, { path, operation, ...(example === undefined ? {} : { example }) });
    const use: HeaderUse = { name, headers: [...shape.headers, ...credentialHeaders(credentials)] };
    uses.push(use);
    const { fixed, needs } = headersOf(use);
    const own = operation.servers ?? item.servers;
    const place = own === undefined ? {} : placeOf(own, options.url);
    if (place.note !== undefined) notes.push(`${label}: ${place.note}`);
    const server = own === undefined ? undefined : (place.url ?? relativeOf(own));
    const transport = {
      ...shape.transport,
      ...(Object.keys(fixed).length === 0 ? {} : { headers: fixed }),
      ...(needs.length === 0 ? {} : { needs }),
      ...(parameters.isIdempotent ? { idempotent: true } : {}),
      ...(server === undefined || server === root ? {} : { server }),
    };
    const description = textOf(operation, "description");
    resources.push({
      name,
      typeName,
      summary: textOf(operation, "summary") ?? description ?? label,
      ...(description === undefined ? {} : { description }),
      method: verb,
      path: templateOf(pieces, shape.path),
      pathParams: [...shape.path.values()],
      tags: [],
      ...(operation.deprecated === true ? { deprecated: true as const } : {}),
      inferred: [],
      ...(Object.keys(transport).length === 0 ? {} : { transport }),
      ...terms(price),
      pricedDefaults: {},
      timeoutMs: TIMEOUT_MS,
      charge: "unknown",
      ...(isJob ? { isForeignJob: true as const } : {}),
      errors: [],
      examples: [],
    });
    return undefined;
  }

  for (const [path, given] of Object.entries(document.paths as JsonRecord)) {
    if (!isJsonObject(given)) continue;
    const item = given.$ref === undefined ? given : { ...dereferenced(document, given), ...given };
    for (const method of [...METHODS.keys(), ...OTHERS]) {
      const operation = item[method];
      if (!isJsonObject(operation)) continue;
      const label = `${method.toUpperCase()} ${path}`;
      const why = read({ path, item, method, operation }, label);
      if (why === undefined) continue;
      notes.push(`${label} is left out: ${why}`);
      left.push({ name: label, reason: why });
    }
  }
  if (resources.length === 0) {
    throw new DocumentError(
      `${options.source} describes nothing that can be called. ${notes.join(". ")}`.trim(),
    );
  }
  for (const ref of schemas.lost)
    notes.push(`The reference ${ref} leads nowhere in this document: its values are not typed`);
  resources.sort((a, b) => compareText(a.name, b.name));
  const headers = headerModels(uses);
  return {
    model: {
      ...headOf(document, options.source),
      isForeign: true,
      ...(headers.length === 0 ? {} : { headers }),
      resources,
      schemas: schemas.all(),
      handlerSchemas: {},
    },
    ...{ notes, operations, left },
  };
}

/** What a path item says about the payment of its operations. */
function pick(item: JsonRecord): JsonRecord {
  return Object.fromEntries(Object.entries(item).filter(([name]) => name.startsWith("x-")));
}

function unpriced({ said }: Payment, { maxPrice }: ForeignOptions): string {
  const what = said === undefined ? "states no price" : `states a price that cannot be read, ${said}`;
  return maxPrice === undefined
    ? `${what}: each call needs maxPrice`
    : `${what}: at most $${maxPrice} is paid for it`;
}

function priceOf({ price, isPaid }: Payment, maxPrice: Usd | undefined): Price {
  if (price !== undefined) return price;
  if (!isPaid) return { kind: "free" };
  return maxPrice === undefined
    ? { kind: "unknown" }
    : { kind: "quoted", min: "0.00", max: maxPrice, per: "call" };
}

function terms(price: Price): Pick<ResourceModel, "price" | "priceBounds" | "priceSentence" | "per"> {
  const ends =
    price.kind === "quoted"
      ? { min: price.min, max: price.max }
      : price.kind === "fixed"
        ? { min: price.usd, max: price.usd }
        : { min: "0.00", max: "0.00" };
  return { price, priceBounds: ends, priceSentence: priceSentence(price), per: perWhat(price) };
}

/** A server of an operation in a document whose own address is not known. */
function relativeOf(servers: unknown): string | undefined {
  const [first] = Array.isArray(servers) ? (servers as unknown[]) : [];
  const url = isJsonObject(first) ? first.url : undefined;
  return typeof url === "string" && /^\.{0,2}\//.test(url) && !/[{}]/.test(url) ? url : undefined;
}

/** A name that code can use, and that no other operation has. */
function nameOf(id: string, isTaken: (name: string) => boolean): string {
  const pascal = pascalCase(id).slice(0, MAX_NAME);
  const camel = pascal.charAt(0).toLowerCase() + pascal.slice(1);
  const usable = checkNames([camel], () => undefined).length > 0 ? camel : `call${pascal}`;
  let name = usable;
  for (let count = 2; isTaken(name); count += 1) name = `${usable}${count}`;
  return name;
}

/** Names of tools may have 64 characters. */
const MAX_NAME = 56;
