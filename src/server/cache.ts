import { LRUCache } from "lru-cache";
import type { Claim } from "../ledger/idempotency.ts";
import type { ServedResource } from "./resource.ts";

/** An output that was made before. */
interface CachedOutput {
  /** JSON text. */
  readonly output: string;
  /** Whole seconds since it was made, for `Age` (RFC 9111 §5.1). */
  readonly ageSeconds: number;
}

/** Whose input it is. */
type Asked = Pick<Claim, "fingerprint" | "identity">;

/** Outputs of resources with a `cache`, in the memory of this process. */
export interface OutputCache {
  /** What was made for the same input and the same payer. */
  find(resource: ServedResource, asked: Asked): CachedOutput | undefined;
  /** Keeps an output that was paid for, or was free. */
  keep(resource: ServedResource, asked: Asked, output: string): void;
}

const MAX_ENTRIES = 10_000;
/** A character takes two bytes at most. */
const CHARACTER_BYTES = 2;

/** @param maxBytes Of all outputs together. The least used go first, and a larger one is not kept. */
export function createOutputCache(maxBytes: number): OutputCache {
  const kept = createEntries(maxBytes);
  return {
    find(resource, asked) {
      const name = nameOf(resource, asked);
      const entry = name === undefined ? undefined : kept.get(name);
      if (!entry) return undefined;
      return { output: entry.output, ageSeconds: Math.floor((performance.now() - entry.madeAt) / 1000) };
    },
    keep(resource, asked, output) {
      const name = nameOf(resource, asked);
      if (name === undefined || !resource.cache) return;
      kept.set(name, { output, madeAt: performance.now() }, { ttl: resource.cache.ms });
    },
  };
}

function createEntries(maxBytes: number) {
  return new LRUCache<string, { readonly output: string; readonly madeAt: number }>({
    max: MAX_ENTRIES,
    maxSize: Math.max(1, Math.floor(maxBytes)),
    sizeCalculation: ({ output }, key) => CHARACTER_BYTES * (output.length + key.length),
    // Looks at the clock each time: what is too old is not given away.
    ttlResolution: 0,
  });
}

/** `undefined` when the output cannot be cached: a paid output is private to its payer, and here there is no payer. */
function nameOf({ cache, price }: ServedResource, { fingerprint, identity }: Asked): string | undefined {
  if (!cache) return undefined;
  if (price.kind === "free") return fingerprint;
  // One address may belong to different people on different chains.
  return identity.payer === "" ? undefined : `${fingerprint} ${identity.network} ${identity.payer}`;
}
