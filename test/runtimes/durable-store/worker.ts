import { DurableObject } from "cloudflare:workers";
import { type DurableObjectStorage, durableObjectStore } from "../../../src/store/durable-object.ts";
import { type Ask, pack, type Told, unpack } from "./wire.ts";

/** A store in a Durable Object, whose methods are called by requests. */
export class Kept extends DurableObject {
  now = 0;
  readonly events: unknown[] = [];
  readonly store = durableObjectStore((this.ctx as { storage: DurableObjectStorage }).storage, {
    now: () => this.now,
  });

  override async fetch(request: Request): Promise<Response> {
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
