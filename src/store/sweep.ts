import type { Store } from "./store.ts";

/**
 * Few records of each kind at a time, so that no call waits long for one batch: SQLite has the event loop to itself while
 * it writes, and a job that goes changes a dozen pages all over the file.
 */
const BATCH = 10;
/** Between two batches others have their turn. */
const PAUSE_MS = 2;

/**
 * Deletes all that has outlived its use, in batches. Returns how many records went.
 * @param goOn Asked before each batch, with the number of records that have gone. Default: to the end.
 */
export async function sweepAll(
  store: Pick<Store, "sweep">,
  goOn: (swept: number) => boolean = () => true,
): Promise<number> {
  const now = Date.now();
  let swept = 0;
  while (goOn(swept)) {
    const batch = await store.sweep(now, BATCH);
    if (batch === 0) break;
    swept += batch;
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  return swept;
}
