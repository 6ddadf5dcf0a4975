import type { Store } from "./store.ts";

/** That this server lives, said to the others over the store. What a server owns is left alone while it does. */
export interface Presence {
  /** Names this server in the store; new with every start. */
  readonly owner: string;
  /** Makes sure that the lease stands. To be awaited before anything is owned. */
  ensure(): Promise<void>;
  /** Ends the lease: what is still owned may be taken over at once. */
  end(): Promise<void>;
}

/** @param leaseMs how long this server is taken to live after its last sign of life, in milliseconds */
export function createPresence(store: Store, leaseMs: number, onError: (error: unknown) => void): Presence {
  const owner = `srv_${crypto.randomUUID()}`;
  const beatMs = leaseMs / 3;
  let beatAt = Number.NEGATIVE_INFINITY;
  let beating: Promise<void> | undefined;
  let timer: ReturnType<typeof setInterval> | undefined;

  function beat(): Promise<void> {
    const startedAt = performance.now();
    beating ??= store
      .attend(owner, leaseMs)
      .then(() => {
        beatAt = startedAt;
      })
      .finally(() => {
        beating = undefined;
      });
    return beating;
  }

  return {
    owner,
    async ensure() {
      if (performance.now() - beatAt < beatMs * 2) return;
      await beat();
      if (timer) return;
      timer = setInterval(() => beat().catch(onError), beatMs);
      (timer as { unref?: () => void }).unref?.();
    },
    async end() {
      clearInterval(timer);
      timer = undefined;
      if (beatAt === Number.NEGATIVE_INFINITY) return;
      beatAt = Number.NEGATIVE_INFINITY;
      await store.attend(owner, 0);
    },
  };
}
