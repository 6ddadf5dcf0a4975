import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";
import { UNIT } from "./lanes.ts";
import { LONGEST } from "./longest.ts";

const at = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));

/** The files that are alone in their process, the longest first; then the others, which share two processes. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId, project }: TestSpecification): number => {
      if (!project.config.isolate) return LONGEST.length + 1;
      const found = LONGEST.findIndex((name) => moduleId.endsWith(`/test/${name}.test.ts`));
      return found === -1 ? LONGEST.length : found;
    };
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}

const base = {
  root: at(""),
  resolve: {
    alias: [
      { find: /^resource402$/, replacement: at("schema/index.ts") },
      { find: /^resource402\/(client|server|testing)$/, replacement: at("src/$1/index.ts") },
      { find: /^resource402\/node$/, replacement: at("src/runtime/index.ts") },
      { find: /^resource402\/workers$/, replacement: at("src/runtime/workers.ts") },
      { find: /^resource402\/next$/, replacement: at("src/runtime/next.ts") },
      { find: /^resource402\/evm$/, replacement: at("src/client/evm-payers.ts") },
      { find: /^resource402\/prometheus$/, replacement: at("src/telemetry/prometheus.ts") },
      { find: /^resource402\/postgres$/, replacement: at("src/store/postgres.ts") },
      { find: /^resource402\/sqlite$/, replacement: at("src/store/sqlite-store.ts") },
    ],
  },
};
const common = {
  // Two cores may be busy with several real chains, databases and compilers at once.
  testTimeout: 120_000,
  hookTimeout: 120_000,
  expect: { poll: { timeout: 30_000 } },
};

/** How the files of the fast lane run: several in one process, one after the other. */
export const shared = { ...common, isolate: false };

export default defineConfig({
  ...base,
  test: {
    globalSetup: at("test/set-up.ts"),
    // As `npm test` sets it: what a hint tells the user to type depends on it.
    env: { npm_config_user_agent: "npm" },
    sequence: { sequencer: LongestFirst },
    // The default leaves one core free, although much of the work waits for chains, databases and clocks. Three take as long.
    maxWorkers: 2,
    projects: [
      { ...base, test: { ...common, name: "alone", include: ["test/**/*.test.ts"], exclude: UNIT } },
      { ...base, test: { ...shared, name: "shared", include: UNIT } },
    ],
  },
});
