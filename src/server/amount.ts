import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, hexToBytes, utf8ToBytes } from "@noble/hashes/utils.js";
import { chargeable, formatUsd, type Money, parseUsd } from "../../schema/money.ts";
import { priceOf, withinQuote } from "../../schema/price.ts";
import type { Amount } from "../ledger/offer.ts";
import type { Presented } from "../ledger/payment.ts";
import type { Store } from "../store/store.ts";
import type { Logger } from "../telemetry/log.ts";
import type { Time } from "../time/time.ts";
import { createPlaces } from "./places.ts";
import type { ServedResource } from "./resource.ts";

/** Quote functions run for unpaid requests: so many at a time of each resource. */
const QUOTES_AT_ONCE = 50;
const QUOTE_TIMEOUT_MS = 10_000;

/** No quote could be made now. */
export class QuoteUnavailable extends Error {}

/** How long a quote stands, so that the amount in the 402 is the amount that is charged. */
const QUOTE_LIFE_MS = 10 * 60_000;

export interface Amounts {
  /**
   * What a validated input costs. A quoted price stands from the 402 to the payment, on any server of the fleet: v2
   * buyers send it back, authenticated with a secret of the store. For v1 buyers the store keeps it.
   * @param print Identifies the input.
   * @throws RangeError when the price knows no amount for this input
   * @throws QuoteUnavailable when too many quote functions run, or one takes longer than 10 seconds
   * @throws StoreUnavailable
   */
  of(
    resource: ServedResource,
    input: object,
    print: () => string,
    presented: Presented | undefined,
  ): Promise<Amount>;
}

export function createAmounts(
  store: Pick<Store, "secret" | "quote" | "keepQuote">,
  time: Time,
  log: Logger,
): Amounts {
  let secret: Promise<Uint8Array> | undefined;
  const key = (): Promise<Uint8Array> => {
    secret ??= store.secret().then(hexToBytes, (error: unknown) => {
      secret = undefined;
      throw error;
    });
    return secret;
  };

  /** Quote functions that run now, by input: twins wait for the same one. */
  const running = new Map<string, Promise<string>>();
  const places = createPlaces(Number.POSITIVE_INFINITY);

  function quoteOf({ name, quote }: ServedResource, id: string, input: object): Promise<string> {
    const twin = running.get(id);
    if (twin) return twin;
    const release = places.take({ name, concurrency: QUOTES_AT_ONCE });
    if (!release || !quote)
      throw new QuoteUnavailable(`more than ${QUOTES_AT_ONCE} quotes of ${name} at once`);
    const made = new Promise<string>((resolve, reject) => {
      const late = new QuoteUnavailable(`quotes.${name} took longer than ${QUOTE_TIMEOUT_MS} ms`);
      const cancel = time.after(QUOTE_TIMEOUT_MS, () => reject(late));
      const done = (async () => quote(input as never))();
      done.then(resolve, reject).finally(cancel);
    }).finally(() => {
      running.delete(id);
      release();
    });
    running.set(id, made);
    return made;
  }

  /** A quote as it travels: value, end of life and authentication. */
  async function sealed(id: string, value: Money, until: number): Promise<string> {
    const mac = hmac(sha256, await key(), utf8ToBytes(`${id} ${value} ${until}`));
    return `${value}.${until}.${bytesToHex(mac)}`;
  }

  async function carried(id: string, presented: Presented | undefined): Promise<Amount | undefined> {
    const quote = presented?.version === 2 ? presented.payload.accepted.extra?.quote : undefined;
    const parts = typeof quote === "string" ? /^(\d{1,60})\.(\d{1,15})\.[0-9a-f]{64}$/.exec(quote) : null;
    if (!parts || typeof quote !== "string") return undefined;
    const [, value = "", until = ""] = parts;
    if (Number(until) <= time.now()) return undefined;
    const expected = await sealed(id, BigInt(value), Number(until));
    return isEqual(expected, quote) ? { value: BigInt(value), quote } : undefined;
  }

  return {
    async of(resource, input, print, presented) {
      const { price, fixed } = resource;
      if (fixed !== undefined) return { value: fixed, quote: undefined };
      if (price.kind !== "quoted" || !resource.quote) {
        return { value: priceOf(price, input) ?? 0n, quote: undefined };
      }
      const id = print();
      const own = await carried(id, presented);
      if (own) return own;
      const kept = await store.quote(id);
      if (kept !== undefined) {
        const [value = "", until = ""] = kept.split(".");
        return { value: BigInt(value), quote: await sealed(id, BigInt(value), Number(until)) };
      }
      const quoted = await quoteOf(resource, id, input);
      let value: Money;
      try {
        value = withinQuote(price, quoted);
      } catch (cause) {
        // The seller's mistake: it must not look like an input without a price.
        throw new Error(`quotes.${resource.name} returned no decimal amount`, { cause });
      }
      if (value !== chargeable(parseUsd(quoted))) {
        log.warn(
          { resource: resource.name, quoted, usd: formatUsd(value) },
          "a quote was limited to its bounds",
        );
      }
      const until = time.now() + QUOTE_LIFE_MS;
      await store.keepQuote({ id, value: `${value}.${until}`, until });
      return { value, quote: await sealed(id, value, until) };
    },
  };
}

/** Compares without revealing by its duration where two texts differ. */
function isEqual(a: string, b: string): boolean {
  let difference = a.length ^ b.length;
  for (let index = 0; index < a.length; index += 1) difference |= a.charCodeAt(index) ^ b.charCodeAt(index);
  return difference === 0;
}
