import { decodeHeader, HEADERS, PAYMENT_IDENTIFIER, type PaymentPayload } from "../protocol/index.ts";
import type { Budget } from "./budget.ts";
import {
  type Calls,
  chargedFor,
  nameOf,
  paymentsOf,
  type SavedCall,
  type SavedPayment,
  type SavedRequest,
} from "./calls.ts";
import { DEFAULT_VALIDITY_MS } from "./definition.ts";
import { chargedBy, ResourceError, readProblem } from "./errors.ts";
import type { Held } from "./held.ts";
import type { HttpAnswer, Send } from "./http.ts";
import { type Accepted, readAccepted } from "./job-format.ts";
import type { ClientEvent } from "./options.ts";
import { type Exchanged, factsOf, isSpared, lost } from "./outcome.ts";
import { receiptOf } from "./receipt.ts";
import type { Sign } from "./signing.ts";

export interface DeliveryDeps {
  readonly send: Send;
  readonly calls: Calls;
  readonly budget: Budget;
  readonly held: Held;
  /** For how many milliseconds a signature may be valid. @default by what the seller publishes */
  readonly maxValidityMs: number | undefined;
  readonly emit: (event: ClientEvent) => void;
}

/** `new`: no copy of these bytes was sent before. `renewed`: signed again after proof that the first lapsed. */
type Sent = "new" | "known" | "renewed";

export interface Delivery {
  /** Sends a payment that is stored, the same bytes until they are answered. */
  deliver(saved: SavedCall, signal: AbortSignal | undefined, payment?: Sent): Promise<Exchanged>;
  /** Stores a call as open that another attempt has ended. */
  reopen(stored: SavedCall, request: SavedRequest): Promise<SavedCall>;
  /** Whether the payment of this call is being sent. */
  isSending(saved: SavedCall): boolean;
}

/** Sends stored payments, and writes down what became of them. */
export function createDelivery(
  { send, calls, budget, held, emit, ...deps }: DeliveryDeps,
  sign: Sign,
): Delivery {
  /** Calls that are being sent: they may be renewed, so that their share of the budget is not free even when they lapsed. */
  const inFlight = new Set<string>();

  async function deliver(
    saved: SavedCall,
    signal: AbortSignal | undefined,
    payment: Sent = "known",
  ): Promise<Exchanged> {
    const name = nameOf(saved);
    inFlight.add(name);
    held.reopen(saved);
    try {
      return await sendPaid(saved, signal, payment);
    } finally {
      inFlight.delete(name);
    }
  }

  async function sendPaid(
    saved: SavedCall,
    signal: AbortSignal | undefined,
    payment: Sent,
  ): Promise<Exchanged> {
    const { baseUrl, resource, idempotencyKey, request } = saved;
    if (!request)
      throw new ResourceError("protocol", "the saved call has no request", factsOf(saved, "unknown"));
    const headerName = saved.payment.version === 1 ? HEADERS.xPayment : HEADERS.paymentSignature;
    const headers = { ...request.headers, [headerName]: saved.payment.header };
    const isKeyed = request.expected?.isKeyed ?? declaresKey(saved.payment);
    for (const one of paymentsOf(saved)) budget.hold(one);
    const answer = await send({ ...request, headers, signal, isKeyed }).catch(async (cause: unknown) => {
      await stayOpen(saved, request);
      const isSettled =
        !signal?.aborted && (saved.receipt !== undefined || (await held.isUsed(saved.payment)));
      const isOver = !isSettled && !signal?.aborted && (await haveLapsed(saved));
      if (isOver) await held.end(saved, { charged: "no", isDelivered: false, receipt: undefined });
      const charged = isSettled ? "yes" : isOver ? "no" : "unknown";
      throw lost(cause, signal, { ...factsOf(saved, charged), url: request.url });
    });
    if (answer.status === 402 && payment !== "renewed" && (await held.hasLapsed(saved.payment))) {
      return deliver(await renew(saved, answer), signal, "renewed");
    }

    const told = receiptOf(answer, saved.payment);
    if (told) emit({ type: "settled", resource, receipt: told, idempotencyKey });
    // The answer to an earlier call under this key, and not to a copy of this one.
    const isFirst = payment === "new" && answer.attempts === 1 && !saved.payment.isUnsure;
    const isUnused = isFirst && answer.headers.get(HEADERS.paymentUnused) === "true";
    const receipt = isUnused ? undefined : (told ?? saved.receipt);
    const state = answer.status >= 400 ? readProblem(answer.body).paymentState : undefined;
    const said = isUnused || isSpared(answer) ? "no" : chargedBy(true, state, receipt);
    const believed = chargedFor(saved.payment, said);
    // Where the seller does not say that it charged, the chain may know it. A "no" of the seller proves nothing.
    const isSettled = believed !== "yes" && answer.status >= 400 && (await held.isUsed(saved.payment));
    const charged = isSettled ? "yes" : believed;
    const isRejected = isSettled && answer.status === 402;
    const accepted = acceptedBy(answer, request);
    const isLostJob = request.expected?.isJob && answer.status === 202;
    const isDelivered = answer.isOutput && !accepted && !isLostJob;
    if (isDelivered || isRejected || chargedBy(true, state, undefined) !== "unknown") {
      await held.end(saved, { charged, isDelivered, receipt });
    } else {
      await stayOpen(saved, request, accepted !== undefined);
    }
    const sent = isUnused ? { ...saved, payment: { ...saved.payment, isUnused } } : saved;
    const names = { baseUrl, resource, idempotencyKey };
    return { ...names, answer, accepted, isSettled, saved: sent, receipt: told ?? saved.receipt };
  }

  /** True when the payer proves that no payment of the call has settled or ever can. */
  async function haveLapsed(saved: SavedCall): Promise<boolean> {
    if (paymentsOf(saved).some(({ validBefore }) => validBefore * 1000 > Date.now())) return false;
    return (await Promise.all(paymentsOf(saved).map(held.hasLapsed))).every(Boolean);
  }

  /** Stores a call as open that another attempt has ended. */
  async function reopen(stored: SavedCall, request: SavedRequest): Promise<SavedCall> {
    if (!stored.ended) return stored;
    held.reopen(stored);
    const { isUnused: _, ...payment } = stored.payment;
    return calls.replace(stored, { ...stored, payment, request, ended: undefined });
  }

  /** After an outcome that is not known: another process may have ended the call in the meantime. */
  async function stayOpen(saved: SavedCall, request: SavedRequest, isJob = false): Promise<void> {
    const stored = await calls.find(saved).catch(() => undefined);
    if (stored?.payment.header !== saved.payment.header) return;
    await reopen(stored, request).catch(() => {});
    // A job may live longer than its payment.
    if (!stored.job && !isJob) held.adopt({ ...stored, ended: undefined });
  }

  /** Signs again under the same key, for no more and for the same payee, after proof that the first payment lapsed unused. */
  async function renew(saved: SavedCall, answer: HttpAnswer): Promise<SavedCall> {
    const { payment } = saved;
    const maxValidityMs =
      deps.maxValidityMs ?? Math.max(DEFAULT_VALIDITY_MS, payment.offer.maxTimeoutSeconds * 1000);
    try {
      const limits = { agreed: payment.offer, maxValidityMs };
      const next = await sign(saved, answer, limits, "no", (next) => calls.replace(saved, next));
      return { ...next.saved, request: saved.request };
    } catch (error) {
      await calls.remove(saved).catch(() => {});
      throw error;
    } finally {
      // Not before the new one is counted: what it is to cost has been set aside by the old one.
      budget.free(payment);
    }
  }

  return { deliver, reopen, isSending: (saved) => inFlight.has(nameOf(saved)) };
}

/** Whether the challenge that was paid has declared the extension `payment-identifier`. */
function declaresKey({ header }: SavedPayment): boolean {
  const { extensions } = (decodeHeader(header) ?? {}) as Partial<PaymentPayload>;
  return extensions?.[PAYMENT_IDENTIFIER] !== undefined;
}

/** The job in an answer; `undefined` where none is expected. */
export function acceptedBy(answer: HttpAnswer, { expected }: SavedRequest): Accepted | undefined {
  const isJob = expected?.isJob ?? answer.status === 202;
  return isJob && answer.isOutput ? readAccepted(answer, expected?.format) : undefined;
}
