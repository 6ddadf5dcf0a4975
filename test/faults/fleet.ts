import type { ChildProcess } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { memoryCalls } from "../../src/client/index.ts";
import { type JobDocument, type JobStatus, TERMINAL } from "../../src/protocol/index.ts";
import { postgresStore } from "../../src/store/postgres.ts";
import { statusOf } from "../../src/store/state.ts";
import type { JobRecord, Store } from "../../src/store/store.ts";
import { startWorld } from "../../src/testing/index.ts";
import { startPostgres } from "../store/postgres-server.ts";
import type { ResourceName } from "./api.ts";
import { replay } from "./clients.ts";
import { type Bought, verify } from "./kill.ts";
import { againWhilePortIsTaken, end, forkServer } from "./process.ts";
import type { Note, ServerOrder } from "./server.ts";
import { type Dice, dice } from "./simulation.ts";

export interface FleetOptions {
  readonly jobs: number;
  /** How many are bought at the same time. */
  readonly atOnce: number;
  /** A process is killed so often, in milliseconds. */
  readonly killEveryMs: number;
  /** @default 1 */
  readonly seed?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (text: string) => void;
}

export interface FleetReport {
  /** What is not as it should be, in words. */
  readonly wrong: readonly string[];
  readonly kills: number;
  readonly freezes: number;
  /** Runs that were begun again since their server had died. */
  readonly reruns: number;
  readonly refunds: number;
  readonly text: string;
  readonly ok: boolean;
}

const ROLES = ["api", "api", "worker", "worker"] as const;
/** Where the buyers believe the seller to be: behind it are the two that take calls, in turns. */
const BASE_URL = "http://seller.test";
const BUYERS = 8;
const LEASE_MS = 2_000;
const EVERY_MS = 300;
const LOOK_EVERY_MS = 300;
/** This share is not killed but frozen, for longer than its lease: it comes back as one that others think is dead. */
const FROZEN = 0.25;
const FREEZE_MS = 3_500;

interface Node {
  readonly role: (typeof ROLES)[number];
  port: number;
  /** While it listens. */
  up: boolean;
  child?: ChildProcess;
}

/**
 * Four processes on one Postgres, two that take calls and two that work, of which one after the other is killed with
 * SIGKILL and started again, or frozen for longer than its lease, while buyers who come back after every error buy jobs: some take long, some fail, some are
 * charged after the work, some are cancelled. When all is over, every job has ended once, has run in one process at a
 * time, and was delivered to its buyer or given back, and the token's balances are the ledger's sums. Nothing outlives it.
 */
export async function fleet(options: FleetOptions): Promise<FleetReport> {
  const { jobs, atOnce, killEveryMs, seed = 1, signal, onProgress = () => {} } = options;
  const startedAt = performance.now();
  const random = dice(seed);
  const folder = mkdtempSync(join(tmpdir(), "resource402-fleet-"));
  const program = join(folder, "server.mjs");
  const notes = join(folder, "notes");
  writeFileSync(notes, "");
  const sellerKey = generatePrivateKey();
  const seller = privateKeyToAccount(sellerKey);
  const [world, postgres] = await Promise.all([startWorld(), startPostgres()]);
  const store = postgresStore({ connectionString: postgres.connectionString, maxConnections: 2 });
  const nodes: Node[] = ROLES.map((role) => ({ role, port: 0, up: false }));
  /** When processes were killed or frozen, by their ids; milliseconds since the epoch. */
  const stops = new Map<number, number[]>();
  const hasStopped = ({ pid = 0 }: ChildProcess) => stops.set(pid, [...(stops.get(pid) ?? []), Date.now()]);
  const all: Bought[] = [];
  const broken = new AbortController();
  const stopped = signal ? AbortSignal.any([signal, broken.signal]) : broken.signal;
  let kills = 0;
  let freezes = 0;
  let over = false;
  let turn = 0;

  /** Starts a process; resolves when it listens, or has died before it did. */
  function boot(node: Node, facilitator: string): Promise<void> {
    return againWhilePortIsTaken(() => bootOnce(node, facilitator));
  }

  async function bootOnce(node: Node, facilitator: string): Promise<void> {
    const order: ServerOrder = {
      store: postgres.connectionString,
      facilitator,
      rpcUrl: world.rpcUrl ?? "",
      sellerKey,
      port: node.port,
      dieAt: "",
      everyMs: EVERY_MS,
      leaseMs: LEASE_MS,
      role: node.role,
      publicUrl: BASE_URL,
      notes,
    };
    const { child, listening } = forkServer(order, program);
    node.child = child;
    child.once("exit", (code) => {
      if (node.up && code !== null) broken.abort(new Error(`a server has ended with ${code}`));
      node.up = false;
      hasStopped(child);
    });
    const port = await listening;
    if (port === undefined) return;
    node.port = port;
    node.up = true;
  }

  /** Nothing in the process goes on for longer than a lease; then it does, and does not know. */
  async function freeze(node: Node, child: ChildProcess): Promise<void> {
    child.kill("SIGSTOP");
    hasStopped(child);
    await pause(FREEZE_MS);
    child.kill("SIGCONT");
    node.up = true;
  }

  /** Kills one after the other, at random, until all is bought. */
  async function reign(facilitator: string): Promise<void> {
    const booting = new Set<Promise<void>>();
    while (!over) {
      await pause(killEveryMs * (0.7 + random.roll() * 0.6));
      const up = nodes.filter((node) => node.up);
      if (over || up.length === 0) continue;
      const node = random.one(up);
      const { child } = node;
      if (!child) continue;
      node.up = false;
      const frozen = random.chance(FROZEN);
      if (frozen) freezes += 1;
      else kills += 1;
      if (!frozen) await end(child);
      const back = (frozen ? freeze(node, child) : boot(node, facilitator)).finally(() =>
        booting.delete(back),
      );
      booting.add(back);
      // A server that cannot start is a mistake, not a fault.
      back.catch((error: unknown) => broken.abort(error));
    }
    await Promise.all(booting);
  }

  /** The way from buyers to whichever of the two has its turn, whether it lives or not. */
  async function network(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
    const request = new Request(input, init);
    turn += 1;
    const { port } = nodes[turn % 2] as Node;
    const { pathname, search } = new URL(request.url);
    const { method, headers, signal } = request;
    const body = method === "POST" ? await request.text() : null;
    return fetch(`http://127.0.0.1:${port}${pathname}${search}`, { method, headers, body, signal });
  }

  /** The same way for a buyer who no longer wants what it has just bought. */
  function regretting(afterMs: number): typeof network {
    let cancelled = false;
    return async (input, init) => {
      const answer = await network(input, init);
      if (answer.status !== 202 || cancelled) return answer;
      cancelled = true;
      const { statusUrl } = (await answer.clone().json()) as { statusUrl: string };
      void pause(afterMs).then(async () => {
        for (let tries = 0; tries < 20; tries += 1) {
          if (await network(statusUrl, { method: "DELETE" }).then(isAnswered, () => false)) return;
          await pause(200);
        }
      });
      return answer;
    };
  }

  async function buyAll(buyers: readonly Bought["buyer"][]): Promise<void> {
    while (all.length < jobs && !stopped.aborted) {
      const bought = order(all.length, random, buyers);
      all.push(bought);
      bought.outcome = await replay(bought, {
        baseUrl: BASE_URL,
        fetch: bought.item.includes("cancelled") ? regretting(random.between(0, 1_500)) : network,
        calls: memoryCalls(),
        isAhead: all.length % 2 === 0,
        attemptMs: 5_000,
        longestMs: 1_000,
        signal: stopped,
      });
      const done = all.filter(({ outcome }) => outcome !== undefined).length;
      onProgress(`${done} of ${jobs} jobs bought, ${kills} of four servers killed`);
    }
  }

  try {
    const facilitator = await world.startFacilitatorServer();
    const buyers = await Promise.all(Array.from({ length: BUYERS }, () => world.account({ usdc: "1000" })));
    await world.fund(seller.address, "100");
    const before = await world.balanceOf(seller.address);
    await bundle(program);
    // The first makes the tables; that several may is for the store's own tests.
    for (const node of nodes) await boot(node, facilitator.url);
    const ends = watchEnds(store);
    const reigning = reign(facilitator.url);
    const buying = Promise.all(Array.from({ length: atOnce }, () => buyAll(buyers)));
    await Promise.race([buying, reigning.then(() => buying)]);
    over = true;
    await reigning;
    stopped.throwIfAborted();

    const wrong = await verify(world, store, seller.address, before, all);
    const ended = await store.recentJobs({ ended: true, limit: jobs * 2 });
    for (const { id, phase, work } of await store.recentJobs({ ended: false, limit: jobs }))
      wrong.push(`${id} is ${phase} ${work}`);
    wrong.push(...(await compare(all, ended, store)), ...(await ends.changed(ended)));
    for (const port of [nodes[0]?.port, nodes[1]?.port])
      wrong.push(...(await compareDocuments(`http://127.0.0.1:${port}`, ended)));
    const runs = readNotes(notes);
    wrong.push(...overlaps(runs, stops));

    const reruns = runs.filter(({ event, attempt }) => event === "start" && attempt > 1).length;
    const refunds = (await store.refunds({ limit: jobs * 2 })).length;
    const delivered = all.filter(({ outcome }) => outcome?.state === "delivered").length;
    const seconds = Math.round((performance.now() - startedAt) / 1000);
    const text = [
      `fleet: ${all.length} jobs on Postgres, 2 API nodes and 2 workers, ${kills} kills, ${freezes} freezes, ${reruns} reruns, ${delivered} delivered, ${refunds} refunds, ${wrong.length} violations in ${seconds} s`,
      ...wrong.slice(0, 50).map((one) => `    ${one}`),
    ].join("\n");
    return { wrong, kills, freezes, reruns, refunds, text, ok: wrong.length === 0 };
  } catch (error) {
    if (!signal?.aborted) throw error;
    return { wrong: [], kills, freezes, reruns: 0, refunds: 0, text: "the fleet was stopped", ok: true };
  } finally {
    over = true;
    for (const { child } of nodes) if (child) await end(child);
    await store.close();
    await Promise.all([world.stop(), postgres.stop()]);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The server in one file: it is started so often that loading it would be most of the work. */
async function bundle(program: string): Promise<void> {
  await build({
    entryPoints: [fileURLToPath(import.meta.resolve("./server.ts"))],
    outfile: program,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node22",
    logLevel: "error",
    // For dependencies that are CommonJS.
    banner: {
      js: `import { createRequire } from "node:module"; const require = createRequire(${JSON.stringify(import.meta.url)});`,
    },
  });
}

/** What the next buyer wants. */
function order(index: number, random: Dice, buyers: readonly Bought["buyer"][]): Bought {
  const roll = random.roll();
  const kind = roll < 0.12 ? "-broken" : roll < 0.27 ? "-slow" : roll < 0.37 ? "-cancelled-slow" : "";
  const resource: ResourceName = random.chance(0.3) ? "jobAfter" : "jobBefore";
  return {
    item: `item-${index}${kind}`,
    resource,
    key: `fleet-test-key-${String(index).padStart(6, "0")}`,
    buyer: buyers[index % buyers.length] as Bought["buyer"],
  };
}

/** Each purchase has come to one job, and its buyer was told what the job has come to. */
async function compare(all: readonly Bought[], ended: readonly JobRecord[], store: Store): Promise<string[]> {
  const wrong: string[] = [];
  // An ended job has dropped its input. Its call names the purchase.
  const keys = new Map<string, string | undefined>();
  for (const { id, callId } of ended) keys.set(id, (await store.call(callId))?.key);
  const byKey = grouped(ended, ({ id }) => keys.get(id) ?? "");
  for (const { item, outcome, key } of all) {
    const found = byKey.get(key) ?? [];
    const [job] = found;
    if (found.length !== 1 || !job) {
      wrong.push(`${key} (${item}) has ${found.length} jobs`);
      continue;
    }
    const code = job.failure?.code;
    if (outcome?.state === "delivered" && JSON.stringify(outcome.output) !== job.result)
      wrong.push(`${key} (${item}) was told ${JSON.stringify(outcome.output)}, and ${job.result} is stored`);
    if (outcome?.state === "failed" && job.work === "done")
      wrong.push(`${key} (${item}) has a result, and its buyer was told: ${outcome.why}`);
    if (item.endsWith("broken") ? job.work === "done" : code === "internal_error")
      wrong.push(`${key} (${item}) is ${job.work} ${code}`);
    // A job whose servers die three times fails and is refunded.
    const may = item.endsWith("broken") ? ["internal_error", "interrupted"] : ["cancelled", "interrupted"];
    if (code !== undefined && !may.includes(code)) wrong.push(`${key} (${item}) has failed with ${code}`);
    if (code === "cancelled" && !item.includes("cancelled"))
      wrong.push(`${key} (${item}) was cancelled without a request`);
  }
  return wrong;
}

/** What a job has come to: it never changes. */
const endOf = ({ work, result, failure, attempt, endedAt, expiresAt }: JobRecord): string =>
  JSON.stringify([work, result, failure, attempt, endedAt, expiresAt]);

/** Looks at the latest ends again and again. */
function watchEnds(store: Store): { changed(last: readonly JobRecord[]): Promise<string[]> } {
  const seen = new Map<string, string>();
  const changes: string[] = [];
  function note(jobs: readonly JobRecord[]): void {
    for (const job of jobs) {
      const now = endOf(job);
      const before = seen.get(job.id);
      if (before !== undefined && before !== now) changes.push(`${job.id}: ${before} became ${now}`);
      seen.set(job.id, before ?? now);
    }
  }
  let stopped = false;
  const looking = (async () => {
    while (!stopped) {
      note(await store.recentJobs({ ended: true, limit: 200 }));
      await pause(LOOK_EVERY_MS);
    }
  })();
  looking.catch(() => {});
  return {
    async changed(last) {
      stopped = true;
      await looking;
      note(last);
      const missing = seen.size - last.length;
      return missing === 0 ? changes : [...changes, `${missing} jobs that had ended are gone`];
    },
  };
}

/** A node reports every job as it is stored. */
async function compareDocuments(baseUrl: string, jobs: readonly JobRecord[]): Promise<string[]> {
  const wrong: string[] = [];
  for (const job of jobs) {
    const answer = await fetch(`${baseUrl}/v1/jobs/${job.id}`);
    const { status, result, code } = (await answer.json()) as JobDocument;
    const told = JSON.stringify([status, result, code]);
    const stored = JSON.stringify([
      statusOf(job),
      job.result === undefined ? undefined : JSON.parse(job.result),
      job.failure?.code,
    ]);
    if (told !== stored || !TERMINAL.includes(status as JobStatus))
      wrong.push(`${baseUrl} says ${told} of ${job.id}, and ${stored} is stored`);
  }
  return wrong;
}

export function readNotes(path: string): Note[] {
  // A child may be writing the last one.
  const lines = readFileSync(path, "utf8").split("\n").slice(0, -1);
  return lines.map((line) => JSON.parse(line) as Note);
}

/**
 * Jobs that ran twice at the same time, or twice as the same attempt. A run ends at the latest when its process is
 * killed or frozen: what a frozen one still does when it comes back cannot be helped, and must not count.
 */
export function overlaps(notes: readonly Note[], stops: ReadonlyMap<number, readonly number[]>): string[] {
  const wrong: string[] = [];
  for (const [jobId, lines] of grouped(notes, ({ jobId }) => jobId)) {
    const runs = lines
      .filter(({ event }) => event === "start")
      .map(({ attempt, pid, at }) => {
        const last = lines.find(
          (line) => line.event !== "start" && line.attempt === attempt && line.pid === pid,
        );
        const stopped = stops.get(pid)?.filter((time) => time >= at) ?? [];
        const to = Math.min(last?.at ?? Number.POSITIVE_INFINITY, ...stopped);
        return { attempt, pid, from: at, to };
      })
      .sort((a, b) => a.from - b.from || a.attempt - b.attempt);
    const attempts = runs.map(({ attempt }) => attempt);
    if (new Set(attempts).size < attempts.length) wrong.push(`${jobId} has attempts ${attempts.join(", ")}`);
    for (const [index, run] of runs.entries()) {
      const before = runs[index - 1];
      if (before && run.from < before.to)
        wrong.push(
          `${jobId}: attempt ${run.attempt} (${run.pid}) began ${before.to - run.from} ms before attempt ${before.attempt} (${before.pid}) had ended`,
        );
    }
  }
  return wrong;
}

function grouped<T>(all: readonly T[], by: (one: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const one of all) groups.set(by(one), [...(groups.get(by(one)) ?? []), one]);
  return groups;
}

/** The cancellation has won or lost; any other answer says nothing. */
const isAnswered = ({ status }: Response): boolean => status === 200 || status === 409;

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
