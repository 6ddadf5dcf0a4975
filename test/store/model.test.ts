import fc from "fast-check";
import { memoryStore } from "resource402/server";
import { sqliteStore } from "resource402/sqlite";
import { expect, it } from "vitest";
import type { Phase, Work } from "../../src/store/state.ts";
import type { ClaimedJob, Limits, RefundRecord, Step, Store } from "../../src/store/store.ts";
import { kinds, type Made } from "./kinds.ts";
import { answer, call, freeCall, HOUR, job, receipt, refund, START } from "./records.ts";

/** What is done to a store. `told` says it in short, for the report of a failure. */
interface Command {
  readonly told: string;
  run(store: Store, now: number): Promise<unknown>;
}

/** Stands for the claim that a job has in the store when the step is taken. */
const CURRENT = "the current claim";

// Few names, so that commands meet each other's records.
const CALLS = ["c0", "c1", "c2", "c3", "c4", "c5"];
const callId = fc.constantFrom(...CALLS);
const refundId = fc.constantFrom("r0", "r1");
const owner = fc.constantFrom("s0", "s1");
const PHASES = ["open", "submitted", "charged", "delivered", "owed", "refunded", "kept", "void"] as const;
const phase = fc.constantFrom<Phase>(...PHASES);
const ENDS = ["done", "failed", "canceled", "expired"] as const;
const work = fc.constantFrom<Work>("waiting", "running", ...ENDS);
const refundState = fc.constantFrom<RefundRecord["state"]>("owed", "signed", "paid");
const soon = fc.constantFrom(0, 1, 500, 1000, 26 * HOUR);
const time = soon.map((ms) => START + ms);
const few = fc.constantFrom(0, 1, 3);
const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(value, { nil: undefined });
const some = <T>(value: fc.Arbitrary<T>) => fc.uniqueArray(value, { minLength: 1, maxLength: 3 });

const begin = fc.record({
  id: callId,
  payer: fc.constantFrom("0xalice", "0xbob"),
  nonce: fc.nat(9).map((n) => `n${n}`),
  key: maybe(fc.nat(9).map((n) => `k${n}`)),
  fingerprint: fc.constantFrom("f0", "f1"),
  value: fc.constantFrom(0, 30, 50),
  charge: fc.constantFrom("before" as const, "after" as const),
  isFree: fc.boolean(),
  phase,
  tries: fc.nat(1),
  owner: maybe(owner),
  answered: fc.boolean(),
  job: maybe(
    fc.record({
      phase,
      work,
      owner: maybe(owner),
      input: fc.json().map((text) => JSON.parse(text)),
      resource: fc.constantFrom("upscale", "other"),
      runAt: time,
      startBy: maybe(time),
      callback: maybe(
        fc.constant({ url: "https://buyer.test/", secret: "whsec_", tries: 0, dueAt: undefined }),
      ),
    }),
  ),
  retryIn: maybe(soon),
  validFor: soon,
  duplicateFor: maybe(soon),
  outstanding: maybe(fc.constantFrom(30, 60, 100)),
  settleableFor: maybe(soon),
  freeCalls: maybe(few),
  queued: maybe(fc.record({ resource: few, all: few }, { requiredKeys: [] })),
});

/** A guard, now and then. */
const guard = <T>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
  fc.oneof(
    { weight: 3, arbitrary: fc.constant({}) },
    { weight: 1, arbitrary: fc.record(fields, { requiredKeys: [] }) },
  );

const stepCall = fc.record({
  id: callId,
  when: guard({
    owner,
    unowned: fc.constant(true as const),
    orphaned: fc.constant(true as const),
    phase: some(phase),
  }),
  set: fc.oneof(
    { weight: 1, arbitrary: fc.constant("forget" as const) },
    {
      weight: 5,
      arbitrary: fc.record(
        {
          phase,
          ambiguous: fc.boolean(),
          reason: maybe(fc.constant("timeout")),
          answer: fc.constantFrom(answer, undefined),
          receipt: fc.constantFrom(receipt, undefined),
          owner: maybe(owner),
          tries: fc.nat(3),
          retryAt: maybe(time),
          key: fc.constant(undefined),
          jobId: fc.constant(undefined),
        },
        { requiredKeys: [] },
      ),
    },
  ),
});
const jobWhen = guard({
  work: some(work),
  phase: some(phase),
  claim: fc.constantFrom(CURRENT, "an older claim", undefined),
  owner,
  orphaned: fc.constant(true as const),
});
const stepJob = fc
  .record(
    {
      id: callId.map((id) => `job of ${id}`),
      optional: fc.constant(true as const),
      when: jobWhen,
      set: fc.oneof(
        { weight: 1, arbitrary: fc.constant("forget" as const) },
        {
          weight: 6,
          arbitrary: fc.record(
            {
              phase,
              work,
              progress: fc.nat(100),
              message: maybe(fc.string()),
              result: maybe(fc.json()),
              owner: maybe(owner),
              failures: fc.nat(1),
              runAt: time,
              startBy: maybe(time),
              // Postgres' texts do not know U+0000.
              failure: maybe(fc.constantFrom("a", "\u0000\\u0000").map((code) => ({ code, error: code }))),
              expiresAt: maybe(time),
            },
            { requiredKeys: [] },
          ),
        },
      ),
    },
    { requiredKeys: ["id", "set"] },
  )
  // What has ended stays so: the ledger sees to that.
  .map(({ set, when = {}, ...change }) => {
    const isMove = set !== "forget" && (set.work !== undefined || set.phase !== undefined);
    return { ...change, set, when: isMove ? { ...when, work: ["waiting", "running"] as const } : when };
  });
const stepRefund = fc.oneof(
  fc
    .record({ id: refundId, callId, retryIn: soon })
    .map(({ id, callId, retryIn }) => ({ add: refund(id, callId, { retryAt: START + retryIn }) })),
  fc.record({
    id: refundId,
    when: guard({ state: refundState }),
    set: fc.record(
      {
        state: refundState,
        ambiguous: fc.boolean(),
        transaction: maybe(fc.constant("0x1")),
        retryAt: soon.map((ms) => START + ms),
      },
      { requiredKeys: [] },
    ),
  }),
);
const step = fc
  .oneof(
    fc.record({ call: stepCall }),
    fc.record({ job: stepJob }),
    fc.record({ refund: stepRefund }),
    fc.record({ call: stepCall, job: stepJob, refund: stepRefund }, { requiredKeys: ["call"] }),
  )
  .chain((step) => fc.boolean().map((durable) => ({ ...step, durable }))) as fc.Arbitrary<Step>;

const limit = fc.constantFrom(0, 1, 9);
const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 6, arbitrary: begin.map(beginning) },
  { weight: 8, arbitrary: step.map(stepping) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(owner, fc.constantFrom(0, 600, 1500), fc.boolean())
      .map((args) => told("attend", args, (store) => store.attend(...args))),
  },
  { weight: 1, arbitrary: fc.constant(told("workers", [], (store) => store.workers())) },
  {
    weight: 2,
    arbitrary: fc
      .record({ limit, own: owner }, { requiredKeys: ["limit"] })
      .map((by) => told("dueCalls", by, (store) => store.dueCalls(by))),
  },
  { weight: 1, arbitrary: limit.map((n) => told("unconfirmed", n, (store) => store.unconfirmedCalls(n))) },
  {
    weight: 1,
    arbitrary: fc
      .record({ id: fc.constantFrom("q0", "q1"), value: fc.string(), until: time })
      .map((quote) => told("keepQuote", quote, (store) => store.keepQuote(quote))),
  },
  {
    weight: 4,
    arbitrary: fc
      .record(
        {
          owner,
          limit,
          most: fc.record({ upscale: few, other: few }, { requiredKeys: [] }),
          except: some(callId.map((id) => `job of ${id}`)),
          orphans: fc.boolean(),
        },
        { requiredKeys: ["owner", "limit"] },
      )
      .map((options) =>
        told("claimJobs", options, async (store) => (await store.claimJobs(options)).map(plain)),
      ),
  },
  {
    weight: 1,
    arbitrary: fc
      .record({ state: refundState, dueIn: soon, limit }, { requiredKeys: ["limit"] })
      .map(({ dueIn, ...by }) => {
        const all = { ...by, ...(dueIn !== undefined && { dueAt: START + dueIn }) };
        return told("refunds", all, (store) => store.refunds(all));
      }),
  },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom(0, 1000, 26 * HOUR, 8 * 24 * HOUR, 91 * 24 * HOUR)
      .map((ms) => told("sweep", ms, (store, now) => store.sweep(now + ms, 1000))),
  },
);

/** Claims are random: two stores agree when both have one. */
const unclaimed = <T extends { claim: string | undefined }>(job: T) => ({
  ...job,
  claim: job.claim === undefined ? undefined : "random",
});
const plain = ({ job, orphaned }: ClaimedJob) => ({ job: unclaimed(job), orphaned });

function stepping(one: Step): Command {
  return told("change", one, async (store) => {
    const guarded = one.job?.when && "claim" in one.job.when && one.job.when.claim === CURRENT;
    const found = guarded && one.job ? await store.job(one.job.id) : undefined;
    const claim = typeof found === "object" ? found.claim : undefined;
    const step = guarded && one.job ? { ...one, job: { ...one.job, when: { ...one.job.when, claim } } } : one;
    const stepped = await store.change(step);
    return stepped?.job ? { ...stepped, job: unclaimed(stepped.job) } : stepped;
  });
}

function told(name: string, argument: unknown, run: Command["run"]): Command {
  return { told: `${name} ${JSON.stringify(argument)}`, run };
}

function beginning(made: typeof begin extends fc.Arbitrary<infer T> ? T : never): Command {
  return told("begin", made, (store, now) => {
    const {
      payer,
      nonce,
      validFor,
      retryIn,
      answered,
      job: itsJob,
      duplicateFor,
      outstanding,
      settleableFor,
      freeCalls,
      queued,
      isFree,
      ...part
    } = made;
    const jobId = itsJob && `job of ${made.id}`;
    const record = (isFree ? freeCall : call)(made.id, {
      ...part,
      jobId,
      answer: answered ? answer : undefined,
      retryAt: retryIn === undefined ? undefined : now + retryIn,
      createdAt: now,
      identity: { payer, nonce, validBefore: Math.floor((now + validFor) / 1000) },
    });
    const jobPart = { ...itsJob, payer: isFree ? undefined : payer, createdAt: now };
    const limits: Limits = {
      ...(duplicateFor !== undefined && { duplicateSince: now - duplicateFor }),
      ...(outstanding !== undefined && { outstanding }),
      ...(queued !== undefined && { queued }),
      ...(settleableFor !== undefined && { settleableSince: now - settleableFor }),
      ...(freeCalls !== undefined && { freeCalls }),
    };
    return store.begin(record, itsJob && job(`job of ${made.id}`, made.id, jobPart), {
      durable: true,
      ...limits,
    });
  });
}

/** All that can be seen of a store. */
async function everything(store: Store): Promise<unknown> {
  return {
    calls: await Promise.all(CALLS.map((id) => store.call(id))),
    jobs: await Promise.all(
      CALLS.map(async (id) => {
        const found = await store.job(`job of ${id}`);
        return typeof found === "object" ? unclaimed(found) : found;
      }),
    ),
    refunds: await store.refunds({ limit: 9 }),
    dueRefunds: await store.refunds({ dueAt: START + 1000, state: "signed", limit: 9 }),
    dueCalls: await store.dueCalls({ limit: 9 }),
    unconfirmed: await store.unconfirmedCalls(9),
    searched: [await store.searchCalls("job of c1", 9), await store.searchCalls("0xalice", 9)],
    quotes: [await store.quote("q0"), await store.quote("q1")],
    lateJobs: byId(await store.lateJobs(9)).map(unclaimed),
    dueCallbacks: byId(await store.dueCallbacks(9)).map(unclaimed),
    callStats: Object.entries(await store.callStats({ since: START, bucketMs: HOUR })).map(([name, rows]) => [
      name,
      typeof rows === "number"
        ? rows
        : new Set(rows.map((row: object) => JSON.stringify(Object.entries(row).sort()))),
    ]),
  };
}

const byId = <T extends { id: string }>(records: readonly T[]): T[] =>
  [...records].sort((a, b) => (a.id < b.id ? -1 : 1));

const outcome = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    (value) => ({ value }),
    (error: Error) => ({ error: error.message }),
  );

/** Each store that is not the model, and how many courses of events it goes through: the slower, the fewer. */
const others: readonly [string, number, (now: () => number) => Promise<Made>][] = [
  [
    "in SQLite",
    120,
    async (now) => {
      const store = sqliteStore(":memory:", { now });
      return { store, dispose: () => store.close() };
    },
  ],
  ...kinds
    .filter(([name]) => !/memory|SQLite/.test(name))
    .map(([name, make]) => [name, 20, make] as [string, number, typeof make]),
];

it.each(others)(
  "a store %s does the same as one in memory, whatever is asked of it",
  async (_, numRuns, make) => {
    const commands = fc.array(fc.tuple(command, soon), { maxLength: 40, size: "max" });
    await fc.assert(
      fc.asyncProperty(
        commands.map((list) =>
          Object.assign(list, {
            [fc.toStringMethod]: () => list.map(([{ told }, ms]) => `${told}; +${ms} ms`).join("\n"),
          }),
        ),
        async (list) => {
          let now = START;
          const model = memoryStore({ now: () => now });
          const { store, dispose } = await make(() => now);
          try {
            for (const [{ told, run }, ms] of list) {
              const expected = await outcome(run(model, now));
              expect(await outcome(run(store, now)), told).toStrictEqual(expected);
              expect(await everything(store), `after ${told}`).toStrictEqual(await everything(model));
              now += ms;
            }
          } finally {
            await dispose();
          }
        },
      ),
      { numRuns, interruptAfterTimeLimit: 170_000, markInterruptAsFailure: true },
    );
  },
  180_000,
);
