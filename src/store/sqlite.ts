import { type Alive, byAge, type Candidate, claimed, inTurns, take } from "./rules.ts";
import type { SqliteFile } from "./sqlite-access.ts";
import { sqliteCallStats } from "./sqlite-call-stats.ts";
import { ORPHANED, OWED, sqliteCalls } from "./sqlite-calls.ts";
import { type JobRow, jobOf, jobRow, type RefundRow, refundOf, refundRow } from "./sqlite-rows.ts";
import type { Begun, CallRecord, ClaimOptions, JobListener, JobRecord, Limits, Store } from "./store.ts";
import { jobEventOf, MAX_QUOTES, newSecret, REFUND_LIFE_MS, TOMBSTONE_LIFE_MS } from "./store.ts";

const NOT_EXCEPTED = "id NOT IN (SELECT value FROM json_each(:except))";
/** Interval of the search for changes of other processes, while there is a listener. */
const LOOK_EVERY_MS = 200;

/** Options of `storeIn`. */
export interface StoreInOptions {
  /** The store's clock, in milliseconds since the epoch. */
  readonly now: () => number;
  readonly completeSince: number;
}

/** A store in a SQLite file of which nothing but its statements is used here. */
export function storeIn(file: SqliteFile, { now, completeSince }: StoreInOptions): Store {
  const { prepare } = file;
  /** Writes a row, or of one that is there already what may change in it. */
  const put = (table: string, columns: string, changing: readonly string[]) =>
    prepare<never>(
      `INSERT INTO ${table} (${columns}) VALUES (${columns.replaceAll(/\w+/g, ":$&")})
       ON CONFLICT (id) DO UPDATE SET ${changing.map((name) => `${name} = ${changed(name)}`).join(", ")}`,
    );

  const servers = {
    put: prepare("INSERT OR REPLACE INTO servers (owner, until, runs_jobs) VALUES (?, ?, ?)"),
    delete: prepare("DELETE FROM servers WHERE owner = ?"),
    alive: prepare("SELECT 1 FROM servers WHERE owner = ? AND until > ?"),
    workers: prepare<{ workers: number }>(
      "SELECT count(*) AS workers FROM servers WHERE runs_jobs = 1 AND until > ?",
    ),
    sweep: prepare("DELETE FROM servers WHERE until <= ?"),
  };
  const calls = sqliteCalls(file, prepare);
  const jobs = {
    put: put(
      "jobs",
      `id, call_id, resource, status, phase, work, paid, code, owner, run_at, start_by, callback_at, created_at, updated_at, started_at,
       ended_at, expires_at, attempt, failures, claim, rest`,
      [
        ...[
          "status",
          "phase",
          "work",
          "code",
          "owner",
          "run_at",
          "start_by",
          "callback_at",
          "updated_at",
          "started_at",
          "ended_at",
        ],
        ...["expires_at", "attempt", "failures", "claim", "rest"],
      ],
    ),
    delete: prepare("DELETE FROM jobs WHERE id = ?"),
    get: prepare<JobRow>("SELECT * FROM jobs WHERE id = ?"),
    /** The oldest of each resource that has some. */
    claimable: prepare<Candidate>(
      `WITH RECURSIVE names (name) AS (
         SELECT min(resource) FROM jobs WHERE status = 'queued'
         UNION ALL
         SELECT (SELECT min(resource) FROM jobs WHERE status = 'queued' AND resource > name)
         FROM names WHERE name IS NOT NULL
       )
       SELECT id, resource, created_at AS createdAt FROM names JOIN jobs ON jobs.rowid IN (
         SELECT rowid FROM jobs WHERE resource = name AND status = 'queued' AND run_at <= :now
           AND (start_by IS NULL OR start_by > :now) AND ${NOT_EXCEPTED}
         ORDER BY created_at, id LIMIT :limit
       )`,
    ),
    orphaned: prepare<Candidate>(
      `SELECT id, resource, created_at AS createdAt FROM jobs
       WHERE status = 'running' AND (owner = :owner OR ${ORPHANED}) AND ${NOT_EXCEPTED}`,
    ),
    late: prepare<JobRow>(
      `SELECT * FROM jobs WHERE status = 'queued' AND start_by <= :now ORDER BY start_by LIMIT :limit`,
    ),
    calling: prepare<JobRow>(
      "SELECT * FROM jobs WHERE callback_at <= :now ORDER BY callback_at, id LIMIT :limit",
    ),
    /** How many take a place in the queue, counted up to a limit. */
    queued: prepare<{ jobs: number }>(
      `SELECT count(*) AS jobs FROM (
         SELECT 1 FROM jobs WHERE status = 'queued' AND paid = :paid AND (:resource IS NULL OR resource = :resource)
         LIMIT :limit
       )`,
    ),
    expired: prepare<Pick<JobRow, "id" | "call_id">>(
      `SELECT id, call_id FROM jobs WHERE expires_at <= :at AND phase <> 'submitted' AND NOT ${OWED} = jobs.call_id)
       ORDER BY expires_at LIMIT :limit`,
    ),
    bury: prepare("INSERT OR REPLACE INTO tombstones VALUES (?, ?)"),
    buried: prepare("SELECT 1 FROM tombstones WHERE id = ?"),
    forget: prepare(
      "DELETE FROM tombstones WHERE id IN (SELECT id FROM tombstones WHERE until <= :at LIMIT :limit)",
    ),
  };
  const refunds = {
    put: put("refunds", "id, call_id, resource, state, currency, value, retry_at, created_at, rest", [
      "state",
      "retry_at",
      "rest",
    ]),
    delete: prepare("DELETE FROM refunds WHERE id = ?"),
    get: prepare<RefundRow>("SELECT * FROM refunds WHERE id = ?"),
    list: prepare<RefundRow>(
      `SELECT * FROM refunds WHERE :state IS NULL OR state = :state ORDER BY created_at, id LIMIT :limit`,
    ),
    due: prepare<RefundRow>(
      `SELECT * FROM refunds WHERE state <> 'paid' AND retry_at <= :dueAt
         AND (:state IS NULL OR state = :state) ORDER BY created_at, id LIMIT :limit`,
    ),
    old: prepare<Pick<RefundRow, "id">>(
      "SELECT id FROM refunds WHERE state = 'paid' AND created_at <= :at ORDER BY created_at LIMIT :limit",
    ),
  };

  const secrets = {
    get: prepare<{ value: string }>("SELECT value FROM secrets WHERE name = 'quotes'"),
    put: prepare("INSERT OR IGNORE INTO secrets (name, value) VALUES ('quotes', ?)"),
  };
  const quotes = {
    put: prepare("INSERT OR REPLACE INTO quotes (id, value, until) VALUES (?, ?, ?)"),
    get: prepare<{ value: string }>("SELECT value FROM quotes WHERE id = ? AND until > ?"),
    expire: prepare("DELETE FROM quotes WHERE until <= ?"),
    bound: prepare(
      `DELETE FROM quotes WHERE id IN (
         SELECT id FROM quotes ORDER BY until DESC LIMIT -1 OFFSET ${MAX_QUOTES})`,
    ),
  };
  let quotesKept = 0;

  const listeners = new Set<JobListener>();
  const tell: JobListener = (event) => {
    for (const listener of listeners) listener(event);
  };
  /** The resource whose turn was last. */
  let lastClaimed = "";
  let stopLooking: (() => void) | undefined;

  const alive: Alive = (owner) => servers.alive.get(owner, now()) !== undefined;
  const jobById = (id: string) => record(jobs.get.get(id), jobOf);
  const refundById = (id: string) => record(refunds.get.get(id), refundOf);

  /** The jobs that a claim takes, in the order of their turns. */
  function claimable({ owner, limit, most, except = [], orphans }: ClaimOptions): Candidate[] {
    const by = { now: now(), except: JSON.stringify(except) };
    const found = jobs.claimable.all({ ...by, limit });
    if (orphans) found.push(...jobs.orphaned.all({ ...by, owner }));
    return inTurns(found, { limit, ...(most && { most }) }, lastClaimed);
  }

  /** Free jobs and paid jobs have queues of their own. */
  function isFull({ resource, payer }: JobRecord, { queued: most = {} }: Limits): boolean {
    const paid = Number(payer !== undefined);
    const reached = (limit: number | undefined, of: string | null): boolean =>
      limit !== undefined && (jobs.queued.get({ resource: of, limit, paid })?.jobs ?? 0) >= limit;
    return reached(most.resource, resource) || reached(most.all, null);
  }

  function isFullOfFree({ payment }: CallRecord, { freeCalls }: Limits): boolean {
    if (payment !== undefined || freeCalls === undefined) return false;
    return calls.free(freeCalls) >= freeCalls;
  }

  return {
    attend(owner, forMs, runsJobs = false) {
      return file.write(false, () => {
        if (forMs > 0) servers.put.run(owner, now() + forMs, Number(runsJobs));
        else servers.delete.run(owner);
      });
    },

    workers() {
      return file.read(() => servers.workers.get(now())?.workers ?? 0);
    },

    findCall(by) {
      return file.read(() => calls.holder(by));
    },

    call(id) {
      return file.read(() => calls.get(id));
    },

    async begin(call, job, limits) {
      const outcome = await file.write<Begun>(limits.durable, () => {
        const holder = calls.holder(call);
        if (holder) return { begun: false, because: "taken", holder };
        const { payer } = call.identity;
        if (limits.duplicateSince !== undefined) {
          const duplicate = calls.lastAlike(call, limits.duplicateSince);
          if (duplicate) return { begun: false, because: "duplicate", holder: duplicate };
        }
        const most = limits.outstanding;
        if (most !== undefined && calls.outstanding(payer, limits.settleableSince) + call.value > most) {
          return { begun: false, because: "outstanding" };
        }
        if (job ? isFull(job, limits) : isFullOfFree(call, limits)) return { begun: false, because: "full" };
        if (calls.has(call.id)) throw new Error(`a call with the id ${call.id} is kept already`);
        if (job && jobs.get.get(job.id)) throw new Error(`a job with the id ${job.id} is kept already`);
        calls.insert(call);
        if (job) jobs.put.run(jobRow(job));
        return { begun: true };
      });
      if (outcome.begun) calls.written(call);
      if (job && outcome.begun) tell(jobEventOf(job));
      return outcome;
    },

    async change(step) {
      const stepped = await file.write(step.durable, () => {
        const call = step.call && calls.current(step.call.id);
        const job = step.job && jobById(step.job.id);
        const refund = step.refund && refundById("add" in step.refund ? step.refund.add.id : step.refund.id);
        const found = { ...(call && { call }), ...(job && { job }), ...(refund && { refund }) };
        const next = take(step, found, alive, now());
        if (!next) return undefined;
        if (next.call && step.call?.set === "forget") calls.delete(next.call.id);
        else if (next.call && call) calls.update(next.call, call);
        if (next.job && step.job?.set === "forget") {
          jobs.delete.run(next.job.id);
          calls.letGo(next.job.callId);
        } else if (next.job) jobs.put.run(jobRow(next.job));
        if (next.refund) refunds.put.run(refundRow(next.refund));
        return next;
      });
      // Before the next transaction begins: that takes a turn of the event loop.
      if (stepped?.call && step.call?.set !== "forget") calls.written(stepped.call);
      if (stepped?.job) tell(jobEventOf(stepped.job));
      return stepped;
    },

    dueCalls({ limit, own = "" }) {
      return file.read(() => calls.due({ now: now(), own, limit }));
    },

    async claimJobs(options) {
      // Looks before it locks the file: mostly nothing waits.
      if ((await file.read(() => claimable(options))).length === 0) return [];
      const taken = await file.write(true, () =>
        claimable(options).flatMap(({ id }) => {
          const job = jobById(id);
          if (!job) return [];
          const one = claimed(job, options.owner, now());
          jobs.put.run(jobRow(one.job));
          return [one];
        }),
      );
      lastClaimed = taken.at(-1)?.job.resource ?? lastClaimed;
      for (const { job } of taken) tell(jobEventOf(job));
      return taken.sort((a, b) => byAge(a.job, b.job));
    },

    lateJobs(limit) {
      return file.read(() => jobs.late.all({ now: now(), limit }).map(jobOf));
    },

    dueCallbacks(limit) {
      return file.read(() => jobs.calling.all({ now: now(), limit }).map(jobOf));
    },

    watch(listener) {
      listeners.add(listener);
      stopLooking ??= file.onForeignChange(LOOK_EVERY_MS, () => tell(undefined));
      return () => {
        listeners.delete(listener);
        if (listeners.size > 0) return;
        stopLooking?.();
        stopLooking = undefined;
      };
    },

    job(id) {
      // In this order: between the two another process may bury the job, but it never digs one up.
      return file.read(() => jobById(id) ?? (jobs.buried.get(id) ? "gone" : undefined));
    },

    refunds({ state, dueAt, limit }) {
      return file.read(() => {
        const by = { state: state ?? null, limit };
        return (dueAt === undefined ? refunds.list.all(by) : refunds.due.all({ ...by, dueAt })).map(refundOf);
      });
    },

    async sweep(at, limit) {
      // Relaxed: what a power cut brings back is swept again.
      const swept = await file.write(false, () => {
        const expired = jobs.expired.all({ at, limit });
        for (const { id, call_id } of expired) {
          jobs.delete.run(id);
          jobs.bury.run(id, at + TOMBSTONE_LIFE_MS);
          calls.letGo(call_id);
        }
        const old = calls.old(at, limit);
        for (const id of old) calls.delete(id);
        const paid = refunds.old.all({ at: at - REFUND_LIFE_MS, limit });
        for (const { id } of paid) refunds.delete.run(id);
        const forgotten = jobs.forget.run({ at, limit });
        servers.sweep.run(now());
        quotes.expire.run(now());
        return expired.length + old.length + paid.length + Number(forgotten.changes);
      });
      file.checkpointEvery(swept > 0 ? PAGES_WHILE_SWEEPING : PAGES);
      return swept;
    },

    refund(id) {
      return file.read(() => refundById(id));
    },

    async secret() {
      const known = await file.read(() => secrets.get.get());
      if (known) return known.value;
      // Of servers that make one at the same time, the first one counts.
      await file.write(true, () => secrets.put.run(newSecret()));
      return (await file.read(() => secrets.get.get()))?.value ?? "";
    },

    async keepQuote({ id, value, until }) {
      await file.write(false, () => {
        quotes.put.run(id, value, until);
        quotesKept += 1;
        if (quotesKept % QUOTES_A_CHECK === 0) quotes.bound.run();
      });
    },

    quote(id) {
      return file.read(() => quotes.get.get(id, now())?.value);
    },

    completeSince,

    ...sqliteCallStats(file, prepare),

    close() {
      stopLooking?.();
      return file.close();
    },
  };
}

/** How often the number of quotes is looked at. */
const QUOTES_A_CHECK = 1_000;
/** SQLite's own number. */
const PAGES = 1000;
/** A sweep changes pages all over the file: a thousand of them would take longer than anybody should wait. */
const PAGES_WHILE_SWEEPING = 100;

/** A call whose job is gone stays without it. */
function changed(name: string): string {
  return name === "held" ? "min(held, excluded.held)" : `excluded.${name}`;
}

function record<Row, Record>(row: Row | undefined, decode: (row: Row) => Record): Record | undefined {
  return row === undefined ? undefined : decode(row);
}
