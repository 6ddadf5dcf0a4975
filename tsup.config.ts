import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { defineConfig } from "tsup";

const root = fileURLToPath(new URL(".", import.meta.url));
/** Imports of values by relative path: `import … from "./x.ts"` and `import("./x.ts")`. */
const IMPORT = /^(?:import|export) (?!type\b)[^;"]*from "(\.[^"]+)"|\bimport\("(\.[^"]+)"\)/gm;

/**
 * The modules that `@resource402/cli` imports from this package, as entries of their own. Entries share chunks, so a
 * module that a public entry uses too exists once.
 */
function internalEntries(): Record<string, string> {
  const files = readdirSync(join(root, "codegen"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /(?<!\.d)\.ts$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
  const imported = files.flatMap((file) =>
    [...readFileSync(file, "utf8").matchAll(IMPORT)].map(([, from, lazily]) =>
      relative(root, resolve(dirname(file), from ?? lazily ?? ""))
        .split(sep)
        .join("/"),
    ),
  );
  const ours = imported.filter((path) => /^(src|schema)\//.test(path));
  return Object.fromEntries(ours.map((path) => [`internal/${path.replace(/^src\/|\.ts$/g, "")}`, path]));
}

/** The public entries, by their name in `dist`. */
const published = {
  entry: {
    index: "schema/index.ts",
    client: "src/client/index.ts",
    evm: "src/client/evm-payers.ts",
    server: "src/server/index.ts",
    node: "src/runtime/index.ts",
    next: "src/runtime/next.ts",
    workers: "src/runtime/workers.ts",
    sqlite: "src/store/sqlite-store.ts",
    prometheus: "src/telemetry/prometheus.ts",
    postgres: "src/store/postgres.ts",
    testing: "src/testing/index.ts",
  },
};

export default defineConfig({
  entry: { ...published.entry, cli: "src/runtime/command.ts", ...internalEntries() },
  format: ["esm"],
  target: "es2023",
  platform: "node",
  removeNodeProtocol: false,
  dts: published,
  clean: true,
  splitting: true,
  treeshake: { moduleSideEffects: "no-external" },
});
