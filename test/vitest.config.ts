import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

const at = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));

/** These take a minute and more: begun last, one of them would keep one core busy while the other has nothing to do. */
const LONGEST = [
  ...[
    "package/installed",
    "package/budget",
    "faults/simulation",
    "flow/workers",
    "faults/kill",
    "codegen/dev",
    "faults/faults",
  ],
  "flow/works",
];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const found = LONGEST.findIndex((name) => moduleId.endsWith(`/test/${name}.test.ts`));
      return found === -1 ? LONGEST.length : found;
    };
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}

export default defineConfig({
  root: at(""),
  resolve: {
    alias: [
      { find: /^resource402$/, replacement: at("schema/index.ts") },
      { find: /^resource402\/(client|server|testing)$/, replacement: at("src/$1/index.ts") },
      { find: /^resource402\/node$/, replacement: at("src/runtime/index.ts") },
      { find: /^resource402\/next$/, replacement: at("src/runtime/next.ts") },
      { find: /^resource402\/evm$/, replacement: at("src/client/evm-payers.ts") },
      { find: /^resource402\/prometheus$/, replacement: at("src/telemetry/prometheus.ts") },
      { find: /^resource402\/(sqlite|postgres)$/, replacement: at("src/store/$1.ts") },
    ],
  },
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: at("test/set-up.ts"),
    // As `npm test` sets it: what a hint tells the user to type depends on it.
    env: { npm_config_user_agent: "npm" },
    sequence: { sequencer: LongestFirst },
    // The default leaves one core free, although much of the work waits for chains, databases and clocks. Three take as long.
    maxWorkers: 2,
    // Two cores may be busy with several real chains, databases and compilers at once.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 30_000 } },
  },
});
