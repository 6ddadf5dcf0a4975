import type { Opened } from "./postgres-open.ts";
import type { Waiting } from "./postgres-queue.ts";
import { fromText, toText } from "./postgres-rows.ts";
import { byAge } from "./rules.ts";
import type { Room, Store } from "./store.ts";

/** Tickets to look at when the clock is a test's, which pg-boss does not know. */
const ALL = 1000;

/** {@link Store.handOut}: resources take turns, so that none waits behind the long queue of another. */
export function createHandOut() {
  /** The resource that was served last. */
  let last = "";

  return async (opened: Opened, { limit, most = {} }: Room): ReturnType<Store["handOut"]> => {
    const waiting = (await waitingResources(opened)).filter((name) => (most[name] ?? 1) > 0);
    const next = waiting.findIndex((name) => name > last);
    let turn = next > 0 ? [...waiting.slice(next), ...waiting.slice(0, next)] : waiting;
    const found = new Map<string, Waiting>();
    const room = new Map(turn.map((name) => [name, most[name] ?? limit]));
    // Each gets its share, and after that what the others have left.
    while (turn.length > 0 && found.size < limit) {
      const more: string[] = [];
      for (const [n, resource] of turn.entries()) {
        const left = room.get(resource) ?? 0;
        const share = Math.min(left, Math.ceil((limit - found.size) / (turn.length - n)));
        if (share === 0) break;
        const jobs = await takeJobs(opened, resource, share);
        for (const job of jobs) found.set(job.id, job);
        room.set(resource, left - jobs.length);
        if (jobs.length === share && left > share) more.push(resource);
        last = resource;
      }
      turn = more;
    }
    return [...found.values()].sort(byAge).map(({ id, resource }) => ({ id, resource }));
  };
}

/** Resources of which a job waits whose time has come. Looks at few rows of each, not at all that wait. */
async function waitingResources({ schema, db, clock }: Opened): Promise<string[]> {
  const queued = `FROM ${schema}.jobs WHERE status = 'queued'`;
  const rows = await db.read<{ name: string }>(
    `WITH RECURSIVE resources AS (
       (SELECT resource AS name ${queued} ORDER BY resource LIMIT 1)
       UNION ALL
       SELECT (SELECT resource ${queued} AND resource > name ORDER BY resource LIMIT 1)
       FROM resources WHERE name IS NOT NULL
     )
     SELECT name FROM resources
     WHERE EXISTS (SELECT 1 ${queued} AND resource = name AND run_at <= ${clock.sql})`,
    [clock.time()],
  );
  return rows.map(({ name }) => fromText(name)).sort();
}

/** Takes tickets until there are jobs enough: one whose job does not wait any more is worth nothing. */
async function takeJobs(opened: Opened, resource: string, limit: number): Promise<Waiting[]> {
  const { schema, db, queue, clock } = opened;
  await queue.prepare(resource);
  const found: Waiting[] = [];
  for (;;) {
    const wanted = limit - found.length;
    const batch = clock.time() === null ? wanted : ALL;
    const { due, goOn } = await db.transaction(async (transaction) => {
      const tickets = await queue.take(transaction, resource, batch);
      if (tickets.length === 0) return { due: [], goOn: false };
      const [rows] = await Promise.all([
        transaction.query<{ id: string; run_at: number; created_at: number; now: number }>(
          `SELECT id, run_at, created_at, ${clock.sql} AS now FROM ${schema}.jobs
           WHERE id = ANY ($2::text[]) AND status = 'queued' ORDER BY created_at, id`,
          [clock.time(), tickets.map(({ jobId }) => toText(jobId))],
        ),
        queue.drop(transaction, resource, tickets),
      ]);
      const jobs = rows.map(({ id, run_at: runAt, created_at: createdAt, now }) => ({
        job: { id: fromText(id), resource, runAt, createdAt },
        isDue: runAt <= now,
      }));
      const due = jobs.filter(({ isDue }) => isDue).slice(0, wanted);
      // Put off since their tickets were written, or more than there is room for.
      const back = jobs.filter((one) => !due.includes(one));
      for (const { job } of back) await queue.put(transaction, job);
      return { due, goOn: tickets.length === batch && back.length < tickets.length };
    });
    found.push(...due.map(({ job }) => job));
    if (found.length >= limit || !goOn) return found;
  }
}
