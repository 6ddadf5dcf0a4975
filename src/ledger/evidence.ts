import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import type { PaymentIdentity } from "../store/store.ts";
import {
  decodeHeader,
  HEADERS,
  isRecord,
  type PaymentPayload,
  type PaymentPayloadV1,
  paymentIdentifier,
  readPaymentPayload,
  readPaymentPayloadV1,
  unquoteKey,
} from "../wire/index.ts";
import { networkOfV1 } from "./network.ts";

/** A payment as it came with the request: decoded, not yet matched with an offer or verified. */
export type Presented =
  | { readonly version: 2; readonly payload: PaymentPayload; readonly bytes: string }
  | { readonly version: 1; readonly payload: PaymentPayloadV1; readonly bytes: string };

/** The payment in a request's headers, v2 before v1; `"malformed"` when there is one that cannot be read. */
export function readPayment(headers: Headers): Presented | "malformed" | undefined {
  const v2 = headers.get(HEADERS.paymentSignature);
  if (v2 !== null) {
    const payload = readPaymentPayload(decodeHeader(v2));
    return payload && isPlain(payload) ? { version: 2, payload, bytes: v2 } : "malformed";
  }
  const v1 = headers.get(HEADERS.xPayment);
  if (v1 === null) return undefined;
  const payload = readPaymentPayloadV1(decodeHeader(v1));
  return payload && isPlain(payload) ? { version: 1, payload, bytes: v1 } : "malformed";
}

/**
 * What tells payments apart must be text (a Permit2 nonce may be a number): facilitators take a list of one text for the
 * text as well, and the same payment would be another one to us.
 */
function isPlain({
  payload: { authorization, permit2Authorization },
}: PaymentPayload | PaymentPayloadV1): boolean {
  const isOf = (given: unknown, member: "from" | "nonce", type: string): boolean =>
    !isRecord(given) || given[member] === undefined || typeof given[member] === type;
  return (
    isOf(authorization, "from", "string") &&
    isOf(authorization, "nonce", "string") &&
    isOf(permit2Authorization, "from", "string") &&
    (isOf(permit2Authorization, "nonce", "string") || isOf(permit2Authorization, "nonce", "number"))
  );
}

/** Where an idempotency key came from decides the status of a mismatch: 422 for a header, 409 for the extension. */
export interface Key {
  readonly value: string | undefined;
  readonly from: "header" | "extension";
}

const MALFORMED_KEY = {
  problem:
    "An idempotency key has 1 to 255 visible ASCII characters; a payment identifier 16 to 128 letters, digits, _ or -.",
};

/** The buyer's key from headers and extension, or in words why they cannot be used. */
export function readKey(
  headers: Headers,
  payment: Presented | undefined,
): Key | { readonly problem: string } {
  const fromHeaders: string[] = [];
  for (const name of [HEADERS.idempotencyKey, HEADERS.xIdempotencyKey]) {
    const text = headers.get(name);
    if (text === null) continue;
    const key = unquoteKey(text);
    if (key === undefined) return MALFORMED_KEY;
    fromHeaders.push(key);
  }
  const identifier = payment?.version === 2 ? paymentIdentifier(payment.payload) : undefined;
  if (identifier === "invalid") return MALFORMED_KEY;
  const all = new Set(identifier === undefined ? fromHeaders : [...fromHeaders, identifier]);
  if (all.size > 1) return { problem: "The idempotency keys of the headers and of the payment differ." };
  return { value: [...all][0], from: fromHeaders.length > 0 ? "header" : "extension" };
}

/** What is assumed of an authorization that does not say until when it can be settled. */
const UNDATED_SECONDS = 3_600;

/**
 * Tells payments apart, from what was sent alone: a payment must be known again even when it fits no offer
 * any more. EIP-3009 and Permit2 authorizations have a nonce of their own; what else there is, is told apart
 * by the hash of what was signed.
 */
export function identify({ version, payload, bytes }: Presented): PaymentIdentity {
  const signed = payload.payload;
  const network = version === 2 ? payload.accepted.network : networkOfV1(payload.network);
  // As facilitators tell them apart: what stands beside a Permit2 authorization is looked at by nobody.
  const isPermit2 = "permit2Authorization" in signed;
  const given = isPermit2 ? signed.permit2Authorization : signed.authorization;
  const authorization = isRecord(given) ? given : undefined;
  const payer = typeof authorization?.from === "string" ? authorization.from.toLowerCase() : "";
  const said = authorization?.nonce;
  const nonce =
    said === undefined
      ? hash(`${canonical(signed)}`)
      : isPermit2
        ? numberOf(said as string | number)
        : String(said).toLowerCase();
  const expiry = Number(authorization?.validBefore ?? authorization?.deadline);
  const validBefore = Number.isSafeInteger(expiry) ? expiry : Math.ceil(Date.now() / 1000) + UNDATED_SECONDS;
  return { network, payer, nonce, bytesHash: hash(bytes), validBefore };
}

/** Permit2 counts its nonces: "7", "07" and "0x7" are one. */
function numberOf(nonce: string | number): string {
  try {
    return BigInt(nonce).toString();
  } catch {
    return String(nonce).toLowerCase();
  }
}

/** A free call has no payment to be known by: its key, or nothing, tells it apart. */
export function anonymous(resource: string, key: Key, requestId: string): PaymentIdentity {
  const nonce = key.value === undefined ? requestId : `${resource} ${key.value}`;
  return { network: "", payer: "", nonce, bytesHash: nonce, validBefore: 0 };
}

/**
 * Hash of what is asked for. Two requests with the same fingerprint ask for the same thing.
 * @param written The input as it came, which counts where the schema has made values of it that cannot be told apart.
 */
export function fingerprint(resource: string, input: unknown, written: unknown = input): string {
  return hash(`${resource}\n${canonical(isTransparent(input) ? input : written)}`);
}

/** Whether all that makes a value what it is can be read off its members: not so of a RegExp, a Blob or an own class. */
function isTransparent(value: unknown): boolean {
  if (typeof value !== "object" || value === null)
    return typeof value !== "function" && typeof value !== "symbol";
  if (value instanceof Map || value instanceof Set) return [...value].every(isTransparent);
  if (typeof (value as { toJSON?: unknown }).toJSON === "function") return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  const isPlain = Array.isArray(value) || prototype === Object.prototype || prototype === null;
  return isPlain && Object.values(value).every(isTransparent);
}

interface NativeCrypto {
  hash?(algorithm: "sha256", text: string, encoding: "hex"): string;
}

// Node's own is some ten times faster, and synchronous, which Web Crypto is not; other runtimes have no such call.
const native = (
  globalThis as { process?: { getBuiltinModule?(name: "node:crypto"): NativeCrypto | undefined } }
).process?.getBuiltinModule?.("node:crypto");

/** SHA-256 of the UTF-8 bytes, in hexadecimal. */
export function hash(text: string): string {
  return native?.hash?.("sha256", text, "hex") ?? bytesToHex(sha256(utf8ToBytes(text)));
}

/** JSON with sorted keys, so that equal values have equal text. */
function canonical(value: unknown): string | undefined {
  if (value instanceof Map || value instanceof Set) return canonical([...value]);
  // What JSON has no words for: all of these would be "null" to it, or nothing at all.
  if (typeof value === "bigint" || (typeof value === "number" && !Number.isFinite(value))) return `${value}`;
  if (Array.isArray(value)) return `[${value.map((part) => canonical(part) ?? "null").join(",")}]`;
  if (!isRecord(value) || typeof value.toJSON === "function") return JSON.stringify(value);
  const members: string[] = [];
  for (const key of Object.keys(value).sort()) {
    const text = canonical(value[key]);
    if (text !== undefined) members.push(`${JSON.stringify(key)}:${text}`);
  }
  return `{${members.join(",")}}`;
}
