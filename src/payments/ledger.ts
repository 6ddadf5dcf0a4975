import type { FacilitatorClient } from "@x402/core/server";
import { formatAtomic } from "../../schema/money.ts";
import type { Logger } from "../observe/log.ts";
import type { CallRecord, SignedPayment, Store, StoredAnswer } from "../store/store.ts";
import { encodeHeader, HEADERS, type JobAccepted, type Receipt, type SettleResponse } from "../wire/index.ts";
import { type Settlement, settle } from "./charge.ts";
import type { Offers } from "./offer.ts";

/** How a call's payment ended. `settled` carries the answer that the buyer gets, now and on every replay. */
export type Closing =
  | { readonly outcome: "settled"; readonly answer: StoredAnswer }
  | Exclude<Settlement, { outcome: "settled" }>;

export interface Ledger {
  /**
   * Settles a call that has begun and withholds `answer` until the money has moved. A definite refusal
   * releases key and payment; anything unclear is kept as doubtful, to be closed by {@link Ledger.reconcile}.
   */
  close(call: CallRecord, answer: StoredAnswer): Promise<Closing>;
  /** Settles a doubtful call again, with the same signed bytes: they can move the money only once. */
  reconcile(call: CallRecord): Promise<Closing>;
}

/** What a facilitator may still do after an authorization has expired: a broadcast that is being mined. */
const EXPIRY_MARGIN_SECONDS = 600;

export interface LedgerOptions {
  readonly store: Store;
  /** Absent when everything is free. */
  readonly facilitator: FacilitatorClient | undefined;
  readonly offers: Offers | undefined;
  readonly log: Logger;
  /** Called after a job's payment has been settled and the job queued. */
  readonly onQueued: (jobId: string) => void;
}

/** The only writer of payments. Each step is stored before the next one begins. */
export function createLedger({ store, facilitator, offers, log, onQueued }: LedgerOptions): Ledger {
  async function attempt(call: CallRecord, answer: StoredAnswer): Promise<Closing> {
    if (!call.payment) {
      await store.settle(call.id, answer, undefined);
      if (call.jobId !== undefined) onQueued(call.jobId);
      return { outcome: "settled", answer };
    }
    if (!facilitator) throw new Error("a payment was taken without a facilitator to settle it");
    const started = performance.now();
    const settlement = await settle(facilitator, call.payment);
    const fields = {
      callId: call.id,
      resource: call.resource,
      durationMs: Math.round(performance.now() - started),
    };
    if (settlement.outcome === "settled") {
      const receipt = receiptOf(call, call.payment, settlement.response);
      const final = withReceipt(call, answer, receipt, settlement.response);
      await store.settle(call.id, final, receipt);
      log.info({ ...fields, transaction: receipt.transaction, amount: receipt.amount }, "payment settled");
      if (call.jobId !== undefined) onQueued(call.jobId);
      return { outcome: "settled", answer: final };
    }
    if (settlement.outcome === "refused" && call.paymentState === "unused") {
      await store.release(call.id);
      log.warn({ ...fields, reason: settlement.reason }, "payment refused");
      return settlement;
    }
    // Once in doubt, a refusal is no evidence while the first attempt may still be mined.
    if (
      settlement.outcome === "refused" &&
      Date.now() / 1000 > call.identity.validBefore + EXPIRY_MARGIN_SECONDS
    ) {
      await store.release(call.id);
      log.warn(
        { ...fields, reason: settlement.reason },
        "payment lapsed: its authorization has expired unused",
      );
      return settlement;
    }
    await store.doubt(call.id);
    log.error({ ...fields, reason: settlement.reason }, "settlement not confirmed");
    return { outcome: "unknown", reason: settlement.reason };
  }

  function receiptOf(call: CallRecord, payment: SignedPayment, response: SettleResponse): Receipt {
    const { requirements } = payment;
    const atomic = "amount" in requirements ? requirements.amount : requirements.maxAmountRequired;
    const asset = offers?.asset(payment.network, requirements.asset);
    return {
      amount: formatAtomic(BigInt(atomic), asset?.decimals ?? 0),
      currency: asset?.symbol ?? requirements.asset,
      atomicAmount: atomic,
      asset: requirements.asset,
      network: payment.network,
      transaction: response.transaction,
      payer: response.payer ?? call.identity.payer,
      payTo: requirements.payTo,
      settledAt: new Date().toISOString(),
    };
  }

  return {
    async close(call, answer) {
      await store.withhold(call.id, answer);
      return attempt(call, answer);
    },
    async reconcile(call) {
      if (call.paymentState === "settled" && call.answer) return { outcome: "settled", answer: call.answer };
      if (!call.answer) return { outcome: "unknown", reason: "the call is still being worked on" };
      return attempt(call, call.answer);
    },
  };
}

/** The final answer: the receipt goes into the header of the buyer's version, and into a job's 202 as well. */
function withReceipt(
  call: CallRecord,
  answer: StoredAnswer,
  receipt: Receipt,
  response: SettleResponse,
): StoredAnswer {
  const header = call.payment?.version === 1 ? HEADERS.xPaymentResponse : HEADERS.paymentResponse;
  const headers = { ...answer.headers, [header]: encodeHeader(response) };
  if (call.jobId === undefined) return { ...answer, headers };
  const accepted = JSON.parse(answer.body) as JobAccepted;
  const body: JobAccepted = { ...accepted, status: "queued", paymentState: "settled", receipt };
  return { ...answer, headers, body: JSON.stringify(body) };
}
