import { sleep, type Time } from "./time.ts";

/** How long to pause between tries: `firstMs`, doubled after each failure, at most `maxMs`. */
export interface Backoff {
  readonly firstMs: number;
  readonly maxMs: number;
}

/** The pause after so many failures (1 or more), in milliseconds. */
export function pauseAfter({ firstMs, maxMs }: Backoff, failures: number): number {
  return Math.min(firstMs * 2 ** Math.max(0, Math.min(failures - 1, 52)), maxMs);
}

export interface RetryOptions extends Backoff {
  readonly time: Time;
  /** The first try included. @default no limit */
  readonly maxTries?: number;
  /** Ends the pause, and with it the tries. */
  readonly signal?: AbortSignal;
  /** Called after each failure. Returns the pause in milliseconds, `undefined` for the backoff's own, or `"give up"`. */
  readonly onFailure?: (error: unknown, failures: number) => number | "give up" | undefined;
}

/**
 * Calls `work` until it resolves.
 * @throws the last error of `work`, after `maxTries`, an abort of `signal`, or when `onFailure` stops
 */
export async function retry<T>(work: (tries: number) => Promise<T>, options: RetryOptions): Promise<T> {
  const { time, maxTries = Number.POSITIVE_INFINITY, signal, onFailure } = options;
  for (let tries = 1; ; tries += 1) {
    try {
      return await work(tries);
    } catch (error) {
      const verdict = onFailure?.(error, tries);
      if (verdict === "give up" || tries >= maxTries || signal?.aborted) throw error;
      await sleep(time, verdict ?? pauseAfter(options, tries), signal);
      if (signal?.aborted) throw error;
    }
  }
}
