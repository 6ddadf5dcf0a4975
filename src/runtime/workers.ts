import { HEADERS } from "../protocol/index.ts";
import { type DurableObjectStorage, durableObjectStore, nextWorkAt } from "../store/durable-object.ts";
import type { Store } from "../store/store.ts";
import { systemTime } from "../time/time.ts";

export {
  type DurableObjectStorage,
  type DurableObjectStoreOptions,
  durableObjectStore,
} from "../store/durable-object.ts";

/** The server that the generated `createServer` returns, as far as it is used. */
export interface DurableServer {
  readonly fetch: (request: Request) => Promise<Response>;
  tick(maxMs?: number): Promise<void>;
}

/** `ctx` of a Durable Object, as far as it is used. */
export interface DurableObjectContext {
  readonly storage: DurableObjectStorage & {
    getAlarm(): Promise<number | null>;
    setAlarm(time: number): Promise<void>;
  };
}

/**
 * The options of `createServer` that a Durable Object gives: where it keeps records, and that it goes on between requests.
 * Other options of jobs stand beside them: `jobs: { ...place.jobs, concurrency: 5 }`.
 */
export interface DurableServerOptions {
  readonly store: Store;
  readonly jobs: { readonly keepsRunning: true };
}

/** A class to export from the module of a Worker, and to name in the configuration of wrangler. */
export type DurableServerClass<Env> = new (
  ctx: DurableObjectContext,
  env: Env,
) => { fetch(request: Request): Promise<Response>; alarm(): Promise<void> };

/**
 * An object without requests is dropped after a while, with its timers; its alarm starts it again. What has been due for
 * long without an end, such as a refund that no account pays, is looked at less and less often.
 */
const ALARM = { leastMs: 30_000, mostMs: 3_600_000 };

/**
 * A server as the class of a Durable Object, with its records in the object's SQLite storage:
 * `export const Shop = durableServer((env: Env, place) => createServer({ handlers, payments, ...place }))`. All requests
 * go to one object. While a call, job, refund or callback is open, the object's alarm does a round of the server when it is
 * due, so that each comes to its end after the object was dropped or restarted.
 */
export function durableServer<Env>(
  make: (env: Env, place: DurableServerOptions) => DurableServer,
): DurableServerClass<Env> {
  return class {
    readonly #storage: DurableObjectContext["storage"];
    readonly #server: DurableServer;
    #alarmAt: number | undefined;

    constructor({ storage }: DurableObjectContext, env: Env) {
      this.#storage = storage;
      this.#server = make(env, { store: durableObjectStore(storage), jobs: { keepsRunning: true } });
    }

    async fetch(request: Request): Promise<Response> {
      // Before the money moves: what is open then is looked at again, even if the object ends in the middle.
      const { headers } = request;
      const isPaid = headers.has(HEADERS.paymentSignature) || headers.has(HEADERS.xPayment);
      if (isPaid) await this.#wakeAt(systemTime.now() + ALARM.leastMs);
      const response = await this.#server.fetch(request);
      await this.#wakeForWork();
      return response;
    }

    async alarm(): Promise<void> {
      this.#alarmAt = undefined;
      await this.#server.tick();
      await this.#wakeForWork();
    }

    async #wakeForWork(): Promise<void> {
      const now = systemTime.now();
      const dueAt = nextWorkAt(this.#storage);
      if (dueAt === undefined) return;
      const pauseMs = Math.min(Math.max((now - dueAt) / 4, ALARM.leastMs), ALARM.mostMs);
      await this.#wakeAt(Math.max(dueAt, now + pauseMs));
    }

    async #wakeAt(at: number): Promise<void> {
      if (this.#alarmAt !== undefined && this.#alarmAt <= at && this.#alarmAt > systemTime.now()) return;
      const set = await this.#storage.getAlarm();
      const isUseful = set !== null && set <= at && set >= systemTime.now();
      if (!isUseful) await this.#storage.setAlarm(at);
      this.#alarmAt = isUseful ? set : at;
    }
  };
}
