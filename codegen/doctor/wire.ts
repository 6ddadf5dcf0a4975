import { decodeDocument } from "../read/text.ts";

/** One request and its response. `body` and `headers` are as on the wire; a long body is truncated. */
export interface ProbeExchange {
  readonly method: string;
  readonly url: string;
  /** The body that was sent. */
  readonly sent: string | undefined;
  /** HTTP status; 0 when no readable response arrived. */
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
  /** Milliseconds to the end of the body. */
  readonly ms: number;
  /** Why no response arrived. */
  readonly failure: Failure | undefined;
}

interface Failure {
  readonly kind: "timeout" | "unreachable" | "broken" | "headers_too_large";
  readonly text: string;
}

export interface Ask {
  readonly method: string;
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Timeout of this request, in milliseconds. @default the timeout of the wire */
  readonly timeoutMs?: number;
  /** Bytes of the body to read. @default 262144 */
  readonly maxLength?: number;
  /** Sends the request on a connection of its own, and only once. */
  readonly isSingle?: boolean;
}

/** Sends every request of the doctor, with one limit, one timeout and one record. */
export interface Wire {
  /** @throws Spent when the request limit is reached; the signal's reason when it is aborted. */
  send(ask: Ask): Promise<ProbeExchange>;
  /** Waits this many milliseconds. @throws the signal's reason when it is aborted. */
  pause(ms: number): Promise<void>;
  /** Every exchange so far, oldest first. */
  readonly exchanges: readonly ProbeExchange[];
}

export interface WireOptions {
  readonly timeoutMs: number;
  readonly maxRequests: number;
  readonly signal: AbortSignal;
  readonly fetch: typeof fetch;
}

/** The request limit is reached, or the server keeps answering 429. */
export class Spent extends Error {
  override readonly name = "Spent";
}

/** Bytes of a body to read. */
const MAX_BODY_LENGTH = 256 * 1024;
/** Longest pause after a 429 before the same request is sent again. */
const MAX_PAUSE_MS = 5_000;
/** Maximum number of concurrent requests, over all checks. */
const CONCURRENT = 3;

export function createWire({ timeoutMs, maxRequests, signal, fetch }: WireOptions): Wire {
  const exchanges: ProbeExchange[] = [];
  const waiting: (() => void)[] = [];
  let left = maxRequests;
  let running = 0;

  async function once(ask: Ask, isFresh = ask.isSingle === true): Promise<ProbeExchange> {
    if (left <= 0)
      throw new Spent(`the limit of ${maxRequests} requests is reached; increase --max-requests`);
    left -= 1;
    while (running >= CONCURRENT) await new Promise<void>((resolve) => waiting.push(resolve));
    running += 1;
    const begun = performance.now();
    const base = { method: ask.method, url: ask.url, sent: ask.body };
    try {
      const response = await fetch(ask.url, {
        method: ask.method,
        headers: {
          ...{ "user-agent": "resource402-doctor", accept: "*/*", ...ask.headers },
          ...(isFresh ? { connection: "close" } : {}),
        },
        redirect: "manual",
        signal: AbortSignal.any([signal, AbortSignal.timeout(ask.timeoutMs ?? timeoutMs)]),
        ...(ask.body === undefined ? {} : { body: ask.body }),
      });
      const body = await start(response, ask.maxLength ?? MAX_BODY_LENGTH);
      const ms = performance.now() - begun;
      return {
        ...base,
        ...{ status: response.status, headers: response.headers, body, ms, failure: undefined },
      };
    } catch (error) {
      signal.throwIfAborted();
      const ms = performance.now() - begun;
      return { ...base, status: 0, headers: new Headers(), body: "", ms, failure: failureOf(error) };
    } finally {
      running -= 1;
      waiting.shift()?.();
    }
  }

  return {
    exchanges,
    pause: (ms) => pause(ms, signal),
    async send(ask) {
      signal.throwIfAborted();
      let exchange = await once(ask);
      // A kept connection may have been closed by the server, and a server that refuses a large body closes its own
      // while the body is sent (RFC 9110 §15.5.14). Neither says anything about the resource.
      if (exchange.failure?.kind === "broken" && !ask.isSingle) exchange = await once(ask, true);
      if (exchange.status === 429) {
        if (!ask.isSingle) {
          const after = Number(exchange.headers.get("retry-after") ?? 1) * 1000;
          await pause(after >= 0 ? Math.min(after, MAX_PAUSE_MS) : MAX_PAUSE_MS, signal);
          exchange = await once(ask);
        }
        if (exchange.status === 429) throw new Spent("the server answers 429 (too many requests)");
      }
      exchanges.push(exchange);
      return exchange;
    },
  };
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end);
  });
  signal.throwIfAborted();
}

/** Reads the beginning of a body, without waiting for the rest. */
async function start(response: Response, maxLength: number): Promise<string> {
  if (!response.body) return "";
  const reader = response.body.getReader();
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    chunks.push(value);
    length += value.length;
    if (length < maxLength) continue;
    await reader.cancel().catch(() => {});
    break;
  }
  return decodeDocument(Buffer.concat(chunks));
}

const UNREACHABLE: Readonly<Record<string, string>> = {
  ECONNREFUSED: "the connection was refused",
  ENOTFOUND: "the host name does not exist",
  EAI_AGAIN: "the host name cannot be looked up",
  EHOSTUNREACH: "the host is unreachable",
  ENETUNREACH: "the network is unreachable",
  CERT_HAS_EXPIRED: "its certificate has expired",
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is self-signed",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another host",
};

function failureOf(error: unknown): Failure {
  if (error instanceof DOMException && error.name === "TimeoutError") {
    return { kind: "timeout", text: "the request timed out" };
  }
  let cause: unknown = error;
  while (cause instanceof Error && cause.cause !== undefined) cause = cause.cause;
  // A host with several addresses fails once for each address.
  if (cause instanceof AggregateError) cause = cause.errors[0];
  const code = String((cause as { code?: unknown } | undefined)?.code ?? "");
  if (code === "UND_ERR_HEADERS_OVERFLOW") {
    return {
      kind: "headers_too_large",
      text: "its headers are larger than 16 kB, so the response cannot be read",
    };
  }
  const known = UNREACHABLE[code];
  if (known !== undefined) return { kind: "unreachable", text: known };
  const text = cause instanceof Error && cause.message !== "" ? cause.message : String(error);
  return { kind: "broken", text: `the connection broke (${code === "" ? text : code})` };
}

const SHOWN = 300;

/** Shortens bytes for evidence to a few lines. */
export function shown(text: string, longest: number = SHOWN): string {
  // Control characters could control the reader's terminal.
  const safe = text.replace(/[^\P{C}\n\t]/gu, "\u00b7").trim();
  return safe.length > longest ? `${safe.slice(0, longest)}… (${safe.length} characters)` : safe;
}

/** Formats an exchange as evidence: the request, and the beginning of the response. */
export function evidenceOf(exchange: ProbeExchange, names: readonly string[] = []): string {
  const { method, url, sent = "", status, body, failure } = exchange;
  const { pathname, search } = new URL(url);
  const asked = [method, shown(pathname + search, 120), shown(sent, 80)]
    .filter((part) => part !== "")
    .join(" ");
  if (failure) return `${asked} → ${failure.text}`;
  const headers = names.map((name) => `${name}: ${exchange.headers.get(name) ?? "(absent)"}`);
  return [`${asked} → ${status}`, ...headers.map((line) => shown(line, 160)), shown(body, 200)]
    .filter((line) => line !== "")
    .join("\n");
}
