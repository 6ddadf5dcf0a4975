import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import { type Hex, parseErc6492Signature } from "viem";
import {
  HEADERS,
  headerText,
  isRecord,
  type PaymentPayload,
  type PaymentPayloadV1,
  paymentIdentifier,
  readPaymentPayload,
  readPaymentPayloadV1,
  unquoteKey,
} from "../protocol/index.ts";
import { structureProblem } from "../protocol/json-structure.ts";
import type { PaymentIdentity, SignedPayment } from "../store/store.ts";
import { networkOfV1 } from "./network.ts";

/** A payment as it came with the request: decoded, not yet matched with an offer or verified. */
export type Presented =
  | { readonly version: 2; readonly payload: PaymentPayload; readonly bytes: string }
  | { readonly version: 1; readonly payload: PaymentPayloadV1; readonly bytes: string };

/** Whether there is a payment in a request's headers, readable or not. */
export function carriesPayment(headers: Headers): boolean {
  return headers.has(HEADERS.paymentSignature) || headers.has(HEADERS.xPayment);
}

/** The payment in a request's headers, v2 before v1; `"malformed"` when there is one that cannot be read. */
export function readPayment(headers: Headers): Presented | "malformed" | undefined {
  const v2 = headers.get(HEADERS.paymentSignature);
  if (v2 !== null) {
    const payload = readPaymentPayload(documentIn(v2));
    return payload && isPlain(payload) ? { version: 2, payload, bytes: v2 } : "malformed";
  }
  const v1 = headers.get(HEADERS.xPayment);
  if (v1 === null) return undefined;
  const payload = readPaymentPayloadV1(documentIn(v1));
  return payload && isPlain(payload) ? { version: 1, payload, bytes: v1 } : "malformed";
}

/** Deeper documents exhaust the stack of what compares, hashes or serializes them. */
const LIMITS = { maxDepth: 32, maxValues: Number.POSITIVE_INFINITY };

/** Looks at the text: to walk what is parsed takes several times as long. */
function documentIn(header: string): unknown {
  try {
    const json = headerText(header);
    return structureProblem(json, LIMITS) === undefined ? JSON.parse(json) : undefined;
  } catch {
    return undefined;
  }
}

/** What signs the transfer: EIP-3009's authorization, or Permit2's. */
const KINDS = ["authorization", "permit2Authorization"] as const;

/**
 * Whether there is exactly one authorization, and what identifies it is text (a Permit2 nonce and the times may be numbers).
 * Facilitators look at one of two authorizations, and take a list of one text for the text: one payment would have several identities.
 */
function isPlain({ payload }: PaymentPayload | PaymentPayloadV1): boolean {
  if (!isRecord(payload)) return false;
  const [kind, ...others] = KINDS.filter((one) => one in payload);
  const given = kind && payload[kind];
  if (kind === undefined || others.length > 0 || !isRecord(given)) return false;
  const { from, nonce, validBefore, deadline } = given;
  const isText = (one: unknown): boolean => one === undefined || typeof one === "string";
  const isScalar = (one: unknown): boolean => isText(one) || typeof one === "number";
  const isNonce = kind === "permit2Authorization" ? isScalar : isText;
  const isIdentified = isText(from) && isNonce(nonce) && isScalar(validBefore) && isScalar(deadline);
  return isIdentified && isUnwrappable(payload.signature);
}

/** What the signature of a contract that is not deployed yet ends with (ERC-6492). */
const WRAPPED = "6492".repeat(16);

/** Facilitators throw at a signature that only ends like a wrapped one, which looks like a failure of theirs. */
function isUnwrappable(signature: unknown): boolean {
  if (typeof signature !== "string" || !signature.toLowerCase().endsWith(WRAPPED)) return true;
  try {
    parseErc6492Signature(signature as Hex);
    return true;
  } catch {
    return false;
  }
}

/** Where an idempotency key came from decides the status of a mismatch: 422 for a header, 409 for the extension. */
export interface Key {
  readonly value: string | undefined;
  readonly from: "header" | "extension";
}

const NO_KEY: Key = { value: undefined, from: "extension" };
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
  if (fromHeaders.length === 0 && identifier === undefined) return NO_KEY;
  if (identifier === "invalid") return MALFORMED_KEY;
  const all = new Set(identifier === undefined ? fromHeaders : [...fromHeaders, identifier]);
  if (all.size > 1) return { problem: "The idempotency keys of the headers and of the payment differ." };
  return { value: [...all][0], from: fromHeaders.length > 0 ? "header" : "extension" };
}

/** The end of an authorization that has none, or one that is not a time. */
const NO_END = Number.MAX_SAFE_INTEGER;

/**
 * What tells payments apart, from what was sent alone: a payment is known again even when it no longer fits an offer.
 * EIP-3009 and Permit2 authorizations have a nonce of their own; without one, the hash of what was signed counts.
 */
export function identify({ version, payload, bytes }: Presented): PaymentIdentity {
  const signed = payload.payload;
  const network = version === 2 ? payload.accepted.network : networkOfV1(payload.network);
  const isPermit2 = "permit2Authorization" in signed;
  const authorization = authorizationIn(signed);
  const said = authorization.nonce;
  const nonce =
    said === undefined
      ? hash(`${canonical(signed)}`)
      : isPermit2
        ? numberOf(said as string | number)
        : String(said).toLowerCase();
  const end = Number(isPermit2 ? authorization.deadline : authorization.validBefore);
  const validBefore = Number.isSafeInteger(end) && end >= 0 ? end : NO_END;
  return { network, payer: payerIn(authorization), nonce, bytesHash: hash(bytes), validBefore };
}

function authorizationIn(signed: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const given = signed.permit2Authorization ?? signed.authorization;
  return isRecord(given) ? given : {};
}

function payerIn({ from }: Readonly<Record<string, unknown>>): string {
  return typeof from === "string" ? from.toLowerCase() : "";
}

/** The signer that a payment names, as it is spelled there; empty where it names none. */
export function signerOf({ payload }: SignedPayment): string {
  const { from } = authorizationIn(payload.payload);
  return typeof from === "string" ? from : "";
}

/** What a payment is to move, in the asset's smallest units. */
export function amountOf({ requirements }: SignedPayment): string {
  return "amount" in requirements ? requirements.amount : requirements.maxAmountRequired;
}

export const TOO_LONG = "authorization_too_long";
const MAX_VALIDITY_SECONDS = 24 * 3_600;
/** So many times what the offer asks for: buyers sign for longer where their clocks differ. */
const MAX_TIMES_OFFERED = 4;

/**
 * How long an authorization may be valid, in milliseconds: 24 hours, or four times the offer's `maxTimeoutSeconds` where
 * that is more.
 */
export function maxValidityMs(maxTimeoutSeconds: number): number {
  return Math.max(MAX_VALIDITY_SECONDS, MAX_TIMES_OFFERED * maxTimeoutSeconds) * 1000;
}

/**
 * Whether an authorization is valid for longer than {@link maxValidityMs}. A record is kept until its payment can no longer
 * settle, so an authorization without end would be kept forever.
 * @param now Milliseconds since the epoch.
 */
export function endsTooLate(
  { validBefore }: PaymentIdentity,
  maxTimeoutSeconds: number,
  now: number,
): boolean {
  return validBefore * 1000 - now > maxValidityMs(maxTimeoutSeconds);
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
