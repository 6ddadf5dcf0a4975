import {
  decodeHeader,
  HEADERS,
  isRecord,
  type PaymentRequired,
  type PaymentRequirements,
  readPaymentRequired,
} from "../../src/protocol/index.ts";
import type { ProbeExchange } from "./wire.ts";

/** One payment offer, from either x402 version. */
export interface ChallengeOffer {
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

/** The readable parts of a 402 response. */
export interface Challenge {
  /** The raw header. */
  readonly header: string | undefined;
  /** The document in the header; `undefined` when there is none or it cannot be decoded. */
  readonly v2: unknown;
  /** The body, when it says `x402Version: 1`. */
  readonly v1: Readonly<Record<string, unknown>> | undefined;
  /** Payment offers, v2 before v1. */
  readonly offers: readonly ChallengeOffer[];
}

export function readChallenge(exchange: ProbeExchange): Challenge {
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

/** The v2 challenge that a payer can sign; `undefined` when there is none. */
export function payableOf({ v2 }: Challenge): PaymentRequired | undefined {
  return readPaymentRequired(v2);
}

/** True for a 402 with at least one payment offer, in either version. */
export function isChallenge(exchange: ProbeExchange): boolean {
  return exchange.status === 402 && readChallenge(exchange).offers.length > 0;
}

function offersOf(accepts: unknown, version: 1 | 2): ChallengeOffer[] {
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

/** Lists the errors in one entry of `accepts`. Source: x402 v2 §5, x402 v1 §5. */
export function requirementFaults(entry: unknown, version: 1 | 2): string[] {
  if (!isRecord(entry)) return ["is not an object"];
  const wrong: string[] = [];
  const amount = version === 2 ? "amount" : "maxAmountRequired";
  const texts = ["scheme", "network", "asset", "payTo", ...(version === 1 ? ["resource"] : [])];
  for (const name of texts) {
    if (typeof entry[name] !== "string" || entry[name] === "") wrong.push(`${name} is not a string`);
  }
  if (
    version === 2 &&
    typeof entry.network === "string" &&
    !/^[-a-z0-9]{3,8}:[-_a-zA-Z0-9]{1,32}$/.test(entry.network)
  ) {
    wrong.push(`network "${entry.network}" is not a CAIP-2 id such as eip155:8453`);
  }
  const value = entry[amount];
  if (typeof value !== "string" || !/^[1-9]\d*$/.test(value)) {
    wrong.push(
      `${amount} ${JSON.stringify(value)} is not a positive whole number of smallest units, written as a string`,
    );
  }
  if (typeof entry.maxTimeoutSeconds !== "number") wrong.push("maxTimeoutSeconds is not a number");
  return wrong;
}

/** Parses a body as JSON; `undefined` when it is not JSON. */
export function jsonOf({ body }: Pick<ProbeExchange, "body">): unknown {
  try {
    return JSON.parse(body) as unknown;
  } catch {
    return undefined;
  }
}

/** The first v2 offer that a payer with an EVM key can pay. */
export function exactEvm(required: PaymentRequired): PaymentRequirements | undefined {
  return required.accepts.find(
    ({ scheme, network, extra }) =>
      scheme === "exact" &&
      network.startsWith("eip155:") &&
      (extra.assetTransferMethod ?? "eip3009") === "eip3009",
  );
}
