import type { Offers } from "../payments/offer.ts";
import type { Store, StoredAnswer } from "../store/store.ts";

/** How long a check may take. */
const PATIENCE_MS = 2_000;
const PLAIN = { "content-type": "application/json", "cache-control": "no-store" };

/** Answers those who ask whether the process lives, and whether it is of use. They learn nothing of the inside. */
export interface Health {
  /** `GET /livez`: 200 as long as the process answers at all. */
  alive(): StoredAnswer;
  /** `GET /readyz`: 200 when calls can be taken; else 503, with the checks that failed. */
  ready(): Promise<StoredAnswer>;
}

export interface HealthOptions {
  readonly store: Store;
  /** Absent when everything is free. */
  readonly offers: Offers | undefined;
  readonly stopping: () => boolean;
}

export function createHealth({ store, offers, stopping }: HealthOptions): Health {
  return {
    alive: () => ({ status: 200, headers: PLAIN, body: JSON.stringify({ status: "ok" }) }),

    async ready() {
      const [storeOk, facilitatorOk] = await Promise.all([
        passes(store.call("readyz")),
        offers ? passes(offers.ready()) : true,
      ]);
      const checks = {
        store: storeOk ? "ok" : "failed",
        facilitator: facilitatorOk ? "ok" : "failed",
        server: stopping() ? "stopping" : "ok",
      };
      const ok = storeOk && facilitatorOk && !stopping();
      const body = JSON.stringify({ status: ok ? "ok" : "unavailable", checks });
      return { status: ok ? 200 : 503, headers: PLAIN, body };
    },
  };
}

async function passes(check: Promise<unknown>): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), PATIENCE_MS);
  });
  const passed = check.then(
    () => true,
    () => false,
  );
  return Promise.race([passed, late]).finally(() => clearTimeout(timer));
}
