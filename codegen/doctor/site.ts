import { isRecord } from "../../src/protocol/index.ts";
import { jsonOf } from "./challenge.ts";
import { documentedShape, type ProbeOperation } from "./operation.ts";
import { inlined } from "./schema.ts";
import type { ProbeExchange, Wire } from "./wire.ts";

/** The documents that a host publishes about itself. */
export interface Site {
  readonly origin: string;
  readonly openapi: ProbeExchange;
  readonly llms: ProbeExchange;
  readonly wellKnown: ProbeExchange;
  /** The OpenAPI document, when it is valid. */
  readonly document: Readonly<Record<string, unknown>> | undefined;
  /** Paid operations of the document. */
  readonly paid: readonly ProbeOperation[];
  /** Free operations of the document, as `GET /path`. */
  readonly free: readonly string[];
  /** URL template of a job's status, with one `{name}`. */
  readonly statusUrl: string | undefined;
}

const METHODS = ["get", "post", "put", "patch", "delete"];

/** Reads the documents at the usual paths. A missing document is not an error here: checks report it. */
export async function readSite(wire: Wire, url: URL): Promise<Site> {
  const folder = url.pathname.endsWith("/") ? url.pathname : "/";
  const places = new Set([
    ...(url.pathname.endsWith(".json") ? [url.pathname] : []),
    `${folder}openapi.json`,
    "/openapi.json",
  ]);
  let openapi: ProbeExchange | undefined;
  for (const place of places) {
    openapi = await wire.send({ method: "GET", url: new URL(place, url).href });
    if (documentOf(openapi)) break;
  }
  if (!openapi) throw new Error("there is always one place");
  const at = (path: string) => wire.send({ method: "GET", url: new URL(path, url).href });
  const document = documentOf(openapi);
  const operations = document ? operationsOf(document, openapi.url) : [];
  return {
    ...{ origin: url.origin, openapi, document },
    llms: await at("/llms.txt"),
    wellKnown: await at("/.well-known/x402"),
    paid: operations.filter(({ documented }) => isPaid(documented)),
    free: operations
      .filter(({ documented }) => !isPaid(documented))
      .map(({ method, url }) => `${method} ${decodeURI(new URL(url).pathname)}`),
    statusUrl: operations.find(isStatus)?.url,
  };
}

function documentOf(exchange: ProbeExchange): Site["document"] {
  const document = exchange.status === 200 ? jsonOf(exchange) : undefined;
  return isRecord(document) && typeof document.openapi === "string" ? document : undefined;
}

function isPaid(operation: ProbeOperation["documented"]): boolean {
  if (!operation) return false;
  return (
    isRecord(operation["x-payment-info"]) || (isRecord(operation.responses) && "402" in operation.responses)
  );
}

/** Finds the free GET with one parameter that names a job: the buyer polls it. */
function isStatus({ method, url, documented }: ProbeOperation): boolean {
  return (
    method === "GET" &&
    !isPaid(documented) &&
    /\{[^{}]+\}$/.test(url) &&
    /job|task|status|operation/i.test(`${new URL(url).pathname} ${String(documented?.operationId ?? "")}`)
  );
}

function operationsOf(document: Record<string, unknown>, from: string): ProbeOperation[] {
  const base = baseOf(document, from);
  return Object.entries(isRecord(document.paths) ? document.paths : {}).flatMap(([path, item]) => {
    if (!isRecord(item)) return [];
    return METHODS.filter((method) => isRecord(item[method])).map((method): ProbeOperation => {
      const documented = inlinedOperation(item[method] as Record<string, unknown>, document);
      return {
        method: method.toUpperCase(),
        url: base + path,
        shape: documentedShape(documented, item.parameters, document),
        given: undefined,
        documented,
      };
    });
  });
}

/** The parts of an operation that checks use, with their references replaced. */
function inlinedOperation(
  operation: Record<string, unknown>,
  document: Record<string, unknown>,
): Record<string, unknown> {
  const responses = isRecord(operation.responses) ? operation.responses : {};
  return {
    ...operation,
    responses: Object.fromEntries(
      Object.entries(responses).map(([status, one]) => [status, inlined(one, document)]),
    ),
    parameters: (Array.isArray(operation.parameters) ? operation.parameters : []).map((one) =>
      inlined(one, document),
    ),
  };
}

/**
 * The base URL of the operations. A document that this machine serves is examined at its own origin, whatever public
 * URL it names.
 */
function baseOf(document: Record<string, unknown>, from: string): string {
  const servers = (Array.isArray(document.servers) ? document.servers : [])
    .filter(isRecord)
    .flatMap(({ url }) => (typeof url === "string" && URL.canParse(url, from) ? [new URL(url, from)] : []));
  const own = new URL(from);
  const chosen =
    servers.find(({ origin }) => origin === own.origin) ??
    (isLoopback(own.hostname) ? undefined : servers[0]) ??
    new URL(".", own);
  return chosen.href.replace(/\/$/, "");
}

/** True for this machine, where plain HTTP is safe because the traffic never leaves it. */
export function isLoopback(hostname: string): boolean {
  return /^(localhost|.*\.localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname);
}
