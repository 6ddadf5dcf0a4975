import type { Network } from "../protocol/index.ts";
import {
  AUTHORIZATION_MARGIN_MS,
  type CallRecord,
  type RefundRecord,
  type Resolution,
  type SignedPayment,
  type Store,
} from "../store/store.ts";
import type { Logger } from "../telemetry/log.ts";
import type { Time } from "../time/time.ts";
import { type ChainRecord, type Evidence, lookUp } from "./evidence.ts";
import { isTransaction } from "./network.ts";
import { authorizationOf, namesOf, nextRefund, paidStep } from "./refund.ts";
import { createSettling } from "./settle.ts";
import { type Facts, kindOf } from "./step.ts";

/** What an operator decides by hand, where no evidence closes a payment or a refund. */
export interface Decision {
  readonly outcome: "paid" | "unpaid";
  /** Who decides, and why. Kept in the record. */
  readonly by: string;
  readonly why: string;
  /** The hash of the transaction that moved the money, where it is known. */
  readonly transaction?: string;
}

export interface ResolveOptions {
  readonly store: Store;
  /** Evidence that contradicts a decision refuses it. Without a chain the operator's word counts alone. */
  readonly chain: ChainRecord | undefined;
  readonly time: Time;
  readonly log: Logger;
}

/** `evidence` is what the chain proves: `undefined` when it proves nothing, or was not asked. */
export type Resolved<Changed> =
  | { readonly changed: Changed; readonly evidence: Evidence | undefined }
  /** Nothing was changed. `refused` says why, and what to do. */
  | { readonly refused: string; readonly evidence: Evidence | undefined };

/** An operator's command does not know the definition. It keeps a job that it ends for longer than most servers do. */
const RETENTION_MS = 30 * 24 * 3_600_000;

/** The facts of a command: it works on no call. A server may have a node, and then looks at `void` payments again. */
export function factsOfCommand(time: Time): Facts {
  return {
    now: time.now(),
    owner: "command",
    hasNode: () => true,
    retentionMs: () => RETENTION_MS,
    comeBackMs: 0,
  };
}

/** An operator waits longer than a round does. */
export const OPERATOR_LOOK_UP_MS = 30_000;

/**
 * Closes a submitted call by hand, or corrects a `void` one that was paid.
 * @throws StoreUnavailable
 */
export async function resolvePayment(
  id: string,
  decision: Decision,
  { store, chain, time, log }: ResolveOptions,
): Promise<Resolved<CallRecord>> {
  const { outcome } = decision;
  const call = await store.call(id);
  if (!call) return no(`No call has the id ${id}. List unconfirmed calls: npx resource402 payments list`);
  const { payment, phase } = call;
  if (!payment || kindOf(call) === "free") return no(`Call ${id} is free. There is no payment to resolve.`);
  if (phase !== "submitted" && (phase !== "void" || outcome === "unpaid"))
    return no(`Call ${id} is ${phase}, not unconfirmed. Nothing needs to be resolved.`);
  const evidence = await lookUp({ chain, log, time }, payment, call.createdAt, OPERATOR_LOOK_UP_MS);
  const { validBefore } = call.identity;
  const refused = contradiction(decision, evidence, { network: payment.network, validBefore }, time);
  if (refused !== undefined) return { refused, evidence };
  const settling = createSettling({
    store,
    facilitator: undefined,
    chain,
    facts: () => factsOfCommand(time),
    time,
    log,
    faults: undefined,
  });
  const transaction = transactionOf(decision, evidence);
  const { standing, changed } = await settling.apply(call, {
    event: outcome === "paid" ? "resolved-paid" : "resolved-unpaid",
    resolution: resolutionOf(decision, time),
    ...(transaction === undefined ? {} : { transaction }),
  });
  if (!changed || standing === "deleted") {
    const now = standing === "deleted" ? "deleted" : standing.phase;
    return { refused: `Call ${id} has moved on: it is ${now}. Nothing was changed.`, evidence };
  }
  const { resource, jobId } = call;
  const names = { requestId: id, resource, ...(jobId === undefined ? {} : { jobId }) };
  log.warn(
    { ...names, ...decision, transaction, evidence: evidence?.evidence, was: phase, phase: standing.phase },
    "payment resolved by an operator",
  );
  return { changed: standing, evidence };
}

/**
 * Closes a refund by hand: it was paid, or its signed transfer was not executed and never will be.
 * @throws StoreUnavailable
 */
export async function resolveRefund(
  id: string,
  decision: Decision,
  { store, chain, time, log }: ResolveOptions,
): Promise<Resolved<RefundRecord>> {
  const { outcome } = decision;
  const refund = await store.refund(id);
  if (!refund) return no(`No refund has the id ${id}. List refunds: npx resource402 refunds list`);
  const { payment, network, tries } = refund;
  const to = nextRefund(refund, outcome === "paid" ? "resolved-paid" : "resolved-unpaid");
  if (!to) return no(`Refund ${id} is ${refund.state}. Nothing needs to be resolved.`);
  if (outcome === "unpaid" && !payment)
    return no(`Refund ${id} has no signed transfer. Any account can pay it.`);
  const evidence =
    payment && (await lookUp({ chain, log, time }, payment, refund.createdAt, OPERATOR_LOOK_UP_MS));
  const transfer = {
    network: network as Network,
    validBefore: payment ? authorizationOf(payment).validBefore : undefined,
  };
  // The money may have been sent in another way, once the signed transfer can never be executed.
  const isOver = evidence?.evidence === "lapsed" || evidence?.evidence === "spent-elsewhere";
  const refused = contradiction(decision, isOver ? undefined : evidence, transfer, time);
  if (refused !== undefined) return { refused, evidence };
  const transaction = transactionOf(decision, evidence);
  const resolution = resolutionOf(decision, time);
  const step =
    to.state === "paid"
      ? await paidStep(
          store,
          refund,
          { ...to, transaction, resolution, problem: undefined, retryAt: 0 },
          factsOfCommand(time),
        )
      : {
          durable: true,
          refund: {
            id,
            // A try that has begun meanwhile may have signed and sent another transfer.
            when: { state: refund.state, tries },
            set: { ...to, payment: undefined, resolution, retryAt: time.now() },
          },
        };
  const changed = (await store.change(step))?.refund;
  if (!changed) return { refused: `Refund ${id} has moved on. Nothing was changed. Try again.`, evidence };
  log.warn(
    { ...namesOf(refund), ...decision, transaction, evidence: evidence?.evidence, was: refund.state },
    "refund resolved by an operator",
  );
  return { changed, evidence };
}

/** Why a decision cannot be right, or cannot be made yet; `undefined` when nothing speaks against it. */
function contradiction(
  { outcome, transaction }: Decision,
  found: Evidence | undefined,
  transfer: { readonly network: SignedPayment["network"]; readonly validBefore: number | undefined },
  time: Time,
): string | undefined {
  if (outcome === "paid") {
    if (transaction !== undefined && !isTransaction(transfer.network, transaction)) {
      return `--transaction: expected 0x and 64 hexadecimal digits, got "${transaction}".`;
    }
    if (found?.evidence === "settled") {
      const isOther = transaction?.toLowerCase() !== found.transaction.toLowerCase();
      return transaction !== undefined && isOther
        ? `The chain shows the transfer in transaction ${found.transaction}. Name that one, or none.`
        : undefined;
    }
    return found && `The chain proves that the transfer has not been executed (${found.evidence}).`;
  }
  if (transaction !== undefined) return "--transaction goes with paid only. Leave it out.";
  if (found?.evidence === "settled") {
    return `The chain shows the transfer in transaction ${found.transaction}. Resolve it as paid.`;
  }
  const endsAt = (transfer.validBefore ?? 0) * 1000 + AUTHORIZATION_MARGIN_MS;
  const lastSecond = new Date(Math.min(endsAt, MAX_TIME_MS)).toISOString().slice(0, 19).replace("T", " ");
  if (time.now() <= endsAt) return `The payment could still settle. Try again after ${lastSecond} UTC.`;
  // The chain's clock decides, and it is behind ours.
  return found?.evidence === "unused-yet"
    ? "The chain has not passed the end of the authorization: the payment could still settle. Try again later."
    : undefined;
}

/** The last time that a `Date` can hold. */
const MAX_TIME_MS = 8.64e15;

function transactionOf(decision: Decision, found: Evidence | undefined): string | undefined {
  if (decision.outcome === "unpaid") return undefined;
  return found?.evidence === "settled" ? found.transaction : decision.transaction;
}

function resolutionOf({ by, why }: Decision, time: Time): Resolution {
  return { by, why, at: time.now() };
}

function no(refused: string): { readonly refused: string; readonly evidence: undefined } {
  return { refused, evidence: undefined };
}
