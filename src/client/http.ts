import ky, { isHTTPError } from "ky";
import { HEADERS, PROBLEM_MEDIA_TYPE } from "../wire/index.ts";
import { readProblem } from "./errors.ts";

export interface HttpOptions {
  /** @default the global fetch */
  readonly fetch: typeof globalThis.fetch | undefined;
  /** Milliseconds until one attempt is given up, its body included. */
  readonly attemptMs: number;
  /** How often a request is sent again after the first time. */
  readonly retries: number;
  /** Milliseconds for which a call that is said to be in progress is asked for again, whatever `retries` says. */
  readonly patienceMs: number;
  /** The most that is read of an answer; of an error, 1 MiB at most. */
  readonly maxAnswerBytes: number;
}

interface HttpRequest {
  readonly method: "GET" | "POST" | "DELETE";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** True when the caller has a loop of its own. */
  readonly once?: boolean;
  /** Milliseconds for this attempt. @default the client's */
  readonly attemptMs?: number;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Headers;
  /** The body's JSON, or its text when it is none. Absent when it is too large. */
  readonly body: unknown;
  readonly tooLarge: boolean;
  /** How often the request was sent until this answer came. */
  readonly attempts: number;
}

/** Statuses after which the same bytes may be sent again: the same key and signature cannot charge twice. */
const RETRIED = [408, 409, 425, 429, 500, 502, 503, 504];
const LONGEST_DELAY_MS = 15_000;
const LARGEST_PROBLEM_BYTES = 1024 * 1024;

export type Send = (request: HttpRequest) => Promise<HttpAnswer>;

/** An answer that is read as it comes. Whatever breaks it is thrown; when the request is aborted, it ends. */
interface HttpStream {
  readonly status: number;
  readonly headers: Headers;
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** The only importer of ky. */
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
}

export function createHttp(options: HttpOptions): Http {
  const { maxAnswerBytes } = options;

  async function open(
    url: string,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<HttpStream> {
    const response = await (options.fetch ?? globalThis.fetch)(url, { headers, signal, redirect: "manual" });
    return { status: response.status, headers: response.headers, chunks: chunksOf(response, signal) };
  }

  const send: Send = async (request) => {
    const answers = new WeakMap<Response, HttpAnswer>();
    const patientUntil = performance.now() + options.patienceMs;
    let left = request.once ? 0 : options.retries;
    let attempts = 0;

    /** One attempt. The body belongs to it: when it breaks off or drips, the attempt has failed. */
    const attempt: typeof globalThis.fetch = async (input, init) => {
      attempts += 1;
      const mine = attempts;
      // ky sends a clone again, and what a clone was made of may be collected, and with it the way of an abort to it.
      const own = request.signal && { signal: AbortSignal.any([request.signal, (input as Request).signal]) };
      const response = await (options.fetch ?? globalThis.fetch)(input, { ...init, ...own });
      const { status, headers, ok } = response;
      const text = await textOf(
        response,
        ok ? maxAnswerBytes : Math.min(maxAnswerBytes, LARGEST_PROBLEM_BYTES),
      );
      const tooLarge = text === undefined;
      answers.set(response, { status, headers, body: parse(text ?? ""), tooLarge, attempts: mine });
      return response;
    };

    /** `undefined` leaves it to ky, which obeys Retry-After. */
    const mayRetry = (error: Error): boolean | undefined => {
      const response = isHTTPError(error) ? error.response : undefined;
      if (response && inProgress(answers.get(response)) && !request.once) {
        return performance.now() < patientUntil ? undefined : false;
      }
      if (response && isFinal(response)) return false;
      left -= 1;
      if (left < 0) return false;
      return response ? undefined : true;
    };

    let response: Response;
    try {
      response = await ky(request.url, {
        method: request.method,
        headers: request.headers,
        body: request.body ?? null,
        signal: request.signal ?? null,
        fetch: attempt,
        timeout: request.attemptMs ?? options.attemptMs,
        // A redirect would carry the signature to wherever it points.
        redirect: "manual",
        throwHttpErrors: (status) => RETRIED.includes(status),
        retry: {
          limit: Number.MAX_SAFE_INTEGER,
          methods: ["get", "post", "delete"],
          statusCodes: RETRIED,
          afterStatusCodes: RETRIED,
          maxRetryAfter: LONGEST_DELAY_MS,
          backoffLimit: LONGEST_DELAY_MS,
          retryOnTimeout: true,
          jitter: (delay) => delay * (0.75 + Math.random() * 0.5),
          shouldRetry: ({ error }) => mayRetry(error),
        },
      });
    } catch (error) {
      if (request.signal?.aborted) throw request.signal.reason;
      if (!isHTTPError(error)) throw error;
      response = error.response;
    }
    return answers.get(response) as HttpAnswer;
  };

  return { send, open, maxAnswerBytes };
}

/** Another attempt, or another server, is at work on the same call, or at the evidence of its payment. */
function inProgress(answer: HttpAnswer | undefined): boolean {
  const { code, paymentState } = readProblem(answer?.body);
  return code === "in_progress" || paymentState === "in_flight";
}

/** A server that knows what it says marks what may be sent again by `Retry-After`; of others 409 is final. */
function isFinal({ headers, status }: Response): boolean {
  if (headers.has(HEADERS.retryAfter)) return false;
  return status === 409 || (headers.get("content-type")?.startsWith(PROBLEM_MEDIA_TYPE) ?? false);
}

/** The body's text, or `undefined` as soon as it is larger than `most` bytes. */
async function textOf(response: Response, most: number): Promise<string | undefined> {
  if (!response.body) return response.text();
  const decoder = new TextDecoder();
  let size = 0;
  let text = "";
  for await (const chunk of chunksOf(response)) {
    size += chunk.byteLength;
    if (size > most) return undefined;
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

/** Who stops reading lets go of the connection. */
async function* chunksOf({ body }: Response, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  const reader = body?.getReader();
  // Not awaited: the other side may never let go.
  const letGo = (): void => void reader?.cancel().catch(() => {});
  signal?.addEventListener("abort", letGo);
  try {
    for (;;) {
      const piece = await reader?.read();
      if (!piece || piece.done) return;
      yield piece.value;
    }
  } finally {
    letGo();
  }
}

/**
 * An address that a server has given, when it is on the host of `base`; by the protocol of `base`, since behind a proxy
 * a server may not know that it is reached by https. A job's addresses tell nothing secret but its id; still nobody may
 * have us ask around in a network that only we can reach.
 */
export function onHostOf(given: unknown, base: string): string | undefined {
  if (typeof given !== "string" || !URL.canParse(given, base)) return undefined;
  const url = new URL(given, base);
  const { host, protocol } = new URL(base);
  if (url.host !== host) return undefined;
  url.protocol = protocol;
  return url.href;
}

function parse(text: string): unknown {
  try {
    return text === "" ? undefined : JSON.parse(text);
  } catch {
    return text;
  }
}
