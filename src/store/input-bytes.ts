import type { JobRecord } from "./store.ts";

/** Smaller inputs are not counted: the length of the queue bounds them, and most jobs cost no look-up. */
const LARGE_INPUT_BYTES = 16 * 1024;

/** How many bytes the stored input of a job takes as JSON; 0 when it is not large, or no longer kept. */
export function largeInputBytes({ input }: Pick<JobRecord, "input">): number {
  const text = JSON.stringify(input) ?? "";
  // A UTF-16 unit takes at most three bytes.
  if (text.length * 3 < LARGE_INPUT_BYTES) return 0;
  const { length } = new TextEncoder().encode(text);
  return length < LARGE_INPUT_BYTES ? 0 : length;
}

/** Whether another input is too much beside those that are kept. One input is allowed whatever its size. */
export function exceedsInputs(kept: number, own: number, most: number): boolean {
  return own > 0 && kept + own > Math.max(most, own);
}
