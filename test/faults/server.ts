import { appendFileSync } from "node:fs";
import { privateKeyToAccount } from "viem/accounts";
import type { JobContext } from "../../src/jobs/handler.ts";
import { listen } from "../../src/runtime/index.ts";
import { serve } from "../../src/server/index.ts";
import { postgresStore } from "../../src/store/postgres.ts";
import { sqliteStore } from "../../src/store/sqlite-store.ts";
import { killAt } from "../../src/testing/crashable.ts";
import { api, documents, RESOURCES } from "./api.ts";

/** What the parent asks of a server, as JSON in the environment's `SERVER`. */
export interface ServerOrder {
  /** A file of SQLite's, or where a Postgres listens: `postgres://…` */
  readonly store: string;
  readonly facilitator: string;
  readonly rpcUrl: string;
  readonly sellerKey: `0x${string}`;
  /** 0 for any. */
  readonly port: number;
  /** `"settle.after:3"` */
  readonly dieAt: string;
  readonly everyMs: number;
  readonly leaseMs: number;
  /** @default "both" */
  readonly role?: "api" | "worker" | "both";
  /** At which address buyers reach it. @default its own */
  readonly publicUrl?: string;
  /** A file to which the beginning and the end of every run of a job are appended. @default none is told */
  readonly notes?: string;
}

/** A line of {@link ServerOrder.notes}: what has begun, and ends with its process at the latest. */
export interface Note {
  readonly event: "start" | "end" | "abort";
  readonly jobId: string;
  readonly attempt: number;
  readonly pid: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** A server in a process of its own, which ends with its parent. */
const order = JSON.parse(process.env.SERVER ?? "") as ServerOrder;
process.once("disconnect", () => process.exit());

const seller = privateKeyToAccount(order.sellerKey);
/** No two processes give the same. */
let serial = process.pid * 1_000_000;

/** By what is ordered: `…-broken` cannot be made, `…-slow` takes two seconds, `…-endless` all of its time-out. */
const workMs = (item: string): number =>
  item.endsWith("slow") ? 2_000 : item.endsWith("endless") ? 3_600_000 : 20;

async function work({ item }: { item: string }, ctx: Partial<JobContext>): Promise<unknown> {
  const { jobId, attempt = 1, signal } = ctx;
  const note = (event: Note["event"]): void => {
    if (order.notes === undefined || jobId === undefined) return;
    const line: Note = { event, jobId, attempt, pid: process.pid, at: Date.now() };
    appendFileSync(order.notes, `${JSON.stringify(line)}\n`);
  };
  note("start");
  const aborted = await new Promise<boolean>((resolve) => {
    const timer = setTimeout(() => resolve(false), workMs(item));
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve(true);
    });
  });
  note(aborted ? "abort" : "end");
  if (aborted) throw signal?.reason;
  if (item.endsWith("broken")) throw new Error("the machine is broken");
  serial += 1;
  return { item, serial };
}

const server = serve(api, documents, {
  handlers: Object.fromEntries(RESOURCES.map((name) => [name, work])),
  payments: {
    accepts: [{ network: "eip155:84532", payTo: seller.address, rpcUrl: order.rpcUrl }],
    facilitator: order.facilitator,
    refunds: { account: seller },
  },
  store: /^postgres:/.test(order.store)
    ? postgresStore({ connectionString: order.store, maxConnections: 5 })
    : sqliteStore(order.store),
  log: { debug() {}, info() {}, warn() {}, error() {} },
  faults: killAt(order.dieAt),
  recovery: { everyMs: order.everyMs, leaseMs: order.leaseMs },
  ...(order.role ? { role: order.role } : {}),
  ...(order.publicUrl ? { publicUrl: order.publicUrl } : {}),
});
const { port } = await listen(server, { port: order.port, hostname: "127.0.0.1" });
process.send?.({ port });
