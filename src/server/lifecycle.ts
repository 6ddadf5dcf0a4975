import type { Callbacks } from "../jobs/callback.ts";
import type { Jobs } from "../jobs/jobs.ts";
import type { Ledger } from "../ledger/ledger.ts";
import type { Offers } from "../ledger/offer.ts";
import type { Heartbeat } from "../store/heartbeat.ts";
import type { Logger } from "../telemetry/log.ts";
import { coalesced } from "../time/coalesced.ts";
import { sleep, type Time } from "../time/time.ts";
import type { Mount } from "./address.ts";
import type { Housekeeping } from "./housekeeping.ts";
import type { Status } from "./status.ts";

/** What the place that a server runs in can do for a request, and knows of it. */
export interface FetchContext extends Mount {
  /** Keeps the place running until a promise is done, after the response too: `ctx.waitUntil` of Workers, `after` of Next. */
  readonly waitUntil?: (promise: Promise<unknown>) => void;
}

/** A served API. `fetch` fits Node (through `resource402/node`), Hono, Next, Deno, Bun and Workers. */
export interface Server {
  readonly fetch: (request: Request, context?: FetchContext) => Promise<Response>;
  /**
   * Checks that the store and the facilitator can be reached, and starts housekeeping. Without it, the first request
   * starts housekeeping. A server that was stopped can be started again.
   * @throws when one of them cannot be reached
   */
  start(): Promise<void>;
  /**
   * Takes no more jobs, stops housekeeping and waits for running jobs; then aborts them, and hands back to the store what
   * has not ended. From the first moment `/readyz` says 503.
   *
   * @param graceMs How long running jobs may go on, from now. Default: 10 seconds.
   * @param drainMs For how long at least, from now, waiting requests are held and new ones are expected, since a load
   * balancer has not yet seen that it should send them elsewhere; never longer than `graceMs`. What is bought meanwhile
   * is answered as ever, and its jobs are run by others, or after the next start. Stop listening for requests
   * `drainMs` after you have called this: `listen` of `resource402/node` does. A server with `role: "worker"` takes no
   * requests to drain. Default: 0.
   */
  stop(graceMs?: number, drainMs?: number): Promise<void>;
  /**
   * Does one round of housekeeping: jobs that wait, calls to reconcile, refunds, webhooks and clean-up. For places where
   * timers do not run between requests, such as a cron trigger. Two rounds may run at once.
   *
   * @param maxMs Returns after this time even when work is left for the next round. Default: 20 seconds.
   */
  tick(maxMs?: number): Promise<void>;
}

const TICK_MS = 20_000;

interface LifecycleDeps {
  readonly housekeeping: Housekeeping;
  readonly jobs: Jobs;
  readonly callbacks: Callbacks | undefined;
  readonly ledger: Ledger;
  readonly heartbeat: Heartbeat;
  readonly status: Status;
  readonly offers: Offers | undefined;
  readonly time: Time;
  readonly log: Logger;
  /** False: there are no requests to drain. */
  readonly takesRequests: boolean;
  readonly onStart: () => void;
}

interface Lifecycle extends Pick<Server, "start" | "stop" | "tick"> {
  isStopping(): boolean;
  /** Starts the loops, the jobs and the callbacks, unless the server is stopping. */
  begin(firstAfterMs: number): void;
  /** When the jobs that were sold have run, refunds are paid, and buyers have been notified. */
  settled(hasJobs: boolean): Promise<void>;
}

/** Starts and stops a server, and does its work where no timers run. */
export function createLifecycle(deps: LifecycleDeps): Lifecycle {
  const { housekeeping, jobs, callbacks, ledger, heartbeat, status, offers, time, log } = deps;
  let stopping = false;
  /** Every stop that has been asked for. */
  let ending: Promise<unknown> = Promise.resolve();
  /** What has ended may owe a refund, and its buyer waits for a message. */
  const finish = coalesced(() =>
    Promise.all([ledger.reconcile(), ledger.payRefunds(), callbacks?.deliver()]),
  );

  function begin(firstAfterMs: number): void {
    if (housekeeping.isRunning() || stopping) return;
    housekeeping.begin(firstAfterMs);
    jobs.start();
    callbacks?.start();
  }

  return {
    isStopping: () => stopping,
    begin,
    settled,
    async start() {
      await ending;
      // Before the lease, which says what this server does.
      stopping = false;
      if (housekeeping.isRunning()) return;
      await heartbeat.ensure();
      await offers?.ready();
      status.open();
      begin(0);
      deps.onStart();
    },
    stop(graceMs = 10_000, drainMs = 0) {
      const drain = deps.takesRequests ? Math.min(drainMs, graceMs) : 0;
      if (housekeeping.isRunning()) log.info({ graceMs, drainMs: drain }, "server stopping");
      stopping = true;
      housekeeping.end();
      const ended = end(graceMs, drain);
      ending = Promise.allSettled([ending, ended]);
      return ended;
    },
    async tick(maxMs = TICK_MS) {
      if (stopping) return;
      const over = time.elapsed() + maxMs;
      const rounds = housekeeping.once();
      jobs.start();
      const done = Promise.all([rounds, settled(true)]);
      await Promise.race([done, sleep(time, Math.max(0, over - time.elapsed()))]);
    },
  };

  async function settled(hasJobs: boolean): Promise<void> {
    try {
      if (hasJobs) await jobs.recover();
      await jobs.idle();
      await finish();
    } catch (error) {
      log.error({ error }, "work after a response failed");
    }
  }

  async function end(graceMs: number, drainMs: number): Promise<void> {
    const drained = drainMs > 0 ? new Promise((resolve) => setTimeout(resolve, drainMs)) : Promise.resolve();
    await jobs.stop(graceMs, drained);
    callbacks?.stop();
    // After the jobs, so that who waits for one that ends in time has its result from here.
    status.close();
    await heartbeat.end().catch((error: unknown) => log.error({ error }, "the lease could not be ended"));
  }
}
