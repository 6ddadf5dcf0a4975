import type { Faults } from "../observe/fault.ts";
import type { Logger } from "../observe/log.ts";
import type { CallRecord, RefundChange, RefundRecord, SignedPayment, Store } from "../store/store.ts";
import { isRecord, type Network, type PaymentRequirements } from "../wire/index.ts";
import { type EvmAccount, signTransfer } from "../wire/transfer.ts";
import { type ChainRecord, evidenceOf } from "./chain.ts";
import { type Facilitator, saysUsed } from "./charge.ts";
import { hash } from "./evidence.ts";

/**
 * The refund of a call that was charged and ends without a result: to be written in the same transaction as that
 * end. `undefined` when the call was not charged.
 */
export function refundOf(call: CallRecord, reason: string): RefundRecord | undefined {
  const { payment, receipt } = call;
  if (!payment || !receipt || call.paymentState !== "settled") return undefined;
  const { name, version } = payment.requirements.extra;
  return {
    // One call, one refund.
    id: `ref_${call.id}`,
    callId: call.id,
    jobId: call.jobId,
    resource: call.resource,
    reason,
    to: receipt.payer,
    network: payment.network,
    asset: receipt.asset,
    atomicAmount: receipt.atomicAmount,
    amount: receipt.amount,
    currency: receipt.currency,
    domain: { name: String(name ?? ""), version: String(version ?? "") },
    state: "owed",
    payment: undefined,
    transaction: undefined,
    problem: undefined,
    tries: 0,
    retryAt: Date.now(),
    createdAt: Date.now(),
  };
}

export interface Refunds {
  /** Pays one refund, or finds that it has been paid. What cannot be paid now stays owed, and is tried again later. */
  pay(refund: RefundRecord): Promise<RefundRecord>;
}

export interface RefundOptions {
  readonly store: Store;
  readonly facilitator: Facilitator;
  /** Holds the tokens that are sent back. It needs no gas. */
  readonly account: EvmAccount;
  readonly chain: ChainRecord | undefined;
  readonly log: Logger;
  readonly faults: Faults | undefined;
}

/** How long a refund's transfer can be settled: so long another account cannot take its place. */
const VALID_SECONDS = 600;
/** What is left of it must suffice for a settlement. */
const SETTLE_SECONDS = 60;
const FIRST_RETRY_MS = 2_000;
const LONGEST_RETRY_MS = 15 * 60_000;

/**
 * Pays what is owed. A refund's nonce is derived from its id: however often, and by however many servers, its transfer
 * is signed and sent, the token executes it once.
 */
export function createRefunds({ store, facilitator, account, chain, log, faults }: RefundOptions): Refunds {
  async function sign(refund: RefundRecord): Promise<SignedPayment> {
    const { network, asset, domain, to, atomicAmount } = refund;
    const validBefore = Math.floor(Date.now() / 1000) + VALID_SECONDS;
    const nonce: `0x${string}` = `0x${hash(`resource402 refund ${refund.id}`)}`;
    const requirements: PaymentRequirements = {
      scheme: "exact",
      network: network as Network,
      asset,
      amount: atomicAmount,
      payTo: to,
      maxTimeoutSeconds: VALID_SECONDS,
      extra: { ...domain },
    };
    const payload = await signTransfer(account, {
      network,
      asset,
      domain,
      to,
      atomicAmount,
      nonce,
      validBefore,
    });
    return {
      version: 2,
      network: requirements.network,
      payload: { x402Version: 2, accepted: requirements, payload },
      requirements,
    };
  }

  async function paid(refund: RefundRecord, transaction: string | undefined): Promise<RefundRecord> {
    const set = { state: "paid", transaction, problem: undefined, retryAt: 0 } as const;
    const when = { state: "owed" } as const;
    const { jobId } = refund;
    const known = jobId === undefined ? undefined : await store.job(jobId);
    // A job that has been deleted by now has nobody left to be told.
    const job =
      jobId !== undefined && known !== undefined && known !== "gone"
        ? { job: { id: jobId, set: { paymentState: "refunded" } as const } }
        : {};
    const stepped = await store.change({ durable: true, refund: { id: refund.id, when, set }, ...job });
    log.info({ ...namesOf(refund), amount: refund.amount, transaction }, "refund paid");
    return stepped?.refund ?? { ...refund, ...set };
  }

  /** Changes what is owed, unless another try has begun since `refund` was read. */
  async function change(refund: RefundRecord, set: RefundChange): Promise<RefundRecord | undefined> {
    const when = { state: "owed", tries: refund.tries } as const;
    return (await store.change({ durable: true, refund: { id: refund.id, when, set } }))?.refund;
  }

  /** Counts a try and keeps its transfer before it is sent. */
  function begun(
    refund: RefundRecord,
    payment: SignedPayment | undefined,
  ): Promise<RefundRecord | undefined> {
    return change(refund, { tries: refund.tries + 1, ...(payment ? { payment } : {}) });
  }

  async function postponed(
    refund: RefundRecord,
    reason: string,
    more: { readonly payment?: undefined } = {},
  ): Promise<RefundRecord> {
    const wait = Math.min(FIRST_RETRY_MS * 2 ** Math.min(refund.tries - 1, 20), LONGEST_RETRY_MS);
    log.error({ ...namesOf(refund), amount: refund.amount, reason }, "refund not paid yet");
    const set = { ...more, problem: reason, retryAt: Date.now() + wait };
    return (await change(refund, set)) ?? refund;
  }

  return {
    async pay(owed) {
      if (owed.state === "paid") return owed;
      const kept = owed.payment && authorizationOf(owed.payment);
      const own = kept?.from.toLowerCase() === account.address.toLowerCase();
      if (kept && !own) {
        // The nonce protects one account only: what another one has signed must be known not to have been paid.
        const evidence = owed.payment && (await evidenceOf(chain, owed.payment, owed.createdAt, log));
        if (evidence?.state === "transferred") return paid(owed, evidence.transaction);
        if (evidence?.state !== "lapsed") {
          const until = new Date(kept.validBefore * 1000).toISOString().slice(0, 16).replace("T", " ");
          const problem =
            `${kept.from} has signed its transfer until ${until} UTC, and may have paid it; pay with that account, ` +
            "or with another one after that time and with a node to look at";
          const tried = await begun(owed, undefined);
          return tried ? postponed(tried, problem) : owed;
        }
      }
      const fresh = own && kept && kept.validBefore > Date.now() / 1000 + SETTLE_SECONDS;
      const payment = fresh && owed.payment ? owed.payment : await sign(owed);
      // Whoever has begun since then may be paying it at this moment, and its nonce may be another account's.
      const refund = await begun(owed, payment);
      if (!refund) return owed;
      if (faults) await faults.reach("refund.before");
      const settlement = await facilitator.settle(payment, refund.resource);
      if (faults) await faults.reach("refund.after");
      if (settlement.outcome === "settled") return paid(refund, settlement.response.transaction);
      const evidence = await evidenceOf(chain, payment, refund.createdAt, log);
      if (evidence?.state === "transferred") return paid(refund, evidence.transaction);
      // Nobody else signs with this nonce, so a nonce that is used says that the refund has been paid; but sent for the
      // first time by this account it is used by nobody, and another nonce is spoken of.
      const used = evidence === undefined && own && saysUsed(settlement.reason);
      if (used) return paid(refund, undefined);
      // Refused at its first sight, it has not been executed: another account may pay in its place.
      const refusedAtOnce = settlement.outcome === "refused" && owed.payment === undefined;
      return postponed(refund, settlement.reason, refusedAtOnce ? { payment: undefined } : {});
    },
  };
}

/** By what a line of the log is found that is about a refund. */
function namesOf({ id, callId, jobId, resource }: RefundRecord): object {
  return { requestId: callId, resource, ...(jobId === undefined ? {} : { jobId }), refund: id };
}

function authorizationOf(payment: SignedPayment): { from: string; validBefore: number } | undefined {
  const { authorization } = payment.payload.payload;
  if (!isRecord(authorization)) return undefined;
  return { from: String(authorization.from), validBefore: Number(authorization.validBefore) };
}
