import { isRecord } from "../../src/protocol/index.ts";
import { jsonOf } from "./challenge.ts";
import { trialReceiptOf } from "./purchase.ts";
import type { ProbeExchange } from "./wire.ts";

/** The states that each state of a payment may become. Words that are not listed belong to another seller. */
const LATER: Readonly<Record<string, readonly string[]>> = {
  // A payment that was refused by mistake and settles all the same leaves a refund owed.
  unused: ["refund_owed", "refunded"],
  in_flight: ["unused", "settled", "refund_owed", "refunded"],
  settled: ["refund_owed", "refunded"],
  refund_owed: ["refunded"],
  refunded: [],
};

/** Members of a 202 that describe the job at the moment of the response. */
const OF_JOB = ["state", "status", "progress", "message", "updatedAt", "retryAfterSeconds"];

/** True when two responses to one payment sell the same thing, whatever they say about the money. */
export function isSameSale(first: ProbeExchange, second: ProbeExchange): boolean {
  if (first.body === second.body) return true;
  const [before, after] = [saleOf(first), saleOf(second)];
  return before !== undefined && before === after;
}

/** The part of a JSON object that must not change; `undefined` when all of the body must be the same. */
function saleOf(exchange: ProbeExchange): string | undefined {
  const document = jsonOf(exchange);
  if (!isRecord(document)) return undefined;
  const { paymentState, receipt, ...sold } = document;
  const isMoney = paymentState === undefined || typeof paymentState === "string";
  if (!isMoney || !(receipt === undefined || isRecord(receipt))) return undefined;
  const isAccepted = exchange.status === 202;
  const kept = Object.entries(sold).filter(([name]) => !(isAccepted && OF_JOB.includes(name)));
  return JSON.stringify(kept);
}

/** Why the words about the money in a later response contradict an earlier one; `undefined` when they do not. */
export function moneyObjection(earlier: ProbeExchange, later: ProbeExchange): string | undefined {
  const [before, after] = [moneyOf(earlier), moneyOf(later)];
  const known = before.state !== undefined && Object.hasOwn(LATER, before.state);
  const next = known ? LATER[before.state ?? ""] : undefined;
  if (before.state !== undefined && next !== undefined && after.state !== before.state) {
    if (after.state === undefined) return `the state of the payment was ${before.state} and is missing now`;
    if (Object.hasOwn(LATER, after.state) && !next.includes(after.state))
      return `the state of the payment was ${before.state} and is ${after.state} now`;
  }
  if (before.transaction === undefined || after.transaction === before.transaction) return undefined;
  return after.transaction === undefined
    ? undefined
    : `the transaction was ${before.transaction} and is ${after.transaction} now`;
}

function moneyOf(exchange: ProbeExchange): { readonly state?: string; readonly transaction?: string } {
  const document = jsonOf(exchange);
  const { paymentState: state, receipt } = isRecord(document) ? document : {};
  const inBody = isRecord(receipt) ? receipt.transaction : undefined;
  const transaction = trialReceiptOf(exchange)?.transaction || inBody;
  return {
    ...(typeof state === "string" ? { state } : {}),
    ...(typeof transaction === "string" && transaction !== "" ? { transaction } : {}),
  };
}
