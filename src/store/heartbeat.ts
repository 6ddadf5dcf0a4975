import type { Store } from "./store.ts";

/** That this server lives, said to the others over the store. What a server owns is left alone while it does. */
export interface Heartbeat {
  /** Names this server in the store; new in every process. */
  readonly owner: string;
  /** Makes sure that the lease stands. To be awaited before anything is owned. */
  ensure(): Promise<void>;
  /**
   * Calls `lapsed` when the lease could not be renewed and is about to end: what this server owns will be taken over.
   * Before that, not after it, so that its work has stopped when the next server starts.
   */
  onLapse(lapsed: () => void): () => void;
  /** Ends the lease: what is still owned may be taken over at once. */
  end(): Promise<void>;
}

/** After which share of its lease a server that could not renew it stops its work; two renewals have failed by then. */
const HEED_SHARE = 5 / 6;

export interface HeartbeatOptions {
  /** How long this server is taken to live after its last sign of life, in milliseconds. */
  readonly leaseMs: number;
  /** Part of each heartbeat, so that servers which only accept jobs know that a worker lives. */
  readonly runsJobs: () => boolean;
  readonly onError: (error: unknown) => void;
}

export function createHeartbeat(
  store: Pick<Store, "attend">,
  { leaseMs, runsJobs, onError }: HeartbeatOptions,
): Heartbeat {
  let owner: string | undefined;
  const beatMs = leaseMs / 3;
  let beatAt = Number.NEGATIVE_INFINITY;
  let beating: Promise<void> | undefined;
  let timer: ReturnType<typeof setInterval> | undefined;
  let ending: ReturnType<typeof setTimeout> | undefined;
  const lapses = new Set<() => void>();

  /** A process that has stood still for longer than its lease finds it out here as well, as soon as it goes on. */
  function watchLease(): void {
    clearTimeout(ending);
    const tell = () => {
      for (const lapsed of lapses) lapsed();
    };
    ending = setTimeout(tell, Math.max(0, beatAt + leaseMs * HEED_SHARE - performance.now()));
    (ending as { unref?: () => void }).unref?.();
  }

  function beat(): Promise<void> {
    const startedAt = performance.now();
    beating ??= store
      .attend(ownName(), leaseMs, runsJobs())
      .then(() => {
        beatAt = startedAt;
        watchLease();
      })
      .finally(() => {
        beating = undefined;
      });
    return beating;
  }

  // Made at first use: Workers refuse random values before the first request.
  const ownName = (): string => {
    owner ??= `srv_${crypto.randomUUID()}`;
    return owner;
  };

  return {
    get owner() {
      return ownName();
    },
    async ensure() {
      if (performance.now() - beatAt < beatMs * 2) return;
      await beat();
      if (timer) return;
      timer = setInterval(() => void beat().catch(onError), beatMs);
      (timer as { unref?: () => void }).unref?.();
    },
    onLapse(lapsed) {
      lapses.add(lapsed);
      return () => lapses.delete(lapsed);
    },
    async end() {
      clearInterval(timer);
      clearTimeout(ending);
      timer = undefined;
      if (beatAt === Number.NEGATIVE_INFINITY) return;
      beatAt = Number.NEGATIVE_INFINITY;
      await store.attend(ownName(), 0);
    },
  };
}
