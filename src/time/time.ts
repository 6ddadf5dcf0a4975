/** The clock and timers of a server or client. Tests pass one that they move by hand. */
export interface Time {
  /** Milliseconds since the epoch. May jump when the system clock is set. */
  now(): number;
  /** Milliseconds since an arbitrary moment. Never goes back. */
  elapsed(): number;
  /** Runs `task` once after `ms`. The timer does not keep the process alive. Returns a function that cancels it. */
  after(ms: number, task: () => void): () => void;
}

/** The longest delay that timers accept: 2^31 - 1 ms. A longer one would fire at once. */
const MAX_DELAY_MS = 2 ** 31 - 1;

export const systemTime: Time = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  after(ms, task) {
    const timer = setTimeout(task, Math.min(ms, MAX_DELAY_MS));
    (timer as { unref?: () => void }).unref?.();
    return () => clearTimeout(timer);
  },
};

/** Resolves after `ms`, or as soon as `signal` aborts. Never rejects. */
export function sleep(time: Time, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const end = (): void => {
      cancel();
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const cancel = time.after(ms, end);
    signal?.addEventListener("abort", end, { once: true });
  });
}

/**
 * Runs `task` after `firstAfterMs`, then again `ms` after each end, until the returned function is called. Rounds never overlap, and a round
 * that fails does not stop the next one.
 */
export function repeat(
  time: Time,
  ms: number,
  task: () => Promise<void>,
  onError: (error: unknown) => void,
  firstAfterMs = 0,
): () => void {
  let stopped = false;
  let cancel = (): void => {};
  const round = async (): Promise<void> => {
    await task().catch(onError);
    if (!stopped) cancel = time.after(ms, () => void round());
  };
  if (firstAfterMs > 0) cancel = time.after(firstAfterMs, () => void round());
  else void round();
  return () => {
    stopped = true;
    cancel();
  };
}
