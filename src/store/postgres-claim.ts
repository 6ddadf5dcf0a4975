import { setTimeout } from "node:timers/promises";
import type { Opened } from "./postgres-open.ts";
import { jobTable, toText } from "./postgres-rows.ts";
import { byAge } from "./rules.ts";
import type { ClaimedJob, ClaimOptions } from "./store.ts";

/** How often a claim looks again for jobs that it has seen and that another transaction had locked. */
const MAX_TRIES = 4;
const MAX_PAUSE_MS = 10;

export type PostgresClaim = (opened: Opened, options: ClaimOptions) => Promise<readonly ClaimedJob[]>;

/**
 * {@link Store.claimJobs}: one statement. Servers that claim at the same moment skip each other's jobs, and none waits.
 * @param channel Where the new status of each job is told.
 * @param origin Who tells it.
 */
export function createClaim(schema: string, channel: string, origin: string): PostgresClaim {
  /** The resource whose turn was last. */
  let last = "";

  async function claimOnce(
    { db, clock }: Opened,
    { owner, limit, most = {}, except = [], orphans = false }: ClaimOptions,
  ): Promise<{ claimed: ClaimedJob[]; missed: number }> {
    const limited = Object.entries(most);
    // Sent again when the connection is lost: what the first one may have claimed, its server finds when it recovers.
    const rows = await db.read<{ wanted: number; turn: number | null; orphaned: boolean }>(
      statement(schema, clock.sql, orphans),
      [
        clock.time(),
        toText(owner),
        limit,
        limited.map(([name]) => toText(name)),
        limited.map(([, own]) => Math.max(0, Math.min(own, limit))),
        except.map(toText),
        toText(last),
        channel,
        origin,
      ],
    );
    const claimed = rows
      .filter(({ turn }) => turn !== null)
      .map(({ orphaned, ...row }) => ({ job: jobTable.record(row), orphaned }));
    last = claimed.at(-1)?.job.resource ?? last;
    return { claimed, missed: (rows[0]?.wanted ?? 0) - claimed.length };
  }

  return async (opened, options) => {
    const all: ClaimedJob[] = [];
    for (let tries = 1; options.limit > all.length; tries += 1) {
      const { claimed, missed } = await claimOnce(opened, rest(options, all)).catch((error: unknown) => {
        // What has been claimed is ours, and must be returned.
        if (all.length === 0) throw error;
        return { claimed: [], missed: 0 };
      });
      all.push(...claimed);
      if (missed <= 0 || tries === MAX_TRIES) break;
      await setTimeout(Math.random() * MAX_PAUSE_MS);
    }
    return all.sort((a, b) => byAge(a.job, b.job));
  };
}

/** What is left to claim. */
function rest(options: ClaimOptions, claimed: readonly ClaimedJob[]): ClaimOptions {
  if (claimed.length === 0) return options;
  const most = { ...options.most };
  for (const { job } of claimed) {
    const own = most[job.resource];
    if (own !== undefined) most[job.resource] = own - 1;
  }
  const except = [...(options.except ?? []), ...claimed.map(({ job }) => job.id)];
  return { ...options, limit: options.limit - claimed.length, most, except };
}

/**
 * Finds few rows of each resource, however many wait; locks the ones whose turn it is, skipping those that another
 * transaction has locked; and changes exactly these. `wanted` says how many there were to claim. (The array of ids keeps
 * the planner, which takes the candidates for many, from reading the whole table.)
 *
 * Parameters: now, owner, limit, names and limits of limited resources, ids to leave out, last resource, channel, origin.
 */
function statement(schema: string, now: string, orphans: boolean): string {
  const jobs = `${schema}.jobs`;
  const queued = `jobs.status = 'queued' AND jobs.run_at <= ${now} AND (jobs.start_by IS NULL OR jobs.start_by > ${now})
    AND jobs.id <> ALL ($6::text[])`;
  const orphaned = `jobs.status = 'running' AND jobs.id <> ALL ($6::text[])
    AND (jobs.owner IS NULL OR jobs.owner = $2::text OR NOT EXISTS (
      SELECT 1 FROM ${schema}.servers WHERE servers.owner = jobs.owner AND until > ${now}))`;
  // More than are wanted, so that servers that claim at the same moment find something behind what the first one locks.
  const oldest = "ORDER BY created_at, id LIMIT coalesce(own.most, 2 * $3::int8)";
  const some = (which: string) =>
    `(SELECT id, resource, created_at FROM ${jobs} WHERE resource = waiting.name AND ${which} ${oldest})`;
  const turns = (resource: string) =>
    `ORDER BY turn, ${resource} COLLATE "C" <= $7::text, ${resource} COLLATE "C"`;
  return `WITH RECURSIVE resources (name) AS (
      SELECT min(resource) FROM ${jobs} WHERE status = 'queued'
      UNION ALL
      SELECT (SELECT min(resource) FROM ${jobs} WHERE status = 'queued' AND resource > name)
      FROM resources WHERE name IS NOT NULL
    ), candidates AS MATERIALIZED (
      SELECT found.id, row_number() OVER (PARTITION BY found.resource ORDER BY found.created_at, found.id) AS turn
      FROM (
        SELECT name FROM resources WHERE name IS NOT NULL
        ${orphans ? `UNION SELECT resource FROM ${jobs} WHERE status = 'running'` : ""}
      ) AS waiting
      LEFT JOIN unnest($4::text[], $5::int8[]) AS own (name, most) ON own.name = waiting.name
      CROSS JOIN LATERAL (
        ${orphans ? `${some(queued)} UNION ALL ${some(orphaned)} ${oldest}` : some(queued)}
      ) AS found
    ), mine AS MATERIALIZED (
      SELECT jobs.id, turn, jobs.status = 'running' AS orphaned
      FROM ${jobs} JOIN candidates ON candidates.id = jobs.id
      WHERE jobs.id = ANY (ARRAY(SELECT id FROM candidates)) AND ${orphans ? `((${queued}) OR (${orphaned}))` : queued}
      ${turns("jobs.resource")} LIMIT $3::int8 FOR UPDATE OF jobs SKIP LOCKED
    ), claimed AS (
      UPDATE ${jobs} SET status = 'running', work = 'running', owner = $2::text, claim = gen_random_uuid()::text, attempt = attempt + 1,
        failures = failures + (CASE WHEN orphaned AND owner IS DISTINCT FROM $2::text THEN 1 ELSE 0 END),
        start_by = NULL, started_at = coalesce(started_at, ${now}), updated_at = ${now}
      FROM mine WHERE jobs.id = mine.id RETURNING jobs.*, turn, orphaned
    )
    SELECT least((SELECT count(*) FROM candidates), $3::int8)::int AS wanted, ${jobTable.columns}, turn::int, orphaned,
      CASE WHEN turn IS NOT NULL THEN
        pg_notify($8, CASE WHEN length(id) < 1000 THEN $9::text || ' ' || phase || ' running ' || id ELSE '' END)
      END
    FROM (VALUES (1)) AS one (one) LEFT JOIN claimed ON true ${turns("resource")}`;
}
