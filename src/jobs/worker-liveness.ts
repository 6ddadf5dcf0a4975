import type { Store } from "../store/store.ts";
import type { Logger } from "../telemetry/log.ts";
import type { Time } from "../time/time.ts";

/** The servers that run jobs, as one sees them that only takes jobs in. */
export interface WorkerLiveness {
  /**
   * For how long no worker has been seen, in milliseconds; 0 while one lives. It is counted from the first look that
   * found none, so a server that has just started, or has not looked for long, is told too little rather than too much.
   * @throws when the store fails
   */
  missingMs(): Promise<number>;
}

/** What one look has found is said for so long. */
const LOOK_EVERY_MS = 1_000;

export function createWorkerLiveness(store: Pick<Store, "workers">, log: Logger, time: Time): WorkerLiveness {
  let missingSince: number | undefined;
  let lookedAt = Number.NEGATIVE_INFINITY;
  let looking: Promise<void> | undefined;

  async function look(): Promise<void> {
    const workers = await store.workers();
    lookedAt = time.elapsed();
    if (workers > 0) {
      if (missingSince !== undefined) log.info({ workers }, "a worker is seen again");
      missingSince = undefined;
    } else if (missingSince === undefined) {
      log.warn({}, "no worker is seen: what is sold here as a job waits for one");
      missingSince = lookedAt;
    }
  }

  return {
    async missingMs() {
      if (time.elapsed() - lookedAt >= LOOK_EVERY_MS) {
        looking ??= look().finally(() => {
          looking = undefined;
        });
        await looking;
      }
      return missingSince === undefined ? 0 : time.elapsed() - missingSince;
    },
  };
}
