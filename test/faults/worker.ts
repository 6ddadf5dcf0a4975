import { parentPort, workerData } from "node:worker_threads";
import type { Found } from "./counts.ts";
import { stopPostgres } from "./postgres.ts";
import { type Order, tasks } from "./tasks.ts";

/** What a worker tells of each task when it is done. */
export interface Done {
  readonly index: number;
  readonly violations: readonly Found[];
}

/** Does every `of`th task, beginning with `from`. */
const { order, from, of } = workerData as { order: Order; from: number; of: number };
/** Uncaught errors since the last task began: no task may end the others. */
let stray: Found[] = [];
const note = (error: unknown): void => {
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
  stray.push({ kind: "no end", item: "", detail: `an uncaught error: ${detail}` });
};
process.on("unhandledRejection", note);
process.on("uncaughtException", note);
for (const [index, task] of tasks(order).entries()) {
  if (index % of !== from) continue;
  stray = [];
  let violations: readonly Found[];
  try {
    violations = await task.run();
  } catch (error) {
    const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
    violations = [{ kind: "no end", item: "", detail: `the harness has failed: ${detail}` }];
  }
  parentPort?.postMessage({ index, violations: [...violations, ...stray] } satisfies Done);
}
await stopPostgres();
