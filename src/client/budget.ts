import { type Money, parseUsd, type Usd } from "../../schema/money.ts";

export interface BudgetOptions {
  /** The most that one call may cost, in US dollars. */
  readonly perCall?: Usd;
  /** The most that this client may spend in its life, in US dollars. */
  readonly total?: Usd;
}

export interface Budget {
  readonly perCall: Money | undefined;
  /**
   * Sets `amount` aside under a call's key before anything is signed, so that concurrent calls cannot overspend
   * together. `undefined` when it is more than is left. A key that is held already is not counted twice: the
   * same call under the same key is charged once.
   */
  reserve(key: string, amount: Money): Reservation | undefined;
  /** True when a payment under this key was made, or may have been. */
  holds(key: string): boolean;
}

export interface Reservation {
  /**
   * Says that this payment has not been used. The amount is given back when that holds for every payment
   * that was signed under the key.
   */
  release(): void;
  /** True when another payment under the same key has been made, or may have been. */
  readonly shared: boolean;
}

/** @throws RangeError when an amount is not a decimal. */
export function createBudget(options: BudgetOptions = {}): Budget {
  const total = options.total === undefined ? undefined : parseUsd(options.total);
  const held = new Map<string, { amount: Money; payments: number }>();
  let reserved: Money = 0n;
  return {
    perCall: options.perCall === undefined ? undefined : parseUsd(options.perCall),
    holds: (key) => held.has(key),
    reserve(key, amount) {
      const known = held.get(key);
      const entry = known ?? { amount: 0n, payments: 0 };
      const more = amount > entry.amount ? amount - entry.amount : 0n;
      if (total !== undefined && reserved + more > total) return undefined;
      reserved += more;
      entry.amount += more;
      entry.payments += 1;
      held.set(key, entry);
      let released = false;
      return {
        shared: known !== undefined,
        release() {
          if (released) return;
          released = true;
          entry.payments -= 1;
          if (entry.payments > 0) return;
          reserved -= entry.amount;
          held.delete(key);
        },
      };
    },
  };
}
