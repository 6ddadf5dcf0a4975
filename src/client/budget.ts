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
  /** Gives the amount back: only for a payment that the server says it has not used. */
  release(): void;
  /** True when an earlier call under the same key had set it aside. */
  readonly shared: boolean;
}

/** @throws RangeError when an amount is not a decimal. */
export function createBudget(options: BudgetOptions = {}): Budget {
  const total = options.total === undefined ? undefined : parseUsd(options.total);
  const held = new Map<string, Money>();
  let reserved: Money = 0n;
  return {
    perCall: options.perCall === undefined ? undefined : parseUsd(options.perCall),
    holds: (key) => held.has(key),
    reserve(key, amount) {
      const before = held.get(key);
      const more = amount > (before ?? 0n) ? amount - (before ?? 0n) : 0n;
      if (total !== undefined && reserved + more > total) return undefined;
      reserved += more;
      held.set(key, (before ?? 0n) + more);
      return {
        shared: before !== undefined,
        release() {
          reserved -= held.get(key) ?? 0n;
          held.delete(key);
        },
      };
    },
  };
}
