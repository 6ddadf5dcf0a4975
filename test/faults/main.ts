import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { ATTACKS } from "./attacks/catalog.ts";
import { RULES } from "./attacks/judge.ts";
import { Counts } from "./counts.ts";
import { FAULTS, NOT_HERE } from "./faults.ts";
import { fleet } from "./fleet.ts";
import { kill } from "./kill.ts";
import { type Order, type Task, tasks } from "./tasks.ts";
import type { Done } from "./worker.ts";

const HELP = `Breaks servers and says what became of the money.

  node test/faults/main.ts [options]

  --runs N         runs of the simulation for each server          (2000)
  --seed S         seed of the first of them                       (by the time of day; it is printed)
  --only TEXT      only cases, or seeds, whose name contains TEXT
  --server WHICH   ours, stock, or both                            (both)
  --store WHICH    memory, sqlite, postgres, or all                (all)
  --attacks N      seeds of each attack on facilitator, node, rows and clocks (20)
  --kill N         purchases of the kill test, 0 to leave it out   (1000; 0 with --only or --server stock)
  --fleet N        jobs of four processes on one Postgres          (2000; 0 with --only or --server stock)
  --workers N      threads                                         (one for each core)
  --faults         lists the faults and attacks, and why others do not occur
  --help

Always runs to its end, and prints every violation and every part that failed, again at the end.
Ends with 1 when there is any.`;

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "2000" },
    seed: { type: "string" },
    only: { type: "string" },
    server: { type: "string", default: "both" },
    store: { type: "string", default: "all" },
    attacks: { type: "string", default: "20" },
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
  for (const { part, name } of ATTACKS) console.log(`(${part})`.padEnd(8), name);
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
    attacks: count("attacks", values.attacks),
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
  const problems: string[] = [];
  const stray = (error: unknown): void => {
    problems.push(`an uncaught error: ${textOf(error)}`);
    console.log(problems.at(-1));
  };
  process.on("unhandledRejection", stray);
  process.on("uncaughtException", stray);
  /** A part that fails does not keep the others from running. */
  const part = async (name: string, run: () => Promise<string>): Promise<void> => {
    if (stop.signal.aborted) return;
    try {
      console.log(`\n${await run()}`);
    } catch (error) {
      problems.push(`${name} has failed: ${textOf(error)}`);
      console.log(problems.at(-1));
    }
    progress("");
  };
  await part("the matrix", () => matrix(order, problems, stop.signal));
  if (purchases > 0)
    await part("the kill test", async () => {
      const { text, wrong } = await kill({ purchases, signal: stop.signal, onProgress: progress });
      problems.push(...wrong.map((one) => `kill -9: ${one}`));
      return text;
    });
  if (jobs > 0)
    await part("the fleet", async () => {
      const options = { jobs, atOnce: 32, killEveryMs: 3_000 };
      const { text, wrong } = await fleet({ ...options, signal: stop.signal, onProgress: progress });
      problems.push(...wrong.map((one) => `fleet: ${one}`));
      return text;
    });
  process.off("SIGINT", interrupt);
  process.off("SIGTERM", interrupt);
  if (problems.length > 0) {
    console.log(`\n${problems.length} problems with seed ${order.seed}:`);
    for (const one of problems) console.log(one);
  }
  if (stop.signal.aborted) {
    console.log("stopped");
    return 130;
  }
  return problems.length > 0 ? 1 : 0;
}

const textOf = (error: unknown): string =>
  error instanceof Error ? (error.stack ?? error.message) : String(error);

/** Runs every task on all cores, and adds what broke a promise to `problems`. @returns the tables */
async function matrix(order: Order, problems: string[], signal: AbortSignal): Promise<string> {
  const all = tasks(order);
  const tables = { faults: new Counts(), attacks: new Counts(RULES) };
  // The order of the table is the order of the tasks, whoever is done first.
  for (const { table, row } of all) tables[table].open(row);
  const of = values.workers === undefined ? availableParallelism() : count("workers", values.workers);
  const startedAt = performance.now();
  const waiting = new Set(all.keys());
  const workers = Array.from(
    { length: of },
    (_, from) => new Worker(new URL("./worker.ts", import.meta.url), { workerData: { order, from, of } }),
  );
  const report = ({ index, violations }: Done): void => {
    const task = all[index] as Task;
    waiting.delete(index);
    tables[task.table].add(task.row, violations);
    for (const { kind, item, detail } of violations) {
      const line = `seed ${order.seed}: ${task.name}: ${kind}: ${item} ${detail}`.replaceAll(/\s+/g, " ");
      if (task.mustHold) problems.push(line);
      if (task.mustHold || order.only !== undefined) {
        progress("");
        console.log(line);
      }
    }
    const seconds = (performance.now() - startedAt) / 1000;
    const done = all.length - waiting.size;
    progress(`${done} of ${all.length}, ${Math.round(done / seconds)} a second, ${problems.length} problems`);
  };
  const stop = () => workers.map((worker) => worker.terminate());
  signal.addEventListener("abort", stop, { once: true });
  await Promise.all(
    workers.map(
      (worker, number) =>
        new Promise<void>((resolve) => {
          worker.on("message", report);
          worker.on("error", (error) => problems.push(`worker ${number} has died: ${textOf(error)}`));
          worker.once("exit", () => resolve());
        }),
    ),
  );
  signal.removeEventListener("abort", stop);
  progress("");
  if (waiting.size > 0 && !signal.aborted) {
    const [first = 0] = waiting;
    problems.push(`${waiting.size} tasks were not run, the first of them: ${all[first]?.name}`);
  }
  return Object.values(tables)
    .filter(({ isEmpty }) => !isEmpty)
    .map(String)
    .join("\n\n");
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
