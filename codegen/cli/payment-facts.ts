import { formatAtomic } from "../../schema/money.ts";
import { type ChainRecord, type Evidence, lookUp } from "../../src/ledger/evidence.ts";
import { amountOf } from "../../src/ledger/payment.ts";
import { OPERATOR_LOOK_UP_MS } from "../../src/ledger/resolve.ts";
import type { CallRecord } from "../../src/store/store.ts";
import type { Logger } from "../../src/telemetry/log.ts";
import { systemTime } from "../../src/time/time.ts";
import { sayNote } from "./say.ts";

/** Look-ups at a time: a hosted node answers only so many. */
const CONCURRENT = 4;

/** A call with what the chain proves about its payment; `"not-asked"` when no node of its network is named. */
export interface Examined {
  readonly call: CallRecord;
  readonly found: Evidence | undefined | "not-asked";
}

/** Asks the chain about the payments of these calls. */
export async function proveAll(
  calls: readonly CallRecord[],
  chain: ChainRecord | undefined,
): Promise<Examined[]> {
  const examined: Examined[] = [];
  for (let first = 0; first < calls.length; first += CONCURRENT) {
    const some = calls.slice(first, first + CONCURRENT);
    examined.push(...(await Promise.all(some.map((call) => proveOne(call, chain)))));
  }
  return examined;
}

async function proveOne(call: CallRecord, chain: ChainRecord | undefined): Promise<Examined> {
  const { payment } = call;
  if (!payment || !chain || !(chain.covers?.(payment.network) ?? true)) return { call, found: "not-asked" };
  return {
    call,
    found: await lookUp(
      { chain, log: reasons, time: systemTime },
      payment,
      call.createdAt,
      OPERATOR_LOOK_UP_MS,
    ),
  };
}

/** Says why a node could not be read. */
const reasons: Logger = {
  debug() {},
  info() {},
  warn: unreadable,
  error: unreadable,
};

function unreadable(fields: object, message: string): void {
  const { network, reason } = fields as Readonly<Record<string, string | undefined>>;
  sayNote(`${network}: ${message}: ${reason}`);
}

/** What may be seen of a call: neither its signed payment nor its output. */
export function published({ call, found }: Examined): object {
  const { id, jobId, resource, charge, ambiguous, tries, reason, createdAt, retryAt, payment } = call;
  const { network, payer, nonce, validBefore } = call.identity;
  return {
    ...{ id, jobId: jobId ?? null, resource, charge },
    createdAt: isoTime(createdAt),
    amount: payment ? formatAtomic(BigInt(amountOf(payment)), payment.asset.decimals) : null,
    currency: payment?.asset.symbol ?? null,
    network: payment ? network : null,
    payer: payment ? payer : null,
    nonce: payment ? nonce : null,
    ...{ ambiguous, tries, reason: reason ?? null },
    validBefore: payment ? isoTime(validBefore * 1000) : null,
    retryAt: retryAt === undefined ? null : isoTime(retryAt),
    evidence: found === "not-asked" ? null : (found ?? { evidence: "none" }),
  };
}

export function amountText({ payment }: Pick<CallRecord, "payment">): string {
  if (!payment) return "";
  return `${formatAtomic(BigInt(amountOf(payment)), payment.asset.decimals)} ${payment.asset.symbol}`;
}

/** `2026-01-31 09:30`, in UTC */
export function minute(ms: number): string {
  return isoTime(ms).slice(0, 16).replace("T", " ");
}

/** `2026-01-31 09:30:05 UTC` */
export function second(ms: number): string {
  return `${isoTime(ms).slice(0, 19).replace("T", " ")} UTC`;
}

/** The last time that a `Date` can hold: an authorization may be valid for longer. */
const MAX_TIME_MS = 8.64e15;

export function isoTime(ms: number): string {
  return new Date(Math.min(ms, MAX_TIME_MS)).toISOString();
}
