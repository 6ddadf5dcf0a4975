import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { postgresStore } from "resource402/postgres";
import { sqliteStore } from "resource402/sqlite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { kindOf, stateOf } from "../../src/ledger/step.ts";
import { TABLES } from "../../src/ledger/transitions.ts";
import type { JobStatus } from "../../src/protocol/index.ts";
import { migrate, POSTGRES_MIGRATIONS as POSTGRES } from "../../src/store/postgres-migrations.ts";
import { toText } from "../../src/store/postgres-rows.ts";
import { callOf, callRow } from "../../src/store/sqlite-call-rows.ts";
import { openSqliteFile } from "../../src/store/sqlite-file.ts";
import { SQLITE_MIGRATIONS as SQLITE } from "../../src/store/sqlite-migrations.ts";
import { hasEnded, MOVED, statusOf } from "../../src/store/state.ts";
import type { CallRecord, JobRecord, RefundRecord, Store } from "../../src/store/store.ts";
import { startPostgres, whyNoPostgres } from "./postgres-server.ts";
import { answer, call, HOUR, receipt, START } from "./records.ts";

/** How many steps the last release had that kept `payment_state`, `open` and `status`. */
const OLD = 2;

// Steps are never changed: a store that a release has made would not be what the next step takes it for.
it.each([
  ["SQLite", SQLITE, "df4be788c6f73ddc"],
  ["Postgres", POSTGRES, "119fdeb03fe61729"],
])("the first two migrations of %s are those of the old release", (_name, steps, known) => {
  const hash = createHash("sha256").update(steps.slice(0, OLD).join("\n")).digest("hex");
  expect(hash.slice(0, 16)).toBe(known);
});

/** A call as the old release kept it, with its job and its refund. */
interface Old {
  readonly id: string;
  readonly free: boolean;
  readonly charge: "before" | "after";
  readonly money: "unused" | "in_flight" | "settled";
  /** Of a sync call: its answer. Of a job: its status, or that its record is gone. */
  readonly work: "unanswered" | "answered" | "answered by an error" | JobStatus | "job gone";
  readonly refund: "none" | "owed" | "signed" | "paid";
  readonly owner: string | null;
  readonly tries: number;
}

const SYNC = ["unanswered", "answered", "answered by an error"] as const;
const STATUSES: readonly JobStatus[] = [
  ...(["awaiting_payment", "queued", "running", "succeeded", "failed", "cancelled", "expired"] as const),
];
const ENDED: readonly string[] = ["succeeded", "failed", "cancelled", "expired"];

const isSync = ({ work }: Old): boolean => SYNC.some((one) => one === work);

/** Each combination, possible or not: a fault of the old release must not become a loss. */
const all: readonly Old[] = [false, true]
  .flatMap((free) =>
    (["before", "after"] as const).flatMap((charge) =>
      (["unused", "in_flight", "settled"] as const).flatMap((money) =>
        [...SYNC, ...STATUSES, "job gone" as const].flatMap((work) =>
          (["none", "owed", "signed", "paid"] as const).map((refund) => ({
            ...{ id: `${free ? "free" : "paid"}-${charge} ${money} ${work} ${refund}`, free, charge },
            ...{ money, work, refund },
          })),
        ),
      ),
    ),
  )
  // They decide nothing in a migration: they are kept. (Nine, so that each work is found with both.)
  .map((old, n) => ({ ...old, tries: n % 3, owner: n % 9 < 4 ? "dead" : null }));

const RETRY = START + 5_000;
const UPDATED = START + 77;
const TEXT = 'q"\\"payment\\":{\u0000 "attempt":5,"failures":6,"updatedAt":7';

type Row = Record<string, string | number | null>;

/** The rows of one combination, as `sqlite-rows.ts` of the old release wrote them. */
function rowsOf(old: Old): { calls: Row; jobs?: Row; refunds?: Row } {
  const { id, free, charge, money, work, owner, tries } = old;
  const { payment, identity } = call(id);
  const { asset, ...kept } = payment ?? { asset: undefined };
  const isJob = !isSync(old);
  const given = isJob || work !== "unanswered" ? answer : undefined;
  const isError = work === "answered by an error";
  const rest = {
    bytesHash: identity.bytesHash,
    ...(free ? {} : { payment: kept }),
    ...(given ? { answer: isError ? { ...given, status: 500 } : given } : {}),
    ...(money === "settled" ? { receipt } : {}),
  };
  const calls = {
    ...{ id, resource: "upscale", key: id, fingerprint: "f", network: free ? "" : identity.network },
    ...{ payer: free ? "" : identity.payer, nonce: identity.nonce, valid_before: identity.validBefore },
    ...{ value: 50_000, charge, payment_state: money, job_id: isJob ? `job of ${id}` : null, owner, tries },
    ...{ retry_at: RETRY, created_at: START, ended_at: given && !isJob ? START + 1 : null },
    ...{ open: Number(money === "in_flight" || given === undefined), failed: Number(isError) },
    ...{
      sweep_at: START + 24 * HOUR,
      held: Number(isJob && work !== "job gone"),
      rest: JSON.stringify(rest),
    },
  };
  const end = ENDED.includes(work);
  const jobRest = {
    ...(free ? {} : { payer: identity.payer }),
    ...{ input: { attempt: 8, failures: 9, updatedAt: 3, text: TEXT }, progress: 40, result: '{"ok":true}' },
    ...(end && work !== "succeeded" ? { failure: { code: "boom", error: TEXT } } : {}),
    ...{ paymentState: "in_flight", attempt: 3, failures: 2, trace: TEXT, updatedAt: UPDATED },
  };
  const jobs = {
    ...{ id: `job of ${id}`, call_id: id, resource: "upscale", status: work, run_at: 0, start_by: null },
    ...{ code: end && work !== "succeeded" ? "boom" : null, owner: work === "running" ? "dead" : null },
    ...{ callback_at: null, created_at: START, started_at: work === "running" ? START + 2 : null },
    ...{ ended_at: end ? START + 50 : null, expires_at: end ? START + HOUR : null },
    ...{ rest: JSON.stringify(jobRest) },
  };
  const refundRest = {
    ...{ reason: TEXT, to: "0xalice", network: identity.network, asset: receipt.asset, tries: 1 },
    ...{ atomicAmount: "50000", amount: "0.05", domain: { name: "USDC", version: "2" } },
    ...(old.refund === "signed" || old.refund === "paid" ? { payment: kept } : {}),
  };
  const refunds = {
    ...{ id: `ref_${id}`, call_id: id, resource: "upscale", state: old.refund === "paid" ? "paid" : "owed" },
    ...{
      currency: "USDC",
      value: 50_000,
      retry_at: RETRY,
      created_at: START,
      rest: JSON.stringify(refundRest),
    },
  };
  return {
    calls,
    ...(isJob && work !== "job gone" ? { jobs } : {}),
    ...(old.refund === "none" ? {} : { refunds }),
  };
}

/** Due at its old time; looked up on the chain after a day; or left alone. */
type Due = "due" | "audit" | "never";

/** Every state that the old release could leave behind, and what it becomes. */
const EXPECTED: readonly (readonly [old: string, state: string, due: Due])[] = [
  ["free-after unused unanswered none", "open.running", "due"],
  ["free-after unused answered none", "delivered.done", "never"],
  ["free-after unused queued none", "open.waiting", "never"],
  ["free-after unused running none", "open.running", "never"],
  ["free-after unused succeeded none", "delivered.done", "never"],
  ["free-after unused failed none", "void.failed", "never"],
  ["free-after unused cancelled none", "void.canceled", "never"],
  ["free-after unused expired none", "void.expired", "never"],
  // Synchronous, charged after the work.
  ["paid-after unused unanswered none", "open.running", "due"],
  ["paid-after in_flight answered none", "submitted.done", "due"],
  ["paid-after settled answered none", "delivered.done", "never"],
  ["paid-after unused answered by an error none", "void.failed", "audit"],
  // Synchronous, charged before the work.
  ["paid-before in_flight unanswered none", "submitted.waiting", "due"],
  ["paid-before settled unanswered none", "charged.running", "due"],
  ["paid-before settled answered none", "delivered.done", "never"],
  ["paid-before settled answered by an error owed", "owed.failed", "never"],
  ["paid-before settled answered by an error signed", "owed.failed", "never"],
  ["paid-before settled answered by an error paid", "refunded.failed", "never"],
  // Its refund was paid so long ago that it has been swept.
  ["paid-before settled answered by an error none", "refunded.failed", "never"],
  // Jobs that are charged after the work.
  ["paid-after unused queued none", "open.waiting", "never"],
  ["paid-after unused running none", "open.running", "never"],
  ["paid-after in_flight awaiting_payment none", "submitted.done", "due"],
  ["paid-after settled succeeded none", "delivered.done", "never"],
  ["paid-after unused failed none", "void.failed", "audit"],
  ["paid-after unused cancelled none", "void.canceled", "audit"],
  ["paid-after unused expired none", "void.expired", "audit"],
  // Jobs that are charged before the work.
  ["paid-before in_flight awaiting_payment none", "submitted.waiting", "due"],
  ["paid-before settled queued none", "charged.waiting", "never"],
  ["paid-before settled running none", "charged.running", "never"],
  ["paid-before settled succeeded none", "delivered.done", "never"],
  ...(["failed", "cancelled", "expired"] as const).flatMap((status) => {
    const work = status === "cancelled" ? "canceled" : status;
    return [
      [`paid-before settled ${status} owed`, `owed.${work}`, "never"],
      [`paid-before settled ${status} signed`, `owed.${work}`, "never"],
      [`paid-before settled ${status} paid`, `refunded.${work}`, "never"],
      [`paid-before settled ${status} none`, `refunded.${work}`, "never"],
    ] as const;
  }),
];

interface Found {
  readonly old: Old;
  readonly call: CallRecord;
  readonly job: JobRecord | undefined;
  readonly refund: RefundRecord | undefined;
}

/** What a store makes of each combination, and the column by which its jobs are found. */
interface Opened {
  readonly found: ReadonlyMap<string, Found>;
  readonly statuses: ReadonlyMap<string, string>;
  readonly states: ReadonlyMap<string, string>;
  readonly store: Store;
}

async function readAll(store: Store): Promise<ReadonlyMap<string, Found>> {
  const found = new Map<string, Found>();
  for (const old of all) {
    const [one, job, refund] = await Promise.all([
      store.call(old.id),
      store.job(`job of ${old.id}`),
      store.refund(`ref_${old.id}`),
    ]);
    if (!one || job === "gone") throw new Error(`${old.id} is lost`);
    found.set(old.id, { old, call: one, job, refund });
  }
  return found;
}

const insertion = (table: string, row: Row, placeholder: (n: number) => string): string =>
  `INSERT INTO ${table} (${Object.keys(row).join(", ")}) VALUES (${Object.keys(row)
    .map((_, n) => placeholder(n))
    .join(", ")})`;

const cleanups: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function sqlite(): Promise<Opened> {
  const folder = await mkdtemp(join(tmpdir(), "resource402-migrations-"));
  cleanups.push(() => rm(folder, { recursive: true }));
  const path = join(folder, "store.db");
  const before = openSqliteFile(path, 1000, SQLITE.slice(0, OLD));
  before.db.exec("BEGIN");
  for (const old of all) {
    for (const [table, row] of Object.entries(rowsOf(old)) as [string, Row][]) {
      before.db.prepare(insertion(table, row, () => "?")).run(...Object.values(row));
    }
  }
  before.db.exec("COMMIT");
  await before.close();
  const store = sqliteStore(path, { now: () => START });
  cleanups.push(() => store.close());
  const beside = openSqliteFile(path, 1000, SQLITE);
  const column = (sql: string) =>
    new Map(
      beside.db
        .prepare(sql)
        .all()
        .map(({ id, value }) => [String(id), String(value)]),
    );
  const statuses = column("SELECT id, status AS value FROM jobs");
  const states = column("SELECT id, state AS value FROM refunds");
  await beside.close();
  return { found: await readAll(store), statuses, states, store };
}

async function postgres(): Promise<Opened> {
  const server = await startPostgres();
  cleanups.push(() => server.stop());
  const { connectionString } = server;
  await migrate({ connectionString }, "old", POSTGRES.slice(0, OLD));
  const client = new pg.Client({ connectionString });
  await client.connect();
  cleanups.push(() => client.end());
  await client.query("BEGIN");
  for (const old of all) {
    for (const [table, row] of Object.entries(rowsOf(old)) as [string, Row][]) {
      const values = Object.entries(row).map(([name, value]) =>
        typeof value === "string" && name !== "rest" ? toText(value) : value,
      );
      await client.query(
        insertion(`old.${table}`, row, (n) => `$${n + 1}`),
        values,
      );
    }
  }
  await client.query("COMMIT");
  const store = postgresStore({ connectionString, schema: "old", now: () => START });
  cleanups.push(() => store.close());
  const found = await readAll(store);
  const column = async (sql: string) => {
    const { rows } = await client.query<{ id: string; value: string }>(sql);
    return new Map(rows.map(({ id, value }) => [id, value]));
  };
  const statuses = await column("SELECT id, status AS value FROM old.jobs");
  const states = await column("SELECT id, state AS value FROM old.refunds");
  return { found, statuses, states, store };
}

const whyNot = process.env.CI ? undefined : whyNoPostgres();

describe.each([
  ["SQLite file", sqlite],
  ...(whyNot ? [] : [["Postgres schema", postgres] as const]),
] as const)("a %s of the old release, brought up to date,", (_name, open) => {
  let opened: Opened;
  beforeAll(async () => {
    opened = await open();
  }, 120_000);
  const each = (check: (found: Found) => void): void => {
    for (const found of opened.found.values()) check(found);
  };

  it("has the state, and the time to look at it, for everything that the old release could leave", () => {
    const times: Record<Due, number | undefined> = {
      due: RETRY,
      audit: START + 24 * HOUR,
      never: undefined,
    };
    const expected: [string, unknown][] = [];
    const actual: [string, unknown][] = [];
    for (const [name, state, due] of EXPECTED) {
      const found = opened.found.get(name);
      const [phase] = state.split(".");
      expected.push([name, { state, phase, retryAt: times[due], ambiguous: phase === "submitted" }]);
      const one = found?.call;
      const now = one && stateOf(one, found.job);
      const { retryAt, ambiguous } = one ?? {};
      actual.push([
        name,
        { state: `${now?.phase}.${now?.work}`, phase: found?.job?.phase ?? one?.phase, retryAt, ambiguous },
      ]);
    }
    expect(actual).toEqual(expected);
  });

  it("loses no money, whatever the combination", () => {
    each(({ old, call: { id, phase, ambiguous, retryAt }, refund }) => {
      if (old.refund !== "none") {
        expect(phase, id).toBe(old.refund === "paid" ? "refunded" : "owed");
      } else if (!old.free && old.money === "settled") {
        // `owed` without a refund would never be paid, the old release had no policy `kept`.
        expect(
          MOVED.filter((one) => one !== "owed" && one !== "kept"),
          id,
        ).toContain(phase);
      } else if (!old.free && old.money === "in_flight") {
        expect({ phase, ambiguous, retryAt }, id).toEqual({
          phase: "submitted",
          ambiguous: true,
          retryAt: RETRY,
        });
      } else if (!old.free) {
        expect(["open", "submitted", "void"], id).toContain(phase);
      }
      expect(refund === undefined, id).toBe(old.refund === "none");
    });
  });

  it("keeps what a settled call with a failure cost: it is never delivered", () => {
    each(({ old, call: { id, phase } }) => {
      const hasFailed = ["answered by an error", "failed", "cancelled", "expired"].includes(old.work);
      if (!old.free && old.money === "settled" && hasFailed)
        expect(["owed", "refunded"], id).toContain(phase);
    });
  });

  it("has only states that the tables know, and from which each call can go on", () => {
    each(({ old, call: one, job }) => {
      const { phase, work } = stateOf(one, job);
      // The old release never gave a paid output for nothing. If it did, nothing is left to do.
      if (`${phase}.${work}` === "void.done") expect(one.retryAt, one.id).toBeUndefined();
      else if (!old.free || old.refund === "none")
        expect(Object.keys(TABLES[kindOf(one)]), one.id).toContain(`${phase}.${work}`);
    });
  });

  it("has jobs whose phase, status, end and owner fit together", () => {
    each(({ call: { phase }, job }) => {
      if (!job) return;
      expect(job.phase, job.id).toBe(phase);
      expect(opened.statuses.get(job.id), job.id).toBe(statusOf(job));
      expect(job.endedAt !== undefined, job.id).toBe(hasEnded(job));
      expect(job.expiresAt !== undefined, job.id).toBe(hasEnded(job));
      expect(job.owner, job.id).toBe(statusOf(job) === "running" ? "dead" : undefined);
    });
  });

  it("keeps everything else: keys, owners, tries, answers, payments, inputs and counters", () => {
    each(({ old, call: one, job }) => {
      const { payment, identity } = call(old.id);
      expect(one, old.id).toMatchObject({
        key: old.id,
        owner: old.owner ?? undefined,
        tries: old.tries,
        cancel: "refund",
      });
      expect(one.payment, old.id).toEqual(old.free ? undefined : { ...payment, asset: expect.anything() });
      expect(one.identity.bytesHash, old.id).toBe(identity.bytesHash);
      expect(one.answer === undefined, old.id).toBe(old.work === "unanswered");
      if (!job) return;
      expect(job, old.id).toMatchObject({
        attempt: 3,
        failures: 2,
        updatedAt: UPDATED,
        trace: TEXT,
        progress: 40,
      });
      expect(job.input, old.id).toEqual({ attempt: 8, failures: 9, updatedAt: 3, text: TEXT });
    });
  });

  it("has signed refunds that may have been sent, and owed ones that were not", async () => {
    each(({ old, refund }) => {
      if (!refund) return;
      expect({ state: refund.state, ambiguous: refund.ambiguous }, old.id).toEqual({
        state: old.refund,
        ambiguous: old.refund === "signed",
      });
      expect(opened.states.get(refund.id), old.id).toBe(old.refund);
    });
    const signed = all.filter(({ refund }) => refund === "signed").length;
    expect(await opened.store.refunds({ state: "signed", limit: 10_000 })).toHaveLength(signed);
    expect(await opened.store.refunds({ dueAt: RETRY, limit: 10_000 })).toHaveLength(signed * 2);
  });

  it("lets workers claim the jobs that are open or charged, and no other", async () => {
    const waiting: string[] = [];
    each(({ job }) => {
      if (job && ["queued", "running"].includes(statusOf(job))) waiting.push(job.id);
    });
    const claimed = await opened.store.claimJobs({ owner: "w1", limit: 10_000, orphans: true });
    expect(claimed.map(({ job }) => job.id).sort()).toEqual(waiting.sort());
    for (const { job } of claimed) expect(["open", "charged"], job.id).toContain(job.phase);
  });
});

it.each([
  ["50000", { amount: "0.05", currency: "USDC" }, { symbol: "USDC", decimals: 6 }],
  ["50000000000000000", { amount: "0.05", currency: "DAI" }, { symbol: "DAI", decimals: 18 }],
  ["5", { amount: "0.05", currency: "GUSD" }, { symbol: "GUSD", decimals: 2 }],
  ["3", { amount: "3", currency: "ONE" }, { symbol: "ONE", decimals: 0 }],
  ["43210", { amount: "0.05", currency: "EURC" }, { symbol: "EURC", decimals: 6 }],
  ["50000", undefined, { symbol: receipt.asset, decimals: 6 }],
])("reads the asset of an old payment of %s units from its offer", (amount, pricing, asset) => {
  const { payment, ...record } = call("c1");
  if (payment?.version !== 2) throw new Error("expected a payment of version 2");
  const requirements = { ...payment.requirements, amount, extra: pricing === undefined ? {} : { pricing } };
  const { asset: _, ...old } = { ...payment, requirements };
  const row = callRow({ ...record, payment: old as unknown as NonNullable<CallRecord["payment"]> });
  expect(callOf(row).payment?.asset).toEqual(asset);
});
