import { existsSync } from "node:fs";
import { join, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { defineConfig, type Options } from "tsup";

type Plugin = NonNullable<Options["esbuildPlugins"]>[number];

const root = fileURLToPath(new URL("..", import.meta.url));

/**
 * Imports modules of the package `resource402` from that package instead of bundling them: the command then shares error
 * classes, symbols and other module state with the project that it runs.
 */
const shared: Plugin = {
  name: "shared",
  setup(build) {
    build.onResolve({ filter: /^\.\.?\// }, ({ path, resolveDir }) => {
      const file = relative(root, resolve(resolveDir, path)).split(sep).join("/");
      const name = /^(?:src\/|(?=schema\/))(.*)\.ts$/.exec(file)?.[1];
      if (name === undefined) return undefined;
      if (!existsSync(join(root, "dist/internal", `${name}.js`))) {
        return { errors: [{ text: `dist/internal/${name}.js is missing: build resource402 first` }] };
      }
      return { path: `resource402/internal/${name}`, external: true };
    });
  },
};

/**
 * The client's runtime, for clients and packages of buyers: each module stands alone and imports no package. The bundler
 * writes above each module where it was, which says nothing there.
 */
const runtime = {
  entry: {
    client: "../src/client/index.ts",
    evm: "../src/client/evm.ts",
    node: "../src/runtime/calls.ts",
  },
};

export default defineConfig([
  {
    entry: { main: "cli/main.ts" },
    outDir: "dist/command",
    format: ["esm"],
    target: "es2023",
    platform: "node",
    removeNodeProtocol: false,
    dts: true,
    clean: true,
    splitting: true,
    treeshake: { moduleSideEffects: "no-external" },
    esbuildPlugins: [shared],
  },
  ...Object.entries(runtime.entry).map(
    ([name, source]): Options => ({
      entry: { [name]: source },
      outDir: "dist/runtime",
      format: ["esm"],
      target: "es2022",
      platform: "neutral",
      external: [/^node:/],
      removeNodeProtocol: false,
      dts: true,
      splitting: false,
      treeshake: true,
      plugins: [
        {
          name: "without-places",
          renderChunk: (code) => ({ code: code.replace(/^\/\/ \S+\.ts\n/gm, "") }),
        },
      ],
    }),
  ),
]);
