import { dirname } from "node:path";
import { env } from "node:process";
import { build } from "esbuild";
import { Miniflare } from "miniflare";

/** Serves a Worker as wrangler does: bundled, on the workerd that it pins. */
const { WORKER, PORT, DATABASE = "", PAY_TO = "", FACILITATOR_URL = "", REFUND_KEY = "" } = env;
const source = new URL(`../examples/${WORKER}.ts`, import.meta.url).pathname;
const { outputFiles } = await build({
  entryPoints: [source],
  bundle: true,
  write: false,
  format: "esm",
  platform: "node",
  conditions: ["workerd", "worker", "browser"],
  mainFields: ["browser", "module", "main"],
  external: ["node:*", "cloudflare:*"],
  banner: { js: 'import { createRequire } from "node:module"; const require = createRequire("/");' },
  logLevel: "error",
});
const script = outputFiles[0]?.text ?? "";
const miniflare = new Miniflare({
  modules: true,
  script,
  compatibilityDate: "2026-05-01",
  compatibilityFlags: ["nodejs_compat"],
  bindings: { PAY_TO, FACILITATOR_URL, REFUND_KEY },
  cf: false,
  host: "127.0.0.1",
  port: Number(PORT),
  ...(WORKER === "durable-object" && {
    durableObjects: { SHOP: { className: "Shop", useSQLite: true } },
    durableObjectsPersist: dirname(DATABASE),
  }),
});
await miniflare.ready;
