import { getPath } from "hono/utils/url";
import type { Logger } from "../telemetry/log.ts";

/** What the place that a server runs in knows of one request, and the request does not say. */
export interface Mount {
  /** The address of the host as the caller sees it: `https://shop.example`. @default the request's */
  readonly origin?: string;
  /** The path under which the API is mounted: `/api`. @default the option `basePath` */
  readonly basePath?: string;
}

export interface AddressOptions {
  readonly publicUrl: string | undefined;
  readonly basePath: string | undefined;
  readonly trustProxy: boolean;
  readonly log: Logger;
  /** With `:name` for path parameters. */
  readonly paths: () => readonly string[];
}

/** The addresses of this API as its callers see them, and where in a request's address the API begins. */
export interface Addresses {
  /** Remembers what only the place knows of this request. */
  mounted(request: Request, mount: Mount | undefined): void;
  /** The path within the API. */
  pathOf(request: Request): string;
  /** Absolute URL of a path of this API. @default the request's own path */
  url(request: Request, path: string | undefined): string;
  /** By which the caller came: `https`. */
  scheme(request: Request): string;
  /** Logs once when a request for a known resource came under a path that is not known. */
  missed(request: Request): void;
}

export function createAddresses(options: AddressOptions): Addresses {
  const { trustProxy, log } = options;
  const publicUrl = options.publicUrl?.replace(/\/+$/, "");
  const [, publicOrigin, publicPath = ""] = /^([a-z]+:\/\/[^/?#]*)([^?#]*)/i.exec(publicUrl ?? "") ?? [];
  const ownBase = normalBase(options.basePath) || publicPath;
  const mounts = new WeakMap<Request, Mount>();
  let hasWarned = false;

  function baseOf(request: Request): string {
    return normalBase(mounts.get(request)?.basePath) || ownBase;
  }

  function within(path: string, base: string): string {
    if (base === "" || !path.startsWith(base)) return path;
    const rest = path.slice(base.length);
    return rest === "" ? "/" : rest.startsWith("/") ? rest : path;
  }

  function originOf(request: Request): string {
    if (publicOrigin !== undefined) return publicOrigin;
    const own = mounts.get(request)?.origin ?? originIn(request.url);
    return trustProxy ? forwardedOrigin(request.headers, own) : own;
  }

  function prefixOf(request: Request): string {
    const base = baseOf(request);
    if (base !== "" || !trustProxy) return base;
    return normalBase(request.headers.get("x-forwarded-prefix")?.split(",", 1)[0]?.trim());
  }

  /** A buyer refuses a challenge for another address than it has called. The seller learns of it here alone. */
  function warn(fields: object, message: string): void {
    if (hasWarned) return;
    hasWarned = true;
    log.warn(fields, message);
  }

  function compare(request: Request, origin: string): void {
    if (hasWarned || (trustProxy && publicOrigin === undefined)) return;
    const { headers } = request;
    if (!headers.has("x-forwarded-host") && !headers.has("x-forwarded-proto")) return;
    const called = forwardedOrigin(headers, originIn(request.url));
    if (called.toLowerCase() === origin.toLowerCase() || mounts.get(request)?.origin !== undefined) return;
    const fix = `set publicUrl: "${called}" in createServer, or trustProxy: true when a proxy of yours sets these headers`;
    warn(
      { called, named: origin, fix },
      "buyers call another address than the 402 names, and will refuse it",
    );
  }

  return {
    mounted(request, mount) {
      const { origin, basePath } = mount ?? {};
      const own = {
        ...(typeof origin === "string" && { origin }),
        ...(typeof basePath === "string" && { basePath }),
      };
      if (Object.keys(own).length > 0) mounts.set(request, own);
    },

    pathOf: (request) => within(getPath(request), baseOf(request)),

    url(request, path) {
      const origin = originOf(request);
      compare(request, origin);
      const base = prefixOf(request);
      return origin + base + (path ?? within(rawPath(request.url), baseOf(request)));
    },

    scheme: (request) => originOf(request).split(":", 1)[0] ?? "",

    missed(request) {
      if (hasWarned) return;
      const path = rawPath(request.url);
      const known = options.paths();
      for (let at = path.indexOf("/", 1); at !== -1; at = path.indexOf("/", at + 1)) {
        if (!known.some((one) => isLike(path.slice(at), one))) continue;
        const prefix = path.slice(0, at);
        const fix = `set basePath: "${prefix}", or publicUrl with this path, in createServer`;
        return warn({ path, fix }, "a resource was called under a path at which this API is not mounted");
      }
    },
  };
}

/** `/api`, or nothing. */
function normalBase(path: string | undefined): string {
  if (path === undefined || path === "") return "";
  const bare = path.replace(/^\/+|\/+$/g, "");
  return /^[\w.~%!$&'()*+,;=:@/-]+$/.test(bare) ? `/${bare}` : "";
}

function originIn(url: string): string {
  return /^[a-z]+:\/\/[^/?#]*/i.exec(url)?.[0] ?? "";
}

function rawPath(url: string): string {
  return /^[a-z]+:\/\/[^/?#]*([^?#]*)/i.exec(url)?.[1] ?? "";
}

/** What a proxy says about the address that the caller used (RFC 7239, and the older headers). */
function forwardedOrigin(headers: Headers, own: string): string {
  const first = (name: string): string | undefined => headers.get(name)?.split(",", 1)[0]?.trim();
  const forwarded = first("forwarded") ?? "";
  const said = (name: string): string | undefined =>
    new RegExp(`(?:^|;)\\s*${name}="?([^";]+)"?`, "i").exec(forwarded)?.[1];
  const proto = said("proto") ?? first("x-forwarded-proto") ?? own.split(":", 1)[0];
  const host = said("host") ?? first("x-forwarded-host") ?? own.slice(own.indexOf("//") + 2);
  const isUsable = /^https?$/i.test(proto ?? "") && /^[\w.:[\]-]{1,255}$/.test(host);
  return isUsable ? `${proto?.toLowerCase()}://${host}` : own;
}

function isLike(path: string, known: string): boolean {
  const [parts, names] = [path.split("/"), known.split("/")];
  return (
    parts.length === names.length &&
    names.every((name, index) => (name.startsWith(":") ? parts[index] !== "" : parts[index] === name))
  );
}
