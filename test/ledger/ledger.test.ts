import { memoryStore, type Store } from "resource402/server";
import { expect, it } from "vitest";
import type { ChainRecord } from "../../src/ledger/evidence.ts";
import type { Facilitator } from "../../src/ledger/facilitator.ts";
import { createLedger, type LedgerOptions } from "../../src/ledger/ledger.ts";
import { systemTime } from "../../src/time/time.ts";
import { answer, call, job, START } from "../store/records.ts";

const OWNER = "server";
const nothing = () => {};
const log = { debug: nothing, info: nothing, warn: nothing, error: nothing };

function ledgerOf(store: Store, more: Partial<LedgerOptions> = {}) {
  return createLedger({
    store,
    heartbeat: { owner: OWNER, ensure: async () => {}, onLapse: () => nothing, end: async () => {} },
    facilitator: undefined,
    chain: undefined,
    account: undefined,
    time: { ...systemTime, now: () => START },
    log,
    faults: undefined,
    isWorking: () => false,
    lostAnswer: () => answer,
    retentionMs: () => 0,
    comeBackMs: 0,
    ...more,
  });
}

const storeNow = (): Store => memoryStore({ completeSince: 0, now: () => START });

it("writes the intent durably when a 202 or a submission follows, and relaxed otherwise", async () => {
  const store = storeNow();
  const written: Record<string, boolean> = {};
  const ledger = ledgerOf({
    ...store,
    begin(begun, its, limits) {
      written[begun.id] = limits.durable;
      return store.begin(begun, its, limits);
    },
  });
  await ledger.begin(call("sync", { owner: OWNER }), undefined, {});
  await ledger.begin(call("before", { phase: "submitted", charge: "before" }), undefined, {});
  await ledger.begin(call("job", { jobId: "j" }), job("j", "job"), {});
  expect(written).toEqual({ sync: false, before: true, job: true });
});

it("has the submission and the output in the store when the facilitator is asked to settle", async () => {
  const store = storeNow();
  const seen: unknown[] = [];
  const facilitator: Facilitator = {
    verify: async () => ({ verdict: "valid", payer: undefined }),
    async settle() {
      seen.push(await store.call("c"));
      return { evidence: "settled", transaction: `0x${"1".repeat(64)}` };
    },
  };
  const open = call("c", { owner: OWNER });
  await store.begin(open, undefined, { durable: true });
  expect(await ledgerOf(store, { facilitator }).output(open, answer)).toMatchObject({ phase: "delivered" });
  expect(seen).toMatchObject([{ phase: "submitted", answer, payment: open.payment }]);
});

it("asks the chain before it believes a refusal", async () => {
  const store = storeNow();
  const transaction = `0x${"1".repeat(64)}`;
  const facilitator: Facilitator = {
    verify: async () => ({ verdict: "valid", payer: undefined }),
    settle: async () => ({ evidence: "refused", reason: "insufficient_funds" }),
  };
  const chain: ChainRecord = { lookUp: async () => ({ evidence: "settled", transaction }) };
  const submitted = call("c", { phase: "submitted", owner: OWNER, answer });
  await store.begin(submitted, undefined, { durable: true });
  const standing = await ledgerOf(store, { facilitator, chain }).settle(submitted);
  expect(standing).toMatchObject({ phase: "delivered", receipt: { transaction } });
});

it("believes a refusal after 2 s when the node does not reply", async () => {
  const store = storeNow();
  const facilitator: Facilitator = {
    verify: async () => ({ verdict: "valid", payer: undefined }),
    settle: async () => ({ evidence: "refused", reason: "insufficient_funds" }),
  };
  const chain: ChainRecord = { lookUp: () => new Promise(() => {}) };
  const waits: number[] = [];
  const time: LedgerOptions["time"] = {
    ...systemTime,
    now: () => START,
    after: (ms, task) => {
      waits.push(ms);
      queueMicrotask(task);
      return nothing;
    },
  };
  const submitted = call("c", { phase: "submitted", owner: OWNER, answer });
  await store.begin(submitted, undefined, { durable: true });
  const standing = await ledgerOf(store, { facilitator, chain, time }).settle(submitted);
  expect([standing, waits]).toMatchObject([{ phase: "void" }, [2_000]]);
});

it("reconciles the other calls when some cannot be written", async () => {
  const store = storeNow();
  for (let at = 0; at < 25; at += 1) {
    await store.begin(call(`bad ${at}`, { retryAt: START - 100 + at }), undefined, { durable: true });
  }
  await store.begin(call("good", { retryAt: START }), undefined, { durable: true });
  const ledger = ledgerOf({
    ...store,
    async change(step) {
      if (step.call?.id.startsWith("bad")) throw new Error("a row that cannot be written");
      return store.change(step);
    },
  });
  await ledger.reconcile();
  await ledger.reconcile();
  expect(await store.call("good")).toBeUndefined();
});
