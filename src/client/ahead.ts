import type { PaymentRequired, PaymentRequirements } from "../protocol/index.ts";
import type { Time } from "../time/time.ts";
import { type CallDefinition, quote } from "./definition.ts";
import { parseUrl } from "./http.ts";

/**
 * What the seller last asked for each resource. A call at the same exact price is paid ahead: it sends the payment at
 * once, and saves the round trip to the 402.
 */
export interface KnownTerms {
  /** The challenge to sign for a call at this address; `undefined` when the seller has to be asked. */
  of(definition: CallDefinition, input: object, url: string): PaymentRequired | undefined;
  /** The seller has taken a payment that was made for this challenge, of a call at this address. */
  learn(
    definition: CallDefinition,
    input: object,
    challenge: PaymentRequired | undefined,
    asked: string,
  ): void;
  /** The next call asks the seller. */
  forget(definition: CallDefinition): void;
  /** Every later call asks the seller: it may not be one that can be paid ahead. */
  avoid(definition: CallDefinition): void;
}

interface Terms {
  readonly usd: string;
  readonly challenge: PaymentRequired;
  /** The address that was called for it. */
  readonly asked: string;
  /** The clock less the time that has passed: another number once the clock has been set. */
  readonly clockMs: number;
}

/** A clock that was set by more than this is compared again with the seller's, by the `Date` of a 402. */
const MAX_CLOCK_STEP_MS = 5_000;

export function createKnownTerms(time: Time): KnownTerms {
  const known = new Map<string, Terms>();
  const avoided = new Set<string>();
  const clock = (): number => time.now() - time.elapsed();
  return {
    of(definition, input, url) {
      const terms = known.get(definition.name);
      if (!terms || terms.usd !== exact(definition, input)) return undefined;
      if (Math.abs(clock() - terms.clockMs) > MAX_CLOCK_STEP_MS) return undefined;
      const { challenge, asked } = terms;
      return { ...challenge, resource: { ...challenge.resource, url: named(url, challenge, asked) } };
    },
    learn(definition, input, challenge, asked) {
      const usd = exact(definition, input);
      if (usd === undefined || !challenge || avoided.has(definition.name)) return;
      known.set(definition.name, { usd, challenge, asked, clockMs: clock() });
    },
    forget: ({ name }) => void known.delete(name),
    avoid({ name }) {
      known.delete(name);
      avoided.add(name);
    },
  };
}

/** Whether a new challenge asks for anything else than what was signed. What is refused unchanged is not signed again. */
export function isChanged(
  { accepts, extensions }: PaymentRequired,
  signed: PaymentRequirements,
  known?: PaymentRequired,
): boolean {
  const text = JSON.stringify(signed);
  if (known && JSON.stringify(extensions) !== JSON.stringify(known.extensions)) return true;
  return accepts.every((offer) => JSON.stringify(offer) !== text);
}

/** How the seller names this address: a proxy may have another scheme and host, and a name may lack the query. */
function named(url: string, { resource }: PaymentRequired, asked: string): string {
  const [name, own, before] = [parseUrl(resource.url, asked), new URL(url), new URL(asked)];
  if (!name || resource.url === asked) return url;
  return name.origin + own.pathname + (name.search === before.search ? own.search : "");
}

function exact(definition: CallDefinition, input: object): string | undefined {
  try {
    return quote(definition, input);
  } catch {
    // The server refuses an input without a price.
    return undefined;
  }
}
