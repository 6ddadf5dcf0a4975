import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const at = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));

export default defineConfig({
  root: at(""),
  resolve: {
    alias: [
      { find: /^resource402$/, replacement: at("schema/index.ts") },
      { find: /^resource402\/(client|server|node|testing)$/, replacement: at("src/$1/index.ts") },
      { find: /^resource402\/evm$/, replacement: at("src/client/evm.ts") },
      { find: /^resource402\/prometheus$/, replacement: at("src/observe/prometheus.ts") },
      { find: /^resource402\/(sqlite|postgres)$/, replacement: at("src/store/$1.ts") },
    ],
  },
  test: {
    include: ["test/**/*.test.ts"],
    // Two cores may be busy with several real chains, databases and compilers at once.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
