import { z } from "zod";
import { defineApi, price, resource } from "../../schema/index.ts";
import { listen } from "../../src/runtime/index.ts";
import { type JobContext, serve } from "../../src/server/index.ts";
import { sqliteStore } from "../../src/store/sqlite-store.ts";

/** What the parent asks of a server, as JSON in the environment's `SERVER`. */
export interface ServerOrder {
  readonly store: string;
  readonly graceMs: number;
  readonly drainMs: number;
}

/** What a server tells its parent. */
export type ServerMessage =
  | { readonly port: number }
  | { readonly started: string; readonly attempt: number };

const shape = z.object({ name: z.string().describe("Which job.") });
export const api = defineApi({
  title: "Waiting room",
  version: "1.0.0",
  description: "One job.",
  resources: {
    wait: resource({
      summary: "Wait until the parent says so.",
      input: shape,
      output: shape,
      price: price.free(),
      job: { timeout: "1m" },
    }),
  },
});
export const documents = {
  wait: { method: "POST", path: "/v1/wait", maxPrice: "0" },
} as const;

/** A server in a process of its own, which ends with its parent. Its jobs wait for a message. */
async function main(order: ServerOrder): Promise<void> {
  process.once("disconnect", () => process.exit());
  const tell = (sent: ServerMessage) => process.send?.(sent);
  const wait = ({ name }: { name: string }, ctx: JobContext) =>
    new Promise((resolve, reject) => {
      process.once("message", () => resolve({ name }));
      ctx.signal.addEventListener("abort", () => reject(ctx.signal.reason));
      tell({ started: name, attempt: ctx.attempt });
    });
  const server = serve(api, documents, {
    handlers: { wait },
    store: sqliteStore(order.store),
    log: { debug() {}, info() {}, warn() {}, error() {} },
    recovery: { everyMs: 50 },
  });
  const { graceMs, drainMs } = order;
  const { port } = await listen(server, { port: 0, hostname: "127.0.0.1", graceMs, drainMs });
  tell({ port });
}

if (process.env.SERVER !== undefined) await main(JSON.parse(process.env.SERVER) as ServerOrder);
