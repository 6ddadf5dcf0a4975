import { type FacilitatorClient, HTTPFacilitatorClient } from "@x402/core/server";
import { Hono } from "hono";
import { type ApiDefinition, DEFAULT_RETENTION } from "../../schema/api.ts";
import { type Duration, milliseconds } from "../../schema/duration.ts";
import { microUsd, parseUsd, type Usd } from "../../schema/money.ts";
import { createJobs, type Jobs } from "../jobs/jobs.ts";
import type { Faults } from "../observe/fault.ts";
import { jsonLogger, type Logger } from "../observe/log.ts";
import { type ChainRecord, rpcRecord } from "../payments/chain.ts";
import { bounded } from "../payments/charge.ts";
import { createLedger } from "../payments/ledger.ts";
import { type Accept, createOffers } from "../payments/offer.ts";
import { createRefunds } from "../payments/refund.ts";
import { memoryStore } from "../store/memory.ts";
import { createPresence } from "../store/presence.ts";
import { StoreUnavailable, steady } from "../store/steady.ts";
import type { Store } from "../store/store.ts";
import type { EvmAccount } from "../wire/transfer.ts";
import { preflight, problem, respond } from "./answer.ts";
import { createCalls } from "./call.ts";
import { type Documents, servedResources } from "./resource.ts";
import { createStatus } from "./status.ts";

export interface PaymentOptions {
  /** The ways to pay, in the order in which buyers are offered them. */
  readonly accepts: readonly Accept[];
  /** URL of a facilitator, or a client of one (`HTTPFacilitatorClient` of `@x402/core`, with credentials). */
  readonly facilitator: string | FacilitatorClient;
  /** How long the facilitator may take for one answer; then the settlement is in doubt. @default "60s" */
  readonly facilitatorTimeout?: Duration;
  /**
   * Pays refunds: the account signs transfers of the token from itself to the payer, which go through the same
   * facilitator, so it needs the token but no gas. A viem `LocalAccount` fits. Without it, refunds stay owed, are
   * shown as `refund_owed`, and are paid by `resource402 refunds pay`.
   */
  readonly refunds?: { readonly account: EvmAccount };
  /**
   * What one payer may owe at a time for jobs with `charge: "after"`, in US dollars; more is answered 429. One job is
   * allowed whatever it costs. @default "5.00"
   */
  readonly maxOutstanding?: Usd;
  /** Where to look up what has become of a payment. @default the nodes at the `rpcUrl` of `accepts` */
  readonly chain?: ChainRecord;
}

export interface ServerOptions<Handlers> {
  /** One function per resource. */
  readonly handlers: Handlers;
  /** How money comes in. May be left out only when every resource is free. */
  readonly payments?: PaymentOptions;
  /** Where calls, payments and jobs are kept. @default memoryStore(), which a restart forgets */
  readonly store?: Store;
  /** Address at which buyers reach this server, when a proxy hides it: `https://api.example.com`. */
  readonly publicUrl?: string;
  /** Answer browsers of any origin. @default true */
  readonly cors?: boolean;
  /** @default JSON lines on standard error, from level "info" */
  readonly log?: Logger;
  /** @default 1 MiB */
  readonly maxBodyBytes?: number;
  /**
   * Refuse payments without an idempotency key (400). A buyer who signs anew after a lost answer, and names no key,
   * cannot be told from one who buys twice. Stock x402 clients send none. @default false
   */
  readonly requireKey?: boolean;
  /**
   * For this long after a purchase, the same input from the same payer without a key is answered 409
   * `possible_duplicate`, and not charged. @default never
   */
  readonly duplicateWindow?: Duration;
  /** How dead servers are noticed. */
  readonly recovery?: {
    /** Between two looks at what is in doubt, owed or left behind, in milliseconds. @default 3000 */
    readonly everyMs?: number;
    /** After this long without a sign of life, what a server had begun is taken over, in milliseconds. @default 15000 */
    readonly leaseMs?: number;
    /**
     * A call without a job that was charged before its work, and whose server died over it, is done when its buyer
     * comes back in this time; then it is refunded. In milliseconds. @default 60000
     */
    readonly comeBackMs?: number;
  };
  /** For tests: told of every step between two writes. */
  readonly faults?: Faults;
}

/** A served API. `fetch` fits Node (through `resource402/node`), Hono, Next, Deno, Bun and Workers. */
export interface Server {
  readonly fetch: (request: Request) => Promise<Response>;
  /** Asks the facilitator what it supports and starts housekeeping. Without it, the first call does the former. */
  start(): Promise<void>;
  /** Stops housekeeping and waits for running jobs, at most `graceMs`; then aborts them. @default 10 s */
  stop(graceMs?: number): Promise<void>;
}

const RECOVER_EVERY_MS = 3_000;
const LEASE_MS = 15_000;
const COME_BACK_MS = 60_000;
const SWEEP_EVERY_MS = 60_000;
const FACILITATOR_TIMEOUT: Duration = "60s";
const MAX_OUTSTANDING: Usd = "5.00";

/** Serves an API. Called by the generated `createServer`, which knows the types. */
export function serve(
  api: ApiDefinition,
  documents: Documents,
  options: ServerOptions<object> & { readonly quotes?: object },
): Server {
  const log = options.log ?? jsonLogger();
  const given = options.store ?? memoryStore();
  if (typeof given?.begin !== "function") {
    throw new Error('createServer: store is no store; use sqliteStore("./api.db") of resource402/sqlite');
  }
  const store = steady(given);
  const cors = options.cors ?? true;
  const resources = servedResources(api, documents, { ...options.handlers }, { ...options.quotes });
  const charges = resources.some((resource) => resource.price.kind !== "free");
  if (charges && !options.payments) {
    throw new Error("createServer: some resources have a price; say in `payments` how it is paid");
  }
  const { payments, faults, requireKey = false } = options;
  const named = facilitatorOf(payments);
  const facilitator =
    named && bounded(named, milliseconds(payments?.facilitatorTimeout ?? FACILITATOR_TIMEOUT));
  const chain = payments && (payments.chain ?? chainOf(payments.accepts));
  const account = payments?.refunds?.account;
  const offers =
    payments && named
      ? createOffers({
          accepts: payments.accepts,
          facilitator: named,
          refunds: account !== undefined,
          requireKey,
        })
      : undefined;
  const presence = createPresence(store, options.recovery?.leaseMs ?? LEASE_MS, (error) =>
    log.error({ error }, "the lease could not be renewed"),
  );
  const byName = new Map(resources.map((one) => [one.name, one]));
  const ledger = createLedger({
    store,
    presence,
    facilitator,
    chain,
    refunds: account && facilitator && createRefunds({ store, facilitator, account, chain, log, faults }),
    offers,
    log,
    faults,
    onQueued: (jobId) => jobs.dispatch(jobId),
    onChanged: (jobId) => jobs.announce(jobId),
    lostAnswer: ({ id }) => problem("internal_error", id, { detail: LOST, paymentState: "refund_owed" }),
    comeBackMs: options.recovery?.comeBackMs ?? COME_BACK_MS,
    retentionMs: (name) => byName.get(name)?.retentionMs ?? milliseconds(DEFAULT_RETENTION),
  });
  const jobs: Jobs = createJobs({ resources: byName, store, presence, log, faults, end: ledger.end });
  const status = createStatus(store, jobs);
  const publicUrl = options.publicUrl?.replace(/\/+$/, "");
  const call = createCalls({
    store,
    ledger,
    offers,
    facilitator,
    log,
    faults,
    maxBodyBytes: options.maxBodyBytes ?? 1024 * 1024,
    requireKey,
    duplicateWindowMs: options.duplicateWindow === undefined ? 0 : milliseconds(options.duplicateWindow),
    maxOutstanding: microUsd(parseUsd(payments?.maxOutstanding ?? MAX_OUTSTANDING)),
    dispatch: (jobId) => jobs.dispatch(jobId),
    url: (request, path) => {
      const [, origin = "", own = ""] = /^([a-z]+:\/\/[^/?#]*)([^?#]*)/i.exec(request.url) ?? [];
      return (publicUrl ?? origin) + (path ?? own);
    },
  });

  const app = new Hono();
  if (cors) app.options("*", () => preflight());
  for (const resource of resources) {
    const { method, path } = resource.document;
    const hasParams = path.includes(":");
    app.on(method, path, async (c) =>
      respond(await call(resource, c.req.raw, hasParams ? c.req.param() : {}), cors),
    );
  }
  app.get("/v1/jobs/:id", async (c) => respond(await status.get(c.req.param("id"), c.req.raw), cors));
  app.delete("/v1/jobs/:id", async (c) => respond(await status.cancel(c.req.param("id")), cors));
  app.notFound((c) => respond(elsewhere(c.req.path), cors));
  app.onError((error) => {
    log.error({ error }, "a request could not be answered");
    const code = error instanceof StoreUnavailable ? "unavailable" : "internal_error";
    return respond(
      problem(code, crypto.randomUUID(), { paymentState: "in_flight", retryAfterSeconds: 2 }),
      cors,
    );
  });

  function elsewhere(path: string) {
    const here = resources.find((one) => one.document.path === path);
    if (!here)
      return problem("not_found", crypto.randomUUID(), { detail: "There is nothing at this address." });
    const answer = problem("method_not_allowed", crypto.randomUUID(), {
      detail: `Use ${here.document.method}.`,
    });
    return { ...answer, headers: { ...answer.headers, allow: `${here.document.method}, OPTIONS` } };
  }

  let timers: ReturnType<typeof setInterval>[] = [];
  /** Does `work` now and every `ms`, never twice at once, and without keeping the process alive. */
  const repeat = (ms: number, what: string, work: () => Promise<unknown>): void => {
    let busy = false;
    const once = async (): Promise<void> => {
      if (busy) return;
      busy = true;
      await work().catch((error: unknown) => log.error({ error }, `${what} failed`));
      busy = false;
    };
    const timer = setInterval(once, ms);
    (timer as { unref?: () => void }).unref?.();
    timers.push(timer);
    void once();
  };

  return {
    fetch: async (request) => app.fetch(request),
    async start() {
      if (timers.length > 0) return;
      repeat(options.recovery?.everyMs ?? RECOVER_EVERY_MS, "recovery", async () => {
        await jobs.recover();
        await ledger.recover();
      });
      repeat(SWEEP_EVERY_MS, "clean-up", () => store.sweep(Date.now()));
      await offers?.ready();
    },
    async stop(graceMs = 10_000) {
      for (const timer of timers) clearInterval(timer);
      timers = [];
      await jobs.stop(graceMs);
      await presence.end().catch((error: unknown) => log.error({ error }, "the lease could not be ended"));
    },
  };
}

/** What is said of a call that was charged and whose server died over the work. */
const LOST = "The work on this call was lost. Its price is owed back to the payer.";

/** The chains' own nodes, where they are named. */
function chainOf(accepts: readonly Accept[]): ChainRecord | undefined {
  const wrong = accepts.find(({ rpcUrl }) => rpcUrl !== undefined && !isHttp(rpcUrl));
  if (wrong) throw new Error(`createServer: rpcUrl "${wrong.rpcUrl}" of ${wrong.network} is no http URL`);
  const urls = accepts.flatMap(({ network, rpcUrl }) =>
    rpcUrl === undefined ? [] : [[network, rpcUrl] as const],
  );
  return urls.length > 0 ? rpcRecord(new Map(urls)) : undefined;
}

/** @throws Error with the place, what is wrong and what to write instead. */
function facilitatorOf(payments: PaymentOptions | undefined): FacilitatorClient | undefined {
  if (!payments) return undefined;
  const { accepts, facilitator, refunds } = payments;
  if (accepts.length === 0) throw new Error("createServer: payments.accepts names no way to pay");
  if (refunds && typeof refunds.account?.signTypedData !== "function") {
    throw new Error(
      "createServer: payments.refunds.account is no account that signs; give one of viem, or leave `refunds` out",
    );
  }
  if (typeof facilitator !== "string") {
    if (typeof facilitator?.settle === "function") return facilitator;
    throw new Error("createServer: payments.facilitator is missing; write its URL");
  }
  // An empty one would mean a public facilitator that nobody has named.
  if (!isHttp(facilitator))
    throw new Error(`createServer: payments.facilitator "${facilitator}" is no http URL`);
  return new HTTPFacilitatorClient({ url: facilitator });
}

function isHttp(text: string): boolean {
  return /^https?:\/\/./.test(text);
}
