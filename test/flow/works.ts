import { setTimeout as pause } from "node:timers/promises";
import { defineApi, type JobOptions, price, resource } from "resource402";
import { type JobContext, type Server, type ServerOptions, type Store, serve } from "resource402/server";
import { startWorld, type World } from "resource402/testing";
import { z } from "zod";
import type { JobStatus } from "../../src/protocol/index.ts";
import { statusOf } from "../../src/store/state.ts";
import type { JobRecord } from "../../src/store/store.ts";
import { BASE_URL, latch, post, type Shop, signedByHand, until } from "./shop.ts";

/** A kind of work: how its jobs are run, and what they do. Each costs 2 cents. */
interface Work extends Omit<JobOptions, "artifactUrl" | "response"> {
  readonly charge?: "before" | "after";
  readonly handler: (input: { name: string }, ctx: JobContext<"refused">) => unknown;
}

export interface WorksOptions extends Omit<ServerOptions<object>, "handlers" | "payments" | "store"> {
  readonly store: Store;
  readonly works: Readonly<Record<string, Work>>;
  /** That of other works, whose buyers and money these share. */
  readonly world?: World;
  /** Default: the world's network, seller and facilitator, without refunds. */
  readonly payments?: NonNullable<ServerOptions<object>["payments"]>;
}

/** A server that sells jobs, made for one test. It takes calls at once, and does the rest once it is started. */
export interface Works extends Pick<Shop, "fetch" | "world"> {
  readonly server: Server;
  readonly store: Store;
  readonly asked: { verify: number; settle: number };
  readonly logged: string[];
  /** Buys; returns the job's id. */
  order(work: string, name: string): Promise<string>;
  job(id: string): Promise<JobRecord>;
  /** The job as soon as its status is that. */
  when(id: string, status: JobStatus): Promise<JobRecord>;
  document(id: string): Promise<Record<string, unknown>>;
  [Symbol.asyncDispose](): Promise<void>;
}

const shape = z.object({ name: z.string().describe("Which one.") });

export async function openWorks({ works, world: shared, store, ...options }: WorksOptions): Promise<Works> {
  const world = shared ?? (await startWorld({ chain: false }));
  const named = Object.entries(works);
  const api = defineApi({
    title: "Works",
    version: "1.0.0",
    description: "Jobs.",
    resources: Object.fromEntries(
      named.map(([name, { handler: _, charge = "before", ...job }]) => [
        name,
        resource({
          ...{ summary: `Do ${name}.`, input: shape, output: shape, charge, job },
          price: price.fixed("0.02", { per: "piece" }),
          errors: { refused: "The work was refused." },
        }),
      ]),
    ),
  });
  const document = (name: string) => ({ method: "POST", path: `/v1/${name}`, maxPrice: "0.02" });
  const asked = { verify: 0, settle: 0 };
  const logged: string[] = [];
  const line = (_: object, message: string) => void logged.push(message);
  const server = serve(api, Object.fromEntries(named.map(([name]) => [name, document(name)])) as never, {
    handlers: Object.fromEntries(named.map(([name, { handler }]) => [name, handler])),
    payments: {
      accepts: [{ network: world.network, payTo: world.seller.address }],
      facilitator: {
        getSupported: () => world.facilitator.getSupported(),
        verify: (...args) => {
          asked.verify += 1;
          return world.facilitator.verify(...args);
        },
        settle: (...args) => {
          asked.settle += 1;
          return world.facilitator.settle(...args);
        },
      },
    },
    log: { debug: line, info: line, warn: line, error: line },
    recovery: { everyMs: 20 },
    store,
    ...options,
  });
  const kept = async (id: string): Promise<JobRecord> => {
    const job = await store.job(id);
    if (job === undefined || job === "gone") throw new Error(`there is no job ${id}`);
    return job;
  };
  const self: Works = {
    ...{ world, server, store, asked, logged },
    fetch: (path, init) => server.fetch(new Request(BASE_URL + path, init)),
    async order(work, name) {
      // Two of one millisecond would have no order.
      await pause(2);
      const { headers } = await signedByHand(self, `/v1/${work}`, { name }, { key: `${work}-${name}-key` });
      const answer = await self.fetch(`/v1/${work}`, post({ name }, headers));
      const said = (await answer.json()) as { jobId?: string };
      if (said.jobId === undefined) throw new Error(`${answer.status} ${JSON.stringify(said)}`);
      return said.jobId;
    },
    job: kept,
    when: (id, status) =>
      until(
        () => kept(id),
        (job) => statusOf(job) === status,
      ),
    document: async (id) => (await self.fetch(`/v1/jobs/${id}`)).json() as Promise<Record<string, unknown>>,
    async [Symbol.asyncDispose]() {
      await server.stop(0);
      if (!shared) await world.stop();
    },
  };
  return self;
}

/** Watches jobs at work: in which order they start, how many at once, and each waits until it is let go. */
export function bench() {
  const started: string[] = [];
  const latches = new Map<string, ReturnType<typeof latch>>();
  const busy = new Map<string, number>();
  const most: Record<string, number> = {};
  let open = false;
  const count = (of: string, by: 1 | -1): void => {
    busy.set(of, (busy.get(of) ?? 0) + by);
    most[of] = Math.max(most[of] ?? 0, busy.get(of) ?? 0);
  };
  return {
    started,
    /** The highest number at once, by kind of work, and in `all`. */
    most,
    handler:
      (kind: string) =>
      async (input: { name: string }, ctx: JobContext<"refused">): Promise<{ name: string }> => {
        started.push(input.name);
        for (const of of [kind, "all"]) count(of, 1);
        const own = latch();
        latches.set(input.name, own);
        try {
          if (!open) await aborted(ctx.signal, own.opened);
          return input;
        } finally {
          for (const of of [kind, "all"]) count(of, -1);
        }
      },
    /** Waits until these have started, in any order. */
    begun: (...names: readonly string[]) =>
      until(
        async () => [...started],
        (all) => names.every((name) => all.includes(name)),
      ),
    release: (name: string): void => latches.get(name)?.open(),
    /** All that work, and all that come. */
    releaseAll(): void {
      open = true;
      for (const { open } of latches.values()) open();
    },
  };
}

/** As a handler waits that respects its signal. */
export function aborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return Promise.race([
    work,
    new Promise<never>((_, reject) => {
      const stop = () => reject(signal.reason);
      if (signal.aborted) stop();
      signal.addEventListener("abort", stop, { once: true });
    }),
  ]);
}

/**
 * The same store, with a listener that is called before each method; what that throws, the method throws. It tells no news as long
 * as `isDeaf`.
 */
export function spied(
  store: Store,
  tell: (method: keyof Store, args: readonly unknown[]) => void,
  isDeaf: () => boolean = () => false,
): Store {
  const watch: Store["watch"] = (listener) =>
    store.watch((event) => {
      if (!isDeaf()) listener(event);
    });
  return new Proxy(store, {
    get(target, name: keyof Store) {
      if (typeof target[name] !== "function") return target[name];
      if (name === "watch") return watch;
      return async (...args: unknown[]) => {
        tell(name, args);
        return (target[name] as (...args: unknown[]) => Promise<unknown>).apply(target, args);
      };
    },
  });
}
