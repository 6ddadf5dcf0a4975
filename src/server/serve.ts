import { Hono } from "hono";
import { type ApiDefinition, DEFAULT_RETENTION } from "../../schema/api.ts";
import { type Duration, milliseconds } from "../../schema/duration.ts";
import { microUsd, parseUsd, type Usd } from "../../schema/money.ts";
import { createCallbacks } from "../jobs/callback.ts";
import { createJobs } from "../jobs/jobs.ts";
import { createWorkerLiveness } from "../jobs/worker-liveness.ts";
import { createFacilitator } from "../ledger/facilitator.ts";
import { type Memory, paymentStateOn } from "../ledger/idempotency.ts";
import { createLedger } from "../ledger/ledger.ts";
import { createOffers, maxTimeoutSecondsOf } from "../ledger/offer.ts";
import { maxValidityMs } from "../ledger/payment.ts";
import type { ProblemCode } from "../protocol/index.ts";
import { createHeartbeat } from "../store/heartbeat.ts";
import { memoryStore } from "../store/memory.ts";
import type { StoredAnswer } from "../store/store.ts";
import { StoreUnavailable, wrapStoreErrors } from "../store/store-errors.ts";
import { sweepAll } from "../store/sweep.ts";
import { childLogger, pinoLogger } from "../telemetry/log.ts";
import { createTelemetry } from "../telemetry/telemetry.ts";
import { coalesced } from "../time/coalesced.ts";
import { repeat, sleep, systemTime } from "../time/time.ts";
import { createAddresses, type Mount } from "./address.ts";
import { createAdmin } from "./admin.ts";
import { preflight, problem, respond } from "./answer.ts";
import { createOutputCache } from "./cache.ts";
import { createCalls } from "./call.ts";
import { checkGenerated } from "./generated.ts";
import { createHealth } from "./health.ts";
import { withoutPayment } from "./input.ts";
import { createObserver } from "./observer.ts";
import { mountOperation } from "./operation.ts";
import { chainOf, checkOptions, facilitatorsOf, type ServerOptions } from "./options.ts";
import { createJobGuard, keepsRunning } from "./place.ts";
import { createPlaces } from "./places.ts";
import { createDescriptions, createPublished, type Published } from "./published.ts";
import { type Documents, servedResources } from "./resource.ts";
import { createStatus } from "./status.ts";

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

const RECOVER_EVERY_MS = 3_000;
const LEASE_MS = 15_000;
const COME_BACK_MS = 60_000;
const SWEEP_EVERY_MS = 60_000;
const UNSOLD_RETRY_SECONDS = 60;
const TICK_MS = 20_000;
const CONCURRENCY = 100;
const MAX_CALLS = 1_000;
const MAX_QUEUED = 10_000;
const MAX_INPUT_BYTES = 64 * 1024 * 1024;
const CALLBACK_TIMEOUT: Duration = "10s";
const CALLBACK_ATTEMPTS = 8;
const MAX_CACHE_BYTES = 64 * 1024 * 1024;
const FACILITATOR_TIMEOUT: Duration = "60s";
const MAX_OUTSTANDING: Usd = "5.00";

/** Serves an API. Called by the generated `createServer`, which knows the types. */
export function serve(
  api: ApiDefinition,
  documents: Documents,
  options: ServerOptions<object> & { readonly quotes?: object },
  published?: () => Promise<Published>,
  /** SHA-256 of the definition that the code was generated from. */
  generatedFrom?: string,
): Server {
  checkGenerated(api, generatedFrom);
  checkOptions(options);
  const { log: to = "info" } = options;
  const log = childLogger(typeof to === "string" ? pinoLogger(to) : to, {});
  const given = options.store ?? memoryStore();
  if (typeof given?.begin !== "function") {
    throw new Error(
      'createServer: store is not a valid store; use sqliteStore("./api.db") of resource402/sqlite',
    );
  }
  const telemetry = createTelemetry(options.metrics?.provider);
  const observer = createObserver(log, telemetry);
  const store = observer.watching(wrapStoreErrors(given));
  const cors = options.cors ?? true;
  const maxBodyBytes = options.maxBodyBytes ?? 1024 * 1024;
  const resources = servedResources(
    api,
    documents,
    { ...options.handlers },
    { ...options.quotes },
    maxBodyBytes,
  );
  const charges = resources.some((resource) => resource.price.kind !== "free");
  if (charges && !options.payments) {
    throw new Error("createServer: some resources have a price; say in `payments` how it is paid");
  }
  const { payments, faults, requireKey = false, role = "both" } = options;
  const facilitators = facilitatorsOf(payments);
  const facilitator =
    facilitators &&
    createFacilitator(facilitators, {
      log,
      timeoutMs: milliseconds(payments?.facilitatorTimeout ?? FACILITATOR_TIMEOUT),
      asked: telemetry.asked,
    });
  const time = options.time ?? systemTime;
  const chain = payments && (payments.chain ?? chainOf(payments.accepts));
  const account = payments?.refunds?.account;
  const undescribed = (error: unknown): void =>
    log.error({ error }, "challenges go without a description of their resource");
  const offers =
    payments && facilitators
      ? createOffers({
          accepts: payments.accepts,
          facilitators,
          refunds: account !== undefined,
          requireKey,
          describe: published ? createDescriptions(published, undescribed) : async () => undefined,
        })
      : undefined;
  const heartbeat = createHeartbeat(store, {
    leaseMs: options.recovery?.leaseMs ?? LEASE_MS,
    runsJobs: () => role !== "api" && !stopping,
    onError: (error) => log.error({ error }, "the lease could not be renewed"),
  });
  const byName = new Map(resources.map((one) => [one.name, one]));
  /** Calls that this process is working on. */
  const working = new Map<string, Promise<StoredAnswer>>();
  const retentionMs = (name: string): number =>
    byName.get(name)?.retentionMs ?? milliseconds(DEFAULT_RETENTION);
  const comeBackMs = options.recovery?.comeBackMs ?? COME_BACK_MS;
  const ledger = createLedger({
    ...{ store, heartbeat, facilitator, chain, account, time, log, faults },
    ...{ retentionMs, comeBackMs },
    isWorking: (callId) => working.has(callId),
    lostAnswer: ({ id }) => problem("internal_error", id, { detail: LOST, paymentState: "unknown" }),
  });
  const jobs = createJobs({
    works: role !== "api",
    concurrency: options.jobs?.concurrency ?? CONCURRENCY,
    ...{ endAttempt: ledger.endAttempt, endEarly: ledger.endEarly, time },
    ...{ resources: byName, store, heartbeat, log, telemetry, faults },
  });
  const sold = resources.filter(({ isJob }) => isJob).map(({ name }) => name);
  const workerLiveness =
    role === "api" && sold.length > 0 ? createWorkerLiveness(store, log, time) : undefined;
  const { publicUrl, basePath, trustProxy = false } = options;
  const paths = resources.map(({ document }) => document.path);
  const addresses = createAddresses({ publicUrl, basePath, trustProxy, log, paths: () => paths });
  const { url, scheme } = addresses;
  const isPermanent = options.jobs?.keepsRunning ?? keepsRunning();
  const sayNotSold = createJobGuard(log, role === "both" && !isPermanent ? sold : []);
  /** Requests whose place keeps on running until a promise is done. */
  const waiting = new WeakSet<Request>();
  const { allowPrivate = false, timeout, attempts = CALLBACK_ATTEMPTS } = options.callbacks || {};
  if (!Number.isSafeInteger(attempts) || attempts < 1) {
    throw new Error(`createServer: callbacks.attempts is ${attempts}; write a whole number from 1`);
  }
  const callbacks =
    options.callbacks === false
      ? undefined
      : createCallbacks({
          ...{ store, log, allowPrivate, document: jobs.document, told: telemetry.calledBack },
          timeoutMs: milliseconds(timeout ?? CALLBACK_TIMEOUT),
          attempts,
        });
  const status = createStatus({ store, jobs, url });
  const memory: Memory = {
    get completeSince() {
      return store.completeSince;
    },
    maxValidityMs: maxValidityMs(Math.max(0, ...resources.map(maxTimeoutSecondsOf))),
  };
  const calls = createCalls({
    store,
    ledger,
    offers,
    facilitator,
    log,
    telemetry,
    observer,
    faults,
    time,
    working,
    memory,
    maxBodyBytes,
    places: createPlaces(options.concurrency ?? MAX_CALLS),
    requireKey,
    duplicateWindowMs: options.duplicateWindow === undefined ? 0 : milliseconds(options.duplicateWindow),
    maxOutstanding: microUsd(parseUsd(payments?.maxOutstanding ?? MAX_OUTSTANDING)),
    maxQueued: options.jobs?.maxQueued ?? MAX_QUEUED,
    maxInputBytes: options.jobs?.maxInputBytes ?? MAX_INPUT_BYTES,
    workerLiveness,
    startJobs: () => {
      if (!stopping) jobs.start();
    },
    cache: createOutputCache(options.maxCacheBytes ?? MAX_CACHE_BYTES),
    callbacks,
    ...{ url, scheme },
  });

  const names = resources.map(({ name }) => name);
  telemetry.gauge(async () => {
    const callStats = await store.callStats({ since: Date.now(), bucketMs: 60_000 });
    return { ...callStats, workers: await store.workers() };
  }, sold);
  let stopping = false;
  /** Every stop that has been asked for. */
  let ending: Promise<unknown> = Promise.resolve();

  const app = new Hono({ getPath: (request) => addresses.pathOf(request) });
  mountOperation(app, {
    health: createHealth({ store, offers, workerLiveness, stopping: () => stopping }),
    metrics: options.metrics,
    admin: options.admin && createAdmin({ ...options.admin, title: api.title, names, store, observer }),
    ...{ telemetry, scheme, log },
    taken: new Set(resources.map(({ document }) => document.path)),
  });
  // A process that runs jobs takes no calls, and so no money: what is not there cannot be forgotten in a proxy's rules.
  if (role !== "worker") mountCalls();
  app.notFound(async (c) => respond(await elsewhere(c.req.path, c.req.raw), cors));
  app.onError((error) => {
    log.error({ error }, "a request could not be answered");
    const code = error instanceof StoreUnavailable ? "unavailable" : "internal_error";
    return respond(
      problem(code, crypto.randomUUID(), { paymentState: "unknown", retryAfterSeconds: 2 }),
      cors,
    );
  });

  function mountCalls(): void {
    if (cors) app.options("*", () => preflight());
    for (const resource of resources) {
      const { method, path } = resource.document;
      const hasParams = path.includes(":");
      app.on(method, path, async (c) => {
        // The request goes first: it may go on with a call that the first round would take.
        housekeep(RECOVER_EVERY_MS);
        const request = c.req.raw.method === "HEAD" ? withoutPayment(c.req.raw) : c.req.raw;
        if (resource.isJob && role === "both" && !isPermanent && !waiting.has(c.req.raw)) {
          sayNotSold();
          return respond(await notSold(request), cors);
        }
        const answer = await calls.call(resource, request, hasParams ? c.req.param() : {});
        return respond(resource.isJob ? await status.accepted(answer, request) : answer, cors);
      });
    }
    if (published && (options.publish ?? true)) mountPublished(published);
    if (published && (options.publish ?? true) && !paths.includes("/")) {
      app.get("/", async (c) => {
        const isBrowser = c.req.header("accept")?.includes("text/html") ?? false;
        if (!isBrowser) return respond(await elsewhere("/", c.req.raw), cors);
        const location = url(c.req.raw, "/docs");
        return respond({ status: 307, headers: { location, "cache-control": "no-store" }, body: "" }, cors);
      });
    }
    app.get("/v1/jobs/:id", async (c) => respond(await status.get(c.req.param("id"), c.req.raw), cors));
    app.get("/v1/jobs/:id/events", async (c) =>
      respond(await status.events(c.req.param("id"), c.req.raw), cors),
    );
    app.delete("/v1/jobs/:id", async (c) => respond(await status.cancel(c.req.param("id"), c.req.raw), cors));
  }

  /** After the resources: one that a seller has put at such a path goes before. */
  function mountPublished(load: () => Promise<Published>): void {
    const paid = resources.filter(({ price }) => price.kind !== "free").map(({ document }) => document);
    const pages = createPublished({ load, origin: (request) => url(request, ""), paid });
    for (const [path, answer] of pages) {
      app.get(path, async (c) => respond(await answer(c.req.raw), cors));
    }
  }

  /** Before any money moves: a job that was sold here would not run. A payment that is recorded keeps its response. */
  async function notSold(request: Request): Promise<StoredAnswer> {
    const recorded = await calls.recorded(request);
    if (recorded) return recorded;
    return problem("unavailable", crypto.randomUUID(), {
      detail: "This server cannot run jobs now. Nothing was charged.",
      paymentState: await paymentStateOn(request.headers, store, memory, time.now()),
      retryAfterSeconds: UNSOLD_RETRY_SECONDS,
    });
  }

  /** A payment is looked up before its address: a deploy may have moved the resource. */
  async function elsewhere(path: string, request: Request): Promise<StoredAnswer> {
    const { headers } = request;
    const refuse = async (code: ProblemCode, detail: string): Promise<StoredAnswer> =>
      problem(code, crypto.randomUUID(), {
        detail,
        paymentState: await paymentStateOn(headers, store, memory, time.now()),
      });
    if (role === "worker") return refuse("not_found", "This process runs jobs. Another one answers calls.");
    const recorded = await calls.recorded(request);
    if (recorded) return recorded;
    addresses.missed(request);
    const here = resources.find((one) => one.document.path === path);
    if (!here) return refuse("not_found", "No resource has this address.");
    const { method } = here.document;
    const answer = await refuse("method_not_allowed", `Use ${method}.`);
    return { ...answer, headers: { ...answer.headers, allow: `${method}, OPTIONS` } };
  }

  /** Each has a loop of its own: a facilitator that hangs delays no refund, and no job. */
  const rounds: readonly (readonly [what: string, everyMs: number, round: () => Promise<unknown>])[] = [
    ["running jobs", options.recovery?.everyMs ?? RECOVER_EVERY_MS, () => jobs.recover()],
    ["reconciling", options.recovery?.everyMs ?? RECOVER_EVERY_MS, () => ledger.reconcile()],
    ["paying refunds", options.recovery?.everyMs ?? RECOVER_EVERY_MS, () => ledger.payRefunds()],
    // So that a gap is known to have begun before the next buyer comes.
    [
      "looking for workers",
      options.recovery?.everyMs ?? RECOVER_EVERY_MS,
      async () => workerLiveness?.missingMs(),
    ],
    ["clean-up", SWEEP_EVERY_MS, () => sweepAll(store, () => stops.length > 0)],
  ];
  /** What has ended may owe a refund, and its buyer waits for a message. */
  const finish = coalesced(() =>
    Promise.all([ledger.reconcile(), ledger.payRefunds(), callbacks?.deliver()]),
  );
  let stops: (() => void)[] = [];

  /** Starts the loops, once. They do not keep the process alive. */
  function housekeep(firstAfterMs: number): void {
    if (stops.length > 0 || stopping) return;
    stops = rounds.map(([what, everyMs, round]) => {
      let failing = false;
      const task = async (): Promise<void> => {
        await heartbeat.ensure();
        await round();
        if (failing) log.info({}, `${what} works again`);
        failing = false;
      };
      const failed = (error: unknown): void => {
        // Logged once: while a store is away, the log must not fill with it.
        if (!failing) log.error({ error }, `${what} failed, and is tried again every ${everyMs / 1000} s`);
        failing = true;
      };
      return repeat(time, everyMs, task, failed, Math.min(firstAfterMs, everyMs));
    });
    jobs.start();
    callbacks?.start();
  }

  return {
    async fetch(request, context) {
      addresses.mounted(request, context);
      // Deno, Bun and Workers pass what they have as the second argument of a handler.
      const waitUntil = context?.waitUntil;
      if (typeof waitUntil !== "function") return app.fetch(request);
      waiting.add(request);
      const response = await app.fetch(request);
      waitUntil(settled(response.status === 202));
      return response;
    },
    async start() {
      await ending;
      // Before the lease, which says what this server does.
      stopping = false;
      if (stops.length > 0) return;
      await heartbeat.ensure();
      await offers?.ready();
      status.open();
      housekeep(0);
      sayNotSold();
      log.info({ role, resources: resources.length }, "server started");
    },
    stop(graceMs = 10_000, drainMs = 0) {
      const drain = role === "worker" ? 0 : Math.min(drainMs, graceMs);
      if (stops.length > 0) log.info({ graceMs, drainMs: drain }, "server stopping");
      stopping = true;
      for (const stop of stops) stop();
      stops = [];
      const ended = end(graceMs, drain);
      ending = Promise.allSettled([ending, ended]);
      return ended;
    },
    async tick(maxMs = TICK_MS) {
      if (stopping) return;
      const over = time.elapsed() + maxMs;
      const all = rounds.map(async ([what, , round]) => {
        try {
          await round();
        } catch (error) {
          log.error({ error }, `${what} failed`);
        }
      });
      jobs.start();
      const done = Promise.all([...all, settled(true)]);
      await Promise.race([done, sleep(time, Math.max(0, over - time.elapsed()))]);
    },
  };

  /** When the jobs that were sold have run, refunds are paid, and buyers have been notified. */
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

/** The failure of a charged call whose server died during the work. */
const LOST = "The work on this call was lost. A refund is owed.";
