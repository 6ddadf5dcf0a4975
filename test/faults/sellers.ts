import { jobMap, jobTable } from "../../bench/stock/jobs.ts";
import { type StockPoint, stockServer } from "../../bench/stock/server.ts";
import { serve } from "../../src/server/index.ts";
import { sqliteStore } from "../../src/store/sqlite-store.ts";
import { hasEnded, type Phase } from "../../src/store/state.ts";
import type { CallRecord, JobRecord, RefundRecord, Step, Stepped, Store } from "../../src/store/store.ts";
import type { Logger } from "../../src/telemetry/log.ts";
import { api, chargeOf, documents, isJob, PATHS, PRICES, RESOURCES } from "./api.ts";
import { fileDisk, memoryDisk } from "./power.ts";
import { type Book, type Seller, type Stage, type StoreKind, sleep } from "./stage.ts";

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };
/** `FAULTS_LOG=1` shows what our server has to say. */
const shout: Logger = {
  debug() {},
  info: (fields, message) => console.error("  info ", message, fields),
  warn: (fields, message) => console.error("  warn ", message, fields),
  error: (fields, message) => console.error("  error", message, fields),
};

/** Phases in which nothing is left to do but, where a refund is owed, to pay it. */
const ENDS: readonly Phase[] = ["delivered", "owed", "refunded", "kept", "void"];
const MOVED: readonly Phase[] = ["charged", "delivered", "owed", "refunded", "kept"];
const hasMoved = ({ phase }: CallRecord): boolean => MOVED.includes(phase);

/** With it, who has lost its lease of 15 s is still noticed before it has dawdled to its end. */
const POSTGRES_EVERY_MS = 8_000;

/** This project's server. */
export function ours(stage: Stage, kind: StoreKind): Seller {
  const opened: Store[] = [];
  const disk =
    kind === "memory"
      ? memoryDisk()
      : kind === "sqlite" && stage.losesPower
        ? fileDisk(stage.file)
        : undefined;
  const open = (): Store => {
    const store = disk?.open() ?? stage.postgres?.open() ?? sqliteStore(stage.file("calls.db"));
    opened.push(store);
    return store;
  };
  let reader = open();
  let writes = 0;
  /** The last that was seen of each call; those that were released are gone, those that were swept are not. */
  const calls = new Map<string, CallRecord>();
  const ends = new Map<string, { readonly text: string; readonly phase: Phase }>();
  const changedEnds: string[] = [];

  function watch(job: JobRecord): void {
    const { phase, work, result, failure } = job;
    const text = JSON.stringify([work, result, failure]);
    const before = ends.get(job.id);
    if (before === undefined) {
      if (hasEnded(job)) ends.set(job.id, { text, phase });
      return;
    }
    // A delivery that a power cut has undone comes to the same end again.
    if (hasEnded(job) && before.text !== text) changedEnds.push(`${job.id}: ${before.text} became ${text}`);
    else if (!hasEnded(job) && !stage.losesPower)
      changedEnds.push(`${job.id}: ${before.text} became ${text}`);
  }

  const begun = (call: CallRecord) => calls.has(call.id) || calls.set(call.id, call);

  /** The same store, which notes what is written and fails as the plan says. */
  function watched(store: Store, server: number): Store {
    const proxy: Store = new Proxy(store, {
      get(target, name: keyof Store) {
        if (name === "watch") return target.watch.bind(target);
        if (name === "completeSince") return target.completeSince;
        return async (...args: unknown[]) => {
          const count = (stage.storeCalls.get(name) ?? 0) + 1;
          stage.storeCalls.set(name, count);
          const rule = stage.plan.store?.find((one) => one.method === name && one.calls.includes(count));
          if (name === "attend" && stage.muted === server) throw new Error("the disk does not answer");
          if (rule && !stage.healed && !rule.after) throw new Error("database or disk is full");
          if (name === "begin") begun(args[0] as CallRecord);
          const result = await (target[name] as (...args: unknown[]) => Promise<unknown>).apply(target, args);
          disk?.wrote(name, args);
          if (name === "change") {
            const stepped = result as Stepped | undefined;
            const step = args[0] as Step;
            if (stepped?.job && step.job) watch(stepped.job);
            if (stepped?.call) {
              if (step.call?.set === "forget") calls.delete(stepped.call.id);
              else calls.set(stepped.call.id, stepped.call);
            }
          }
          if (rule && !stage.healed) throw new Error("the connection to the database was lost");
          if (name === "change" || name === "begin" || name === "claimJobs") cutAfter();
          return result;
        };
      },
    });
    return proxy;
  }

  /** The power fails after some writes. */
  function cutAfter(): void {
    writes += 1;
    const cut = stage.plan.cuts?.find(({ after }) => after === writes);
    if (!cut || stage.healed) return;
    const { power, lose = Infinity, silent } = cut;
    stage.cut(power, (relaxed) => Math.min(relaxed, lose));
    if (silent) throw new Error("the connection to the database was lost");
  }

  /** Every call that has been begun and not released. */
  async function records(): Promise<CallRecord[]> {
    const found: CallRecord[] = [];
    for (const [id, seen] of calls) {
      const call = await reader.call(id);
      // Begun and never written, or swept: what was unused is of no interest.
      if (call ?? (hasMoved(seen) ? seen : undefined)) found.push(call ?? seen);
    }
    return found;
  }

  return {
    name: "ours",
    async boot({ number, life, facilitator, handlers, role }) {
      const store = open();
      const server = serve(api, documents, {
        handlers,
        payments: {
          accepts: [{ network: stage.ledger.network, payTo: stage.account.address }],
          facilitator,
          chain: life.guard({ lookUp: stage.ledger.lookUp }),
          refunds: { account: stage.account },
        },
        store: life.guard(watched(store, number)),
        role,
        log: process.env.FAULTS_LOG ? shout : silent,
        faults: life.faults,
        // Time costs nothing here, but what four servers ask a database in it does.
        ...(stage.postgres ? { recovery: { everyMs: POSTGRES_EVERY_MS } } : {}),
        ...stage.settings,
      } as never);
      await server.start();
      const stop = (): void => {
        stage.postgres?.silence(store);
        server.stop(0).catch(() => {});
      };
      return { fetch: server.fetch, stop };
    },
    async unfinished() {
      const open: string[] = [];
      for (const call of await records()) {
        const job = call.jobId === undefined ? undefined : await reader.job(call.jobId);
        if (!ENDS.includes(call.phase)) open.push(`${call.id} is ${call.phase}`);
        // The chain is asked again about a refusal, after the payment has expired.
        else if (call.retryAt !== undefined) open.push(`${call.id} is ${call.phase}, to be looked up`);
        if (typeof job === "object" && !hasEnded(job)) open.push(`${job.id} is ${job.phase} ${job.work}`);
      }
      for (const refund of await reader.refunds({ limit: 1_000 }))
        if (refund.state !== "paid") open.push(`${refund.id} is ${refund.state}`);
      return open;
    },
    async book(): Promise<Book> {
      const found = await records();
      const refunds: readonly RefundRecord[] = await reader.refunds({ limit: 1_000 });
      return {
        entries: found
          .filter(({ payment }) => payment !== undefined)
          .map((call) => ({
            nonce: call.identity.nonce,
            state: hasMoved(call) ? "settled" : call.phase === "void" ? "unused" : "in_flight",
            atomic: BigInt(call.value),
          })),
        refunds: refunds.map(({ callId, to, atomicAmount, state }) => ({
          nonce: found.find(({ id }) => id === callId)?.identity.nonce,
          to,
          atomic: BigInt(atomicAmount),
          state: state === "paid" ? "paid" : "owed",
        })),
        changedEnds,
      };
    },
    cut(lose) {
      disk?.cut(lose);
      if (kind === "sqlite") reader = open();
      // Durability in docs/money.md: the failure of an unpaid call is relaxed. If it is lost, the job runs again.
      for (const [id, end] of ends) if (end.phase === "void") ends.delete(id);
    },
    async close() {
      if (stage.postgres) await stage.postgres.close();
      else for (const store of new Set(opened)) await store.close();
    },
  };
}

/** The same four resources on the official middleware. */
export function stock(stage: Stage, kind: StoreKind): Seller {
  const table = kind === "sqlite" ? jobTable(stage.file("jobs.db")) : undefined;
  const jobs = table ?? jobMap();
  return {
    name: "stock",
    async boot({ life, facilitator, handlers }) {
      const server = stockServer({
        network: stage.ledger.network,
        payTo: stage.account.address,
        facilitator,
        jobs: life.guard(jobs),
        reach: (point: StockPoint) => life.faults.reach(point),
        routes: RESOURCES.map((name) => ({
          path: PATHS[name],
          usd: PRICES[name],
          job: isJob(name),
          flow: chargeOf(name) === "before" ? "upfront" : "authorization",
          handler: (input) => handlers[name](input),
        })),
      });
      await server.start();
      return { fetch: server.fetch, stop: () => {} };
    },
    async unfinished() {
      // A job that no server has picked up again within a minute will not be picked up.
      await sleep(1);
      const open = await jobs.unfinished();
      return open.map(({ id }) => `${id} is processing`);
    },
    async book() {
      const settled = await jobs.settlements();
      return {
        entries: settled.map(({ nonce, amount }) => ({ nonce, state: "settled", atomic: BigInt(amount) })),
        refunds: [],
        changedEnds: [],
      };
    },
    async close() {
      table?.close();
    },
  };
}
