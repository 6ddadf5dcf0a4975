import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { FAULTS, NOT_HERE } from "./faults.ts";
import { fleet } from "./fleet.ts";
import { kill } from "./kill.ts";
import { Tally } from "./tally.ts";
import { type Order, type Task, tasks } from "./tasks.ts";
import type { Done } from "./worker.ts";

const HELP = `Breaks servers and says what became of the money.

  node test/faults/main.ts [options]

  --runs N         runs of the simulation for each server          (2000)
  --seed S         seed of the first of them                       (by the time of day; it is printed)
  --only TEXT      only cases, or seeds, whose name contains TEXT
  --server WHICH   ours, stock, or both                            (both)
  --store WHICH    memory, sqlite, postgres, or all                (all)
  --kill N         purchases of the kill test, 0 to leave it out   (1000; 0 with --only or --server stock)
  --fleet N        jobs of four processes on one Postgres          (2000; 0 with --only or --server stock)
  --workers N      threads                                         (one for each core)
  --faults         lists the faults, and why others do not occur
  --help

Ends with 1 when our server has broken a promise.`;

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "2000" },
    seed: { type: "string" },
    only: { type: "string" },
    server: { type: "string", default: "both" },
    store: { type: "string", default: "all" },
    kill: { type: "string" },
    fleet: { type: "string" },
    workers: { type: "string" },
    faults: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

if (values.help) {
  console.log(HELP);
} else if (values.faults) {
  for (const { number, name } of FAULTS) console.log(number.padEnd(8), name);
  for (const [number, why] of Object.entries(NOT_HERE)) console.log(number.padEnd(8), `not here: ${why}`);
} else {
  process.exitCode = await main();
}

async function main(): Promise<number> {
  const order: Order = {
    sellers: oneOf("server", values.server, ["ours", "stock"]),
    stores: oneOf("store", values.store, ["memory", "sqlite", "postgres"]),
    runs: count("runs", values.runs),
    seed: count("seed", values.seed ?? String(Math.floor(Date.now() / 1000) % 1_000_000)),
    ...(values.only === undefined ? {} : { only: values.only }),
  };
  const whole = order.only === undefined && order.sellers.includes("ours");
  const purchases = count("kill", values.kill ?? (whole ? "1000" : "0"));
  const jobs = count("fleet", values.fleet ?? (whole && order.stores.includes("postgres") ? "2000" : "0"));
  const stop = new AbortController();
  const interrupt = () => stop.abort();
  process.once("SIGINT", interrupt);
  process.once("SIGTERM", interrupt);

  console.log(`seed ${order.seed}`);
  const { tally, broken } = await matrix(order, stop.signal);
  console.log(`\n${tally}`);
  let failed = broken;
  if (purchases > 0 && !stop.signal.aborted) {
    const report = await kill({ purchases, signal: stop.signal, onProgress: progress });
    progress("");
    console.log(`\n${report.text}`);
    if (!report.ok) failed += 1;
  }
  if (jobs > 0 && !stop.signal.aborted) {
    const report = await fleet({
      jobs,
      atOnce: 32,
      killEveryMs: 3_000,
      signal: stop.signal,
      onProgress: progress,
    });
    progress("");
    console.log(`\n${report.text}`);
    if (!report.ok) failed += 1;
  }
  process.off("SIGINT", interrupt);
  process.off("SIGTERM", interrupt);
  if (stop.signal.aborted) {
    console.log("stopped");
    return 130;
  }
  if (failed > 0) console.log(`\n${failed} broken promises`);
  return failed > 0 ? 1 : 0;
}

/** Runs every task on all cores; the mistakes of ours are told as they are found. */
async function matrix(order: Order, signal: AbortSignal): Promise<{ tally: Tally; broken: number }> {
  const all = tasks(order);
  const tally = new Tally();
  // The order of the table is the order of the tasks, whoever is done first.
  for (const row of new Set(all.map((task) => task.row))) tally.open(row);
  const of = values.workers === undefined ? availableParallelism() : count("workers", values.workers);
  const startedAt = performance.now();
  let done = 0;
  let broken = 0;
  const workers = Array.from(
    { length: of },
    (_, from) => new Worker(new URL("./worker.ts", import.meta.url), { workerData: { order, from, of } }),
  );
  const stop = () => workers.map((worker) => worker.terminate());
  signal.addEventListener("abort", stop, { once: true });
  await Promise.all(
    workers.map(
      (worker) =>
        new Promise<void>((resolve, reject) => {
          worker.on("message", ({ index, violations }: Done) => {
            const task = all[index] as Task;
            done += 1;
            tally.add(task.row, violations);
            if (violations.length > 0 && (task.mustHold || order.only !== undefined)) {
              if (task.mustHold) broken += 1;
              progress("");
              console.log(task.name);
              for (const { kind, item, detail } of violations) console.log(`    ${kind}: ${item} ${detail}`);
            }
            const seconds = (performance.now() - startedAt) / 1000;
            progress(
              `${done} of ${all.length}, ${Math.round(done / seconds)} a second, ${broken} broken promises`,
            );
          });
          worker.once("error", reject);
          worker.once("exit", () => resolve());
        }),
    ),
  );
  signal.removeEventListener("abort", stop);
  progress("");
  return { tally, broken };
}

let shownAt = 0;

/** One line that is written over, on a terminal only. */
function progress(text: string): void {
  if (!process.stderr.isTTY || (text !== "" && performance.now() - shownAt < 100)) return;
  shownAt = performance.now();
  process.stderr.write(`\r\u001b[K${text}`);
}

function count(option: string, text: string): number {
  if (!/^\d+$/.test(text)) fail(`--${option} takes a whole number, not "${text}"`);
  return Number(text);
}

function oneOf<T extends string>(option: string, text: string, choices: readonly T[]): readonly T[] {
  const every = choices.length === 2 ? "both" : "all";
  const chosen = choices.filter((choice) => text === every || text === choice);
  if (chosen.length === 0) fail(`--${option} is ${choices.join(", ")} or ${every}, not "${text}"`);
  return chosen;
}

function fail(message: string): never {
  console.error(`${message}\n\n${HELP}`);
  process.exit(2);
}
