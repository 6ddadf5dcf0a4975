import {
  decodeHeader,
  HEADERS,
  isRecord,
  type PaymentRequired,
  type PaymentRequirements,
  readPaymentRequired,
} from "../protocol/index.ts";
import type { Exchange } from "./wire.ts";

/** One way to pay, whichever version it was read from. */
export interface Offer {
  readonly version: 1 | 2;
  readonly scheme: string;
  readonly network: string;
  readonly asset: string;
  /** Smallest units of the asset. */
  readonly amount: string;
  readonly payTo: string;
  readonly maxTimeoutSeconds: unknown;
  readonly extra: Readonly<Record<string, unknown>>;
}

/** What a 402 says, as far as it can be read. */
export interface Challenge {
  /** The header as it came. */
  readonly header: string | undefined;
  /** The document in the header; `undefined` when there is none or it cannot be decoded. */
  readonly v2: unknown;
  /** The body, when it says `x402Version: 1`. */
  readonly v1: Readonly<Record<string, unknown>> | undefined;
  /** Ways to pay, v2 before v1. */
  readonly offers: readonly Offer[];
}

export function readChallenge(exchange: Exchange): Challenge {
  const header = exchange.headers.get(HEADERS.paymentRequired) ?? undefined;
  const v2 = header === undefined ? undefined : decodeHeader(header);
  const body = jsonOf(exchange);
  const v1 = isRecord(body) && body.x402Version === 1 ? body : undefined;
  const offers = [
    ...offersOf(isRecord(v2) ? v2.accepts : undefined, 2),
    ...offersOf(v1 === undefined ? undefined : v1.accepts, 1),
  ];
  return { header, v2, v1, offers };
}

/** The challenge of version 2 that a payer can sign; `undefined` when there is none. */
export function payableOf({ v2 }: Challenge): PaymentRequired | undefined {
  return readPaymentRequired(v2);
}

/** True for a 402 that says, in either version, how it can be paid. */
export function isChallenge(exchange: Exchange): boolean {
  return exchange.status === 402 && readChallenge(exchange).offers.length > 0;
}

function offersOf(accepts: unknown, version: 1 | 2): Offer[] {
  if (!Array.isArray(accepts)) return [];
  return accepts.filter(isRecord).map((one) => ({
    version,
    scheme: String(one.scheme ?? ""),
    network: String(one.network ?? ""),
    asset: String(one.asset ?? ""),
    amount: String((version === 2 ? one.amount : one.maxAmountRequired) ?? ""),
    payTo: String(one.payTo ?? ""),
    maxTimeoutSeconds: one.maxTimeoutSeconds,
    extra: isRecord(one.extra) ? one.extra : {},
  }));
}

/** What is wrong with one entry of `accepts`, member by member. Source: x402 v2 §5, x402 v1 §5. */
export function requirementFaults(entry: unknown, version: 1 | 2): string[] {
  if (!isRecord(entry)) return ["is no object"];
  const wrong: string[] = [];
  const amount = version === 2 ? "amount" : "maxAmountRequired";
  const texts = ["scheme", "network", "asset", "payTo", ...(version === 1 ? ["resource"] : [])];
  for (const name of texts) {
    if (typeof entry[name] !== "string" || entry[name] === "") wrong.push(`${name} is no text`);
  }
  if (
    version === 2 &&
    typeof entry.network === "string" &&
    !/^[-a-z0-9]{3,8}:[-_a-zA-Z0-9]{1,32}$/.test(entry.network)
  ) {
    wrong.push(`network "${entry.network}" is no CAIP-2 id such as eip155:8453`);
  }
  const value = entry[amount];
  if (typeof value !== "string" || !/^[1-9]\d*$/.test(value)) {
    wrong.push(`${amount} ${JSON.stringify(value)} is no positive whole number of smallest units, as text`);
  }
  if (typeof entry.maxTimeoutSeconds !== "number") wrong.push("maxTimeoutSeconds is no number");
  return wrong;
}

/** The JSON in a body; `undefined` when it is none. */
export function jsonOf({ body }: Pick<Exchange, "body">): unknown {
  try {
    return JSON.parse(body) as unknown;
  } catch {
    return undefined;
  }
}

/** The requirements of version 2 in which a payer with an EVM key pays. */
export function exactEvm(required: PaymentRequired): PaymentRequirements | undefined {
  return required.accepts.find(
    ({ scheme, network, extra }) =>
      scheme === "exact" &&
      network.startsWith("eip155:") &&
      (extra.assetTransferMethod ?? "eip3009") === "eip3009",
  );
}
