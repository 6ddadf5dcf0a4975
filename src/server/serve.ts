import { type FacilitatorClient, HTTPFacilitatorClient } from "@x402/core/server";
import { Hono } from "hono";
import type { ApiDefinition } from "../../schema/api.ts";
import { createJobs } from "../jobs/jobs.ts";
import { jsonLogger, type Logger } from "../observe/log.ts";
import { createLedger } from "../payments/ledger.ts";
import { type Accept, createOffers } from "../payments/offer.ts";
import { memoryStore } from "../store/memory.ts";
import type { Store } from "../store/store.ts";
import { preflight, problem, respond } from "./answer.ts";
import { createCalls } from "./call.ts";
import { type Documents, servedResources } from "./resource.ts";
import { createStatus } from "./status.ts";

export interface PaymentOptions {
  /** The ways to pay, in the order in which buyers are offered them. */
  readonly accepts: readonly Accept[];
  /** URL of a facilitator, or a client of one (`HTTPFacilitatorClient` of `@x402/core`, with credentials). */
  readonly facilitator: string | FacilitatorClient;
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
}

/** A served API. `fetch` fits Node (through `resource402/node`), Hono, Next, Deno, Bun and Workers. */
export interface Server {
  readonly fetch: (request: Request) => Promise<Response>;
  /** Asks the facilitator what it supports and starts housekeeping. Without it, the first call does the former. */
  start(): Promise<void>;
  /** Stops housekeeping and waits for running jobs, at most `graceMs`; then aborts them. @default 10 s */
  stop(graceMs?: number): Promise<void>;
}

const RECONCILE_EVERY_MS = 3_000;
const SWEEP_EVERY_MS = 60_000;

/** Serves an API. Called by the generated `createServer`, which knows the types. */
export function serve(
  api: ApiDefinition,
  documents: Documents,
  options: ServerOptions<object> & { readonly quotes?: object },
): Server {
  const log = options.log ?? jsonLogger();
  const store = options.store ?? memoryStore();
  const cors = options.cors ?? true;
  const resources = servedResources(api, documents, { ...options.handlers }, { ...options.quotes });
  const charges = resources.some((resource) => resource.price.kind !== "free");
  if (charges && !options.payments) {
    throw new Error("createServer: some resources have a price; say in `payments` how it is paid");
  }
  const facilitator = facilitatorOf(options.payments);
  const offers = options.payments && facilitator && createOffers(options.payments.accepts, facilitator);
  const jobs = createJobs(new Map(resources.map((one) => [one.name, one])), store, log);
  const ledger = createLedger({ store, facilitator, offers, log, onQueued: (jobId) => jobs.dispatch(jobId) });
  const status = createStatus(store, jobs);
  const publicUrl = options.publicUrl?.replace(/\/+$/, "");
  const call = createCalls({
    store,
    ledger,
    offers,
    facilitator,
    log,
    maxBodyBytes: options.maxBodyBytes ?? 1024 * 1024,
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
    return respond(problem("internal_error", crypto.randomUUID()), cors);
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
      repeat(RECONCILE_EVERY_MS, "reconciliation", async () => {
        for (const doubtful of await store.doubtful(50)) await ledger.reconcile(doubtful);
      });
      repeat(SWEEP_EVERY_MS, "clean-up", () => store.sweep(Date.now()));
      await offers?.ready();
    },
    async stop(graceMs = 10_000) {
      for (const timer of timers) clearInterval(timer);
      timers = [];
      await jobs.stop(graceMs);
    },
  };
}

function facilitatorOf(payments: PaymentOptions | undefined): FacilitatorClient | undefined {
  if (!payments) return undefined;
  if (payments.accepts.length === 0) throw new Error("createServer: payments.accepts names no way to pay");
  return typeof payments.facilitator === "string"
    ? new HTTPFacilitatorClient({ url: payments.facilitator })
    : payments.facilitator;
}
