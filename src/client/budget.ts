import { type Money, parseUsd, type Usd } from "../../schema/money.ts";
import { countedUsd, type SavedPayment } from "./calls.ts";

/** The most that a client spends, for each call and in all. */
export interface BudgetOptions {
  /** The most that one call may cost, in US dollars. */
  readonly perCall?: Usd;
  /**
   * The most that this client may spend in its life, in US dollars. Every signed payment counts: those of this client, and
   * those that an earlier one left in `calls`. It is spent, or held while it may still settle (see `Connection.budget`).
   */
  readonly total?: Usd;
  /**
   * True: a held payment returns only when the payer proves that it lapsed unused (`evmPayer` with an `rpcUrl`), never
   * because the seller said no and the authorization expired. @default false
   */
  readonly strict?: boolean;
  /** By resource: what it may cost in US dollars, also when that is more than the published price. `maxPrice` of a call comes first. */
  readonly acceptPriceUpTo?: Readonly<Record<string, Usd>>;
}

/** What a budget needs to know of a payment. */
export type Counted = Pick<SavedPayment, "id" | "usd" | "mostUsd" | "validBefore">;

/** Each signed payment is in one place. */
interface Balance {
  /** Payments that have settled, as a receipt or the seller says. */
  readonly spent: Money;
  /** Payments that may still settle, and what is set aside for those that are being signed. */
  readonly held: Money;
  /** What is left of the total; negative when earlier clients left more than it; `undefined` without a total. */
  readonly free: Money | undefined;
}

export interface Budget {
  readonly perCall: Money | undefined;
  readonly strict: boolean;
  /** What the buyer accepts for a resource, if it is more than the published price. */
  accepted(resource: string): Money | undefined;
  amounts(): Balance;
  /** Sets `amount` aside before anything is signed, so that concurrent calls cannot overspend. False: too much. */
  reserve(amount: Money): boolean;
  /** Undoes {@link reserve}. */
  release(amount: Money): void;
  /** Holds a signed payment, once and unchecked: it cannot be undone. Of two with one `id`, the larger one counts. */
  hold(payment: Counted): void;
  /** A payment that was held has settled. */
  spend(payment: Counted): void;
  /** A payment can no longer settle, and never did. */
  free(payment: Counted): void;
  /** A payment can no longer settle or be counted again. Its amount stays where it is. */
  forget(payment: Counted): void;
}

/** @throws RangeError when an amount is not a decimal. */
export function createBudget(options: BudgetOptions = {}): Budget {
  const { perCall, total, strict = false } = options;
  const acceptable = new Map(
    Object.entries(options.acceptPriceUpTo ?? {}).map(([name, usd]) => [name, parseUsd(usd)]),
  );
  const most = total === undefined ? undefined : parseUsd(total);
  /** Payments that may be counted again, by id. */
  const counted = new Map<string, { place: "held" | "spent"; amount: Money; validBefore: number }>();
  const sums = { spent: 0n, held: 0n };
  /** Not where the payment that has replaced this one may settle for longer. */
  const lastOf = ({ id, validBefore }: Counted) => {
    const one = counted.get(id);
    return one && validBefore >= one.validBefore ? one : undefined;
  };
  const amounts = (): Balance => ({
    ...sums,
    free: most === undefined ? undefined : most - sums.spent - sums.held,
  });
  return {
    perCall: perCall === undefined ? undefined : parseUsd(perCall),
    strict,
    accepted: (resource) => acceptable.get(resource),
    amounts,
    reserve(amount) {
      const { free } = amounts();
      if (free !== undefined && amount > free) return false;
      sums.held += amount;
      return true;
    },
    release(amount) {
      sums.held -= amount;
    },
    hold(payment) {
      const one = counted.get(payment.id) ?? { place: "held", amount: 0n, validBefore: 0 };
      const amount = parseUsd(countedUsd(payment));
      if (amount > one.amount) {
        sums[one.place] += amount - one.amount;
        one.amount = amount;
      }
      one.validBefore = Math.max(one.validBefore, payment.validBefore);
      counted.set(payment.id, one);
    },
    spend({ id }) {
      const one = counted.get(id);
      if (one?.place !== "held") return;
      one.place = "spent";
      sums.held -= one.amount;
      sums.spent += one.amount;
    },
    free(payment) {
      const one = lastOf(payment);
      if (!one) return;
      sums[one.place] -= one.amount;
      counted.delete(payment.id);
    },
    forget(payment) {
      if (lastOf(payment)) counted.delete(payment.id);
    },
  };
}
