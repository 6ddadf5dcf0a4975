import { type DurableObjectStorage, durableObjectStore, hasOpenWork } from "../store/durable-object.ts";
import type { Store } from "../store/store.ts";
import { systemTime } from "../time/time.ts";

export {
  type DurableObjectStorage,
  type DurableObjectStoreOptions,
  durableObjectStore,
} from "../store/durable-object.ts";

/** What a Durable Object can host: the server that the generated `createServer` returns. */
export interface DurableHandleable {
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

/** The options of `createServer` that a Durable Object gives: where it keeps records, and that it goes on between requests. */
export interface DurablePlace {
  readonly store: Store;
  readonly jobs: { readonly keepsRunning: true };
}

/** A class to export from the module of a Worker, and to name in the configuration of wrangler. */
export type DurableServerClass<Env> = new (
  ctx: DurableObjectContext,
  env: Env,
) => { fetch(request: Request): Promise<Response>; alarm(): Promise<void> };

/** An object without requests is dropped after a while, with its timers; its alarm starts it again. In milliseconds. */
const ALARM_MS = 30_000;

/**
 * A server as the class of a Durable Object, with its records in the object's SQLite storage:
 * `export const Shop = durableServer((env: Env, place) => createServer({ handlers, payments, ...place }))`. All requests
 * go to one object. While a call, job, refund or callback is open, an alarm every 30 seconds does a round of the server, so
 * that each comes to its end after the object was dropped or restarted.
 */
export function durableServer<Env>(
  make: (env: Env, place: DurablePlace) => DurableHandleable,
): DurableServerClass<Env> {
  return class {
    readonly #storage: DurableObjectContext["storage"];
    readonly #server: DurableHandleable;
    #isAlarmSet = false;

    constructor({ storage }: DurableObjectContext, env: Env) {
      this.#storage = storage;
      this.#server = make(env, { store: durableObjectStore(storage), jobs: { keepsRunning: true } });
    }

    async fetch(request: Request): Promise<Response> {
      // Before the money moves: what is open then is looked at again, even if the object ends in the middle.
      const { headers } = request;
      if (headers.has("payment-signature") || headers.has("x-payment")) await this.#wake();
      const response = await this.#server.fetch(request);
      if (!this.#isAlarmSet && hasOpenWork(this.#storage)) await this.#wake();
      return response;
    }

    async alarm(): Promise<void> {
      this.#isAlarmSet = false;
      await this.#server.tick();
      if (hasOpenWork(this.#storage)) await this.#wake();
    }

    async #wake(): Promise<void> {
      if (this.#isAlarmSet) return;
      this.#isAlarmSet = true;
      const at = systemTime.now();
      const set = await this.#storage.getAlarm();
      if (set === null || set < at) await this.#storage.setAlarm(at + ALARM_MS);
    }
  };
}
