import { isRecord, type Network, type PaymentRequirements } from "../protocol/index.ts";
import { type EvmAccount, signTransfer } from "../protocol/transfer.ts";
import type { RefundChange, RefundRecord, SignedPayment, Step, Store } from "../store/store.ts";
import { StoreUnavailable } from "../store/store-errors.ts";
import type { Faults } from "../telemetry/fault.ts";
import { pauseAfter } from "../time/retry.ts";
import { type ChainSource, type Evidence, lookUp } from "./evidence.ts";
import type { Facilitator } from "./facilitator.ts";
import { hash } from "./payment.ts";
import { submit } from "./settle.ts";
import { type Facts, stepOf } from "./step.ts";

/** Where each event leads a refund. docs/money.md prints this table. Cells that are missing change nothing. */
export const REFUND_TABLE: Readonly<
  Record<RefundRecord["state"], Partial<Record<RefundEvent, RefundRecord["state"]>>>
> = {
  owed: {
    sign: "signed",
    // Of a transfer that was signed and refused before. The refusal may have been wrong.
    settled: "paid",
    unclear: "owed",
    lapsed: "owed",
    "resolved-paid": "paid",
    "resolved-unpaid": "owed",
  },
  signed: {
    // Again with the same nonce: the token executes it once. How the last submission ended is not recorded.
    sign: "signed",
    settled: "paid",
    "not-sent": "owed",
    refused: "owed",
    unclear: "signed",
    lapsed: "owed",
    // Its nonce is ours alone: an operator has to look.
    "spent-elsewhere": "signed",
    "resolved-paid": "paid",
    "resolved-unpaid": "owed",
  },
  paid: {},
};

export type RefundEvent =
  | Exclude<Evidence["evidence"], "unused-yet">
  | "sign"
  | "resolved-paid"
  | "resolved-unpaid";

/** As for calls: after an ambiguous submission neither a refusal nor a failed connection proves anything about it. */
export function nextRefund(
  { state, ambiguous }: Pick<RefundRecord, "state" | "ambiguous">,
  event: RefundEvent,
): Pick<RefundRecord, "state" | "ambiguous"> | undefined {
  const heard = (event === "refused" || event === "not-sent") && ambiguous ? "unclear" : event;
  const to = REFUND_TABLE[state][heard];
  if (to === undefined) return undefined;
  const unknown = heard === "unclear" || (heard === "sign" && state === "signed");
  return { state: to, ambiguous: to === "signed" && (ambiguous || unknown) };
}

export interface Refunds {
  /** Pays one refund, or finds that it has been paid. A refund that cannot be paid now stays owed and is tried later. */
  pay(refund: RefundRecord): Promise<RefundRecord>;
}

export interface RefundOptions extends ChainSource {
  readonly store: Store;
  readonly facilitator: Facilitator;
  /** Holds the tokens that are sent back. It needs no gas. */
  readonly account: EvmAccount;
  /** Of this server. A command has none. */
  readonly facts: () => Facts;
  readonly faults: Faults | undefined;
}

/**
 * How long a refund's transfer can be settled, also where this server's clock is two hours behind. For so long another account
 * cannot take its place.
 */
const VALID_SECONDS = 2 * 3_600 + 600;
/** Must be left of it for a submission. */
const SETTLE_SECONDS = 60;
const BACKOFF = { firstMs: 2_000, maxMs: 15 * 60_000 };

/**
 * Pays the refunds that are due. A refund's nonce is derived from its id: however often, and by however many servers, its transfer
 * is signed and sent, the token executes it once.
 */
export function createRefunds(options: RefundOptions): Refunds {
  const { store, facilitator, account, chain, facts, time, log, faults } = options;
  const sources = { facilitator, chain, log, time };

  async function sign({
    id,
    network,
    asset,
    domain,
    to,
    atomicAmount,
  }: RefundRecord): Promise<SignedPayment> {
    const validBefore = Math.floor(time.now() / 1000) + VALID_SECONDS;
    const requirements: PaymentRequirements = {
      scheme: "exact",
      network: network as Network,
      asset,
      amount: atomicAmount,
      payTo: to,
      maxTimeoutSeconds: VALID_SECONDS,
      extra: { ...domain },
    };
    const nonce: `0x${string}` = `0x${hash(`resource402 refund ${id}`)}`;
    const transfer = { network, asset, domain, to, atomicAmount, nonce, validBefore };
    const payload = await signTransfer(account, transfer);
    return {
      version: 2,
      network: requirements.network,
      asset: { symbol: "", decimals: 0 },
      payload: { x402Version: 2, accepted: requirements, payload },
      requirements,
    };
  }

  /** Changes a refund, unless another try has begun since it was read. */
  async function change(refund: RefundRecord, set: RefundChange): Promise<RefundRecord | undefined> {
    const when = { state: refund.state, tries: refund.tries };
    return (await store.change({ durable: true, refund: { id: refund.id, when, set } }))?.refund;
  }

  /** Records evidence. The refund and its call end in one transaction. */
  async function record(
    refund: RefundRecord,
    event: RefundEvent,
    more: { readonly transaction?: string | undefined; readonly problem?: string },
  ): Promise<RefundRecord> {
    const to = nextRefund(refund, event);
    if (!to) return refund;
    if (to.state !== "paid") {
      const problem = more.problem ?? event;
      log.error({ ...namesOf(refund), amount: refund.amount, reason: problem }, "refund not paid yet");
      // What an account has signed it alone may send, until it has lapsed.
      const isOver = event === "lapsed" || event === "resolved-unpaid";
      const kept = isOver ? { payment: undefined } : {};
      const retryAt = time.now() + pauseAfter(BACKOFF, refund.tries);
      return (await change(refund, { ...to, ...kept, problem, retryAt })) ?? refund;
    }
    const set = { ...to, transaction: more.transaction, problem: undefined, retryAt: 0 };
    const stepped = await store.change(await paidStep(store, refund, set, facts()));
    if (stepped)
      log.info({ ...namesOf(refund), amount: refund.amount, transaction: more.transaction }, "refund paid");
    return stepped?.refund ?? refund;
  }

  /**
   * The nonce protects one account only: a transfer that another one has signed must be proven not to have been paid, even
   * when it was refused. Then the returned refund has no payment.
   */
  async function afterAnother(refund: RefundRecord, payment: SignedPayment): Promise<RefundRecord> {
    const { from, validBefore } = authorizationOf(payment);
    const tried = await change(refund, { tries: refund.tries + 1 });
    if (!tried) return refund;
    const found = await lookUp(sources, payment, refund.createdAt);
    if (found?.evidence === "settled") return record(tried, "settled", found);
    if (found?.evidence === "lapsed") return record(tried, "lapsed", {});
    const until = new Date(validBefore * 1000).toISOString().slice(0, 16).replace("T", " ");
    const problem =
      `${from} signed a transfer that is valid until ${until} UTC, and may have paid it. ` +
      "Pay with that account, or after that time with an rpcUrl.";
    return record(tried, "unclear", { problem });
  }

  async function attempt(found: RefundRecord): Promise<RefundRecord> {
    let owed = found;
    const isAnothers = (payment: SignedPayment): boolean =>
      authorizationOf(payment).from.toLowerCase() !== account.address.toLowerCase();
    if (owed.payment && isAnothers(owed.payment)) {
      owed = await afterAnother(owed, owed.payment);
      if (owed.state === "paid" || owed.payment !== undefined) return owed;
    }
    const kept = owed.payment;
    const isLive = kept && authorizationOf(kept).validBefore > time.now() / 1000 + SETTLE_SECONDS;
    const payment = isLive ? kept : await sign(owed);
    const to = nextRefund(owed, "sign");
    // Kept before it is sent. Whoever has begun a try since may be paying at this moment.
    const tries = owed.tries + 1;
    // Rounds of this server and of others leave it alone while it is being paid.
    const retryAt = time.now() + pauseAfter(BACKOFF, tries);
    const refund = to && (await change(owed, { ...to, payment, tries, retryAt }));
    if (!refund) return owed;
    if (faults) await faults.reach("refund.before");
    const evidence = await submit(payment, refund, sources);
    if (faults) await faults.reach("refund.after");
    if (evidence.evidence === "settled") return record(refund, "settled", evidence);
    const event = evidence.evidence === "unused-yet" ? "unclear" : evidence.evidence;
    return record(refund, event, "reason" in evidence ? { problem: evidence.reason } : {});
  }

  return {
    async pay(refund) {
      if (refund.state === "paid") return refund;
      try {
        return await attempt(refund);
      } catch (error) {
        log.error({ ...namesOf(refund), error }, "a refund could not be tried");
        if (error instanceof StoreUnavailable) return refund;
        const retryAt = time.now() + pauseAfter(BACKOFF, refund.tries + 1);
        const set = { problem: "cannot_be_signed", tries: refund.tries + 1, retryAt };
        return (await change(refund, set).catch(() => undefined)) ?? refund;
      }
    },
  };
}

/** The step that ends a refund as paid, and its call with it. */
export async function paidStep(
  store: Store,
  refund: RefundRecord,
  set: RefundChange,
  facts: Facts,
): Promise<Step> {
  const call = await store.call(refund.callId);
  const job = refund.jobId === undefined ? undefined : await store.job(refund.jobId);
  const step = call && stepOf(call, job === "gone" ? undefined : job, { event: "refund-paid" }, facts);
  return { ...step, durable: true, refund: { id: refund.id, when: { state: refund.state }, set } };
}

/** By what a refund is found in the log. */
export function namesOf({ id, callId, jobId, resource }: RefundRecord): object {
  return { requestId: callId, resource, ...(jobId === undefined ? {} : { jobId }), refund: id };
}

export function authorizationOf(payment: SignedPayment): {
  readonly from: string;
  readonly validBefore: number;
} {
  const { authorization } = payment.payload.payload;
  const signed = isRecord(authorization) ? authorization : {};
  return { from: String(signed.from), validBefore: Number(signed.validBefore) };
}
