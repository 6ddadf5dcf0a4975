import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import type { JobListener, Store } from "../../src/store/store.ts";
import { pack, unpack } from "../runtimes/durable-store/wire.ts";
import type { Ask, Told } from "../runtimes/durable-store/worker.ts";

/** Of the packages of test/runtimes, which the root does not install. */
interface Miniflare {
  dispatchFetch(url: string, init: { method: "POST"; body: string }): Promise<{ text(): Promise<string> }>;
  dispose(): Promise<void>;
}

const RUNTIMES = new URL("../runtimes/", import.meta.url);
let workerd: Promise<Miniflare> | undefined;
let objects = 0;

/** A store in a Durable Object of its own, on workerd. Its methods are called by requests. */
export async function durableObject(now: () => number): Promise<Store> {
  workerd ??= start();
  const miniflare = await workerd;
  const url = `http://store.test/${++objects}`;
  const listeners = new Set<JobListener>();
  const call = async (name: string, args: readonly unknown[]): Promise<unknown> => {
    const body = pack({ name, args, now: now() } satisfies Ask);
    const answer = await miniflare.dispatchFetch(url, { method: "POST", body });
    const { value, error, events } = unpack(await answer.text()) as Told;
    for (const event of events)
      for (const listener of listeners) listener(event as Parameters<JobListener>[0]);
    if (error !== undefined) throw new Error(error);
    return value;
  };
  const own: Partial<Store> = {
    completeSince: 0,
    watch(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    async close() {},
  };
  return new Proxy(own as Store, {
    get: (target, name: keyof Store & string) =>
      // A promise would be awaited as one.
      name in target || (name as string) === "then" ? target[name] : (...args: unknown[]) => call(name, args),
  });
}

async function start(): Promise<Miniflare> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL("durable-store/worker.ts", RUNTIMES))],
    bundle: true,
    write: false,
    format: "esm",
    platform: "neutral",
    mainFields: ["module", "main"],
    external: ["node:*", "cloudflare:*"],
  });
  const require = createRequire(new URL("package.json", RUNTIMES));
  const { Miniflare: Made } = require("miniflare") as { Miniflare: new (options: object) => Miniflare };
  const miniflare = new Made({
    modules: true,
    script: outputFiles[0]?.text ?? "",
    compatibilityDate: "2026-05-01",
    compatibilityFlags: ["nodejs_compat"],
    durableObjects: { KEPT: { className: "Kept", useSQLite: true } },
    cf: false,
  });
  process.once("beforeExit", () => void miniflare.dispose());
  return miniflare;
}
