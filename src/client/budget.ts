import { type Money, parseUsd, type Usd } from "../../schema/money.ts";
import { nameOf, type SavedCall } from "./calls.ts";

export interface BudgetOptions {
  /** The most that one call may cost, in US dollars. */
  readonly perCall?: Usd;
  /**
   * The most that this client may spend in its life, in US dollars. What has been signed counts, by this client or by
   * an earlier one that left it in `calls`. A payment that the seller says it has not used is given back a minute
   * after it can no longer be settled; a refund is not given back.
   */
  readonly total?: Usd;
}

export interface Budget {
  readonly perCall: Money | undefined;
  /** What may still be signed of the total; `undefined` without one. */
  left(): Money | undefined;
  /** Sets `amount` aside before anything is signed, so that concurrent calls cannot overspend. False: too much. */
  reserve(amount: Money): boolean;
  /** Gives back what was set aside, when nothing has been sent. */
  release(amount: Money): void;
  /** Counts a payment that has been signed, once and unchecked: it cannot be undone. */
  count(call: SavedCall): void;
  /** Says how a payment ended: by what is known it has been made, or it has not been used. */
  close(call: SavedCall, end: "made" | "unused"): void;
}

/** How long after its authorization's end a payment may still turn up in a block. */
export const EXPIRY_MARGIN_SECONDS = 60;

/** @throws RangeError when an amount is not a decimal. */
export function createBudget({ perCall, total }: BudgetOptions = {}): Budget {
  const most = total === undefined ? undefined : parseUsd(total);
  /** Payments that are open (`until` is infinite) or can still be settled, each counted in `taken`. */
  const counted = new Map<string, { amount: Money; until: number; unused: boolean }>();
  let taken: Money = 0n;
  const id = (call: SavedCall): string => nameOf(call) + call.payment.validBefore;
  function left(): Money | undefined {
    for (const [key, { amount, until, unused }] of counted) {
      if (until * 1000 > Date.now()) continue;
      counted.delete(key);
      if (unused) taken -= amount;
    }
    return most === undefined ? undefined : most - taken;
  }

  return {
    perCall: perCall === undefined ? undefined : parseUsd(perCall),
    left,
    reserve(amount) {
      const free = left();
      if (free !== undefined && amount > free) return false;
      taken += amount;
      return true;
    },
    release(amount) {
      taken -= amount;
    },
    count(call) {
      if (most === undefined) return;
      const known = counted.get(id(call));
      const amount = parseUsd(call.payment.usd);
      if (!known) taken += amount;
      counted.set(id(call), { amount, until: Number.POSITIVE_INFINITY, unused: false });
    },
    close(call, end) {
      const entry = counted.get(id(call));
      // What has been closed stays so, until it is sent again.
      if (entry?.until !== Number.POSITIVE_INFINITY) return;
      entry.until = call.payment.validBefore + EXPIRY_MARGIN_SECONDS;
      entry.unused = end === "unused";
    },
  };
}
