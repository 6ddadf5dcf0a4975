import { HEADERS, isRecord } from "../../src/protocol/index.ts";
import { isChallenge, jsonOf, readChallenge } from "./challenge.ts";
import { bazaarShape, operationAt, outputSchemaShape, type ProbeOperation } from "./operation.ts";
import { readSite, type Site } from "./site.ts";
import type { ProbeExchange, Wire } from "./wire.ts";

export interface Target {
  readonly site: Site;
  readonly operations: readonly ProbeOperation[];
  /** Operations that are not examined, and why. */
  readonly left: readonly { readonly name: string; readonly reason: string }[];
}

export interface Named {
  readonly url: URL;
  readonly method: string | undefined;
  readonly input: unknown;
  /** Request headers for every operation. */
  readonly headers: Readonly<Record<string, string>>;
}

/** The address has nothing to examine; the message lists what was tried. */
export class NothingThere extends Error {
  override readonly name = "NothingThere";
}

/**
 * Finds the operations to examine at an address: one resource, or every paid operation of an API.
 * @throws NothingThere
 */
export async function findTarget(wire: Wire, named: Named): Promise<Target> {
  const { url, method, input, headers } = named;
  const site = await readSite(wire, url);
  // An unreachable server is a different case from a server without documents.
  if (site.openapi.failure && site.llms.failure) {
    throw new NothingThere(`${url.origin} does not answer: ${site.openapi.failure.text}.`);
  }
  const one = (operation: ProbeOperation): Target => ({
    site,
    operations: [{ ...operation, headers, given: input }],
    left: [],
  });
  const all = (operations: readonly ProbeOperation[]): Target => {
    const lacking = operations.map((operation) => ({ operation, header: missingHeader(operation, headers) }));
    const ready = lacking.flatMap(({ operation, header }) => (header === undefined ? [operation] : []));
    const wanting = lacking.flatMap(({ operation, header }) =>
      header === undefined
        ? []
        : [
            {
              name: checkNameOf(operation),
              reason: `it needs the request header ${header}: give it with --header`,
            },
          ],
    );
    return {
      site,
      operations: ready.map((operation) => ({ ...operation, headers })),
      left: [...site.left, ...wanting],
    };
  };

  const isDocument = site.openapi.url === url.href || url.pathname.endsWith("/");
  const isWhole = method === undefined && input === undefined && isDocument;
  if (isWhole && site.paid.length > 0) return all(site.paid);
  if (isWhole && site.openapi.url === url.href && (site.isDocumented || site.problem !== undefined)) {
    throw new NothingThere(site.problem ?? `${url.href} describes no paid operation.`);
  }
  const documented = site.paid.filter(
    (operation) => fits(operation, url) && (method === undefined || operation.method === method),
  );
  const [known] = documented;
  if (known) return one(operationAt(known, url));

  const listed = isWhole ? await listedIn(site, wire, headers) : [];
  if (listed.length > 0) return all(listed);

  const found = await probed(wire, named);
  if (found) return one(found);
  const tried = method ?? "GET or POST";
  const fix =
    input !== undefined && isDocument && site.paid.length > 0
      ? "--input is for one resource: use it with the address of that resource."
      : "Name a resource and its method: --method POST";
  throw new NothingThere(
    `There is no x402 resource at ${url.href}: the server does not answer 402 to an unpaid ${tried}` +
      `${site.isDocumented ? "" : `, and ${url.origin}/openapi.json is not an OpenAPI document`}.` +
      ` ${fix}`,
  );
}

/** `POST /v1/caption` */
export function checkNameOf({ method, url }: ProbeOperation): string {
  return `${method} ${decodeURI(new URL(url).pathname)}`;
}

/** A request header that the document asks for and the user has not given. */
function missingHeader(
  { call }: ProbeOperation,
  given: Readonly<Record<string, string>>,
): string | undefined {
  const names = Object.keys(given).map((name) => name.toLowerCase());
  return call?.needs?.find((name) => !names.includes(name.toLowerCase()));
}

/** True when the address matches the operation, with any values for its path parameters. */
function fits(operation: ProbeOperation, url: URL): boolean {
  const template = decodeURI(new URL(operation.url).pathname);
  const pattern = template
    .split(/\{[^{}]+\}/)
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"))
    .join("[^/]+");
  return new RegExp(`^${pattern}/?$`).test(decodeURI(url.pathname));
}

/** The resources that `/.well-known/x402` lists, if they are on this host and answer 402. */
async function listedIn(site: Site, wire: Wire, headers: Named["headers"]): Promise<ProbeOperation[]> {
  const document = jsonOf(site.wellKnown);
  const list = isRecord(document) && Array.isArray(document.resources) ? document.resources : [];
  const found: ProbeOperation[] = [];
  for (const entry of list) {
    const text = isRecord(entry) ? (entry.url ?? entry.resource) : entry;
    if (typeof text !== "string") continue;
    const [, method, place = text] = /^(GET|POST|PUT|PATCH|DELETE)\s+(\S+)$/.exec(text) ?? [];
    if (!URL.canParse(place, site.origin)) continue;
    const url = new URL(place, site.origin);
    const operation = url.origin === site.origin ? await probed(wire, { url, method, headers }) : undefined;
    if (operation) found.push(operation);
  }
  return found;
}

/** Finds the operation at an address by requesting its price. */
async function probed(
  wire: Wire,
  { url, method, headers }: Omit<Named, "input">,
): Promise<ProbeOperation | undefined> {
  const answers: ProbeExchange[] = [];
  for (const one of method === undefined ? ["GET", "POST"] : [method]) {
    const answer = await wire.send({ method: one, url: url.href, headers });
    if (answer.status === 402 || answer.headers.has(HEADERS.paymentRequired)) answers.push(answer);
  }
  const said = answers.map((answer) => saidBy(answer));
  // A paid GET route may exist beside the POST that its challenge describes.
  const index = Math.max(
    0,
    answers.findIndex((answer, at) => isChallenge(answer) && said[at]?.method === answer.method),
  );
  const answer = answers[index];
  const operation = {
    ...{ url: url.href, root: url.origin + url.pathname, shape: said[index]?.shape },
    ...{ given: undefined, documented: undefined, call: undefined },
  };
  if (answer) return { ...operation, method: answer.method };
  // The user named this operation, so the doctor examines it and reports what is missing.
  return method === undefined ? undefined : { ...operation, method };
}

/** The method and input that a challenge describes. */
export function saidBy(answer: ProbeExchange): ReturnType<typeof outputSchemaShape> {
  const { v1, v2 } = readChallenge(answer);
  const extensions = isRecord(v2) && isRecord(v2.extensions) ? v2.extensions : {};
  const first = Array.isArray(v1?.accepts) ? (v1.accepts as unknown[])[0] : undefined;
  return (
    bazaarShape(extensions.bazaar) ?? outputSchemaShape(isRecord(first) ? first.outputSchema : undefined)
  );
}
