import { build } from "esbuild";
import { Miniflare } from "miniflare";
import { port, setting } from "./setting.ts";

/** Serves a Worker as wrangler does: bundled, on the workerd that it pins. */
const source = new URL(`./${process.env.WORKER}.ts`, import.meta.url).pathname;
const { outputFiles } = await build({
  entryPoints: [source],
  bundle: true,
  write: false,
  format: "esm",
  platform: "node",
  conditions: ["workerd", "worker", "browser"],
  mainFields: ["browser", "module", "main"],
  external: ["node:*", "cloudflare:*"],
  define: { SETTING: JSON.stringify(setting) },
  banner: { js: 'import { createRequire } from "node:module"; const require = createRequire("/");' },
  logLevel: "error",
});
const script = outputFiles[0]?.text ?? "";
const miniflare = new Miniflare({
  modules: true,
  script,
  compatibilityDate: "2026-05-01",
  compatibilityFlags: ["nodejs_compat"],
  cf: false,
  host: "127.0.0.1",
  port,
  ...(process.env.WORKER === "durable-object" && { durableObjects: { SHOP: "Shop" } }),
});
await miniflare.ready;
