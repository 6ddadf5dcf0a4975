import { type DurableObjectStorage, durableObjectStore } from "../../../src/store/durable-object.ts";
import type { Store } from "../../../src/store/store.ts";
import { pack, unpack } from "./wire.ts";

/** One call of a method, and the store's clock. */
export interface Ask {
  readonly name: string;
  readonly args: readonly unknown[];
  readonly now: number;
}

/** Its value or error, and what its listeners were told meanwhile. */
export interface Told {
  readonly value?: unknown;
  readonly error?: string;
  readonly events: readonly unknown[];
}

/** A store in a Durable Object, whose methods are called by requests. */
export class Kept {
  now = 0;
  readonly events: unknown[] = [];
  readonly store: Store;

  constructor({ storage }: { storage: DurableObjectStorage }) {
    this.store = durableObjectStore(storage, { now: () => this.now });
  }

  async fetch(request: Request): Promise<Response> {
    const { name, args, now } = unpack(await request.text()) as Ask;
    this.now = now;
    const unwatch = this.store.watch((event) => void this.events.push(event));
    const method = (this.store as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>)[name];
    const answer = await method?.(...args).then(
      (value): Omit<Told, "events"> => ({ value }),
      (error: unknown) => ({ error: error instanceof Error ? error.message : String(error) }),
    );
    unwatch();
    return new Response(pack({ ...answer, events: this.events.splice(0) } satisfies Told));
  }
}

export default {
  fetch(request: Request, { KEPT }: { KEPT: { idFromName(name: string): unknown; get(id: unknown): Kept } }) {
    return KEPT.get(KEPT.idFromName(new URL(request.url).pathname)).fetch(request);
  },
};
