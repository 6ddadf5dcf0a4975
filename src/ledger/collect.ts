import { formatAtomic } from "../../schema/money.ts";
import type { Faults } from "../observe/fault.ts";
import type { Logger } from "../observe/log.ts";
import { StoreUnavailable } from "../store/steady.ts";
import {
  AUTHORIZATION_MARGIN_MS,
  type CallRecord,
  type SignedPayment,
  type Store,
  type StoredAnswer,
} from "../store/store.ts";
import { encodeHeader, HEADERS, type JobAccepted, type Receipt } from "../wire/index.ts";
import { type ChainRecord, evidenceOf } from "./chain.ts";
import type { Facilitator, Settlement } from "./charge.ts";
import type { Offers } from "./offer.ts";

/** How the charge for a call ended. */
export type Closing =
  /** The money has moved: the call as it stands now. */
  | { readonly outcome: "settled"; readonly call: CallRecord }
  /** It has not, and will not; key and payment are free again. */
  | { readonly outcome: "refused"; readonly reason: string }
  /** Nobody can tell yet. To be closed by evidence, never by asking for a new payment. */
  | { readonly outcome: "unknown"; readonly reason: string }
  /** Another server has taken the call over: what it says counts. */
  | { readonly outcome: "lost" };

/** Settles calls whose intent says that their money may move, and writes what has come of it. */
export interface Collection {
  /** `fresh`: the signed bytes have never been sent before, so that a definite refusal is believed. */
  collect(call: CallRecord, fresh: boolean): Promise<Closing>;
  /** What another server has made of a call that was ours. */
  recorded(call: CallRecord): Promise<Closing>;
}

export interface CollectionOptions {
  readonly store: Store;
  /** Names this server in the store. */
  readonly owner: string;
  readonly facilitator: Facilitator | undefined;
  readonly chain: ChainRecord | undefined;
  readonly offers: Offers | undefined;
  readonly log: Logger;
  readonly faults: Faults | undefined;
  readonly retentionMs: (resource: string) => number;
  /** Called with a call that stays ours since the store failed. */
  readonly leave: (callId: string) => void;
}

const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 60_000;
/** What has expired cannot be settled any more, and if the chain's record were to tell, it would by now. */
const EXPIRED_RETRY_MS = 3_600_000;
/** How long a job is kept that never ran for lack of money. */
const UNPAID_RETENTION_MS = 3_600_000;

export function createCollection(options: CollectionOptions): Collection {
  const { store, owner, facilitator, chain, offers, log, faults, retentionMs, leave } = options;

  /** What is known after the facilitator has spoken, and, where it cannot tell, the chain. */
  async function certain(call: CallRecord, payment: SignedPayment, fresh: boolean): Promise<Settlement> {
    if (!facilitator) throw new Error("a payment was taken without a facilitator to settle it");
    const word = await facilitator.settle(payment, call.resource);
    if (word.outcome === "settled" || (word.outcome === "refused" && fresh)) return word;
    const evidence = await evidenceOf(chain, payment, call.createdAt, log);
    if (evidence?.state === "transferred") {
      const { transaction } = evidence;
      const { payer } = call.identity;
      return {
        outcome: "settled",
        response: { success: true, transaction, network: payment.network, payer },
      };
    }
    if (evidence?.state === "spent" || evidence?.state === "lapsed") {
      return { outcome: "refused", reason: `authorization_${evidence.state}` };
    }
    // Without a look at the chain a refusal says nothing of an earlier attempt, not even when the authorization has
    // expired: facilitators look at its time before they look at its nonce.
    return { outcome: "unknown", reason: word.reason };
  }

  async function collect(call: CallRecord, fresh: boolean): Promise<Closing> {
    const { payment } = call;
    if (!payment) return { outcome: "settled", call };
    const started = performance.now();
    if (faults) await faults.reach("settle.before");
    const settlement = await certain(call, payment, fresh);
    if (faults) await faults.reach("settle.after");
    const durationMs = Math.round(performance.now() - started);
    const { id: requestId, resource, jobId } = call;
    const fields = { requestId, resource, ...(jobId === undefined ? {} : { jobId }), durationMs };
    let closing: Closing;
    try {
      closing = await record(call, payment, settlement, fresh);
    } catch (error) {
      // The money has been asked for: whatever the store does, this is not the moment to say that it was not.
      if (!(error instanceof StoreUnavailable)) throw error;
      log.error({ ...fields, error }, "the outcome of a settlement could not be written");
      leave(call.id);
      return { outcome: "unknown", reason: "store_unavailable" };
    }
    if (faults) await faults.reach("settle.recorded");
    if (closing.outcome === "settled") {
      const { transaction, amount } = closing.call.receipt ?? {};
      log.info({ ...fields, transaction, amount }, "payment settled");
    } else if (closing.outcome === "refused") {
      log.warn({ ...fields, reason: closing.reason }, "payment refused");
    } else if (closing.outcome === "unknown") {
      log.error({ ...fields, reason: closing.reason }, "settlement not confirmed");
    }
    return closing;
  }

  /** Writes the outcome of a settlement, and what it means for the call's job, in one transaction. */
  async function record(
    call: CallRecord,
    payment: SignedPayment,
    settlement: Settlement,
    fresh: boolean,
  ): Promise<Closing> {
    const { jobId } = call;
    const mine = { owner, paymentState: ["in_flight"] as const };
    const waiting = { status: ["awaiting_payment"] as const };

    if (settlement.outcome === "settled") {
      const { transaction, payer } = settlement.response;
      const receipt = receiptOf(payment, transaction, payer ?? call.identity.payer);
      const answer = call.answer && withReceipt(call, call.answer, receipt);
      const set = {
        payment: withoutEcho(payment),
        paymentState: "settled",
        receipt,
        answer,
        // A call that was charged before its work is still being worked on, by whoever has it.
        ...(answer === undefined ? {} : { owner: undefined }),
        tries: 0,
      } as const;
      const paid = { paymentState: "settled", receipt } as const;
      const end =
        call.charge === "before"
          ? ({ ...paid, status: "queued" } as const)
          : ({
              ...paid,
              status: "succeeded",
              progress: 100,
              expiresAt: Date.now() + retentionMs(call.resource),
            } as const);
      const job = jobId === undefined ? {} : { job: { id: jobId, when: waiting, set: end } };
      // That the money has moved is a fact, whoever has taken the call over while we asked.
      const when = { paymentState: ["in_flight"] as const };
      const stepped = await store.change({ durable: true, call: { id: call.id, when, set }, ...job });
      return stepped ? standing(stepped.call) : recorded(call);
    }

    if (settlement.outcome === "refused") {
      const { reason } = settlement;
      const failure = { code: "payment_failed", error: "The payment could not be settled." };
      const expiresAt = Date.now() + UNPAID_RETENTION_MS;
      // Who was told that a job is under way, and asks again, is told of its end; others may use the key anew.
      const announced = jobId !== undefined && call.charge === "after";
      const unpaid = {
        status: "failed",
        failure,
        result: undefined,
        paymentState: "unused",
        expiresAt,
        // A job that was never accepted has no end to be told of.
        ...(fresh && !announced ? { callback: undefined } : {}),
      } as const;
      const job = jobId === undefined ? {} : { job: { id: jobId, when: waiting, set: unpaid } };
      const set = announced ? ({ paymentState: "unused", owner: undefined } as const) : "forget";
      const stepped = await store.change({ durable: true, call: { id: call.id, when: mine, set }, ...job });
      return stepped ? { outcome: "refused", reason } : recorded(call);
    }

    const isLongPast = call.identity.validBefore * 1000 + AUTHORIZATION_MARGIN_MS < Date.now();
    const longest = isLongPast ? EXPIRED_RETRY_MS : LONGEST_RETRY_MS;
    const wait = Math.min(FIRST_RETRY_MS * 2 ** Math.min(call.tries, 12), longest);
    const set = { owner: undefined, tries: call.tries + 1, retryAt: Date.now() + wait };
    const stepped = await store.change({ durable: true, call: { id: call.id, when: mine, set } });
    return stepped ? { outcome: "unknown", reason: settlement.reason } : recorded(call);
  }

  async function recorded(call: CallRecord): Promise<Closing> {
    return standing(await store.call(call.id));
  }

  /** To do the work of a call that has been charged before it is for the server that has the call. */
  function standing(call: CallRecord | undefined): Closing {
    const isOurs = call?.answer !== undefined || call?.owner === owner;
    return call?.paymentState === "settled" && isOurs ? { outcome: "settled", call } : { outcome: "lost" };
  }

  function receiptOf({ requirements, network }: SignedPayment, transaction: string, payer: string): Receipt {
    const atomic = "amount" in requirements ? requirements.amount : requirements.maxAmountRequired;
    const asset = offers?.asset(network, requirements.asset);
    return {
      amount: formatAtomic(BigInt(atomic), asset?.decimals ?? 0),
      currency: asset?.symbol ?? requirements.asset,
      atomicAmount: atomic,
      asset: requirements.asset,
      network,
      transaction,
      payer,
      payTo: requirements.payTo,
      settledAt: new Date().toISOString(),
    };
  }

  return { collect, recorded };
}

/**
 * What is kept of a payment that is settled. What a buyer echoes of the challenge is for the facilitator, which has had
 * it, and is longer than all the rest.
 */
function withoutEcho(payment: SignedPayment): SignedPayment {
  if (payment.version === 1) return payment;
  const { resource, extensions, ...payload } = payment.payload;
  return { ...payment, payload };
}

/** The final answer: the receipt goes into the header of the buyer's version, and into a job's 202 as well. */
export function withReceipt(call: CallRecord, answer: StoredAnswer, receipt: Receipt): StoredAnswer {
  // The 202 of a job that is charged after its work was given before there was a receipt; its status has it.
  if (call.jobId !== undefined && call.charge === "after") return answer;
  const { payment } = call;
  const header = payment?.version === 1 ? HEADERS.xPaymentResponse : HEADERS.paymentResponse;
  const network = payment?.version === 1 ? payment.payload.network : receipt.network;
  const { transaction, payer, atomicAmount } = receipt;
  const response = { success: true, transaction, network, payer, amount: atomicAmount };
  const headers = { ...answer.headers, [header]: encodeHeader(response) };
  if (call.jobId === undefined) return { ...answer, headers };
  const accepted = JSON.parse(answer.body) as JobAccepted;
  const body: JobAccepted = { ...accepted, status: "queued", paymentState: "settled", receipt };
  return { ...answer, headers, body: JSON.stringify(body) };
}
