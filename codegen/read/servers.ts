import { isJsonObject, type JsonRecord, recordsOf } from "./json.ts";

/** Where an API answers. */
export interface Place {
  /** Without a slash at its end. Absent when the document states none that can be reached. */
  readonly url?: string;
  /** Why another address is taken than the one that the document states. */
  readonly note?: string;
}

/**
 * The first server that can be called. `url` is the address of the document, the base of relative servers. A loopback
 * server in a document from another machine is that of its author: the host of the document takes its place.
 */
export function placeOf(servers: unknown, url: string | undefined): Place {
  const listed = recordsOf(servers);
  const found = serversOf(servers, url);
  const away = url !== undefined && !isLoopback(new URL(url).hostname);
  const best = found.find(({ hostname }) => !(away && isLoopback(hostname)));
  if (best !== undefined) return { url: plain(best) };
  const [local] = found;
  if (url === undefined || listed.length === 0) return {};
  const own = new URL(local?.pathname ?? "/", url);
  const stated = local?.href ?? String(listed[0]?.url);
  return {
    url: plain(own),
    note: `its server ${stated} cannot be reached from here: ${plain(own)} is called`,
  };
}

/** The servers that a document names, with the defaults of their variables; where it names none, the one that it is on. */
export function serversOf(servers: unknown, url: string | undefined): URL[] {
  const listed = recordsOf(servers);
  return (listed.length === 0 ? [{ url: "/" }] : listed).flatMap((server) => {
    const named = filled(server);
    if (named === undefined || !URL.canParse(named, url)) return [];
    const absolute = new URL(named, url);
    return /^https?:$/.test(absolute.protocol) ? [absolute] : [];
  });
}

/** A server's URL with the defaults of its variables; `undefined` when one has none. */
function filled({ url, variables }: JsonRecord): string | undefined {
  if (typeof url !== "string") return undefined;
  const values = isJsonObject(variables) ? variables : {};
  const named = url.trim().replace(/\{([^{}]*)\}/g, (whole, name: string) => {
    const variable = Object.hasOwn(values, name) ? values[name] : undefined;
    if (!isJsonObject(variable)) return whole;
    const [first] = Array.isArray(variable.enum) ? (variable.enum as unknown[]) : [];
    const value = variable.default ?? first;
    return typeof value === "string" || typeof value === "number" ? String(value) : whole;
  });
  return /[{}]/.test(named) ? undefined : named;
}

/** Without query, fragment and a slash at its end. */
export function plain({ origin, pathname }: URL): string {
  return (origin + pathname).replace(/\/+$/, "");
}

/** True for this machine, where plain HTTP is safe because the traffic never leaves it. */
export function isLoopback(hostname: string): boolean {
  return /^(localhost|.*\.localhost|127(\.\d{1,3}){3}|0\.0\.0\.0|\[::1?\])$/i.test(hostname);
}
