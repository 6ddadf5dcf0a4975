import { Hono } from "hono";
import { type ApiDefinition, DEFAULT_RETENTION } from "../../schema/api.ts";
import { type Duration, milliseconds } from "../../schema/duration.ts";
import { microUsd, parseUsd, type Usd } from "../../schema/money.ts";
import { createCallbacks } from "../jobs/callback.ts";
import { createJobs } from "../jobs/jobs.ts";
import { createWorkerLiveness } from "../jobs/worker-liveness.ts";
import { createFacilitator } from "../ledger/facilitator.ts";
import type { Memory } from "../ledger/idempotency.ts";
import { createLedger } from "../ledger/ledger.ts";
import { createOffers, maxTimeoutSecondsOf } from "../ledger/offer.ts";
import { maxValidityMs } from "../ledger/payment.ts";
import { createHeartbeat } from "../store/heartbeat.ts";
import { memoryStore } from "../store/memory.ts";
import type { StoredAnswer } from "../store/store.ts";
import { wrapStoreErrors } from "../store/store-errors.ts";
import { sweepAll } from "../store/sweep.ts";
import { childLogger, pinoLogger } from "../telemetry/log.ts";
import { createTelemetry } from "../telemetry/telemetry.ts";
import { systemTime } from "../time/time.ts";
import { createAddresses } from "./address.ts";
import { createAdmin } from "./admin.ts";
import { problem } from "./answer.ts";
import { createOutputCache } from "./cache.ts";
import { createCalls } from "./call.ts";
import { checkGenerated } from "./generated.ts";
import { createHealth } from "./health.ts";
import { createHousekeeping } from "./housekeeping.ts";
import { createLifecycle, type Server } from "./lifecycle.ts";
import { createObserver } from "./observer.ts";
import { mountOperation } from "./operation.ts";
import { chainOf, checkOptions, facilitatorsOf, type ServerOptions } from "./options.ts";
import { createJobGuard, keepsRunning } from "./place.ts";
import { createPlaces } from "./places.ts";
import { createDescriptions, type Published } from "./published.ts";
import { type Documents, servedResources } from "./resource.ts";
import { mountRoutes } from "./routes.ts";
import { createStatus } from "./status.ts";

const RECOVER_EVERY_MS = 3_000;
const LEASE_MS = 15_000;
const COME_BACK_MS = 60_000;
const SWEEP_EVERY_MS = 60_000;
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
    runsJobs: () => role !== "api" && !lifecycle.isStopping(),
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
      if (!lifecycle.isStopping()) jobs.start();
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

  const app = new Hono({ getPath: (request) => addresses.pathOf(request) });
  mountOperation(app, {
    health: createHealth({ store, offers, workerLiveness, stopping: () => lifecycle.isStopping() }),
    metrics: options.metrics,
    admin: options.admin && createAdmin({ ...options.admin, title: api.title, names, store, observer }),
    ...{ telemetry, scheme, log },
    taken: new Set(resources.map(({ document }) => document.path)),
  });
  mountRoutes(app, {
    ...{ resources, cors, calls, status, addresses, store, memory, time, log },
    published: (options.publish ?? true) ? published : undefined,
    isWorker: role === "worker",
    // The request goes first: it may go on with a call that the first round would take.
    onCall: () => lifecycle.begin(RECOVER_EVERY_MS),
    sellsJobs(request) {
      const isSold = role !== "both" || isPermanent || waiting.has(request);
      if (!isSold) sayNotSold();
      return isSold;
    },
  });

  const everyMs = options.recovery?.everyMs ?? RECOVER_EVERY_MS;
  const housekeeping = createHousekeeping({
    ...{ time, log },
    before: () => heartbeat.ensure(),
    rounds: [
      ["running jobs", everyMs, () => jobs.recover()],
      ["reconciling", everyMs, () => ledger.reconcile()],
      ["paying refunds", everyMs, () => ledger.payRefunds()],
      // So that a gap is known to have begun before the next buyer comes.
      ["looking for workers", everyMs, async () => workerLiveness?.missingMs()],
      ["clean-up", SWEEP_EVERY_MS, () => sweepAll(store, () => housekeeping.isRunning())],
    ],
  });
  const lifecycle = createLifecycle({
    ...{ housekeeping, jobs, callbacks, ledger, heartbeat, status, offers, time, log },
    takesRequests: role !== "worker",
    onStart() {
      sayNotSold();
      log.info({ role, resources: resources.length }, "server started");
    },
  });

  const { start, stop, tick } = lifecycle;
  return {
    ...{ start, stop, tick },
    async fetch(request, context) {
      addresses.mounted(request, context);
      // Deno, Bun and Workers pass what they have as the second argument of a handler.
      const waitUntil = context?.waitUntil;
      if (typeof waitUntil !== "function") return app.fetch(request);
      waiting.add(request);
      const response = await app.fetch(request);
      waitUntil(lifecycle.settled(response.status === 202));
      return response;
    },
  };
}

/** The failure of a charged call whose server died during the work. */
const LOST = "The work on this call was lost. A refund is owed.";
