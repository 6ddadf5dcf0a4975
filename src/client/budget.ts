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
   * Sets `amount` aside before anything is signed, so that concurrent calls cannot overspend together.
   * `undefined` when it is more than is left. The returned function gives it back: only for a payment that
   * the server says it has not used.
   */
  reserve(amount: Money): (() => void) | undefined;
}

/** @throws RangeError when an amount is not a decimal. */
export function createBudget(options: BudgetOptions = {}): Budget {
  const total = options.total === undefined ? undefined : parseUsd(options.total);
  let reserved: Money = 0n;
  return {
    perCall: options.perCall === undefined ? undefined : parseUsd(options.perCall),
    reserve(amount) {
      if (total !== undefined && reserved + amount > total) return undefined;
      reserved += amount;
      let held = true;
      return () => {
        if (held) reserved -= amount;
        held = false;
      };
    },
  };
}
