import { LRUCache } from "lru-cache";
import { chargeable, formatUsd, type Money, parseUsd } from "../../schema/money.ts";
import { priceOf, withinQuote } from "../../schema/price.ts";
import type { Logger } from "../observe/log.ts";
import type { ServedResource } from "./resource.ts";

/** How long a quote stands, so that the amount in the 402 is the amount that is charged. */
const QUOTE_LIFE_MS = 10 * 60_000;
const KEPT = 10_000;

export interface Amounts {
  /**
   * What a validated input costs. `print` identifies the input, so that a quote stands from the 402 to the payment.
   * @throws RangeError when the price knows no amount for this input
   */
  of(resource: ServedResource, input: object, print: () => string): Promise<Money>;
}

export function createAmounts(log: Logger): Amounts {
  const quotes = new LRUCache<string, Money>({ max: KEPT, ttl: QUOTE_LIFE_MS });
  return {
    async of(resource, input, print) {
      const { price, fixed } = resource;
      if (fixed !== undefined) return fixed;
      if (price.kind !== "quoted" || !resource.quote) return priceOf(price, input) ?? 0n;
      const id = print();
      const kept = quotes.get(id);
      if (kept !== undefined) return kept;
      const quoted = await resource.quote(input as never);
      let amount: Money;
      try {
        amount = withinQuote(price, quoted);
      } catch (cause) {
        // The seller's mistake, not the buyer's: it must not look like an input without a price.
        throw new Error(`quotes.${resource.name} returned no decimal amount`, { cause });
      }
      if (amount !== chargeable(parseUsd(quoted))) {
        log.warn(
          { resource: resource.name, quoted, usd: formatUsd(amount) },
          "a quote was held to its bounds",
        );
      }
      quotes.set(id, amount);
      return amount;
    },
  };
}
