import { decodeHeader, type PaymentPayload, type Receipt } from "../protocol/index.ts";
import { pauseAfter } from "../time/retry.ts";
import type { Time } from "../time/time.ts";
import type { Budget, Counted } from "./budget.ts";
import { type Calls, expiryOf, nameOf, paymentsOf, type SavedCall, type SavedPayment } from "./calls.ts";
import type { Charged } from "./errors.ts";
import type { Payer } from "./pay.ts";

/** How long a failed call is kept whose payment the seller has not called unused: a proof may still free it. */
const KEPT_FAILURE_MS = 90 * 24 * 3_600_000;
/** Pauses between two looks at one call, or at all of them. */
const PAUSE = { firstMs: 60_000, maxMs: 3_600_000 };

/** How a call ended. */
export interface HeldOutcome {
  readonly charged: Charged;
  /** True when the output has arrived. */
  readonly isDelivered: boolean;
  readonly receipt: Receipt | undefined;
}

/** The ended calls whose payments may still settle. Their keys and their share of the budget are not free yet. */
export interface Held {
  /** Closes a call: its request is dropped, its signed bytes are kept until they can no longer settle. */
  end(saved: SavedCall, outcome: HeldOutcome): Promise<void>;
  /** Keeps track of a call that another client has ended, or whose end is not known. */
  adopt(call: SavedCall): void;
  /** Takes a call back that is about to be sent again. */
  reopen(call: SavedCall): void;
  /** Drops a call whose payments can no longer settle. False when they may, or when the call has not ended. */
  release(call: SavedCall): Promise<boolean>;
  /** Releases what can be released. Never rejects. */
  review(): Promise<void>;
  hasLapsed(payment: SavedPayment): Promise<boolean>;
  /** Whether the payer proves that the payment has settled. */
  isUsed(payment: SavedPayment): Promise<boolean>;
}

interface Entry {
  /** Absent where only the budget must know the payments. */
  readonly call?: SavedCall;
  readonly payments: readonly Counted[];
  nextMs: number;
  looks: number;
}

export function createHeld(calls: Calls, budget: Budget, payer: Payer | undefined, time: Time): Held {
  const kept = new Map<string, Entry>();
  let reviewing: Promise<void> | undefined;
  let nextReviewMs = 0;

  /** What was signed; version 1 leaves out the offer. */
  const signed = ({ header, offer }: SavedPayment): PaymentPayload => {
    return { ...(decodeHeader(header) as PaymentPayload), accepted: offer };
  };
  const hasLapsed = async (payment: SavedPayment): Promise<boolean> =>
    (await ask(() => payer?.lapsed?.(signed(payment)))) === true;
  const isUsed = async (payment: SavedPayment): Promise<boolean> =>
    (await ask(() => payer?.used?.(signed(payment)))) === true;

  /**
   * Whether the payments of a call can no longer settle. A payer that can prove it is asked. Without one, the
   * seller's "no" is believed of an ended call once they have expired.
   */
  async function judge(call: SavedCall): Promise<"lapsed" | "expired" | undefined> {
    const { ended } = call;
    const isPaid = ended ? ended.isDelivered && ended.charged === "yes" : call.receipt !== undefined;
    const canProve = payer?.lapsed !== undefined && !isPaid;
    if (canProve && (await Promise.all(paymentsOf(call).map(hasLapsed))).every(Boolean)) return "lapsed";
    if (!ended) return undefined;
    const isKept = ended.charged === "no" ? canProve : !ended.isDelivered;
    return expiryOf(call) + (isKept ? KEPT_FAILURE_MS : 0) <= time.now() ? "expired" : undefined;
  }

  async function release(call: SavedCall, entry?: Entry): Promise<boolean> {
    // An open call is sent again under its key: its seller may have kept an answer.
    if (!call.ended && !entry) return false;
    const over = await judge(call);
    // Not what has been reopened while the payer was asked.
    if (!over || (entry && kept.get(nameOf(call)) !== entry)) return false;
    kept.delete(nameOf(call));
    for (const payment of paymentsOf(call)) {
      const isUnused = payment.isUnused && !budget.strict && payer?.lapsed === undefined;
      if (over === "lapsed" || isUnused) budget.free(payment);
      else budget.forget(payment);
    }
    // Another client may have sent it again in the meantime.
    const stored = call.ended ? await calls.find(call).catch(() => undefined) : call;
    if (stored?.ended || !call.ended) await calls.remove(call).catch(() => {});
    return true;
  }

  async function reviewAll(): Promise<void> {
    nextReviewMs = time.now() + PAUSE.firstMs;
    const due = [...kept].filter(([, { nextMs }]) => nextMs <= time.now());
    await Promise.all(
      due.map(async ([name, entry]) => {
        entry.looks += 1;
        entry.nextMs = time.now() + pauseAfter(PAUSE, entry.looks);
        if (entry.call) return release(entry.call, entry);
        for (const payment of entry.payments) budget.forget(payment);
        kept.delete(name);
      }),
    );
  }

  function keep(call: SavedCall): void {
    kept.set(nameOf(call), { call, payments: [], nextMs: expiryOf(call), looks: 0 });
  }

  const held: Held = {
    hasLapsed,
    isUsed,
    release: (call) => release(call),
    adopt: (call) => void (kept.has(nameOf(call)) || keep(call)),
    reopen: (call) => void kept.delete(nameOf(call)),

    review: () => {
      reviewing ??= reviewAll().finally(() => {
        reviewing = undefined;
      });
      return reviewing;
    },

    async end(saved, { charged, isDelivered, receipt }) {
      const { request: _, job: __, ...rest } = saved;
      const isUnused = charged === "no" || saved.payment.isUnused === true;
      if (!isUnused && charged !== "unknown") budget.spend(saved.payment);
      if (!isUnused && charged === "yes" && isDelivered && saved.isKeyRandom && !saved.earlier) {
        // No later call is expected under this key.
        const { id, usd, mostUsd, validBefore } = saved.payment;
        const payments = [{ id, usd, mostUsd, validBefore }];
        kept.set(nameOf(saved), { payments, nextMs: expiryOf(saved), looks: 0 });
        await calls.remove(saved).catch(() => {});
      } else {
        const payment = isUnused ? { ...saved.payment, isUnused } : saved.payment;
        const isNo = paymentsOf({ ...saved, payment }).every((one) => one.isUnused);
        const ended = { charged: isNo ? "no" : isUnused ? "unknown" : charged, isDelivered } as const;
        const call = { ...rest, payment, receipt, ended };
        keep(call);
        // What stays open is sent again by `resume`, and answered as before: it costs nothing.
        await calls.replace(saved, call).catch(() => {});
      }
      if (time.now() >= nextReviewMs) void held.review();
    },
  };
  return held;
}

/** A question to the payer. What it throws proves nothing. */
async function ask(question: () => Promise<boolean> | undefined): Promise<boolean | undefined> {
  try {
    return await question();
  } catch {
    return undefined;
  }
}
