/** The x402 documents as they stand on the wire. Shapes: x402 v2 specification §5, and v1. */

/** Address of a network by CAIP-2: `eip155:8453`. */
export type Network = `${string}:${string}`;

/** v2: one way to pay. `amount` is in the asset's smallest units. */
export interface PaymentRequirements {
  readonly scheme: string;
  readonly network: Network;
  readonly asset: string;
  readonly amount: string;
  readonly payTo: string;
  readonly maxTimeoutSeconds: number;
  readonly extra: Readonly<Record<string, unknown>>;
}

/** v2: the challenge, sent in the `PAYMENT-REQUIRED` header of a 402. */
export interface PaymentRequired {
  readonly x402Version: 2;
  readonly error?: string;
  readonly resource: { readonly url: string; readonly description?: string; readonly mimeType?: string };
  readonly accepts: readonly PaymentRequirements[];
  readonly extensions?: Readonly<Record<string, unknown>>;
}

/** v2: what the payer signed, sent in `PAYMENT-SIGNATURE`. */
export interface PaymentPayload {
  readonly x402Version: number;
  readonly resource?: PaymentRequired["resource"];
  readonly accepted: PaymentRequirements;
  readonly payload: Readonly<Record<string, unknown>>;
  readonly extensions?: Readonly<Record<string, unknown>>;
}

/** v1: one way to pay; `maxAmountRequired` is in the asset's smallest units, `network` a plain name. */
export interface PaymentRequirementsV1 {
  readonly scheme: string;
  readonly network: string;
  readonly maxAmountRequired: string;
  readonly resource: string;
  readonly description: string;
  readonly mimeType: string;
  readonly outputSchema?: unknown;
  readonly payTo: string;
  readonly maxTimeoutSeconds: number;
  readonly asset: string;
  readonly extra: Readonly<Record<string, unknown>>;
}

/** v1: the challenge, the body of the same 402. */
export interface PaymentRequiredV1 {
  readonly x402Version: 1;
  readonly error: string;
  readonly accepts: readonly PaymentRequirementsV1[];
  /** Of the payment that came with the request. Absent when the server cannot know. */
  readonly paymentState?: "unused" | "in_flight";
}

/** v1: what the payer signed, sent in `X-PAYMENT`. */
export interface PaymentPayloadV1 {
  readonly x402Version: 1;
  readonly scheme: string;
  readonly network: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

/** The facilitator's word on a settlement, sent back in `PAYMENT-RESPONSE`. */
export interface SettleResponse {
  readonly success: boolean;
  readonly errorReason?: string;
  readonly payer?: string;
  readonly transaction: string;
  readonly network: string;
  readonly amount?: string;
}

/** How facilitators say that the payer does not hold enough of the token; each has its own words. */
const SHORT = /insufficient|not.?enough|balance|funds/i;

/** Whether the word with which a payment was turned down is about want of money. */
export function saysShort(reason: string): boolean {
  return SHORT.test(reason);
}

/** What `extra.pricing` tells a person: `amount` as a decimal in `currency`, and what it buys. */
export interface Pricing {
  readonly amount: string;
  readonly currency: string;
  readonly description: string;
}

/** Proof of a settled payment, in the words a person reads. */
export interface Receipt {
  /** Decimal amount in `currency`. */
  readonly amount: string;
  readonly currency: string;
  /** The same amount in the asset's smallest units. */
  readonly atomicAmount: string;
  readonly asset: string;
  readonly network: string;
  readonly transaction: string;
  readonly payer: string;
  readonly payTo: string;
  /** RFC 3339. */
  readonly settledAt: string;
}

/**
 * What is known of the money behind a call. `unused`: the signature has not been and will not be settled.
 * `in_flight`: it may have been, or will be; the outcome is unknown. `refund_owed` and `refunded`: it was settled, and
 * the call ended without a result.
 */
export type PaymentState = "unused" | "in_flight" | "settled" | "refund_owed" | "refunded";

/** The extension by which a buyer names a call, so that it is paid once. Source: x402 payment-identifier. */
export const PAYMENT_IDENTIFIER = "payment-identifier";

/** How the extension is declared in a challenge. The client echoes it and adds `info.id`. */
export const PAYMENT_IDENTIFIER_DECLARATION = {
  info: { required: false },
  schema: {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    type: "object",
    properties: {
      required: { type: "boolean" },
      id: { type: "string", minLength: 16, maxLength: 128, pattern: "^[a-zA-Z0-9_-]+$" },
    },
    required: ["required"],
  },
} as const;

/** The buyer's identifier in a payload; `invalid` when it breaks the extension's own rule. */
export function paymentIdentifier(payload: PaymentPayload): string | undefined | "invalid" {
  const extension = payload.extensions?.[PAYMENT_IDENTIFIER];
  if (!isRecord(extension) || !isRecord(extension.info) || extension.info.id === undefined) return undefined;
  const { id } = extension.info;
  return typeof id === "string" && /^[a-zA-Z0-9_-]{16,128}$/.test(id) ? id : "invalid";
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Reads a v2 challenge; `undefined` when it is none. Offers of unknown schemes are kept: they are not errors. */
export function readPaymentRequired(document: unknown): PaymentRequired | undefined {
  if (!isRecord(document) || document.x402Version !== 2) return undefined;
  if (!isRecord(document.resource) || typeof document.resource.url !== "string") return undefined;
  if (!Array.isArray(document.accepts)) return undefined;
  const accepts = document.accepts.filter(isRequirements).map((one) => ({ ...one, extra: one.extra ?? {} }));
  return { ...(document as unknown as PaymentRequired), accepts };
}

/** Reads a v2 payment; `undefined` when it is none. */
export function readPaymentPayload(document: unknown): PaymentPayload | undefined {
  if (!isRecord(document) || document.x402Version !== 2) return undefined;
  if (!isRequirements(document.accepted) || !isRecord(document.payload)) return undefined;
  return document as unknown as PaymentPayload;
}

/** Reads a v1 payment; `undefined` when it is none. */
export function readPaymentPayloadV1(document: unknown): PaymentPayloadV1 | undefined {
  if (!isRecord(document) || document.x402Version !== 1 || !isRecord(document.payload)) return undefined;
  if (typeof document.scheme !== "string" || typeof document.network !== "string") return undefined;
  return document as unknown as PaymentPayloadV1;
}

/** Reads a receipt header's document; `undefined` when it is none. */
export function readSettleResponse(document: unknown): SettleResponse | undefined {
  if (!isRecord(document) || typeof document.success !== "boolean") return undefined;
  return typeof document.transaction === "string" ? (document as unknown as SettleResponse) : undefined;
}

function isRequirements(value: unknown): value is PaymentRequirements {
  return (
    isRecord(value) &&
    typeof value.scheme === "string" &&
    typeof value.network === "string" &&
    value.network.includes(":") &&
    typeof value.asset === "string" &&
    typeof value.amount === "string" &&
    /^\d{1,78}$/.test(value.amount) &&
    typeof value.payTo === "string" &&
    typeof value.maxTimeoutSeconds === "number" &&
    (value.extra === undefined || isRecord(value.extra))
  );
}
