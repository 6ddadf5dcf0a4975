import { formatUsd, parseUsd } from "../../schema/money.ts";
import { createFacilitator } from "../../src/ledger/facilitator.ts";
import { createRefunds } from "../../src/ledger/refund.ts";
import { type Decision, factsOfCommand, resolveRefund } from "../../src/ledger/resolve.ts";
import type { RefundRecord } from "../../src/store/store.ts";
import type { Logger } from "../../src/telemetry/log.ts";
import { systemTime } from "../../src/time/time.ts";
import { confirmed, needSomebody } from "./ask.ts";
import { endpointsFromFlag } from "./facilitator.ts";
import { chainFromFlags } from "./nodes.ts";
import { minute } from "./payment-facts.ts";
import { publishedRefund, refundText } from "./refund-facts.ts";
import { type ResolveFlags, resolveByHand } from "./resolve.ts";
import { counted, sayDone, sayError } from "./say.ts";
import { withStore } from "./store.ts";
import { tableOf } from "./table.ts";
import { typed } from "./typed.ts";

/** Environment variable with the private key of the account that pays. Never an argument: other users can see those. */
const REFUND_KEY = "RESOURCE402_REFUND_KEY";

/** Maximum number of refunds to read. */
const MAX_LISTED = 10_000;
/** Refunds that are owed or signed. */
const UNPAID = { dueAt: Number.MAX_SAFE_INTEGER, limit: MAX_LISTED } as const;

export interface ListOptions {
  /** Path of a SQLite file, or URL of a Postgres database. */
  readonly store: string;
  /** Show paid refunds too. */
  readonly all?: boolean;
  readonly json?: boolean;
}

export interface PayRefundsOptions {
  readonly store: string;
  readonly facilitator?: string;
  /** `eip155:8453=https://…` */
  readonly rpc?: readonly string[];
  readonly yes?: boolean;
}

/** Lists refunds. Returns the exit code: 0, or 1 when the store cannot be read. */
export async function listRefunds(options: ListOptions): Promise<number> {
  return withStore(options.store, async (store) => {
    const refunds = await store.refunds(options.all ? { limit: MAX_LISTED } : UNPAID);
    if (options.json) {
      console.log(JSON.stringify(refunds.map(publishedRefund), undefined, 2));
      return 0;
    }
    if (refunds.length === 0) {
      sayDone(options.all ? "There are no refunds." : "No refund is owed.");
      return 0;
    }
    console.log(listed(refunds));
    return 0;
  });
}

/** Pays owed refunds: all, or the named ones. Returns the exit code: 0 when all of them are paid. */
export async function payRefunds(ids: readonly string[], options: PayRefundsOptions): Promise<number> {
  const { facilitator } = options;
  if (facilitator === undefined) {
    sayError(
      "No facilitator is set to settle the transfers. Add --facilitator https://facilitator.example.com, and set " +
        `${REFUND_KEY} to the private key of the account that pays.`,
    );
    return 2;
  }
  const key = process.env[REFUND_KEY] ?? "";
  if (!/^0x[0-9a-fA-F]{64}$/.test(key)) {
    const wrong = key === "" ? "is not set" : "is not a valid private key";
    sayError(`${REFUND_KEY} ${wrong}. Set it to 0x and the 64 hexadecimal digits of the account that pays.`);
    return 2;
  }
  const endpoints = await endpointsFromFlag(facilitator);
  const chain = await chainFromFlags(options.rpc);
  const { privateKeyToAccount } = await import("viem/accounts");
  const account = privateKeyToAccount(key as `0x${string}`);
  return withStore(options.store, async (store) => {
    const owed = await store.refunds(UNPAID);
    const unknown = ids.filter((id) => !owed.some((refund) => refund.id === id));
    if (unknown.length > 0) {
      sayError(`No owed refund has the id ${unknown.join(", ")}. See: ${typed("refunds list")}`);
      return 1;
    }
    const chosen = ids.length === 0 ? owed : owed.filter(({ id }) => ids.includes(id));
    if (chosen.length === 0) {
      sayDone("No refund is owed.");
      return 0;
    }
    console.log(listed(chosen));
    const what = `${counted(chosen.length, "refund")}, ${sums(chosen)}, from ${account.address}`;
    if (!options.yes) {
      needSomebody("pay");
      if (!(await confirmed(`Pay ${what}?`))) return 1;
    }
    const refunds = createRefunds({
      store,
      facilitator: createFacilitator(endpoints, { log: reasons }),
      account,
      chain,
      facts: () => factsOfCommand(systemTime),
      time: systemTime,
      log: reasons,
      faults: undefined,
    });
    let open = 0;
    for (const [index, refund] of chosen.entries()) {
      const { state, transaction } = await refunds.pay(refund);
      if (state !== "paid") open += 1;
      const end = state === "paid" ? (transaction ?? "paid before") : STILL[state];
      console.log(`${index + 1}/${chosen.length}  ${refund.id}  ${refund.amount} ${refund.currency}  ${end}`);
    }
    if (open === 0) sayDone(`Paid ${counted(chosen.length, "refund")}.`);
    else sayError(`${counted(open, "refund")} could not be paid. Run the command again later.`);
    return open === 0 ? 0 : 1;
  });
}

const STILL = { owed: "still owed", signed: "signed, and not confirmed yet" } as const;

/** Closes a refund by hand. Returns the exit code: 0, or 1 when the decision is refused. */
export async function resolveOneRefund(
  id: string,
  outcome: Decision["outcome"],
  flags: ResolveFlags,
): Promise<number> {
  return resolveByHand(
    outcome,
    flags,
    (decision, options) => resolveRefund(id, decision, options),
    () =>
      outcome === "paid"
        ? `Refund ${id} is resolved as paid.`
        : `Refund ${id} is resolved as unpaid. It is owed again, and any account can pay it.`,
  );
}

/** Explains why a refund could not be paid. */
const reasons: Logger = {
  debug() {},
  info() {},
  warn: (fields, message) => sayError(`${message}: ${reasonOf(fields)}`),
  error: (fields, message) => sayError(`${message}: ${reasonOf(fields)}`),
};

function reasonOf(fields: object): string {
  const { facilitator, reason, detail } = fields as Readonly<Record<string, string | undefined>>;
  return [facilitator, reason ?? "no reason was given", detail].filter(Boolean).join(": ");
}

function listed(refunds: readonly RefundRecord[]): string {
  const head = ["Refund", "Since (UTC)", "Resource", "Reason", "Amount", "Network", "To", "State"];
  const rows = refunds.map((refund) => [
    refund.id,
    minute(refund.createdAt),
    refund.resource,
    refund.reason,
    `${refund.amount} ${refund.currency}`,
    refund.network,
    refund.to,
    refundText(refund),
  ]);
  return tableOf(head, rows);
}

/** `1.20 USDC and 0.05 EURC`. */
function sums(refunds: readonly RefundRecord[]): string {
  const totals = new Map<string, bigint>();
  for (const { currency, amount } of refunds) {
    totals.set(currency, (totals.get(currency) ?? 0n) + parseUsd(amount));
  }
  return Array.from(totals, ([currency, total]) => `${formatUsd(total)} ${currency}`).join(" and ");
}
