import { type FacilitatorClient, type FacilitatorConfig, HTTPFacilitatorClient } from "@x402/core/server";
import { isRecord } from "../protocol/index.ts";
import { checkDefinite } from "./words.ts";

/**
 * A facilitator as a seller names it: its URL, the official config object (`{ url, createAuthHeaders }`), or a client
 * object. Only with a URL can a connection that was never made be told from a lost reply.
 */
export type FacilitatorOption =
  | string
  | FacilitatorClient
  | (FacilitatorConfig & {
      /** Reasons by which this facilitator says that it has sent nothing, beside those that are known. */
      readonly definite?: readonly string[];
    });

export interface Endpoint {
  /** Its host, for logs and metrics; `custom` for a client object without a URL. */
  readonly name: string;
  readonly client: FacilitatorClient;
  readonly definite: ReadonlySet<unknown>;
}

/** @throws Error with the option, what is wrong and how to fix it. */
export function endpointsOf(given: FacilitatorOption | readonly FacilitatorOption[]): Endpoint[] {
  const endpoints = (Array.isArray(given) ? given : [given]).map(endpointOf);
  if (endpoints.length > 0) return endpoints;
  throw new Error("payments.facilitator: expected at least one facilitator, got an empty list; add its URL");
}

function endpointOf(given: FacilitatorOption): Endpoint {
  if (isRecord(given) && typeof given.settle === "function") {
    const url = "url" in given ? String(given.url) : "";
    return {
      name: isHttp(url) ? new URL(url).host : "custom",
      client: given as unknown as FacilitatorClient,
      definite: new Set(),
    };
  }
  const config = typeof given === "string" ? { url: given } : given;
  if (!isRecord(config) || typeof config.url !== "string") {
    throw new Error("payments.facilitator: expected the URL of a facilitator, got none; add its URL");
  }
  // An empty one would mean a public facilitator that the seller has not named.
  if (!isHttp(config.url)) throw new Error(`payments.facilitator "${config.url}" is not an http URL`);
  const { definite = [], ...official } = config as Exclude<FacilitatorOption, string | FacilitatorClient>;
  definite.forEach(checkDefinite);
  return {
    name: new URL(config.url).host,
    client: new HttpFacilitator(official),
    definite: new Set(definite),
  };
}

export function isHttp(text: string): boolean {
  return URL.canParse(text) && /^https?:\/\/./.test(text);
}

/** The request was never sent: nothing can have moved. */
export class NotSent extends Error {}

/** The facilitator replied with a status other than 2xx. `body` is `undefined` when it is not JSON. */
export class FailedReply extends Error {
  readonly status: number;
  readonly body: unknown;
  constructor(status: number, body: unknown) {
    super(`status ${status}`);
    this.status = status;
    this.body = body;
  }
}

/** Larger replies are not read. */
const MAX_REPLY_BYTES = 256 * 1024;

type Payment = Parameters<FacilitatorClient["settle"]>;
type Verified = ReturnType<FacilitatorClient["verify"]>;
type Settled = ReturnType<FacilitatorClient["settle"]>;

/**
 * A facilitator over HTTP. The official client reports what was never sent, and every status, as a plain `Error`; it
 * follows redirects with the payment, and reads replies of any size. `verify` and `settle` resolve to any JSON.
 */
export class HttpFacilitator extends HTTPFacilitatorClient {
  override verify(...[payload, requirements, signal]: [...Payment, signal?: AbortSignal]): Verified {
    return this.#post("verify", payload, requirements, signal) as Verified;
  }

  override settle(...[payload, requirements, signal]: [...Payment, signal?: AbortSignal]): Settled {
    return this.#post("settle", payload, requirements, signal) as Settled;
  }

  /** @throws NotSent, FailedReply, or any error after the request may have been sent. */
  async #post(question: "verify" | "settle", ...[payload, requirements, signal]: [...Payment, AbortSignal?]) {
    let init: RequestInit;
    try {
      const { headers } = await unlessAborted(this.createAuthHeaders(question), signal);
      init = {
        method: "POST",
        headers: new Headers({ ...headers, "content-type": "application/json" }),
        body: JSON.stringify({
          x402Version: payload.x402Version,
          paymentPayload: payload,
          paymentRequirements: requirements,
        }),
        redirect: "manual",
        ...(signal ? { signal } : {}),
      };
    } catch (cause) {
      throw new NotSent("auth_headers_failed", { cause });
    }
    const response = await fetch(`${this.url}/${question}`, init).catch((error: unknown) => {
      throw isUnconnected(error) ? new NotSent("connection_failed", { cause: error }) : error;
    });
    const text = await bounded(response);
    let body: unknown;
    try {
      body = JSON.parse(text);
    } catch {}
    if (!response.ok) throw new FailedReply(response.status, body);
    return body;
  }
}

/** Rejects at an abort of `signal`, whatever becomes of `work`. */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) reject(signal.reason);
    signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
    work.then(resolve, reject);
  });
}

async function bounded(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let size = 0;
  let text = "";
  // Leaving the loop cancels the stream.
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength;
    if (size > MAX_REPLY_BYTES) throw new Error(`the reply is larger than ${MAX_REPLY_BYTES} bytes`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

/** Codes of certificates that were refused: the request is sent after that. */
const TLS =
  /^(CERT_|UNABLE_TO_|SELF_SIGNED_CERT|DEPTH_ZERO_SELF|ERR_TLS_CERT_ALTNAME|ERR_SSL_WRONG_VERSION|HOSTNAME_MISMATCH)/;

/** Whether Node's `fetch` failed before it had a connection: name, route, port or certificate. */
function isUnconnected(error: unknown): boolean {
  const { cause } = error as { readonly cause?: unknown };
  const causes: unknown[] = cause instanceof AggregateError ? cause.errors : [cause];
  return causes.every(
    (one) =>
      isRecord(one) &&
      (one.syscall === "connect" ||
        one.syscall === "getaddrinfo" ||
        one.code === "UND_ERR_CONNECT_TIMEOUT" ||
        TLS.test(String(one.code))),
  );
}
