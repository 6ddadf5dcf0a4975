import { callDefinition } from "../call-definition.ts";
import { isJob, type ResourceModel } from "../model.ts";
import { type DocumentOperation, type ReadDocument, readDocument } from "../read/document.ts";
import { bundled } from "../read/external.ts";
import { isJsonObject } from "../read/json.ts";
import { isLoopback, plain, serversOf } from "../read/servers.ts";
import { looksLikeDocument, parseDocument } from "../read/text.ts";
import { type ProbeOperation, resourceShape } from "./operation.ts";
import type { ProbeExchange, Wire } from "./wire.ts";

/** The documents that a host publishes about itself. */
export interface Site {
  readonly origin: string;
  readonly openapi: ProbeExchange;
  readonly llms: ProbeExchange;
  readonly wellKnown: ProbeExchange;
  /** True when there is a document that clients can be generated from. */
  readonly isDocumented: boolean;
  /** Why the document cannot be read. */
  readonly problem: string | undefined;
  /** Paid operations of the document. */
  readonly paid: readonly ProbeOperation[];
  /** Other operations of the document, and why they are not examined. */
  readonly left: readonly { readonly name: string; readonly reason: string }[];
  /** URL template of a job's status, with one `{name}`. */
  readonly statusUrl: string | undefined;
}

/** Maximum size of a document, in bytes. */
const MAX_DOCUMENT_BYTES = 32 * 1024 * 1024;

/** Reads the documents at the usual paths. A missing document is not an error here: checks report it. */
export async function readSite(wire: Wire, url: URL): Promise<Site> {
  const folder = url.pathname.endsWith("/") ? url.pathname : "/";
  const places = new Set([
    ...(/\.(json|ya?ml)$/i.test(url.pathname) ? [url.pathname + url.search] : []),
    ...["openapi.json", "openapi.yaml"].flatMap((name) => [folder + name, `/${name}`]),
  ]);
  const at = (path: string, maxLength?: number) => {
    const whole = maxLength === undefined ? {} : { maxLength };
    return wire.send({ method: "GET", url: new URL(path, url).href, ...whole });
  };
  let openapi: ProbeExchange | undefined;
  let found: Read = {};
  for (const place of places) {
    const exchange = await at(place, MAX_DOCUMENT_BYTES);
    openapi ??= exchange;
    if (exchange.status !== 200 || !looksLikeDocument(exchange.body)) continue;
    openapi = exchange;
    found = await read(exchange, at);
    break;
  }
  if (!openapi) throw new Error("there is always one place");
  const { document, reading, problem } = found;
  const sold = reading?.model.resources ?? [];
  const free = sold.filter(({ price }) => price.kind === "free");
  const operation = (resource: ResourceModel): ProbeOperation[] => {
    const own = reading?.operations.get(resource.name);
    return reading && own ? [operationOf({ document, reading, resource, own, from: openapi.url })] : [];
  };
  const paid = sold.filter((one) => !free.includes(one)).flatMap(operation);
  return {
    ...{ origin: url.origin, openapi, problem, paid },
    isDocumented: reading !== undefined,
    left: [
      ...free.flatMap((one) => {
        const path = reading?.operations.get(one.name)?.path;
        return path === undefined ? [] : [{ name: `${one.method} ${path}`, reason: "it is free" }];
      }),
      ...(reading?.left ?? []),
    ],
    statusUrl: sold.some(isJob) ? statusOf(document, openapi.url) : undefined,
    llms: await at("/llms.txt"),
    wellKnown: await at("/.well-known/x402"),
  };
}

interface Read {
  readonly document?: { readonly servers?: unknown; readonly paths?: object };
  readonly reading?: ReadDocument;
  readonly problem?: string;
}

async function read(
  { url, body }: ProbeExchange,
  ask: (path: string, maxLength: number) => Promise<ProbeExchange>,
): Promise<Read> {
  try {
    const parsed = await parseDocument(body, url);
    const place = new URL(url);
    const beside = async (other: URL): Promise<unknown> => {
      if (other.origin !== place.origin) throw new Error("it is not at the place of the document");
      const exchange = await ask(other.href, MAX_DOCUMENT_BYTES);
      if (exchange.status !== 200) throw new Error(`the server answers ${exchange.status}`);
      return parseDocument(exchange.body, other.href);
    };
    const document = isJsonObject(parsed) ? (await bundled(parsed, place, beside)).document : parsed;
    return { document: document as object, reading: readDocument(document, { source: url, url }) };
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}

function operationOf(of: {
  readonly document: Read["document"];
  readonly reading: ReadDocument;
  readonly resource: ResourceModel;
  readonly own: DocumentOperation;
  readonly from: string;
}): ProbeOperation {
  const { document, reading, resource, own, from } = of;
  const { schemas, isForeign = false } = reading.model;
  const { server, ...call } = callDefinition(resource);
  const base = baseOf(serversOf(document?.servers, from), from, reading.baseUrl);
  const root = server === undefined ? base : baseOf(serversOf([{ url: server }], `${base}/`), from, base);
  const source = from.slice(from.lastIndexOf("/") + 1).replace(/\?.*/, "") || "the document";
  return {
    ...{ method: resource.method, root, url: root + own.path, call },
    shape: resourceShape(resource, { schemas, example: own.example, source }),
    given: undefined,
    documented: { operation: own.operation, resource, schemas, isForeign },
  };
}

/** The base URL of operations. A document that this machine serves is examined at its own origin, whatever URL it names. */
function baseOf(servers: readonly URL[], from: string, other: string | undefined): string {
  const own = new URL(from);
  const same = servers.find(({ origin }) => origin === own.origin);
  if (same) return plain(same);
  const isAway = !isLoopback(own.hostname) || (other !== undefined && new URL(other).origin === own.origin);
  return isAway && other !== undefined ? other : plain(new URL(".", own));
}

/** Finds the GET with one parameter that names a job: the buyer polls it. */
function statusOf(document: Read["document"], from: string): string | undefined {
  const found = Object.entries(document?.paths ?? {}).find(([path, item]) => {
    const isGet = typeof item === "object" && item !== null && "get" in item;
    return isGet && /job|task|status/i.test(path) && /^[^{}]*\{[^{}]+\}$/.test(path);
  });
  return found && baseOf(serversOf(document?.servers, from), from, undefined) + found[0];
}
