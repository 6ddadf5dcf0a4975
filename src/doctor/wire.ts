/** One request and what came back. `body` and `headers` as they were on the wire, the body cut where it is long. */
export interface Exchange {
  readonly method: string;
  readonly url: string;
  /** The body that was sent. */
  readonly sent: string | undefined;
  /** 0 when nothing came back that could be read. */
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
  /** Milliseconds to the end of the body. */
  readonly ms: number;
  /** Why nothing came back. */
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
  /** Longest wait for this request, in milliseconds. @default that of the wire */
  readonly timeoutMs?: number;
}

/** All that is sent goes through here: one limit, one time-out, one record. */
export interface Wire {
  /** @throws Spent when the limit of requests is reached; the reason of the signal when it is aborted. */
  send(ask: Ask): Promise<Exchange>;
  /** Waits so many milliseconds. @throws the reason of the signal when it is aborted. */
  pause(ms: number): Promise<void>;
  /** Every exchange so far, oldest first. */
  readonly exchanges: readonly Exchange[];
}

export interface WireOptions {
  readonly timeoutMs: number;
  readonly maxRequests: number;
  readonly signal: AbortSignal;
  readonly fetch: typeof fetch;
}

/** The limit of requests is reached, or the server asks to be left alone. */
export class Spent extends Error {
  override readonly name = "Spent";
}

/** Enough of a body to judge it by. */
const MAX_BODY_LENGTH = 256 * 1024;
/** How long a 429 is heeded before the same request is sent once more. */
const MAX_PAUSE_MS = 5_000;
/** No more than this at once, whoever asks. */
const CONCURRENT = 3;

export function createWire({ timeoutMs, maxRequests, signal, fetch }: WireOptions): Wire {
  const exchanges: Exchange[] = [];
  const waiting: (() => void)[] = [];
  let left = maxRequests;
  let running = 0;

  async function once(ask: Ask): Promise<Exchange> {
    if (left <= 0) throw new Spent(`the limit of ${maxRequests} requests is reached; raise --max-requests`);
    left -= 1;
    while (running >= CONCURRENT) await new Promise<void>((resolve) => waiting.push(resolve));
    running += 1;
    const begun = performance.now();
    const base = { method: ask.method, url: ask.url, sent: ask.body };
    try {
      const response = await fetch(ask.url, {
        method: ask.method,
        headers: { "user-agent": "resource402-doctor", accept: "*/*", ...ask.headers },
        redirect: "manual",
        signal: AbortSignal.any([signal, AbortSignal.timeout(ask.timeoutMs ?? timeoutMs)]),
        ...(ask.body === undefined ? {} : { body: ask.body }),
      });
      const body = await start(response);
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
      if (exchange.status === 429) {
        const after = Number(exchange.headers.get("retry-after") ?? 1) * 1000;
        await pause(after >= 0 ? Math.min(after, MAX_PAUSE_MS) : MAX_PAUSE_MS, signal);
        exchange = await once(ask);
        if (exchange.status === 429) throw new Spent("the server asks to slow down (429)");
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

/** The beginning of a body; the rest is not waited for. */
async function start(response: Response): Promise<string> {
  if (!response.body) return "";
  const decoder = new TextDecoder();
  const reader = response.body.getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    text += decoder.decode(value, { stream: true });
    if (text.length < MAX_BODY_LENGTH) continue;
    await reader.cancel().catch(() => {});
    return text;
  }
}

const UNREACHABLE: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens there",
  ENOTFOUND: "there is no host of that name",
  EAI_AGAIN: "the name of the host cannot be looked up",
  EHOSTUNREACH: "there is no way to that host",
  ENETUNREACH: "there is no way to that network",
  CERT_HAS_EXPIRED: "its certificate has expired",
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is signed by itself",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another host",
};

function failureOf(error: unknown): Failure {
  if (error instanceof DOMException && error.name === "TimeoutError") {
    return { kind: "timeout", text: "no answer in time" };
  }
  let cause: unknown = error;
  while (cause instanceof Error && cause.cause !== undefined) cause = cause.cause;
  // A host with several addresses fails once for each.
  if (cause instanceof AggregateError) cause = cause.errors[0];
  const code = String((cause as { code?: unknown } | undefined)?.code ?? "");
  if (code === "UND_ERR_HEADERS_OVERFLOW") {
    return {
      kind: "headers_too_large",
      text: "its headers are larger than 16 kB, so the answer cannot be read",
    };
  }
  const known = UNREACHABLE[code];
  if (known !== undefined) return { kind: "unreachable", text: known };
  const text = cause instanceof Error && cause.message !== "" ? cause.message : String(error);
  return { kind: "broken", text: `the connection broke (${code === "" ? text : code})` };
}

const SHOWN = 300;

/** The bytes that matter, on few lines. */
export function shown(text: string, longest: number = SHOWN): string {
  // Control characters could drive the terminal on which this is read.
  const safe = text.replace(/[^\P{C}\n\t]/gu, "\u00b7").trim();
  return safe.length > longest ? `${safe.slice(0, longest)}… (${safe.length} characters)` : safe;
}

/** An exchange as evidence: what was asked, and how the answer begins. */
export function evidenceOf(exchange: Exchange, names: readonly string[] = []): string {
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
