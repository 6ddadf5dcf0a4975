import { type FSWatcher, mkdtempSync, rmSync, watch, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generatePrivateKey } from "viem/accounts";
import { evmPayer } from "../../src/client/evm.ts";
import { connect, type Job } from "../../src/client/index.ts";
import { startWorld } from "../../src/testing/index.ts";
import { definitionOf } from "./api.ts";
import { readNotes } from "./fleet.ts";
import { end, forkServer } from "./process.ts";
import type { Note, ServerOrder } from "./server.ts";

/** Between two cancellations, so that each is told by itself, whatever the turn of a clock that it meets. */
const BETWEEN_MS = 37;
const PATIENCE_MS = 20_000;

/**
 * Cancels jobs through one process while they run in another one. Both share a store: a file, or a Postgres.
 * @returns Milliseconds from each request to the moment at which the handler's signal aborted, the shortest first.
 */
export async function cancelAcross(jobs: number, postgres?: string): Promise<number[]> {
  const folder = mkdtempSync(join(tmpdir(), "resource402-cancel-"));
  const notes = join(folder, "notes");
  writeFileSync(notes, "");
  await using world = await startWorld();
  const facilitator = await world.startFacilitatorServer();
  const order: ServerOrder = {
    store: postgres ?? join(folder, "calls.db"),
    facilitator: facilitator.url,
    rpcUrl: world.rpcUrl ?? "",
    sellerKey: generatePrivateKey(),
    port: 0,
    dieAt: "",
    // What a look every so often would find out in time does not count.
    everyMs: 3_000,
    leaseMs: 15_000,
    notes,
  };
  const taking = forkServer({ ...order, role: "api" });
  const working = forkServer({ ...order, role: "worker" });
  try {
    const [port] = await Promise.all([taking.listening, working.listening]);
    const client = connect({
      baseUrl: `http://127.0.0.1:${port}`,
      payer: evmPayer(await world.account({ usdc: "100" })),
    });
    const make = client.jobResource<{ item: string }, unknown>(definitionOf("jobBefore"));
    const started: Job<unknown>[] = [];
    for (let index = 0; index < jobs; index += 1)
      started.push(await make.start({ item: `${index}-endless` }));
    await noted(notes, (all) => all.filter(({ event }) => event === "start").length === jobs);

    const askedAt = new Map<string, number>();
    for (const job of started) {
      askedAt.set(job.id, Date.now());
      if (!(await job.cancel())) throw new Error(`${job.id} had ended before`);
      await new Promise((resolve) => setTimeout(resolve, BETWEEN_MS));
    }
    const all = await noted(notes, (lines) => lines.filter(({ event }) => event !== "start").length === jobs);
    const aborted = all.filter(({ event, pid }) => event === "abort" && pid === working.child.pid);
    return aborted.map(({ jobId, at }) => at - (askedAt.get(jobId) ?? 0)).sort((a, b) => a - b);
  } finally {
    await Promise.all([end(taking.child), end(working.child)]);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The notes as soon as something is true of them. */
function noted(path: string, isTrue: (notes: readonly Note[]) => boolean): Promise<readonly Note[]> {
  let watcher: FSWatcher | undefined;
  let timer: NodeJS.Timeout | undefined;
  return new Promise<readonly Note[]>((resolve, reject) => {
    const look = (): void => {
      const notes = readNotes(path);
      if (isTrue(notes)) resolve(notes);
    };
    watcher = watch(path, look);
    timer = setTimeout(() => reject(new Error(JSON.stringify(readNotes(path)))), PATIENCE_MS);
    look();
  }).finally(() => {
    watcher?.close();
    clearTimeout(timer);
  });
}
