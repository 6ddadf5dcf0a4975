import type { ProbeExchange } from "./wire.ts";

/** Statuses that a cache may keep without being told for how long. Source: RFC 9110 §15.1. */
const HEURISTIC = new Set([200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501]);

/**
 * True when a shared cache may answer another request with this response (RFC 9111 §3 and §4.2.2). A response to POST,
 * and a 402, may be kept only where it says for how long.
 */
export function isShareable(exchange: Pick<ProbeExchange, "method" | "status" | "headers">): boolean {
  const { method, status, headers } = exchange;
  const control = (headers.get("cache-control") ?? "").toLowerCase();
  if (/\b(no-store|no-cache|private)\b/.test(control)) return false;
  const seconds = /\bs-maxage\s*=\s*"?(\d+)/.exec(control) ?? /\bmax-age\s*=\s*"?(\d+)/.exec(control);
  if (seconds) return Number(seconds[1]) > 0;
  const expires = headers.get("expires");
  if (expires !== null) {
    const end = Date.parse(expires);
    return Number.isFinite(end) && end > Date.parse(headers.get("date") ?? new Date().toUTCString());
  }
  return /\bpublic\b/.test(control) || ((method === "GET" || method === "HEAD") && HEURISTIC.has(status));
}
