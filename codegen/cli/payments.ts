import { formatAtomic } from "../../schema/money.ts";
import { type ChainRecord, type Evidence, lookUp } from "../../src/ledger/evidence.ts";
import { amountOf } from "../../src/ledger/payment.ts";
import { type Decision, OPERATOR_LOOK_UP_MS, resolvePayment } from "../../src/ledger/resolve.ts";
import type { CallRecord } from "../../src/store/store.ts";
import type { Logger } from "../../src/telemetry/log.ts";
import { systemTime } from "../../src/time/time.ts";
import { chainFromFlags, evidenceText } from "./nodes.ts";
import { type ResolveFlags, resolveByHand } from "./resolve.ts";
import { sayDone, sayNote } from "./say.ts";
import { withStore } from "./store.ts";
import { tableOf } from "./table.ts";

export interface ListPaymentsFlags {
  /** Path of a SQLite file, or URL of a Postgres database. */
  readonly store: string;
  /** `eip155:8453=https://…` */
  readonly rpc?: readonly string[];
  readonly json?: boolean;
}

/** More calls than a person reads. */
const MAX_LISTED = 10_000;
/** Look-ups at a time: a hosted node answers only so many. */
const CONCURRENT = 4;

/** An unconfirmed call with what the chain proves; `"not-asked"` when no node of its network is named. */
interface Examined {
  readonly call: CallRecord;
  readonly found: Evidence | undefined | "not-asked";
}

/** Lists unconfirmed calls, oldest first. Returns the exit code: 0, or 1 when the store cannot be read. */
export async function listPayments(flags: ListPaymentsFlags): Promise<number> {
  const chain = await chainFromFlags(flags.rpc);
  return withStore(flags.store, async (store) => {
    const examined = await examine(await store.unconfirmedCalls(MAX_LISTED), chain);
    if (flags.json) console.log(JSON.stringify(examined.map(published), undefined, 2));
    else if (examined.length === 0) sayDone("No payment is unconfirmed.");
    else {
      console.log(listed(examined));
      if (!chain) sayNote("Add --rpc eip155:8453=https://node.example.com to see what the chain proves.");
    }
    return 0;
  });
}

/** Closes an unconfirmed call by hand. Returns the exit code: 0, or 1 when the decision is refused. */
export async function resolveOnePayment(
  id: string,
  outcome: Decision["outcome"],
  flags: ResolveFlags,
): Promise<number> {
  return resolveByHand(
    outcome,
    flags,
    (decision, options) => resolvePayment(id, decision, options),
    ({ phase }) => `Call ${id} is resolved as ${outcome}. ${ENDS[phase] ?? ""}`.trimEnd(),
  );
}

/** What follows from a phase that a decision leads to. */
const ENDS: Partial<Record<CallRecord["phase"], string>> = {
  delivered: "Its output is delivered.",
  owed: "It has no output: a refund is owed. See: resource402 refunds list",
  kept: "The buyer canceled it under a policy without refund: nothing is owed.",
  void: "The buyer is told that the payment is unused.",
};

async function examine(calls: readonly CallRecord[], chain: ChainRecord | undefined): Promise<Examined[]> {
  const examined: Examined[] = [];
  for (let first = 0; first < calls.length; first += CONCURRENT) {
    const some = calls.slice(first, first + CONCURRENT);
    examined.push(...(await Promise.all(some.map((call) => examineOne(call, chain)))));
  }
  return examined;
}

async function examineOne(call: CallRecord, chain: ChainRecord | undefined): Promise<Examined> {
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

function listed(examined: readonly Examined[]): string {
  const head = ["Call", "Since (UTC)", "Resource", "Amount", "Network", "Payer", "Tries", "Reason"];
  const rows = examined.map(({ call, found }) => [
    call.id,
    minute(call.createdAt),
    call.resource,
    amountText(call),
    call.identity.network,
    call.identity.payer,
    String(call.tries),
    call.reason ?? "",
    minute(call.identity.validBefore * 1000),
    found === "not-asked" ? "not asked" : evidenceText(found),
  ]);
  return tableOf([...head, "Valid before (UTC)", "Chain"], rows, ["Tries"]);
}

/** What may be seen of a call: neither its signed payment nor its output. */
function published({ call, found }: Examined): object {
  const { id, jobId, resource, charge, ambiguous, tries, reason, createdAt, retryAt, payment } = call;
  const { network, payer, nonce, validBefore } = call.identity;
  return {
    ...{ id, jobId: jobId ?? null, resource, charge },
    createdAt: new Date(createdAt).toISOString(),
    amount: payment && formatAtomic(BigInt(amountOf(payment)), payment.asset.decimals),
    currency: payment?.asset.symbol,
    ...{ network, payer, nonce, ambiguous, tries, reason: reason ?? null },
    validBefore: isoTime(validBefore * 1000),
    retryAt: retryAt === undefined ? null : new Date(retryAt).toISOString(),
    evidence: found === "not-asked" ? null : (found ?? { evidence: "none" }),
  };
}

function amountText({ payment }: CallRecord): string {
  if (!payment) return "";
  return `${formatAtomic(BigInt(amountOf(payment)), payment.asset.decimals)} ${payment.asset.symbol}`;
}

function minute(ms: number): string {
  return isoTime(ms).slice(0, 16).replace("T", " ");
}

/** The last time that a `Date` can hold: an authorization may be valid for longer. */
const MAX_TIME_MS = 8.64e15;

function isoTime(ms: number): string {
  return new Date(Math.min(ms, MAX_TIME_MS)).toISOString();
}
