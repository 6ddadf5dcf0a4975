import ky, { isHTTPError } from "ky";
import { HEADERS, PROBLEM_MEDIA_TYPE } from "../wire/index.ts";

export interface HttpOptions {
  /** @default the global fetch */
  readonly fetch: typeof globalThis.fetch | undefined;
  /** Milliseconds until one attempt is given up. */
  readonly attemptMs: number;
  /** How often a request is sent again after the first time. */
  readonly retries: number;
}

interface HttpRequest {
  readonly method: "GET" | "POST" | "DELETE";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  readonly signal: AbortSignal | undefined;
  /** Zero when the caller has a loop of its own. @default the client's */
  readonly retries?: number;
  /** Milliseconds for this attempt. @default the client's */
  readonly attemptMs?: number;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Headers;
  /** The body's JSON, or its text when it is none. */
  readonly body: unknown;
  /** How often the request was sent until this answer came. */
  readonly attempts: number;
}

/** Statuses after which the same bytes may be sent again: the same key and signature cannot charge twice. */
const RETRIED = [408, 409, 425, 429, 500, 502, 503, 504];
const LONGEST_DELAY_MS = 15_000;

export type Send = (request: HttpRequest) => Promise<HttpAnswer>;

/**
 * Sends a request until it is answered. The only importer of ky. An answer of any status is returned;
 * what is thrown is the lack of one, or the caller's own abort reason.
 */
export function createSend(options: HttpOptions): Send {
  const http = ky.create({
    ...(options.fetch ? { fetch: options.fetch } : {}),
    // A redirect would carry the signature to wherever it points.
    redirect: "manual",
    throwHttpErrors: (status) => RETRIED.includes(status),
    retry: {
      methods: ["get", "post", "delete"],
      statusCodes: RETRIED,
      afterStatusCodes: RETRIED,
      maxRetryAfter: LONGEST_DELAY_MS,
      backoffLimit: LONGEST_DELAY_MS,
      retryOnTimeout: true,
      jitter: (delay) => delay * (0.75 + Math.random() * 0.5),
      shouldRetry: ({ error }) => (isHTTPError(error) ? mayRetry(error.response) : undefined),
    },
  });

  return async (request) => {
    let attempts = 1;
    const count = (): void => {
      attempts += 1;
    };
    try {
      const response = await http(request.url, {
        method: request.method,
        headers: request.headers,
        retry: { limit: request.retries ?? options.retries },
        hooks: { beforeRetry: [count] },
        timeout: request.attemptMs ?? options.attemptMs,
        ...(request.body === undefined ? {} : { body: request.body }),
        ...(request.signal === undefined ? {} : { signal: request.signal }),
      });
      return {
        status: response.status,
        headers: response.headers,
        body: parse(await response.text()),
        attempts,
      };
    } catch (error) {
      if (request.signal?.aborted) throw request.signal.reason;
      if (!isHTTPError(error)) throw error;
      const { data, response } = error;
      return {
        status: response.status,
        headers: response.headers,
        body: typeof data === "string" ? parse(data) : data,
        attempts,
      };
    }
  };
}

/** A server that knows what it says marks what may be sent again by `Retry-After`; of others 409 is final. */
function mayRetry(response: Response): boolean | undefined {
  if (response.headers.has(HEADERS.retryAfter)) return undefined;
  const knows = response.headers.get("content-type")?.startsWith(PROBLEM_MEDIA_TYPE) ?? false;
  return knows || response.status === 409 ? false : undefined;
}

function parse(text: string): unknown {
  try {
    return text === "" ? undefined : JSON.parse(text);
  } catch {
    return text;
  }
}
