/** Header names of the wire, in lower case. Sources: x402 v2 HTTP transport, x402 v1, RFC 9110, RFC 7240. */
export const HEADERS = {
  /** v2 challenge, base64 JSON. */
  paymentRequired: "payment-required",
  /** v2 payment, base64 JSON. */
  paymentSignature: "payment-signature",
  /** v2 receipt, base64 JSON. */
  paymentResponse: "payment-response",
  /** v1 payment, base64 JSON. */
  xPayment: "x-payment",
  /** v1 receipt, base64 JSON. */
  xPaymentResponse: "x-payment-response",
  /** draft-ietf-httpapi-idempotency-key-header-07: a quoted string; the bare form is accepted too. */
  idempotencyKey: "idempotency-key",
  xIdempotencyKey: "x-idempotency-key",
  idempotentReplayed: "idempotent-replayed",
  /** "true" beside an answer that was bought with another payment than the one in the request; our own. */
  paymentUnused: "payment-unused",
  /** Where the buyer of a job wants its end to be posted; our own. */
  callbackUrl: "callback-url",
  /** Seconds since an answer out of a cache was made (RFC 9111 §5.1). */
  age: "age",
  requestId: "x-request-id",
  retryAfter: "retry-after",
} as const;

interface NativeBuffer {
  from(data: string, encoding: "utf8" | "base64"): { toString(encoding: "utf8" | "base64"): string };
}

// Node's Buffer is some 60 times faster than btoa over code points; browsers have no Buffer.
const native = (globalThis as { Buffer?: NativeBuffer }).Buffer;

/** JSON as base64 of its UTF-8 bytes: how x402 puts documents into headers. */
export function encodeHeader(document: unknown): string {
  const json = JSON.stringify(document);
  if (native) return native.from(json, "utf8").toString("base64");
  let binary = "";
  for (const byte of new TextEncoder().encode(json)) binary += String.fromCharCode(byte);
  return btoa(binary);
}

/** The document in a header, or `undefined` when it is not JSON in base64 or base64url. */
export function decodeHeader(text: string): unknown {
  try {
    return JSON.parse(headerText(text));
  } catch {
    return undefined;
  }
}

/** The text in a header. @throws when it is not base64 or base64url */
export function headerText(text: string): string {
  if (native) return native.from(text, "base64").toString("utf8");
  return new TextDecoder().decode(
    Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (char) => char.charCodeAt(0)),
  );
}

/** A key in the form that the IETF draft asks for: a quoted structured-field string. */
export function quoteKey(key: string): string {
  return `"${key}"`;
}

/** The key in a header, quoted or bare; `undefined` when it is not 1–255 visible characters. */
export function unquoteKey(text: string): string | undefined {
  const trimmed = text.trim();
  const key = /^".*"$/.test(trimmed) ? trimmed.slice(1, -1) : trimmed;
  return /^[\x21\x23-\x7e]{1,255}$/.test(key) ? key : undefined;
}

/**
 * `Retry-After` in milliseconds, or `undefined` when absent or unreadable. Seconds or an HTTP date
 * (RFC 9110 §10.2.3); `now` in milliseconds since the epoch.
 */
export function parseRetryAfter(text: string | null, now: number): number | undefined {
  if (text === null || text.trim() === "") return undefined;
  const seconds = Number(text);
  if (Number.isFinite(seconds)) return seconds >= 0 ? seconds * 1000 : undefined;
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
