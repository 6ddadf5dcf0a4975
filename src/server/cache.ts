import { LRUCache } from "lru-cache";
import type { Claim } from "../ledger/recall.ts";
import type { ServedResource } from "./resource.ts";

/** An output that was made before. */
export interface CachedOutput {
  /** JSON text. */
  readonly output: string;
  /** Whole seconds since it was made, for `Age` (RFC 9111 §5.1). */
  readonly ageSeconds: number;
}

/** Whose input it is. */
type Asked = Pick<Claim, "fingerprint" | "identity">;

/** Outputs of resources whose definition says that they may be given again. In memory: a restart forgets them. */
export interface OutputCache {
  /** What was made for this input: for the same payer, unless the definition says that anybody may have it. */
  find(resource: ServedResource, asked: Asked): CachedOutput | undefined;
  /** Keeps what has been paid for, or was free. */
  keep(resource: ServedResource, asked: Asked, output: string): void;
  /**
   * Binds to a payment what it was given for nothing, for as long as it can be settled: a copy of the request that was
   * long on its way must not buy what its sender has got.
   *
   * It holds for copies that reach this process. One that reaches another buys there what this one gives away: once, at
   * the price it was signed for, and the payer gets it. To bind it in the store instead would take a durable write for
   * every answer that brings nothing, and let whoever can sign fill the store for nothing.
   */
  give(asked: Asked, given: CachedOutput): void;
}

/** How many outputs are kept, however small they are. */
const MOST_ENTRIES = 10_000;
/** A character takes two bytes at most. */
const CHARACTER_BYTES = 2;

/** What of the room is for what was given for nothing: of its own, so that nobody crowds out what others have paid for. */
const GIVEN_SHARE = 0.125;

/** @param maxBytes of all outputs together; the least used go first, and one that is larger is not kept. */
export function createOutputCache(maxBytes: number): OutputCache {
  const given = createEntries(maxBytes * GIVEN_SHARE);
  const kept = createEntries(maxBytes * (1 - GIVEN_SHARE));
  return {
    find(resource, asked) {
      const name = nameOf(resource, asked);
      const bound = resource.cache?.isFree ? given.get(paymentOf(asked)) : undefined;
      const entry = bound ?? (name === undefined ? undefined : kept.get(name));
      if (!entry) return undefined;
      return { output: entry.output, ageSeconds: Math.floor((performance.now() - entry.madeAt) / 1000) };
    },
    keep(resource, asked, output) {
      const name = nameOf(resource, asked);
      if (name === undefined || !resource.cache) return;
      kept.set(name, { output, madeAt: performance.now() }, { ttl: resource.cache.ms });
    },
    give(asked, { output, ageSeconds }) {
      const ttl = asked.identity.validBefore * 1000 - Date.now();
      const madeAt = performance.now() - ageSeconds * 1000;
      if (ttl > 0) given.set(paymentOf(asked), { output, madeAt }, { ttl });
    },
  };
}

function createEntries(maxBytes: number) {
  return new LRUCache<string, { readonly output: string; readonly madeAt: number }>({
    max: MOST_ENTRIES,
    maxSize: Math.max(1, Math.floor(maxBytes)),
    sizeCalculation: ({ output }, key) => CHARACTER_BYTES * (output.length + key.length),
    // Looks at the clock each time: what is too old is not given away.
    ttlResolution: 0,
  });
}

/** `undefined` when nothing is kept: without a payer nobody can tell whose it is. */
function nameOf({ cache }: ServedResource, { fingerprint, identity }: Asked): string | undefined {
  if (!cache) return undefined;
  if (cache.isPublic) return fingerprint;
  // One address may belong to different people on different chains.
  return identity.payer === "" ? undefined : `${fingerprint} ${identity.network} ${identity.payer}`;
}

function paymentOf({ fingerprint, identity }: Asked): string {
  return `${fingerprint} ${identity.nonce} ${identity.bytesHash}`;
}
