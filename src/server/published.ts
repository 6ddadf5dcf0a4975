import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import type { Description } from "../ledger/bazaar.ts";
import type { PublishedPath } from "../protocol/pages.ts";
import type { StoredAnswer } from "../store/store.ts";

/** The published description of an API: `published.gen.ts` as a module. */
export interface Published {
  /** JSON. */
  readonly openapi: string;
  readonly llms: string;
  /** HTML. */
  readonly docs: string;
  /** JSON: the descriptions of resources in their 402s, by name. */
  readonly described: string;
}

/**
 * The descriptions of resources in their 402s, read on first use. When they cannot be read, a 402 goes without them: the
 * address and the price are enough to buy.
 */
export function createDescriptions(
  load: () => Promise<Published>,
  onError: (error: unknown) => void,
): (resource: string) => Promise<Description | undefined> {
  const read = async (): Promise<ReadonlyMap<string, Description>> => {
    const { described } = await load();
    return new Map(Object.entries(JSON.parse(described) as Record<string, Description>));
  };
  let reading: Promise<ReadonlyMap<string, Description>> | undefined;
  return async (resource) => {
    reading ??= read();
    try {
      return (await reading).get(resource);
    } catch (error) {
      reading = undefined;
      onError(error);
      return undefined;
    }
  };
}

/** Answers those who look for an API and want to know what it sells. */
export type PublishedPages = ReadonlyMap<PublishedPath, (request: Request) => Promise<StoredAnswer>>;

export interface PublishedOptions {
  readonly load: () => Promise<Published>;
  /** The address under which buyers reach this server, as far as a request tells it; without a slash at its end. */
  readonly origin: (request: Request) => string;
  /** Resources that cost something, with `:name` for path parameters. */
  readonly paid: readonly { readonly method: string; readonly path: string }[];
}

/** For how long others may go by what they have read, in seconds. Source: draft-payment-discovery-00. */
const MAX_AGE = 300;
/** Who asks under made-up host names must not fill the memory. */
const KEPT = 16;

/**
 * The pages, by path: `/openapi.json`, `/llms.txt`, `/docs` and `/.well-known/x402`. The first three name the server that
 * answers as the one to call, whatever the definition names.
 */
export function createPublished({ load, origin, paid }: PublishedOptions): PublishedPages {
  const kept = new Map<string, Promise<StoredAnswer>>();

  const page = (type: string, make: (published: Published, origin: string) => string) => {
    return async (request: Request): Promise<StoredAnswer> => {
      const from = origin(request);
      const id = `${type} ${from}`;
      const answer = kept.get(id) ?? load().then((published) => answerOf(type, make(published, from)));
      if (!kept.has(id)) {
        if (kept.size >= KEPT) kept.clear();
        kept.set(id, answer);
        answer.catch(() => kept.delete(id));
      }
      const whole = await answer;
      return request.headers.get("if-none-match") === whole.headers.etag
        ? { ...whole, status: 304, body: "" }
        : whole;
    };
  };

  return new Map([
    ["/openapi.json", page("application/json", ({ openapi }, from) => servedAt(openapi, from))],
    [
      "/llms.txt",
      page("text/plain; charset=utf-8", ({ llms }, from) =>
        llms.replace(/^Base URL: .*$/m, () => `Base URL: ${from}`),
      ),
    ],
    ["/docs", page("text/html; charset=utf-8", callingAt)],
    ["/.well-known/x402", page("application/json; charset=utf-8", (_, from) => wellKnown(paid, from))],
  ]);
}

function answerOf(type: string, body: string): StoredAnswer {
  return {
    status: 200,
    headers: {
      "content-type": type,
      "cache-control": `public, max-age=${MAX_AGE}`,
      etag: `"${bytesToHex(sha256(utf8ToBytes(body))).slice(0, 32)}"`,
      "x-content-type-options": "nosniff",
    },
    body,
  };
}

/** The document with the server that answers first among its servers. */
function servedAt(openapi: string, url: string): string {
  const document = JSON.parse(openapi) as { readonly servers?: readonly { readonly url: string }[] };
  const others = (document.servers ?? []).filter((server) => server.url !== "/");
  const own = others.find((server) => server.url.replace(/\/+$/, "") === url) ?? { url };
  return JSON.stringify({ ...document, servers: [own, ...others.filter((server) => server !== own)] });
}

/** Where a definition names no server, its examples call this one. */
const EXAMPLE = "https://api.example.com";

/** The page whose examples call the server that shows it. */
function callingAt({ docs, openapi }: Published, url: string): string {
  const { servers } = JSON.parse(openapi) as { readonly servers?: readonly { readonly url: string }[] };
  const named = servers?.[0]?.url.replace(/\/+$/, "") || EXAMPLE;
  // What a request calls us is text of a stranger.
  return /^https?:\/\/[\w.:[\]/~%-]+$/.test(url) ? docs.replaceAll(named, () => url) : docs;
}

/** Version 1 of what x402 marketplaces look for, which lists addresses; what stands there is told by each 402. */
function wellKnown(paid: PublishedOptions["paid"], url: string): string {
  const resources = paid.map(({ path }) => url + path.replace(/:([A-Za-z0-9_]+)/g, "{$1}"));
  return JSON.stringify({
    version: 1,
    resources: [...new Set(resources)],
    instructions: `How to call each of them is in ${url}/openapi.json and, in words, in ${url}/llms.txt.`,
  });
}
