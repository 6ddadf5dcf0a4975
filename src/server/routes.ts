import type { Hono } from "hono";
import { type Memory, paymentStateOn } from "../ledger/idempotency.ts";
import type { ProblemCode } from "../protocol/index.ts";
import type { Store, StoredAnswer } from "../store/store.ts";
import { StoreUnavailable } from "../store/store-errors.ts";
import type { Logger } from "../telemetry/log.ts";
import type { Time } from "../time/time.ts";
import type { Addresses } from "./address.ts";
import { type ProblemOptions, preflight, problem, respond } from "./answer.ts";
import type { CallServer } from "./call.ts";
import { withoutPayment } from "./input.ts";
import { createPublished, type Published } from "./published.ts";
import type { ServedResource } from "./resource.ts";
import type { Status } from "./status.ts";

const UNSOLD_RETRY_SECONDS = 60;

export interface RouteOptions {
  readonly resources: readonly ServedResource[];
  /** Absent: no document is served. */
  readonly published: (() => Promise<Published>) | undefined;
  readonly isWorker: boolean;
  readonly cors: boolean;
  readonly calls: CallServer;
  readonly status: Status;
  readonly addresses: Addresses;
  readonly store: Store;
  /** Which payments the store can know. */
  readonly memory: Memory;
  readonly time: Time;
  readonly log: Logger;
  /** A call of a resource came. */
  readonly onCall: () => void;
  /** Whether a job that `request` buys will run. Says it in the log when it will not. */
  readonly sellsJobs: (request: Request) => boolean;
}

/** Mounts the resources, the documents and the jobs, and what is answered elsewhere. */
export function mountRoutes(app: Hono, options: RouteOptions): void {
  const { resources, published, isWorker, cors, calls, status, addresses, log } = options;
  // A process that runs jobs takes no calls, and so no money: what is not there cannot be forgotten in a proxy's rules.
  if (!isWorker) {
    if (cors) app.options("*", () => preflight());
    for (const resource of resources) mountResource(resource);
    // After the resources: one that a seller has put at such a path goes before.
    if (published) mountPublished(published);
    mountJobs();
  }
  app.notFound(async (c) => respond(await elsewhere(c.req.path, c.req.raw), cors));
  app.onError((error) => {
    log.error({ error }, "a request could not be answered");
    const code = error instanceof StoreUnavailable ? "unavailable" : "internal_error";
    return respond(
      problem(code, crypto.randomUUID(), { paymentState: "unknown", retryAfterSeconds: 2 }),
      cors,
    );
  });

  function mountResource(resource: ServedResource): void {
    const { method, path } = resource.document;
    const hasParams = path.includes(":");
    app.on(method, path, async (c) => {
      options.onCall();
      const request = c.req.raw.method === "HEAD" ? withoutPayment(c.req.raw) : c.req.raw;
      if (resource.isJob && !options.sellsJobs(c.req.raw)) return respond(await notSold(request), cors);
      const answer = await calls.call(resource, request, hasParams ? c.req.param() : {});
      return respond(resource.isJob ? await status.accepted(answer, request) : answer, cors);
    });
  }

  function mountJobs(): void {
    app.get("/v1/jobs/:id", async (c) => respond(await status.get(c.req.param("id"), c.req.raw), cors));
    app.get("/v1/jobs/:id/events", async (c) =>
      respond(await status.events(c.req.param("id"), c.req.raw), cors),
    );
    app.delete("/v1/jobs/:id", async (c) => respond(await status.cancel(c.req.param("id"), c.req.raw), cors));
  }

  function mountPublished(load: () => Promise<Published>): void {
    const paid = resources.filter(({ price }) => price.kind !== "free").map(({ document }) => document);
    const pages = createPublished({ load, origin: (request) => addresses.url(request, ""), paid });
    for (const [path, answer] of pages) {
      app.get(path, async (c) => respond(await answer(c.req.raw), cors));
    }
    if (resources.some(({ document }) => document.path === "/")) return;
    app.get("/", async (c) => {
      const isBrowser = c.req.header("accept")?.includes("text/html") ?? false;
      if (!isBrowser) return respond(await elsewhere("/", c.req.raw), cors);
      const location = addresses.url(c.req.raw, "/docs");
      return respond({ status: 307, headers: { location, "cache-control": "no-store" }, body: "" }, cors);
    });
  }

  async function refusal(
    { headers }: Request,
    code: ProblemCode,
    rest: Omit<ProblemOptions, "paymentState">,
  ): Promise<StoredAnswer> {
    const paymentState = await paymentStateOn(headers, options.store, options.memory, options.time.now());
    return problem(code, crypto.randomUUID(), { ...rest, paymentState });
  }

  /** Before any money moves: a job that was sold here would not run. A payment that is recorded keeps its response. */
  async function notSold(request: Request): Promise<StoredAnswer> {
    const recorded = await calls.recorded(request);
    if (recorded) return recorded;
    const detail = "This server cannot run jobs now. Nothing was charged.";
    return refusal(request, "unavailable", { detail, retryAfterSeconds: UNSOLD_RETRY_SECONDS });
  }

  /** A payment is looked up before its address: a deploy may have moved the resource. */
  async function elsewhere(path: string, request: Request): Promise<StoredAnswer> {
    if (isWorker) {
      return refusal(request, "not_found", { detail: "This process runs jobs. Another one answers calls." });
    }
    const recorded = await calls.recorded(request);
    if (recorded) return recorded;
    addresses.missed(request);
    const here = resources.find((one) => one.document.path === path);
    if (!here) return refusal(request, "not_found", { detail: "No resource has this address." });
    const { method } = here.document;
    const answer = await refusal(request, "method_not_allowed", { detail: `Use ${method}.` });
    return { ...answer, headers: { ...answer.headers, allow: `${method}, OPTIONS` } };
  }
}
