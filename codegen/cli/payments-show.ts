import { refundIdOf } from "../../src/ledger/step.ts";
import type { CallRecord, Store } from "../../src/store/store.ts";
import { type CallReport, lostCallText, reportJson, reportText } from "./call-report.ts";
import { chainFromFlags } from "./nodes.ts";
import { amountText, type Examined, minute, proveAll } from "./payment-facts.ts";
import type { ListPaymentsFlags } from "./payments.ts";
import { publishedRefund } from "./refund-facts.ts";
import { sayError, sayNote } from "./say.ts";
import { storeArgument, withStore } from "./store.ts";
import { tableOf } from "./table.ts";
import { typed } from "./typed.ts";

/** Calls of one payer that are listed, the newest first. */
const MAX_FOUND = 100;

/**
 * Shows what happened to a payment. Returns the exit code: 0, or 1 when no call is found or the store cannot be read.
 * @param named A call, a job, a refund, an idempotency key, a payer, a nonce or a transaction.
 */
export async function showPayment(named: string, flags: ListPaymentsFlags): Promise<number> {
  const chain = await chainFromFlags(flags.rpc);
  return withStore(flags.store, async (store) => {
    const calls = await store.searchCalls(named.trim(), MAX_FOUND);
    if (calls.length === 0) return showRefund(named.trim(), store, flags.json === true);
    if (flags.json) {
      const reports = await Promise.all((await proveAll(calls, chain)).map((one) => reportOf(one, store)));
      console.log(JSON.stringify(reports.map(reportJson), undefined, 2));
      return 0;
    }
    if (calls.length > 1) {
      console.log(listed(calls));
      if (calls.length === MAX_FOUND) sayNote(`Only the newest ${MAX_FOUND} calls are listed.`);
      sayNote(
        `Show one of them: ${typed(`payments show ${calls[0]?.id} --store ${storeArgument(flags.store)}`)}`,
      );
      return 0;
    }
    for (const one of await proveAll(calls, chain)) console.log(reportText(await reportOf(one, store)));
    return 0;
  });
}

async function reportOf(examined: Examined, store: Store): Promise<CallReport> {
  const { id, jobId } = examined.call;
  const [job, refund] = await Promise.all([
    jobId === undefined ? undefined : store.job(jobId),
    store.refund(refundIdOf(id)),
  ]);
  return { ...examined, job, refund };
}

/** A refund outlives its call. */
async function showRefund(named: string, store: Store, isJson: boolean): Promise<number> {
  const refund = (await store.refund(named)) ?? (await store.refund(refundIdOf(named)));
  if (refund) {
    console.log(
      isJson ? JSON.stringify([{ refund: publishedRefund(refund) }], undefined, 2) : lostCallText(refund),
    );
    return 0;
  }
  sayError(
    `No call is known by "${named}". Expected the id of a call, a job or a refund, an idempotency key, a payer, a nonce or a ` +
      "transaction. A call is kept for a day, and a job for its retention; requests that were refused before a payment was " +
      "accepted are only in the log.",
  );
  return 1;
}

function listed(calls: readonly CallRecord[]): string {
  const head = ["Call", "Since (UTC)", "Resource", "Phase", "Amount", "Payer", "Job"];
  const rows = calls.map((call) => [
    call.id,
    minute(call.createdAt),
    call.resource,
    call.phase,
    amountText(call) || "free",
    call.identity.payer,
    call.jobId ?? "",
  ]);
  return tableOf(head, rows);
}
