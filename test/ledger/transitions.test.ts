import { readFileSync, writeFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CANCEL_POLICIES, type CancelPolicy } from "../../schema/cancel.ts";
import { nextRefund, REFUND_TABLE, type RefundEvent } from "../../src/ledger/refund.ts";
import { type Event, type Facts, kindOf, stateOf, stepOf } from "../../src/ledger/step.ts";
import { type EventName, type Kind, next, TABLES } from "../../src/ledger/transitions.ts";
import { take } from "../../src/store/rules.ts";
import { isClaimable, type Phase, type Work } from "../../src/store/state.ts";
import type { CallRecord, JobRecord, RefundRecord, Step } from "../../src/store/store.ts";
import { printedTables } from "./tables.ts";

const PHASES = ["open", "submitted", "charged", "delivered", "owed", "refunded", "kept", "void"] as const;
const WORKS = ["waiting", "running", "done", "failed", "canceled", "expired"] as const;
const EVENTS = [
  ...["submit", "output", "failure", "not-sent", "settled", "refused", "unclear", "aged", "lapsed"],
  ...["spent-elsewhere", "attempt-failed", "handed-back", "claimed", "taken-over", "abandoned", "cancel"],
  ...["expired", "resolved-paid", "resolved-unpaid", "refund-paid"],
] as EventName[];
const KINDS = ["free", "sync-after", "sync-before", "job-after", "job-before"] as const;
const PAID = KINDS.filter((kind) => kind !== "free");

/**
 * The expected tables, written by hand: a state, then `event > next`. `=` is the state itself. States and
 * events that are not written must have no place.
 */
const EXPECTED: Readonly<Record<Kind, string>> = {
  free: `
    open.waiting: cancel > void.canceled, expired > void.expired
    open.running: output > delivered.done, failure > sync:deleted job:void.failed, attempt-failed > job:open.waiting,
      handed-back > job:open.waiting, taken-over > sync:=, abandoned > sync:deleted, cancel > job:void.canceled
    delivered.done:
    void.failed:
    void.canceled:
    void.expired:`,
  "sync-after": `
    open.running: submit > submitted.done, failure > void.failed, settled > charged.running, taken-over > =,
      abandoned > deleted
    submitted.done: settled > delivered.done, resolved-paid > delivered.done, refused > void.failed,
      lapsed > void.failed, spent-elsewhere > void.failed, resolved-unpaid > void.failed, not-sent > =, unclear > =,
      claimed > =, taken-over > =, aged > submitted.failed
    submitted.failed: settled > owed.failed, resolved-paid > owed.failed, refused > void.failed, lapsed > void.failed,
      spent-elsewhere > void.failed, resolved-unpaid > void.failed, not-sent > =, unclear > =, aged > =, claimed > =,
      taken-over > =
    charged.running: output > delivered.done, failure > owed.failed, abandoned > owed.failed, handed-back > =,
      claimed > =, taken-over > =, settled > =, lapsed > =, spent-elsewhere > =
    delivered.done: settled > =, lapsed > =, spent-elsewhere > =
    owed.failed: refund-paid > refunded.failed, settled > =, lapsed > =, spent-elsewhere > =
    refunded.failed: settled > =, lapsed > =, spent-elsewhere > =
    void.failed: settled > owed.failed, resolved-paid > owed.failed, unclear > =, lapsed > =, spent-elsewhere > =`,
  "sync-before": `
    submitted.waiting: settled > charged.running, resolved-paid > owed.failed, refused > void.failed,
      lapsed > void.failed, spent-elsewhere > void.failed, resolved-unpaid > void.failed, not-sent > =, unclear > =,
      aged > =, claimed > =, taken-over > =
    charged.running: output > delivered.done, failure > owed.failed, abandoned > owed.failed, handed-back > =,
      claimed > =, taken-over > =, settled > =, lapsed > =, spent-elsewhere > =
    delivered.done: settled > =, lapsed > =, spent-elsewhere > =
    owed.failed: refund-paid > refunded.failed, settled > =, lapsed > =, spent-elsewhere > =
    refunded.failed: settled > =, lapsed > =, spent-elsewhere > =
    void.failed: settled > owed.failed, resolved-paid > owed.failed, unclear > =, lapsed > =, spent-elsewhere > =`,
  "job-after": `
    open.waiting: settled > charged.waiting, cancel > void.canceled, expired > void.expired
    open.running: submit > submitted.done, failure > void.failed, settled > charged.running,
      attempt-failed > open.waiting, handed-back > open.waiting, cancel > void.canceled
    submitted.done: settled > delivered.done, resolved-paid > delivered.done, refused > void.failed,
      lapsed > void.failed, spent-elsewhere > void.failed, resolved-unpaid > void.failed, not-sent > =, unclear > =,
      claimed > =, taken-over > =, aged > submitted.failed
    submitted.failed: settled > owed.failed, resolved-paid > owed.failed, refused > void.failed, lapsed > void.failed,
      spent-elsewhere > void.failed, resolved-unpaid > void.failed, not-sent > =, unclear > =, aged > =, claimed > =,
      taken-over > =
    charged.waiting: cancel > refund:owed.canceled keep:kept.canceled, expired > owed.expired, settled > =, lapsed > =,
      spent-elsewhere > =
    charged.running: output > delivered.done, failure > owed.failed, attempt-failed > charged.waiting,
      handed-back > charged.waiting, cancel > refund:owed.canceled keep:kept.canceled, settled > =, lapsed > =,
      spent-elsewhere > =
    delivered.done: settled > =, lapsed > =, spent-elsewhere > =
    kept.canceled: settled > =, lapsed > =, spent-elsewhere > =
    owed.failed: refund-paid > refunded.failed, settled > =, lapsed > =, spent-elsewhere > =
    owed.canceled: refund-paid > refunded.canceled, settled > =, lapsed > =, spent-elsewhere > =
    owed.expired: refund-paid > refunded.expired, settled > =, lapsed > =, spent-elsewhere > =
    refunded.failed: settled > =, lapsed > =, spent-elsewhere > =
    refunded.canceled: settled > =, lapsed > =, spent-elsewhere > =
    refunded.expired: settled > =, lapsed > =, spent-elsewhere > =
    void.failed: settled > owed.failed, resolved-paid > owed.failed, unclear > =, lapsed > =, spent-elsewhere > =
    void.canceled: settled > owed.canceled, resolved-paid > owed.canceled, unclear > =, lapsed > =, spent-elsewhere > =
    void.expired: settled > owed.expired, resolved-paid > owed.expired, unclear > =, lapsed > =, spent-elsewhere > =`,
  "job-before": `
    submitted.waiting: settled > charged.waiting, resolved-paid > owed.failed, refused > void.failed,
      lapsed > void.failed, spent-elsewhere > void.failed, resolved-unpaid > void.failed, not-sent > =, unclear > =,
      aged > submitted.failed, claimed > =, taken-over > =, cancel > submitted.canceled
    submitted.canceled: settled > refund:owed.canceled keep:kept.canceled,
      resolved-paid > refund:owed.canceled keep:kept.canceled, refused > void.canceled, lapsed > void.canceled,
      spent-elsewhere > void.canceled, resolved-unpaid > void.canceled, not-sent > =, unclear > =, aged > =,
      claimed > =, taken-over > =
    submitted.failed: settled > owed.failed, resolved-paid > owed.failed, refused > void.failed, lapsed > void.failed,
      spent-elsewhere > void.failed, resolved-unpaid > void.failed, not-sent > =, unclear > =, aged > =, claimed > =,
      taken-over > =
    charged.waiting: cancel > refund:owed.canceled keep:kept.canceled, expired > owed.expired, settled > =, lapsed > =,
      spent-elsewhere > =
    charged.running: output > delivered.done, failure > owed.failed, attempt-failed > charged.waiting,
      handed-back > charged.waiting, cancel > refund:owed.canceled keep:kept.canceled, settled > =, lapsed > =,
      spent-elsewhere > =
    delivered.done: settled > =, lapsed > =, spent-elsewhere > =
    kept.canceled: settled > =, lapsed > =, spent-elsewhere > =
    owed.failed: refund-paid > refunded.failed, settled > =, lapsed > =, spent-elsewhere > =
    owed.canceled: refund-paid > refunded.canceled, settled > =, lapsed > =, spent-elsewhere > =
    owed.expired: refund-paid > refunded.expired, settled > =, lapsed > =, spent-elsewhere > =
    refunded.failed: settled > =, lapsed > =, spent-elsewhere > =
    refunded.canceled: settled > =, lapsed > =, spent-elsewhere > =
    refunded.expired: settled > =, lapsed > =, spent-elsewhere > =
    void.failed: settled > owed.failed, resolved-paid > owed.failed, unclear > =, lapsed > =, spent-elsewhere > =
    void.canceled: settled > owed.canceled, resolved-paid > owed.canceled, unclear > =, lapsed > =, spent-elsewhere > =
    void.expired: settled > owed.expired, resolved-paid > owed.expired, unclear > =, lapsed > =, spent-elsewhere > =`,
};

const EXPECTED_REFUND = `
  owed: sign > signed, settled > paid, unclear > =, lapsed > =, resolved-paid > paid, resolved-unpaid > =
  signed: sign > =, settled > paid, not-sent > owed, refused > owed, unclear > =, lapsed > owed, spent-elsewhere > =,
    resolved-paid > paid, resolved-unpaid > owed
  paid:`;

type Cells = Record<string, Record<string, unknown>>;

function parsed(text: string): Cells {
  const cells: Cells = {};
  for (const [, state = "", row = ""] of text.matchAll(
    /^ +([a-z]+(?:\.[a-z]+)?):((?:.*)(?:\n {4,}[a-z-]+ >.*)*)/gm,
  )) {
    const target = (name: string): string => (name === "=" ? state : name);
    const entries = row.split(",").map((cell) => cell.split(">").map((part) => part.trim()));
    cells[state] = Object.fromEntries(
      entries
        .filter(([event]) => event !== "")
        .map(([event, to = ""]) => {
          if (!to.includes(":")) return [event, target(to)];
          const choices = to.split(/\s+/).map((one) => one.split(":") as [string, string]);
          return [event, Object.fromEntries(choices.map(([when, name]) => [when, target(name)]))];
        }),
    );
  }
  return cells;
}

describe("the tables", () => {
  for (const kind of KINDS) {
    it(`of ${kind} calls are those of the design, cell by cell`, () => {
      const expected = parsed(EXPECTED[kind]);
      const actual = TABLES[kind] as Cells;
      for (const phase of PHASES) {
        for (const work of WORKS) {
          for (const event of EVENTS) {
            const state = `${phase}.${work}`;
            expect(actual[state]?.[event], `${state} ${event}`).toEqual(expected[state]?.[event]);
          }
        }
      }
      // Nothing else stands in them.
      expect(actual).toEqual(expected);
    });
  }

  it("of refunds is that of the design", () => {
    expect(REFUND_TABLE).toEqual(parsed(EXPECTED_REFUND));
  });

  it("in docs/money.md are printed from the code (refresh: MONEY_DOC=write)", () => {
    const file = new URL("../../docs/money.md", import.meta.url);
    const text = readFileSync(file, "utf8");
    let fresh = text;
    for (const [name, table] of printedTables()) {
      const place = new RegExp(`(<!-- table: ${name} -->\n)[^]*?(<!-- end -->)`);
      expect(text, name).toMatch(place);
      fresh = fresh.replace(place, (_, from: string, to: string) => `${from}\n${table}\n\n${to}`);
    }
    if (process.env.MONEY_DOC === "write") writeFileSync(file, fresh);
    else expect(text).toBe(fresh);
  });
});

const constantsOf = (kind: Kind, cancel: CancelPolicy = "refund", isJob = kind.startsWith("job")) => ({
  ...{ kind, isJob, cancel },
});

describe("next", () => {
  const states = fc.record({
    phase: fc.constantFrom(...PHASES),
    work: fc.constantFrom(...WORKS),
    ambiguous: fc.boolean(),
  });
  const constants = fc.record({
    kind: fc.constantFrom(...KINDS),
    isJob: fc.boolean(),
    cancel: fc.constantFrom(...CANCEL_POLICIES),
  });

  it("never throws, and leads to states that the table has", () => {
    fc.assert(
      fc.property(constants, states, fc.constantFrom(...EVENTS), (given, from, event) => {
        const to = next(given, from, event);
        if (to === undefined || to === "deleted") return;
        expect(TABLES[given.kind]).toHaveProperty([`${to.phase}.${to.work}`]);
        expect(to.ambiguous && to.phase !== "submitted").toBe(false);
      }),
    );
  });

  it("ignores settled in no phase of a paid call", () => {
    for (const kind of PAID) {
      for (const name of Object.keys(TABLES[kind])) {
        const [phase, work] = name.split(".") as [Phase, Work];
        for (const ambiguous of [false, true]) {
          const to = next(constantsOf(kind), { phase, work, ambiguous }, "settled");
          expect(["charged", "delivered", "owed", "refunded", "kept"], `${kind} ${name}`).toContain(
            to === "deleted" ? to : to?.phase,
          );
        }
      }
    }
  });

  it("leads from settled money only to delivered, owed, refunded or kept", () => {
    for (const kind of PAID) {
      for (const cancel of ["refund", "keep"] as const) {
        const seen = new Set(
          Object.keys(TABLES[kind]).filter((name) => /^(charged|delivered|owed|refunded|kept)/.test(name)),
        );
        for (const name of seen) {
          const [phase, work] = name.split(".") as [Phase, Work];
          for (const event of EVENTS) {
            const to = next(constantsOf(kind, cancel), { phase, work, ambiguous: false }, event);
            expect(to, `${name} ${event}`).not.toBe("deleted");
            if (to === undefined || to === "deleted") continue;
            expect(["open", "submitted", "void"]).not.toContain(to.phase);
          }
        }
      }
    }
  });

  it("deletes open calls alone", () => {
    fc.assert(
      fc.property(constants, states, fc.constantFrom(...EVENTS), (given, from, event) => {
        if (next(given, from, event) === "deleted") expect(from.phase).toBe("open");
      }),
    );
  });

  it("cancels no job of a call whose policy forbids it", () => {
    for (const kind of ["free", "job-after", "job-before"] as const) {
      for (const name of Object.keys(TABLES[kind])) {
        const [phase, work] = name.split(".") as [Phase, Work];
        const from = { phase, work, ambiguous: false };
        expect([name, next(constantsOf(kind, "forbid", true), from, "cancel")]).toEqual([name, undefined]);
      }
    }
  });

  it("believes no refusal after an ambiguous submission", () => {
    for (const kind of PAID) {
      for (const work of WORKS) {
        const to = next(constantsOf(kind), { phase: "submitted", work, ambiguous: true }, "refused");
        if (to !== undefined) expect(to).toEqual({ phase: "submitted", work, ambiguous: true });
      }
    }
  });
});

const NOW = Date.UTC(2026, 0, 1);
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const ME = "server-1";
const NETWORK = "eip155:84532";
const ANSWER = { status: 200, headers: {}, body: '"output"' };
const FAILED = { status: 500, headers: {}, body: '{"code":"internal_error"}' };

const requirements = {
  ...{
    scheme: "exact",
    network: NETWORK,
    asset: "0xA5",
    amount: "50000",
    payTo: "0x5e",
    maxTimeoutSeconds: 60,
  },
  extra: { name: "USDC", version: "2" },
} as const;

function factsOf(over: Partial<Facts> = {}): Facts {
  const given = { hasNode: () => true, retentionMs: () => DAY };
  return { now: NOW, owner: ME, comeBackMs: 60_000, ...given, ...over };
}

/** The records of a call in a state. */
function records(kind: Kind | "free-job", phase: Phase, work: Work, over: Partial<CallRecord> = {}) {
  const isJob = kind.includes("job");
  const isFree = kind.startsWith("free");
  const hasMoved = !["open", "submitted", "void"].includes(phase);
  const receipt = {
    ...{ amount: "0.05", currency: "USDC", atomicAmount: "50000", asset: "0xA5", network: NETWORK },
    ...{ transaction: "0xfirst", payer: "0xPayer", payTo: "0x5e", settledAt: new Date(NOW).toISOString() },
  };
  const hasOutput = work === "done" && !isJob;
  const call = {
    ...{ id: "call", resource: "caption", key: "order-1", fingerprint: "f", requestHash: "h" },
    identity: {
      ...{ network: NETWORK, payer: "0xpayer", nonce: "0x1", bytesHash: "b" },
      validBefore: NOW / 1000 + 120,
    },
    payment: isFree
      ? undefined
      : {
          ...{ version: 2, network: NETWORK, asset: { symbol: "USDC", decimals: 6 }, requirements },
          payload: {
            ...{
              x402Version: 2,
              accepted: requirements,
              resource: { url: "echo" },
              extensions: { echo: true },
            },
            payload: { authorization: { from: "0xPayer" } },
          },
        },
    ...{ value: 50_000, charge: kind.endsWith("before") ? "before" : "after", phase, ambiguous: false },
    cancel: "refund",
    answer: hasOutput ? ANSWER : phase === "void" && !isJob ? FAILED : undefined,
    receipt: hasMoved && !isFree ? receipt : undefined,
    ...{ reason: undefined, resolution: undefined, jobId: isJob ? "job" : undefined },
    owner: isJob && phase !== "submitted" ? undefined : ME,
    ...{ tries: 0, retryAt: NOW, createdAt: NOW, endedAt: undefined },
    ...over,
  } as unknown as CallRecord;
  const job = {
    ...{
      id: "job",
      resource: "caption",
      callId: "call",
      payer: "0xpayer",
      input: { text: "x" },
      phase,
      work,
    },
    ...{
      progress: 0,
      message: undefined,
      result: work === "done" ? '"output"' : undefined,
      failure: undefined,
    },
    ...{
      receipt: undefined,
      owner: work === "running" ? ME : undefined,
      attempt: 1,
      claim: "claim",
      failures: 0,
    },
    ...{
      runAt: NOW,
      startBy: undefined,
      callback: undefined,
      trace: undefined,
      createdAt: NOW,
      updatedAt: NOW,
    },
    ...{ startedAt: undefined, endedAt: undefined, expiresAt: undefined },
  } as unknown as JobRecord;
  return { call, job: isJob ? job : undefined };
}

const PAYLOADS: Partial<Record<EventName, Partial<Event>>> = {
  settled: { transaction: "0xpaid" },
  "resolved-paid": { transaction: "0xpaid", resolution: { by: "ann", why: "seen on chain", at: NOW } },
  "resolved-unpaid": { resolution: { by: "ann", why: "never sent", at: NOW } },
  refused: { reason: "insufficient_funds" },
};

function eventOf(event: EventName, isJob: boolean): Event {
  if (event === "submit" || event === "output")
    return { event, ...(isJob ? { result: '"output"' } : { answer: ANSWER }) };
  if (event === "failure" || event === "abandoned") {
    const failure = { code: "internal_error", error: "It failed." };
    return { event, failure, ...(isJob ? {} : { answer: FAILED }) };
  }
  return { event, ...PAYLOADS[event] };
}

function step(
  kind: Kind | "free-job",
  state: string,
  event: EventName,
  facts: Partial<Facts> = {},
  over: Partial<CallRecord> = {},
) {
  const [phase, work] = state.split(".") as [Phase, Work];
  const { call, job } = records(kind, phase, work, over);
  return stepOf(call, job, eventOf(event, job !== undefined), factsOf(facts));
}

const callSet = (found: Step | undefined) =>
  found?.call?.set as Exclude<NonNullable<Step["call"]>["set"], "forget">;

/** Every state of a kind. */
const statesOf = (kind: Kind): string[] => Object.keys(TABLES[kind]);

describe("a step", () => {
  it("is pure, and is guarded by the phase that it comes from", () => {
    for (const kind of KINDS) {
      for (const state of statesOf(kind)) {
        for (const event of EVENTS) {
          const first = step(kind, state, event);
          expect(step(kind, state, event)).toEqual(first);
          if (!first) continue;
          expect(first.call?.when?.phase, `${kind} ${state} ${event}`).toEqual([state.split(".")[0]]);
          if (first.job) expect(first.job.when?.work).toEqual([state.split(".")[1]]);
        }
      }
    }
  });

  it("is durable where docs/money.md says so", () => {
    type Row = readonly [Kind, string, EventName, boolean, typeof NO_NODE?];
    const NO_NODE = { hasNode: () => false };
    const rows: readonly Row[] = [
      ["sync-after", "open.running", "submit", true],
      ["sync-after", "open.running", "failure", false],
      ["sync-after", "open.running", "taken-over", false],
      ["sync-after", "open.running", "abandoned", false],
      ["sync-after", "open.running", "settled", true],
      ["sync-after", "submitted.done", "settled", false],
      ["sync-after", "submitted.done", "settled", true, NO_NODE],
      ["sync-after", "submitted.done", "refused", true],
      ["sync-after", "submitted.done", "refused", true, NO_NODE],
      ["sync-after", "submitted.done", "lapsed", true],
      ["sync-after", "submitted.done", "resolved-paid", true],
      ["sync-after", "submitted.done", "resolved-unpaid", true],
      ["sync-after", "void.failed", "settled", true],
      ["sync-before", "submitted.waiting", "settled", true],
      ["sync-before", "submitted.waiting", "refused", true],
      ["sync-before", "charged.running", "output", true],
      ["sync-before", "charged.running", "failure", true],
      ["sync-before", "charged.running", "abandoned", true],
      ["job-after", "open.waiting", "cancel", true],
      ["job-after", "open.waiting", "expired", false],
      ["job-after", "open.running", "attempt-failed", false],
      ["job-after", "open.running", "handed-back", false],
      ["job-after", "open.running", "failure", false],
      ["job-after", "open.running", "submit", true],
      ["job-after", "submitted.done", "settled", false],
      ["job-after", "submitted.done", "settled", true, NO_NODE],
      ["job-before", "submitted.waiting", "cancel", true],
      ["job-before", "charged.running", "attempt-failed", true],
      ["job-before", "charged.running", "handed-back", true],
      ["job-before", "charged.running", "output", true],
      ["job-before", "charged.running", "cancel", true],
      ["job-before", "owed.failed", "refund-paid", true],
      ["free", "open.running", "output", false],
      ["free", "open.running", "failure", false],
    ];
    for (const [kind, state, event, durable, facts] of rows) {
      expect(step(kind, state, event, facts)?.durable, `${kind} ${state} ${event}`).toBe(durable);
    }
  });

  it("lets any server record that money has moved, and its owner alone that it has not", () => {
    const other = { owner: "server-2" };
    expect(step("sync-after", "submitted.done", "settled", other)?.call?.when).toEqual({
      phase: ["submitted"],
    });
    expect(step("sync-after", "submitted.done", "refused", other)?.call?.when).toMatchObject({
      owner: "server-2",
    });
    expect(step("job-before", "submitted.waiting", "cancel", other)?.call?.when).toEqual({
      phase: ["submitted"],
    });
  });

  it("takes over, deletes or abandons only a call whose server is dead, or that no server owns", () => {
    const other = { owner: "server-2" };
    for (const [kind, state, event] of [
      ["sync-after", "open.running", "abandoned"],
      ["sync-after", "open.running", "taken-over"],
      ["sync-before", "charged.running", "abandoned"],
      ["sync-after", "submitted.done", "taken-over"],
    ] as const) {
      expect(step(kind, state, event, other)?.call?.when).toMatchObject({ orphaned: true });
      expect(step(kind, state, event, other, { owner: undefined })?.call?.when).toMatchObject({
        unowned: true,
      });
      expect(step(kind, state, event)?.call?.when).toMatchObject({ owner: ME });
    }
  });

  it("keeps the output of a refused call from its buyer", () => {
    for (const event of ["refused", "lapsed", "spent-elsewhere", "resolved-unpaid"] as const) {
      expect(callSet(step("sync-after", "submitted.done", event))).toMatchObject({
        phase: "void",
        answer: undefined,
      });
      expect(callSet(step("sync-after", "submitted.done", event))).toHaveProperty("answer");
      expect(step("job-after", "submitted.done", event)?.job?.set).toMatchObject({
        work: "failed",
        result: undefined,
      });
    }
  });

  it("frees the key of a failed sync call and of a forgotten job, and keeps that of any other job", () => {
    const frees = (kind: Kind, state: string, event: EventName, over: Partial<CallRecord> = {}) => {
      const set = callSet(step(kind, state, event, {}, over));
      return "key" in set && set.key === undefined;
    };
    expect(frees("sync-after", "open.running", "failure")).toBe(true);
    expect(frees("sync-before", "submitted.waiting", "refused")).toBe(true);
    expect(frees("job-after", "open.running", "failure")).toBe(false);
    expect(frees("job-after", "submitted.done", "refused")).toBe(false);
    expect(step("job-before", "submitted.waiting", "refused")?.job?.set).toBe("forget");
    expect(frees("job-before", "submitted.waiting", "refused")).toBe(true);
    expect(frees("job-before", "submitted.waiting", "refused", { tries: 1 })).toBe(false);
    // Who has canceled a job knows it.
    expect(step("job-before", "submitted.canceled", "refused")?.job?.set).toMatchObject({ work: "canceled" });
  });

  it("adds one refund in the step that leads to owed, with or without a transaction", () => {
    for (const kind of PAID) {
      for (const state of statesOf(kind)) {
        for (const event of EVENTS) {
          const found = step(kind, state, event);
          const isOwed = found?.call?.set !== "forget" && found?.call?.set.phase === "owed";
          const adds = found?.refund !== undefined && "add" in found.refund;
          expect(adds, `${kind} ${state} ${event}`).toBe(isOwed && !state.startsWith("owed"));
          if (adds)
            expect(found.refund).toMatchObject({
              add: { id: "ref_call", to: "0xPayer", atomicAmount: "50000" },
            });
        }
      }
    }
    const { call } = records("sync-before", "submitted", "waiting");
    const resolved = stepOf(call, undefined, { event: "resolved-paid" }, factsOf());
    expect(resolved?.refund).toMatchObject({ add: { atomicAmount: "50000" } });
    expect(callSet(resolved)).not.toHaveProperty("receipt");
  });

  it("keeps the first receipt when a payment is proven again", () => {
    for (const state of ["charged.running", "delivered.done", "owed.failed", "refunded.failed"]) {
      for (const event of ["settled", "lapsed", "spent-elsewhere"] as const) {
        expect(step("sync-before", state, event), `${state} ${event}`).toBeUndefined();
      }
    }
  });

  it("pauses longer after each try without an outcome, for a day at most", () => {
    for (const age of [0, HOUR]) {
      let last = 0;
      for (let tries = 0; tries < 60; tries += 1) {
        const now = NOW + age;
        const set = callSet(step("sync-after", "submitted.done", "unclear", { now }, { tries }));
        const pause = Number(set.retryAt) - now;
        expect(pause).toBeGreaterThanOrEqual(last);
        expect(pause).toBeLessThanOrEqual(age === 0 ? 60_000 : DAY);
        expect(set).toMatchObject({ tries: tries + 1, owner: undefined });
        last = pause;
      }
      expect(last).toBe(age === 0 ? 60_000 : DAY);
    }
  });

  it("drops the echo of an unconfirmed payment once it has expired", () => {
    const echo = (now: number) => callSet(step("sync-after", "submitted.done", "unclear", { now })).payment;
    expect(echo(NOW + 120_000 + 10 * 60_000)).toBeUndefined();
    const dropped = echo(NOW + 120_000 + 10 * 60_000 + 1);
    expect(dropped?.payload).toMatchObject({ payload: { authorization: { from: "0xPayer" } } });
    expect(dropped?.payload).not.toHaveProperty("extensions");
    expect(dropped?.payload).not.toHaveProperty("resource");
  });

  it("makes a tombstone of a submission that is unclear after 90 days, and refunds what is proven later", () => {
    const late = { now: NOW + 90 * DAY + 1 };
    for (const event of ["unclear", "not-sent"] as const) {
      const set = callSet(step("sync-after", "submitted.done", event, late));
      expect(set).toMatchObject({
        phase: "submitted",
        ambiguous: true,
        answer: undefined,
        retryAt: undefined,
      });
      expect(step("job-after", "submitted.done", event, late)?.job?.set).toMatchObject({
        ...{ work: "failed", input: null, result: undefined },
      });
    }
    // A definite refusal still counts.
    expect(callSet(step("sync-after", "submitted.done", "refused", late))).toMatchObject({ phase: "void" });
    expect(callSet(step("sync-after", "submitted.done", "refused", late, { ambiguous: true }))).toMatchObject(
      {
        ...{ phase: "submitted", answer: undefined },
      },
    );
    // On the last day it is still tried again.
    expect(
      callSet(step("sync-after", "submitted.done", "unclear", { now: NOW + 90 * DAY })).retryAt,
    ).toBeDefined();
    const { call } = records("sync-after", "submitted", "failed", { answer: undefined });
    expect(stateOf(call, undefined)).toEqual({ phase: "submitted", work: "failed" });
    const paid = stepOf(call, undefined, eventOf("settled", false), factsOf(late));
    expect(callSet(paid)).toMatchObject({ phase: "owed" });
    expect(paid?.refund).toBeDefined();
  });

  it("looks a void payment up once after it has expired, with a node, and never without", () => {
    const expiresAt = NOW + 120_000;
    for (const kind of ["sync-after", "job-after"] as const) {
      for (const hasNode of [true, false]) {
        const facts = { hasNode: () => hasNode };
        for (const [state, event] of [
          ["open.running", "failure"],
          ["submitted.done", "refused"],
        ] as const) {
          const { retryAt } = callSet(step(kind, state, event, facts));
          if (hasNode) expect(retryAt).toBeGreaterThan(expiresAt + 60_000);
          else expect(retryAt).toBeUndefined();
        }
        for (const event of ["lapsed", "spent-elsewhere"] as const) {
          expect(callSet(step(kind, "void.failed", event, facts)).retryAt).toBeUndefined();
        }
      }
      // A node that is down is asked again, but not for ever.
      expect(callSet(step(kind, "void.failed", "unclear")).retryAt).toBeGreaterThan(NOW);
      expect(callSet(step(kind, "void.failed", "unclear", { now: NOW + 91 * DAY })).retryAt).toBeUndefined();
    }
    expect(callSet(step("free-job", "open.running", "cancel")).retryAt).toBeUndefined();
  });

  it("gives the buyer of lost work time to come back for it", () => {
    expect(callSet(step("sync-before", "charged.running", "handed-back"))).toMatchObject({
      ...{ owner: undefined, retryAt: NOW + 60_000 },
    });
  });
});

describe("any sequence of events", () => {
  const moves = fc.array(
    fc.record({
      event: fc.constantFrom(...EVENTS, "claim" as const),
      owner: fc.constantFrom("server-1", "server-2"),
      waits: fc.constantFrom(0, 1_000, 10 * 60_000, DAY, 40 * DAY),
    }),
    { maxLength: 30 },
  );
  const given = fc.record({
    kind: fc.constantFrom(...PAID),
    cancel: fc.constantFrom(...CANCEL_POLICIES),
    hasNode: fc.boolean(),
  });

  /** Plays events against records as a store changes them. */
  function play(
    { kind, cancel, hasNode }: { kind: Kind; cancel: CancelPolicy; hasNode: boolean },
    list: readonly { event: EventName | "claim"; owner: string; waits: number }[],
    check: (
      event: EventName,
      before: CallRecord,
      after: CallRecord | "deleted",
      found: Step | undefined,
    ) => void,
  ): void {
    const start = kind.endsWith("before") ? "submitted" : "open";
    const work = kind === "sync-after" ? "running" : "waiting";
    let { call, job } = records(kind, start, work);
    call = { ...call, cancel };
    let now = NOW;
    for (const { event, owner, waits } of list) {
      now += waits;
      if (event === "claim") {
        if (job && isClaimable(job)) job = { ...job, work: "running", owner };
        continue;
      }
      const facts = factsOf({ now, owner, hasNode: () => hasNode });
      const found = stepOf(call, job, eventOf(event, job !== undefined), facts);
      if (!found) {
        check(event, call, call, undefined);
        continue;
      }
      const stepped = take(found, { call, ...(job && { job }) }, () => true, now);
      if (!stepped) {
        expect(event).not.toBe("settled");
        continue;
      }
      const after = found.call?.set === "forget" ? "deleted" : (stepped.call ?? call);
      check(event, call, after, found);
      if (after === "deleted") return;
      call = after;
      if (found.job) job = found.job.set === "forget" ? undefined : stepped.job;
      if (job) expect(job.phase).toBe(call.phase);
      // A call whose job no buyer knows goes on without it.
      expect(kindOf(call)).toBe(job || kind.startsWith("sync") ? kind : "sync-before");
      expect(TABLES[kindOf(call)]).toHaveProperty([Object.values(stateOf(call, job)).join(".")]);
    }
  }

  it("keeps what was settled: delivered, owed with its refund, refunded, kept, or still worked on", () => {
    fc.assert(
      fc.property(given, moves, (constants, list) => {
        let isPaid = false;
        const refunds: RefundRecord[] = [];
        play(constants, list, (event, before, after, found) => {
          if (event === "settled") isPaid = true;
          if (event === "resolved-paid" && found) isPaid = true;
          if (found?.refund && "add" in found.refund) refunds.push(found.refund.add);
          expect(refunds.length).toBeLessThanOrEqual(1);
          if (after === "deleted") {
            expect(before.phase).toBe("open");
            expect(isPaid).toBe(false);
            return;
          }
          if (isPaid) expect(["charged", "delivered", "owed", "refunded", "kept"]).toContain(after.phase);
          if (after.phase === "owed" || after.phase === "refunded") expect(refunds).toHaveLength(1);
          if (after.phase === "kept") expect(constants.cancel).toBe("keep");
          // What is delivered has an output.
          if (after.phase === "delivered" && after.jobId === undefined) expect(after.answer).toEqual(ANSWER);
          if (after.phase === "void") expect(after.answer).not.toEqual(ANSWER);
        });
      }),
      { numRuns: 2_000 },
    );
  });

  it("never turns a refusal into void once a submission was unclear or taken over", () => {
    fc.assert(
      fc.property(given, moves, (constants, list) => {
        let isUnclear = false;
        play(constants, list, (event, before, after, found) => {
          if (after === "deleted") return;
          if (before.phase === "submitted" && found && ["unclear", "taken-over"].includes(event))
            isUnclear = true;
          if (event === "refused" && isUnclear && before.phase === "submitted")
            expect(after.phase).toBe("submitted");
        });
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("a refund", () => {
  const events = Object.keys({ ...REFUND_TABLE.owed, ...REFUND_TABLE.signed }) as RefundEvent[];

  it("is paid on a settlement or by an operator alone", () => {
    for (const state of ["owed", "signed"] as const) {
      for (const ambiguous of [false, true]) {
        for (const event of events) {
          const to = nextRefund({ state, ambiguous }, event);
          if (to?.state === "paid") expect(["settled", "resolved-paid"]).toContain(event);
        }
      }
    }
  });

  it("stays signed when a refusal or a failed connection follows a submission that is not recorded", () => {
    for (const word of ["refused", "not-sent"] as const) {
      fc.assert(
        fc.property(fc.array(fc.constantFrom(...events), { maxLength: 12 }), (list) => {
          let refund: Pick<RefundRecord, "state" | "ambiguous"> = { state: "owed", ambiguous: false };
          let unrecorded = false;
          for (const event of list) {
            const to = nextRefund(refund, event);
            if (event === "sign" && refund.state === "signed") unrecorded = true;
            if (event === "unclear" && refund.state === "signed") unrecorded = true;
            refund = to ?? refund;
            if (refund.state !== "signed") unrecorded = false;
          }
          if (unrecorded) expect(nextRefund(refund, word)).toEqual({ state: "signed", ambiguous: true });
        }),
      );
    }
  });
});
