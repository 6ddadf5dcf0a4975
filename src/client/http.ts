import { decodeHeader, HEADERS, PROBLEM_MEDIA_TYPE, parseRetryAfter } from "../protocol/index.ts";
import type { Method } from "../protocol/request.ts";
import { pauseAfter } from "../time/retry.ts";
import { sleep, systemTime, type Time } from "../time/time.ts";
import { chunksOf, mediaType, readBody } from "./body.ts";
import type { Expected } from "./calls.ts";
import { readProblem } from "./errors.ts";
import { EVENT_STREAM, readEvents } from "./event-stream.ts";
import { bytesOfText } from "./files.ts";

export interface HttpOptions {
  /** @default the global fetch */
  readonly fetch: typeof globalThis.fetch | undefined;
  /** Timeout of one attempt, including its body, in milliseconds. */
  readonly attemptMs: number;
  /** How often a request is sent again after the first time. */
  readonly retries: number;
  /** Milliseconds for which a call that is said to be in progress is asked for again, whatever `retries` says. */
  readonly patienceMs: number;
  /** The most that is read of an answer; of an error, 1 MiB at most. */
  readonly maxAnswerBytes: number;
  readonly hosts: readonly string[];
}

interface HttpRequest {
  readonly method: Method;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  /** Present when the body is bytes, one character each. */
  readonly isBytes?: true;
  readonly signal?: AbortSignal | undefined;
  /** True when the caller has a loop of its own. */
  readonly once?: boolean;
  /** Milliseconds for this attempt. @default the client's */
  readonly attemptMs?: number;
  /** False: the server may do the work of a POST again for each request. @default true */
  readonly isKeyed?: boolean | undefined;
  /** Absent: the answer is not the output of a call. */
  readonly expected?: Expected | undefined;
}

export interface HttpAnswer {
  /** The address that was called. */
  readonly url: string;
  readonly status: number;
  readonly headers: Headers;
  /** By its media type: JSON as its value, text, server-sent events as they come, or a `Blob`; cut when it is too large. */
  readonly body: unknown;
  readonly tooLarge: boolean;
  /** True when it succeeded with a body that can be an output: whole, and HTML only where the output is HTML. */
  readonly isOutput: boolean;
  /** How often the request was sent until this answer came. */
  readonly attempts: number;
}

/** Statuses after which the same bytes may be sent again: the same key and signature cannot charge twice. */
const RETRIED = [408, 409, 425, 429, 500, 502, 503, 504];
const BACKOFF = { firstMs: 300, maxMs: 15_000 };
/** Between two attempts, whatever the server asks for. */
const MIN_PAUSE = { firstMs: 100, maxMs: 2_000 };
/** Of one request, however long the server asks for patience. */
const MAX_ATTEMPTS = 50;
const LARGEST_PROBLEM_BYTES = 1024 * 1024;
/** A 2xx page is a login, a parked domain or a captive portal, unless pages are what is sold. */
const HTML = "text/html";

export type Send = (request: HttpRequest) => Promise<HttpAnswer>;

/** An answer that is read as it comes. Whatever breaks it is thrown; when the request is aborted, it ends. */
interface HttpStream {
  readonly status: number;
  readonly headers: Headers;
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** Timers that keep the process alive: a caller waits for what they end. */
export const timers: Time = {
  ...systemTime,
  after(ms, task) {
    // A longer delay would be over at once.
    const timer = setTimeout(task, Math.min(ms, 2 ** 31 - 1));
    return () => clearTimeout(timer);
  },
};

export interface Http {
  /**
   * Sends a request until it is answered. An answer of any status is returned; what is thrown is the lack of one, or
   * the caller's own abort reason.
   */
  readonly send: Send;
  /** Sends a GET once, without a time-out of its own. */
  open(url: string, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<HttpStream>;
  /** The most that is to be read of one document. */
  readonly maxAnswerBytes: number;
  /** Hosts by which the server may name itself, beside the one that was called. */
  readonly hosts: readonly string[];
}

export function createHttp(options: HttpOptions): Http {
  const { maxAnswerBytes, patienceMs, hosts } = options;

  async function open(
    url: string,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<HttpStream> {
    const response = await (options.fetch ?? globalThis.fetch)(url, { headers, signal, redirect: "manual" });
    return { status: response.status, headers: response.headers, chunks: chunksOf(response, signal) };
  }

  /** One attempt. The body belongs to it: when it breaks off or drips, the attempt has failed. */
  async function attempt(request: HttpRequest): Promise<Omit<HttpAnswer, "attempts">> {
    const { method, url, headers, body = null, attemptMs = options.attemptMs } = request;
    const produces = request.expected?.produces;
    const stop = new AbortController();
    const abort = (): void => stop.abort(request.signal?.reason);
    const cancel = timers.after(attemptMs, () => {
      stop.abort(Object.assign(new Error(`no answer within ${attemptMs} ms`), { name: "TimeoutError" }));
    });
    request.signal?.addEventListener("abort", abort);
    const { signal } = stop;
    const leave = (): void => request.signal?.removeEventListener("abort", abort);
    let isStream = false;
    try {
      // A redirect would carry the signature to wherever it points.
      const sent = request.isBytes && body !== null ? bytesOfText(body) : body;
      const init: RequestInit = { method, headers, body: sent, signal, redirect: "manual" };
      const response = await orAborted(signal, (options.fetch ?? globalThis.fetch)(url, init));
      const { status, ok } = response;
      const type = mediaType(response.headers);
      isStream = ok && type === EVENT_STREAM && request.expected !== undefined;
      if (isStream) {
        const events = readEvents(response, signal, leave);
        return { url, status, headers: response.headers, body: events, tooLarge: false, isOutput: true };
      }
      const most = ok ? maxAnswerBytes : Math.min(maxAnswerBytes, LARGEST_PROBLEM_BYTES);
      const read = await readBody(response, most, produces, signal);
      throwIfAborted(signal);
      const isPage = type === HTML && !produces?.includes(HTML);
      return { url, status, headers: response.headers, ...read, isOutput: ok && !read.tooLarge && !isPage };
    } finally {
      cancel();
      if (!isStream) leave();
    }
  }

  const send: Send = async (request) => {
    const { signal, once = false } = request;
    const startedMs = timers.elapsed();
    for (let attempts = 1; ; attempts += 1) {
      throwIfAborted(signal);
      let answer: HttpAnswer | undefined;
      let cause: unknown;
      try {
        answer = { ...(await attempt(request)), attempts };
      } catch (error) {
        throwIfAborted(signal);
        cause = error;
      }
      const askedMs = answer && parseRetryAfter(answer.headers.get(HEADERS.retryAfter), timers.now());
      const leftMs = patienceMs - (timers.elapsed() - startedMs);
      const isPatient = !once && isTemporary(answer);
      const mayRetry = isPatient
        ? leftMs > (askedMs ?? 0) && attempts < MAX_ATTEMPTS
        : attempts <= (once ? 0 : options.retries) && (askedMs ?? 0) <= Math.max(leftMs, BACKOFF.maxMs);
      const isDone = answer && answer.status >= 500 && request.isKeyed === false && request.method !== "GET";
      if (!answer) {
        if (!mayRetry) throw cause;
      } else if (!RETRIED.includes(answer.status) || !mayRetry || isDone || (!isPatient && isFinal(answer))) {
        return answer;
      }
      const pauseMs = askedMs ?? pauseAfter(BACKOFF, attempts) * (0.75 + Math.random() * 0.5);
      await sleep(timers, Math.max(pauseMs, pauseAfter(MIN_PAUSE, attempts)), signal);
    }
  };

  return { send, open, maxAnswerBytes, hosts };
}

/**
 * Another attempt, or another server, is at work on the same call, or at the evidence of its payment; or the buyer's other
 * calls must end first.
 */
function isTemporary(answer: HttpAnswer | undefined): boolean {
  const { code, paymentState } = readProblem(answer?.body);
  return code === "in_progress" || code === "too_much_outstanding" || paymentState === "in_flight";
}

/** A server that knows what it says marks what may be sent again by `Retry-After`; of others 409 is final. */
function isFinal({ headers, status }: HttpAnswer): boolean {
  if (headers.has(HEADERS.retryAfter)) return false;
  return status === 409 || (headers.get("content-type")?.startsWith(PROBLEM_MEDIA_TYPE) ?? false);
}

/** 32 random digits. `crypto.randomUUID` exists on secure pages alone. */
export const randomId = (): string => hexOf(crypto.getRandomValues(new Uint8Array(16)));

export function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** `signal.throwIfAborted`, which older browsers and React Native lack. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw signal.reason;
}

/** The result of `work`, unless `signal` aborts first: not every fetch respects it. */
function orAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    work.then(resolve, reject);
  });
}

/** An address; `undefined` when it is none. `URL.canParse` is missing in older browsers and in React Native. */
export function parseUrl(text: unknown, base?: string): URL | undefined {
  try {
    return typeof text === "string" ? new URL(text, base) : undefined;
  } catch {
    return undefined;
  }
}

const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/;

/** Whether a server that was called at `called` may mean itself by `given`. Loopback names are equal. `hosts`: others of its names. */
export function isSameHost(given: URL, called: URL, hosts: readonly string[]): boolean {
  if (given.host === called.host || hosts.includes(given.host)) return true;
  return given.port === called.port && LOOPBACK.test(given.hostname) && LOOPBACK.test(called.hostname);
}

/**
 * An address that a server has given, when it is on the host of `base`; by the protocol and host of `base`, since behind a
 * proxy a server may not know by which it is reached. A job's addresses hold no secret but its id; still, no
 * server may make the client send requests into a network that only the client can reach.
 */
export function onHostOf(given: unknown, base: string, hosts: readonly string[]): string | undefined {
  const url = parseUrl(given, base);
  if (!url || !isSameHost(url, new URL(base), hosts)) return undefined;
  return new URL(url.pathname + url.search, base).href;
}

/** No header that means something is longer: 64 KiB. */
const MAX_HEADER_BYTES = 64 * 1024;

/** The document in a header; `undefined` when there is none to be read. */
export function readHeader(headers: Headers, name: string): unknown {
  const text = headers.get(name) ?? "";
  return text.length > MAX_HEADER_BYTES ? undefined : decodeHeader(text);
}
