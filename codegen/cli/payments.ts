import { type Decision, resolvePayment } from "../../src/ledger/resolve.ts";
import type { CallRecord } from "../../src/store/store.ts";
import { chainFromFlags, evidenceText } from "./nodes.ts";
import { amountText, type Examined, minute, proveAll, published } from "./payment-facts.ts";
import { type ResolveFlags, resolveByHand } from "./resolve.ts";
import { sayDone, sayNote } from "./say.ts";
import { withStore } from "./store.ts";
import { tableOf } from "./table.ts";
import { typed } from "./typed.ts";

export interface ListPaymentsFlags {
  /** Path of a SQLite file, or URL of a Postgres database. */
  readonly store: string;
  /** `eip155:8453=https://…` */
  readonly rpc?: readonly string[];
  readonly json?: boolean;
}

/** More calls than a person reads. */
const MAX_LISTED = 10_000;
/** Lists unconfirmed calls, oldest first. Returns the exit code: 0, or 1 when the store cannot be read. */
export async function listPayments(flags: ListPaymentsFlags): Promise<number> {
  const chain = await chainFromFlags(flags.rpc);
  return withStore(flags.store, async (store) => {
    const examined = await proveAll(await store.unconfirmedCalls(MAX_LISTED), chain);
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
  owed: `It has no output: a refund is owed. See: ${typed("refunds list")}`,
  kept: "The buyer canceled it under a policy without refund: nothing is owed.",
  void: "The buyer is told that the payment is unused.",
};

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
