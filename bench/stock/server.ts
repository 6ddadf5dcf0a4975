import type { FacilitatorClient } from "@x402/core/server";
import type { Network } from "@x402/core/types";
import { ExactEvmScheme } from "@x402/evm/exact/server";
import { paymentMiddleware, x402ResourceServer } from "@x402/hono";
import { Hono } from "hono";
import type { JobTable, StockJob } from "./jobs.ts";

/** A route of the stock server. The handler gets the validated body. */
interface StockRoute {
  readonly path: string;
  /** Decimal US dollars. */
  readonly usd: string;
  readonly job: boolean;
  /** `upfront` settles before the handler, `authorization` (the default of x402) after it. */
  readonly flow: "upfront" | "authorization";
  readonly handler: (input: { item: string }) => Promise<unknown>;
}

export interface StockOptions {
  readonly network: Network;
  readonly payTo: string;
  readonly facilitator: FacilitatorClient;
  readonly routes: readonly StockRoute[];
  readonly jobs: JobTable;
  /** Called at the steps, so that a test can stop the server between two of them. */
  readonly reach?: (point: StockPoint) => Promise<void>;
}

/** Where the stock server can be stopped; named as ours are, where the step is the same. */
export type StockPoint =
  | "call.received"
  | "call.unknown"
  | "call.verified"
  | "call.begun"
  | "call.ran"
  | "call.answered"
  | "settle.before"
  | "settle.after"
  | "settle.recorded"
  | "job.claimed"
  | "job.ran"
  | "job.ended";

export interface StockServer {
  readonly fetch: (request: Request) => Promise<Response>;
  /** Goes on with the jobs that an earlier process has left. */
  start(): Promise<void>;
}

/**
 * A paid API with the official middleware, as a careful person writes it:
 *
 * - Routes, prices and flows as in the README of @x402/hono; `paymentFlow: "upfront"` where the work is to be paid
 *   before it is done. The default flow stands beside it as a second variant, for calls and for jobs.
 * - The body is validated in front of the middleware, so that no buyer pays for a 400.
 * - A job is written down before the 202, runs at once, and is started again after a restart.
 * - What the middleware says it has settled is written down (`onAfterSettle`).
 * - `settlement_pending` is left to the retry that is built into @x402/core.
 * - No Idempotency-Key: the middleware has none, and its documentation leaves payment-identifier to the seller. No
 *   refunds: there is nothing to build them on.
 */
export function stockServer(options: StockOptions): StockServer {
  const { network, payTo, jobs } = options;
  const reach = options.reach ?? (async () => {});
  const { facilitator } = options;
  const watched: FacilitatorClient = {
    getSupported: () => facilitator.getSupported(),
    async verify(payment, requirements) {
      await reach("call.unknown");
      const verdict = await facilitator.verify(payment, requirements);
      await reach("call.verified");
      return verdict;
    },
    async settle(payment, requirements) {
      await reach("settle.before");
      const answer = await facilitator.settle(payment, requirements);
      await reach("settle.after");
      return answer;
    },
  };

  const x402 = new x402ResourceServer(watched).register(network, new ExactEvmScheme());
  x402.onAfterSettle(async ({ paymentPayload, result, requirements }) => {
    const { nonce } = paymentPayload.payload.authorization as { nonce: string };
    const { transaction, payer = "" } = result;
    await jobs.record({ payer, nonce, amount: requirements.amount, transaction });
    await reach("settle.recorded");
  });

  const app = new Hono();
  app.use("/v1/*", async (c, next) => {
    await reach("call.received");
    if (c.req.method !== "POST") return next();
    const body: unknown = await c.req.json().catch(() => undefined);
    if (!isInput(body)) return c.json({ error: "item must be a string" }, 400);
    return next();
  });
  app.use(
    paymentMiddleware(
      Object.fromEntries(
        options.routes.map(({ path, usd, flow }) => [
          `POST ${path}`,
          {
            accepts: {
              scheme: "exact",
              price: `$${usd}`,
              network,
              payTo,
              ...(flow === "upfront" ? { extra: { paymentFlow: "upfront" } } : {}),
            },
            description: path,
            mimeType: "application/json",
          },
        ]),
      ),
      x402,
    ),
  );

  async function run(job: StockJob): Promise<void> {
    const handler = options.routes.find(({ path }) => path === job.route)?.handler;
    await reach("job.claimed");
    let end: StockJob;
    try {
      const result = await Promise.race([handler?.(job.input as { item: string }), tooLong()]);
      end = { ...job, state: "succeeded", result };
    } catch {
      end = { ...job, state: "failed", error: "the job failed" };
    }
    await reach("job.ran");
    await jobs.put(end);
    await reach("job.ended");
  }

  for (const { path, job: isJob, handler } of options.routes) {
    app.post(path, async (c) => {
      const input = await c.req.json<{ item: string }>();
      if (!isJob) {
        const output = await Promise.race([handler(input), tooLong()]);
        await reach("call.ran");
        return c.json(output as object);
      }
      const job: StockJob = { id: crypto.randomUUID(), route: path, input, state: "processing" };
      await jobs.put(job);
      await reach("call.begun");
      void run(job).catch(() => {});
      const statusUrl = new URL(`/v1/jobs/${job.id}`, c.req.url).href;
      c.header("Location", statusUrl);
      c.header("Retry-After", "1");
      return c.json(
        { success: true, jobId: job.id, statusUrl, state: "processing", retryAfterSeconds: 1 },
        202,
      );
    });
  }

  app.get("/v1/jobs/:id", async (c) => {
    const job = await jobs.get(c.req.param("id"));
    if (!job) return c.json({ error: "unknown job" }, 404);
    const { id: jobId, state, result, error } = job;
    return c.json({ jobId, state, status: state, result, error });
  });
  app.onError((_, c) => c.json({ error: "Internal Server Error" }, 500));

  return {
    async fetch(request) {
      const answer = await app.fetch(request);
      await reach("call.answered");
      return answer;
    },
    async start() {
      for (const job of await jobs.unfinished()) void run(job).catch(() => {});
    },
  };
}

/** Handlers are given as long as ours are. */
const TIMEOUT_MS = 30_000;

function tooLong(): Promise<never> {
  return new Promise((_, reject) => {
    setTimeout(() => reject(new Error("timed out")), TIMEOUT_MS);
  });
}

function isInput(body: unknown): body is { item: string } {
  return typeof body === "object" && body !== null && typeof (body as { item?: unknown }).item === "string";
}
