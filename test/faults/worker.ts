import { parentPort, workerData } from "node:worker_threads";
import type { Violation } from "./invariants.ts";
import { stopPostgres } from "./postgres.ts";
import { type Order, tasks } from "./tasks.ts";

/** What a worker tells of each task when it is done. */
export interface Done {
  readonly index: number;
  readonly violations: readonly Violation[];
}

/** Does every `of`th task, beginning with `from`. */
const { order, from, of } = workerData as { order: Order; from: number; of: number };
for (const [index, task] of tasks(order).entries()) {
  if (index % of !== from) continue;
  let violations: readonly Violation[];
  try {
    violations = await task.run();
  } catch (error) {
    const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
    violations = [{ kind: "no end", item: "", detail: `the harness has failed: ${detail}` }];
  }
  parentPort?.postMessage({ index, violations } satisfies Done);
}
await stopPostgres();
