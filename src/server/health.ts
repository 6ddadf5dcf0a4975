import type { WorkerLiveness } from "../jobs/worker-liveness.ts";
import type { Offers } from "../ledger/offer.ts";
import type { Store, StoredAnswer } from "../store/store.ts";

/** How long a check may take. */
const PATIENCE_MS = 2_000;
const PLAIN = { "content-type": "application/json", "cache-control": "no-store" };

/** Answers those who ask whether the process lives, and whether it is of use. They learn nothing of the inside. */
export interface Health {
  /** `GET /livez`: 200 as long as the process answers at all. */
  alive(): StoredAnswer;
  /**
   * `GET /readyz`: 200 when calls can be taken; else 503, with the checks that failed.
   *
   * That no worker has been seen (`"none seen for 42 s"`) is said, and the status is `degraded`, but it does not fail.
   * This server answers all calls but those of jobs, and whoever has bought a job asks here for its result: taken out
   * of service, as all of its kind would be at the same moment, it would answer nothing at all, and a deployment that
   * starts the workers last, or waits for this one first, would never come up. Jobs that must start within a time are
   * not sold meanwhile; the others wait.
   */
  ready(): Promise<StoredAnswer>;
}

export interface HealthOptions {
  readonly store: Store;
  /** Absent when everything is free. */
  readonly offers: Offers | undefined;
  /** Absent where no jobs are sold, or this server runs them itself. */
  readonly workerLiveness: WorkerLiveness | undefined;
  readonly stopping: () => boolean;
}

export function createHealth({ store, offers, workerLiveness, stopping }: HealthOptions): Health {
  return {
    alive: () => ({ status: 200, headers: PLAIN, body: JSON.stringify({ status: "ok" }) }),

    async ready() {
      const [storeOk, facilitatorOk, missingMs] = await Promise.all([
        passes(store.call("readyz")),
        offers ? passes(offers.ready()) : true,
        workerLiveness ? inTime(workerLiveness.missingMs()) : 0,
      ]);
      const checks = {
        store: storeOk ? "ok" : "failed",
        facilitator: facilitatorOk ? "ok" : "failed",
        ...(workerLiveness ? { workers: seen(missingMs) } : {}),
        server: stopping() ? "stopping" : "ok",
      };
      const ok = storeOk && facilitatorOk && !stopping();
      const status = !ok ? "unavailable" : missingMs === 0 ? "ok" : "degraded";
      const body = JSON.stringify({ status, checks });
      return { status: ok ? 200 : 503, headers: PLAIN, body };
    },
  };
}

function seen(missingMs: number | undefined): string {
  if (missingMs === undefined) return "failed";
  return missingMs === 0 ? "ok" : `none seen for ${Math.floor(missingMs / 1000)} s`;
}

async function passes(check: Promise<unknown>): Promise<boolean> {
  return (await inTime(check.then(() => true))) ?? false;
}

/** What is found out before the patience ends; `undefined` when that fails. */
async function inTime<T>(check: Promise<T>): Promise<T | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), PATIENCE_MS);
  });
  return Promise.race([check.catch(() => undefined), late]).finally(() => clearTimeout(timer));
}
