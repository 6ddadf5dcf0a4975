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

/**
 * Sends a request until it is answered. The only importer of ky. An answer of any status is returned;
 * what is thrown is the lack of one, or the caller's own abort reason.
 */
export function createSend(options: HttpOptions): Send {
  return async (request) => {
    const answers = new WeakMap<Response, HttpAnswer>();
    const patientUntil = performance.now() + options.patienceMs;
    let left = request.once ? 0 : options.retries;
    let attempts = 0;

    /** One attempt. The body belongs to it: when it breaks off or drips, the attempt has failed. */
    const attempt: typeof globalThis.fetch = async (input, init) => {
      attempts += 1;
      const mine = attempts;
      const response = await (options.fetch ?? globalThis.fetch)(input, init);
      const { status, headers, ok } = response;
      const most = options.maxAnswerBytes;
      const text = await textOf(response, ok ? most : Math.min(most, LARGEST_PROBLEM_BYTES));
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
  const reader = response.body?.getReader();
  if (!reader) return response.text();
  const decoder = new TextDecoder();
  let size = 0;
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    size += value.byteLength;
    if (size > most) {
      // Not awaited: the other side may never let go.
      reader.cancel().catch(() => {});
      return undefined;
    }
    text += decoder.decode(value, { stream: true });
  }
}

function parse(text: string): unknown {
  try {
    return text === "" ? undefined : JSON.parse(text);
  } catch {
    return text;
  }
}
