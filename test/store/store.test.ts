import { memoryStore } from "resource402/server";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Begun, CallRecord, ClaimOptions, JobRecord, Limits, Store } from "../../src/store/store.ts";
import {
  AUTHORIZATION_MARGIN_MS,
  CALL_LIFE_MS,
  MAX_QUOTES,
  REFUND_LIFE_MS,
  TOMBSTONE_LIFE_MS,
} from "../../src/store/store.ts";
import { kinds } from "./kinds.ts";
import { answer, call, freeCall, HOUR, job, receipt, refund, START } from "./records.ts";

describe.each(kinds)("a store %s", (_name, make) => {
  let store: Store;
  let dispose: () => Promise<void>;
  let clock: number;

  beforeEach(async () => {
    clock = START;
    ({ store, dispose } = await make(() => clock));
  });
  afterEach(() => dispose());

  /** Begins what has to be there before the test begins. */
  async function given(record: CallRecord, itsJob?: JobRecord): Promise<void> {
    expect(await store.begin(record, itsJob, { durable: true })).toEqual({ begun: true });
  }
  const ids = (records: readonly { id: string }[]): string[] => records.map(({ id }) => id);

  describe("beginning a call", () => {
    it("keeps call and job as they were given, absent fields included", async () => {
      const begun = call("c1", { jobId: "j1", owner: "s1", answer, receipt });
      await given(begun, job("j1", "c1", { input: [null, { deep: ["é", -0.5] }], message: "waiting" }));
      expect(await store.call("c1")).toStrictEqual(begun);
      expect(await store.job("j1")).toStrictEqual(
        job("j1", "c1", { input: [null, { deep: ["é", -0.5] }], message: "waiting" }),
      );
      const bare = freeCall("c2", { key: undefined, retryAt: undefined });
      await given(bare);
      expect(await store.call("c2")).toStrictEqual(bare);
    });

    it("keeps what evidence and operators have established, and the policies under which it was bought", async () => {
      const known = call("c1", {
        ...{ charge: "before", cancel: "keep", phase: "submitted", ambiguous: true, tries: 7 },
        ...{ reason: "timeout", resolution: { by: "Ann", why: "seen on chain", at: START } },
      });
      await given(known);
      expect(await store.call("c1")).toStrictEqual(known);
    });

    it("keeps a payment that never expires", async () => {
      const forever = call("c1", { identity: { validBefore: 9_999_999_999_999_998 } });
      await given(forever);
      expect(await store.call("c1")).toStrictEqual(forever);
    });

    it("is refused when the payment is held, and names the holder", async () => {
      await given(call("c1"));
      const again = call("c2", { identity: { nonce: "nonce of c1" } });
      expect(await store.begin(again, job("j2", "c2"), { durable: true })).toStrictEqual({
        begun: false,
        because: "taken",
        holder: call("c1"),
      });
      expect(await store.call("c2")).toBeUndefined();
      expect(await store.job("j2")).toBeUndefined();
    });

    it("tells payments apart by network, payer and nonce together", async () => {
      await given(call("c1", { key: undefined }));
      const nonce = "nonce of c1";
      await given(call("c2", { key: undefined, identity: { nonce, network: "eip155:8453" } }));
      await given(call("c3", { key: undefined, identity: { nonce, payer: "0xbob" } }));
    });

    it("is refused when the payer has used the key for the resource, and for no other payer or resource", async () => {
      const key = "same";
      await given(call("c1", { key }));
      expect(await store.begin(call("c2", { key }), undefined, { durable: true })).toMatchObject({
        because: "taken",
        holder: { id: "c1" },
      });
      await given(call("c3", { key, resource: "other" }));
      await given(call("c4", { key, identity: { payer: "0xbob" } }));
    });

    it("is never refused because it has no key", async () => {
      await given(call("c1", { key: undefined }));
      await given(call("c2", { key: undefined }));
    });

    it("names the holder of the payment before that of the key", async () => {
      await given(call("c1"));
      await given(call("c2"));
      const both = call("c3", { key: "key of c1", identity: { nonce: "nonce of c2" } });
      expect(await store.begin(both, undefined, { durable: true })).toMatchObject({ holder: { id: "c2" } });
      expect((await store.findCall(both))?.id).toBe("c2");
    });

    it("lets exactly one of many win that come at once with one payment", async () => {
      const many = Array.from({ length: 20 }, (_, n) =>
        store.begin(call(`c${n}`, { identity: { nonce: "one" } }), job(`j${n}`, `c${n}`), { durable: true }),
      );
      const outcomes = await Promise.all(many);
      expect(outcomes.filter(({ begun }) => begun)).toHaveLength(1);
      expect(await store.claimJobs({ owner: "w1", limit: 100 })).toHaveLength(1);
    });

    it("fails, and writes nothing, when an id is in use", async () => {
      await given(call("c1", { jobId: "j1" }), job("j1", "c1"));
      const sameId = call("c1", { key: "other", identity: { nonce: "other" } });
      await expect(store.begin(sameId, undefined, { durable: true })).rejects.toThrow("c1");
      await expect(
        store.begin(call("c2", { jobId: "j1" }), job("j1", "c2"), { durable: true }),
      ).rejects.toThrow("j1");
      expect(await store.call("c2")).toBeUndefined();
      expect(await store.call("c1")).toStrictEqual(call("c1", { jobId: "j1" }));
    });
  });

  describe("finding a call", () => {
    it("goes by payment, or else by key", async () => {
      await given(call("c1"));
      const { resource, identity, key } = call("c1");
      expect(await store.findCall({ resource, identity, key: undefined })).toStrictEqual(call("c1"));
      const otherPayment = { ...identity, nonce: "other" };
      expect((await store.findCall({ resource, identity: otherPayment, key }))?.id).toBe("c1");
      expect(await store.findCall({ resource, identity: otherPayment, key: undefined })).toBeUndefined();
      expect(await store.findCall({ resource: "other", identity: otherPayment, key })).toBeUndefined();
      expect(await store.call("c9")).toBeUndefined();
    });
  });

  describe("a limit on what is bought twice", () => {
    const since = (duplicateSince: number) => ({ duplicateSince });
    const same = { fingerprint: "same" };

    it("refuses the same purchase of the same payer since then, and names the last", async () => {
      await given(call("c1", { ...same, createdAt: START }));
      await given(call("c2", { ...same, createdAt: START + 10 }));
      expect(
        await store.begin(call("c3", same), undefined, { durable: true, ...since(START + 10) }),
      ).toStrictEqual({
        begun: false,
        because: "duplicate",
        holder: call("c2", { ...same, createdAt: START + 10 }),
      });
      expect(
        await store.begin(call("c3", same), undefined, { durable: true, ...since(START) }),
      ).toMatchObject({
        holder: { id: "c2" },
      });
      expect(await store.call("c3")).toBeUndefined();
      expect(await store.begin(call("c3", same), undefined, { durable: true, ...since(START + 11) })).toEqual(
        { begun: true },
      );
    });

    it("looks at no other buyer's purchases, nor at other ones", async () => {
      await given(call("c1", same));
      const bobs = call("c2", { ...same, identity: { payer: "0xbob" } });
      expect(await store.begin(bobs, undefined, { durable: true, ...since(START) })).toEqual({ begun: true });
      expect(await store.begin(call("c3"), undefined, { durable: true, ...since(START) })).toEqual({
        begun: true,
      });
    });

    it("comes after the question whether the payment is held", async () => {
      await given(call("c1", same));
      expect(
        await store.begin(call("c1", same), undefined, { durable: true, ...since(START) }),
      ).toMatchObject({
        because: "taken",
      });
    });

    it("does not count a synchronous call that ended without a charge", async () => {
      const again = () => store.begin(call("again", same), undefined, { durable: true, ...since(START) });
      await given(call("c1", same));
      const set = (phase: CallRecord["phase"]) =>
        store.change({ durable: true, call: { id: "c1", set: { phase } } });
      for (const phase of ["submitted", "charged", "delivered", "owed", "refunded"] as const) {
        await set(phase);
        expect(await again(), phase).toMatchObject({ because: "duplicate" });
      }
      await set("void");
      expect(await again()).toEqual({ begun: true });
    });

    it("counts a void job, and no free call that was delivered", async () => {
      const voided = { phase: "void" } as const;
      await given(
        call("c1", { ...same, ...voided, jobId: "j1" }),
        job("j1", "c1", { ...voided, work: "failed" }),
      );
      await given(freeCall("c2", { fingerprint: "free", phase: "delivered", answer }));
      expect(
        await store.begin(call("c3", same), undefined, { durable: true, ...since(START) }),
      ).toMatchObject({
        because: "duplicate",
      });
      const free = freeCall("c4", { fingerprint: "free" });
      expect(await store.begin(free, undefined, { durable: true, ...since(START) })).toEqual({ begun: true });
    });

    it("forgets what was forgotten", async () => {
      await given(call("c1", same));
      await store.change({ durable: true, call: { id: "c1", set: "forget" } });
      expect(await store.begin(call("c2", same), undefined, { durable: true, ...since(START) })).toEqual({
        begun: true,
      });
    });
  });

  describe("a limit on what waits", () => {
    const full = { begun: false, because: "full" };
    const begun = { begun: true };
    let next = 0;
    const tryWith = (limits: Limits, part: Partial<JobRecord> = {}): Promise<Begun> => {
      next += 1;
      const [id, jobId] = [`new ${next}`, `new job ${next}`];
      const isFree = "payer" in part && part.payer === undefined;
      const made = (isFree ? freeCall : call)(id, { jobId, resource: part.resource ?? "upscale" });
      return store.begin(made, job(jobId, id, part), { durable: true, ...limits });
    };

    it("refuses a job when so many are claimable, of its resource or of all", async () => {
      await given(call("c1", { jobId: "j1" }), job("j1", "c1"));
      await given(call("c2", { jobId: "j2", resource: "other" }), job("j2", "c2", { resource: "other" }));
      expect(await tryWith({ queued: { resource: 1 } })).toEqual(full);
      expect(await store.call("new 1")).toBeUndefined();
      expect(await tryWith({ queued: { all: 2 } }, { resource: "third" })).toEqual(full);
      expect(await tryWith({ queued: { resource: 2, all: 3 } })).toEqual(begun);
    });

    it("counts no job that runs, has ended or waits for its settlement", async () => {
      for (const [n, state] of [
        { work: "running" } as const,
        { phase: "submitted" } as const,
        { phase: "submitted", work: "done" } as const,
        { phase: "void", work: "failed" } as const,
      ].entries()) {
        await given(call(`c${n}`, { jobId: `j${n}` }), job(`j${n}`, `c${n}`, state));
      }
      expect(await tryWith({ queued: { all: 1 } })).toEqual(begun);
      expect(await tryWith({ queued: { all: 1 } })).toEqual(full);
    });

    it("counts free jobs and paid jobs apart, so that free ones never displace paid ones", async () => {
      const free = { payer: undefined };
      const one = { queued: { resource: 1, all: 1 } };
      expect(await tryWith(one, free)).toEqual(begun);
      expect(await tryWith(one, free)).toEqual(full);
      expect(await tryWith(one)).toEqual(begun);
      expect(await tryWith(one)).toEqual(full);
      expect(await tryWith({ queued: { all: 2 } }, free)).toEqual(begun);
    });

    it("refuses a free call without a job when so many are kept, and no paid one", async () => {
      await given(freeCall("c1", { phase: "delivered", answer }));
      await given(freeCall("c2", { jobId: "j2" }), job("j2", "c2", { payer: undefined }));
      await given(call("c3"));
      const two = { durable: true, freeCalls: 2 } as const;
      expect(await store.begin(freeCall("c4"), undefined, two)).toEqual(begun);
      expect(await store.begin(freeCall("c5"), undefined, two)).toEqual(full);
      expect(await store.call("c5")).toBeUndefined();
      expect(await store.begin(call("c6"), undefined, two)).toEqual(begun);
      const itsJob = job("j7", "c7", { payer: undefined });
      expect(await store.begin(freeCall("c7", { jobId: "j7" }), itsJob, two)).toEqual(begun);
      await store.change({ durable: true, call: { id: "c4", set: "forget" } });
      expect(await store.begin(freeCall("c5"), undefined, two)).toEqual(begun);
    });
  });

  describe("a limit on the bytes of large inputs", () => {
    const KIB = 1024;
    let next = 0;
    beforeEach(() => {
      next = 0;
    });
    /** Begins a job whose input takes so many bytes as JSON. */
    const tryWith = (
      bytes: number,
      inputBytes: number,
      payer: string | undefined = "0xalice",
    ): Promise<Begun> => {
      next += 1;
      const [id, jobId] = [`c${next}`, `j${next}`];
      const record = payer === "" ? freeCall(id, { jobId }) : call(id, { jobId, identity: { payer } });
      const part = { payer: payer === "" ? undefined : payer, input: "x".repeat(bytes - 2) };
      return store.begin(record, job(jobId, id, part), { durable: true, inputBytes });
    };
    const refused = { begun: false, because: "inputs" };

    it("refuses an input that would exceed it, and writes nothing", async () => {
      expect(await tryWith(20 * KIB, 60 * KIB)).toEqual({ begun: true });
      expect(await tryWith(40 * KIB, 60 * KIB)).toEqual({ begun: true });
      expect(await tryWith(16 * KIB, 60 * KIB)).toEqual(refused);
      expect([await store.call("c3"), await store.job("j3")]).toEqual([undefined, undefined]);
    });

    it("counts each payer by itself, and free jobs together", async () => {
      expect(await tryWith(20 * KIB, 20 * KIB)).toEqual({ begun: true });
      expect(await tryWith(20 * KIB, 20 * KIB, "0xbob")).toEqual({ begun: true });
      expect(await tryWith(20 * KIB, 20 * KIB, "")).toEqual({ begun: true });
      for (const payer of ["0xalice", "0xbob", ""])
        expect(await tryWith(20 * KIB, 20 * KIB, payer)).toEqual(refused);
    });

    it("allows one input whatever its size, and counts no small one", async () => {
      for (let n = 0; n < 3; n += 1) expect(await tryWith(16 * KIB - 1, 1)).toEqual({ begun: true });
      expect(await tryWith(20 * KIB, 1)).toEqual({ begun: true });
      expect(await tryWith(16 * KIB - 1, 1)).toEqual({ begun: true });
      expect(await tryWith(16 * KIB, 1)).toEqual(refused);
    });

    it("counts bytes, not characters", async () => {
      const input = "€".repeat(6_000);
      const part = { durable: true, inputBytes: 20 * KIB };
      expect(await store.begin(call("c1", { jobId: "j1" }), job("j1", "c1", { input }), part)).toEqual({
        begun: true,
      });
      expect(await store.begin(call("c2", { jobId: "j2" }), job("j2", "c2", { input }), part)).toEqual(
        refused,
      );
    });

    it("counts an input no longer once it is dropped, or its job is gone", async () => {
      expect(await tryWith(20 * KIB, 40 * KIB)).toEqual({ begun: true });
      expect(await tryWith(20 * KIB, 40 * KIB)).toEqual({ begun: true });
      await store.change({ durable: true, job: { id: "j1", set: { progress: 5 } } });
      expect(await tryWith(20 * KIB, 40 * KIB)).toEqual(refused);
      await store.change({ durable: true, job: { id: "j1", set: { input: null } } });
      expect(await tryWith(20 * KIB, 40 * KIB)).toEqual({ begun: true });
      expect(await tryWith(20 * KIB, 40 * KIB)).toEqual(refused);
      await store.change({ durable: true, job: { id: "j2", set: "forget" } });
      expect(await tryWith(20 * KIB, 40 * KIB)).toEqual({ begun: true });
    });

    it("lets no two in that begin at once where there is space for one", async () => {
      const all = await Promise.all([1, 2, 3, 4].map(() => tryWith(20 * KIB, 40 * KIB)));
      expect(all.filter(({ begun }) => begun)).toHaveLength(2);
    });
  });

  describe("a limit on what is outstanding", () => {
    let next = 0;
    const later = (part: Parameters<typeof call>[1] = {}) => {
      next += 1;
      return call(`c${next}`, { value: 40, ...part });
    };
    const tryWith = (outstanding: number, more: Limits = {}): Promise<Begun> =>
      store.begin(later(), undefined, { durable: true, outstanding, ...more });
    const refused = { begun: false, because: "outstanding" };
    beforeEach(() => {
      next = 0;
    });

    it("refuses a call that would exceed it, and accepts one that reaches it", async () => {
      expect(await tryWith(39)).toEqual(refused);
      expect(await store.call("c1")).toBeUndefined();
      expect(await tryWith(40)).toEqual({ begun: true });
      expect(await tryWith(79)).toEqual(refused);
      expect(await tryWith(80)).toEqual({ begun: true });
    });

    it.each(["open", "submitted"] as const)(
      "counts %s calls of each kind: sync or job, charged before or after the work",
      async (phase) => {
        for (const charge of ["before", "after"] as const) {
          await given(later({ phase, charge }));
          await given(later({ phase, charge, jobId: `j${next}` }), job(`j${next}`, `c${next}`, { phase }));
        }
        expect(await tryWith(199)).toEqual(refused);
        expect(await tryWith(200)).toEqual({ begun: true });
      },
    );

    it.each(["charged", "delivered", "owed", "refunded", "kept", "void"] as const)(
      "does not count a call that is %s",
      async (phase) => {
        await given(later());
        expect(await tryWith(79)).toEqual(refused);
        await store.change({ durable: true, call: { id: "c1", set: { phase } } });
        expect(await tryWith(40)).toEqual({ begun: true });
      },
    );

    it("counts no call of another payer, and no free one", async () => {
      await given(later({ identity: { payer: "0xbob" } }));
      await given(freeCall("free", { value: 40, identity: { payer: "0xalice" } }));
      expect(await tryWith(40)).toEqual({ begun: true });
    });

    it("does not count a payment that could be settled last before the given time", async () => {
      const identity = { validBefore: START / 1000 };
      await given(later({ phase: "submitted", identity }));
      expect(await tryWith(79, { settleableSince: START })).toEqual(refused);
      expect(await tryWith(79, { settleableSince: START + 1 })).toEqual({ begun: true });
    });

    it("does not count what has been forgotten", async () => {
      await given(later());
      await store.change({ durable: true, call: { id: "c1", set: "forget" } });
      expect(await tryWith(40)).toEqual({ begun: true });
    });

    it("holds against many that come at once", async () => {
      const outcomes = await Promise.all(Array.from({ length: 10 }, () => tryWith(120)));
      expect(outcomes.filter(({ begun }) => begun)).toHaveLength(3);
    });
  });

  describe("a step", () => {
    beforeEach(async () => {
      const claimed = { attempt: 1, claim: "claim 1", owner: "s1" };
      await given(call("c1", { jobId: "j1", owner: "s1" }), job("j1", "c1", claimed));
    });

    it("writes call, job and refund together and tells how they stand", async () => {
      clock += 5;
      const stepped = await store.change({
        durable: true,
        call: {
          id: "c1",
          set: {
            ...{ phase: "owed", ambiguous: true, receipt, reason: "late", owner: undefined, tries: 2 },
            ...{ retryAt: undefined, resolution: { by: "Ann", why: "seen", at: 8 } },
          },
        },
        job: {
          id: "j1",
          set: {
            ...{ phase: "owed", work: "failed", failure: { code: "boom", error: "Boom" } },
            ...{ input: null, expiresAt: 9, owner: undefined },
          },
        },
        refund: { add: refund("r1", "c1", { jobId: "j1" }) },
      });
      const after = {
        call: call("c1", {
          ...{ jobId: "j1", phase: "owed", ambiguous: true, receipt, reason: "late", tries: 2 },
          ...{ retryAt: undefined, resolution: { by: "Ann", why: "seen", at: 8 } },
        }),
        job: job("j1", "c1", {
          attempt: 1,
          claim: "claim 1",
          phase: "owed",
          work: "failed",
          input: null,
          failure: { code: "boom", error: "Boom" },
          expiresAt: 9,
          updatedAt: START + 5,
          endedAt: START + 5,
        }),
        refund: refund("r1", "c1", { jobId: "j1" }),
      };
      expect(stepped).toStrictEqual(after);
      expect(await store.call("c1")).toStrictEqual(after.call);
      expect(await store.job("j1")).toStrictEqual(after.job);
      expect(await store.refunds({ limit: 9 })).toStrictEqual([after.refund]);
    });

    it("names in its outcome only what it was about", async () => {
      expect(Object.keys((await store.change({ durable: true, call: { id: "c1", set: {} } })) ?? {})).toEqual(
        ["call"],
      );
      expect(await store.change({ durable: true })).toStrictEqual({});
    });

    const call1 = (when: object) => ({ call: { id: "c1", when, set: { tries: 9 } } });
    const job1 = (when: object) => ({ job: { id: "j1", when, set: { progress: 50 } } });
    it.each([
      ["the owner of a call", call1({ owner: "s1" }), call1({ owner: "s2" })],
      ["the phase of a call", call1({ phase: ["charged", "open"] }), call1({ phase: ["submitted"] })],
      [
        "several things of a call",
        call1({ owner: "s1", phase: ["open"] }),
        call1({ owner: "s1", phase: [] }),
      ],
      ["the work of a job", job1({ work: ["running", "waiting"] }), job1({ work: ["running"] })],
      ["the phase of a job", job1({ phase: ["charged", "open"] }), job1({ phase: ["submitted"] })],
      ["the owner of a job", job1({ owner: "s1" }), job1({ owner: "s2" })],
      ["the claim of a job", job1({ claim: "claim 1" }), job1({ claim: "claim 2" })],
      ["a job that was claimed", job1({ claim: "claim 1" }), job1({ claim: undefined })],
    ])("is guarded by %s", async (_what, holds, fails) => {
      const before = [await store.call("c1"), await store.job("j1")];
      expect(await store.change({ durable: true, ...fails })).toBeUndefined();
      expect([await store.call("c1"), await store.job("j1")]).toStrictEqual(before);
      expect(await store.change({ durable: true, ...holds })).toBeDefined();
      expect([await store.call("c1"), await store.job("j1")]).not.toEqual(before);
    });

    it("is guarded by a call that no server owns, dead or alive", async () => {
      const take = {
        durable: true,
        call: { id: "c1", when: { unowned: true }, set: { owner: "s2" } },
      } as const;
      expect(await store.change(take)).toBeUndefined();
      await store.change({ durable: true, call: { id: "c1", set: { owner: undefined } } });
      expect(await store.change(take)).toMatchObject({ call: { owner: "s2" } });
      expect(await store.change(take)).toBeUndefined();
    });

    it("is guarded by the state of a refund", async () => {
      await store.change({ durable: true, refund: { add: refund("r1", "c1") } });
      const pay = {
        refund: { id: "r1", when: { state: "owed" }, set: { state: "paid", transaction: "0xdef" } },
      } as const;
      expect(await store.change({ durable: true, ...pay })).toStrictEqual({
        refund: refund("r1", "c1", { state: "paid", transaction: "0xdef" }),
      });
      expect(await store.change({ durable: true, ...pay })).toBeUndefined();
    });

    it.each([
      ["a guard of the call", { call: { id: "c1", when: { owner: "s2" }, set: { tries: 9 } } }],
      ["the call", { call: { id: "c9", set: { tries: 9 } } }],
      ["a guard of the job", { job: { id: "j1", when: { claim: "claim 7" }, set: { progress: 50 } } }],
      ["the job", { job: { id: "j9", set: { progress: 50 } } }],
      ["the refund", { refund: { id: "r9", set: { tries: 9 } } }],
      ["the room for a refund that is there already", { refund: { add: refund("r0", "c1", { tries: 9 }) } }],
    ])("writes nothing of anything when %s is missing", async (_what, miss) => {
      await store.change({ durable: true, refund: { add: refund("r0", "c1") } });
      const everything = async () => [
        await store.call("c1"),
        await store.job("j1"),
        await store.refunds({ limit: 9 }),
      ];
      const before = await everything();
      const whole = {
        call: { id: "c1", set: { phase: "owed" } },
        job: { id: "j1", set: { phase: "owed", work: "failed" } },
        refund: { add: refund("r1", "c1") },
      } as const;
      expect(await store.change({ durable: true, ...whole, ...miss })).toBeUndefined();
      expect(await everything()).toStrictEqual(before);
      expect(await store.change({ durable: true, ...whole })).toBeDefined();
    });

    it("forgets a call: key and payment are free, and the job stays", async () => {
      const gone = call("c1", { jobId: "j1", owner: "s1" });
      expect(await store.change({ durable: true, call: { id: "c1", set: "forget" } })).toStrictEqual({
        call: gone,
      });
      expect(await store.call("c1")).toBeUndefined();
      expect(await store.findCall(gone)).toBeUndefined();
      expect(await store.job("j1")).toMatchObject({ id: "j1" });
      await given(call("c2", { key: "key of c1", identity: { nonce: "nonce of c1" } }));
    });

    it("deletes a job and separates it from its call, which goes when its own time has come", async () => {
      const stepped = await store.change({
        durable: true,
        call: {
          id: "c1",
          set: { phase: "void", jobId: undefined, key: undefined, owner: undefined, retryAt: undefined },
        },
        job: { id: "j1", when: { claim: "claim 1" }, set: "forget" },
      });
      const left = call("c1", { phase: "void", key: undefined, retryAt: undefined });
      expect(stepped).toMatchObject({ call: left, job: { id: "j1" } });
      expect(await store.job("j1")).toBeUndefined();
      expect(await store.call("c1")).toStrictEqual(left);
      expect(await store.claimJobs({ owner: "w1", limit: 9 })).toEqual([]);
      // The key is free, the payment is not; and the job's id can be used again.
      await given(call("c2", { key: "key of c1", jobId: "j1" }), job("j1", "c2"));
      expect(await store.begin(call("c3", left), undefined, { durable: true })).toMatchObject({
        because: "taken",
      });
      expect(await store.sweep(START + CALL_LIFE_MS, 1000)).toBe(1);
      expect(await store.call("c1")).toBeUndefined();
    });

    it.each([
      ["alone", {}],
      ["with a change of its call", { call: { id: "c1", set: { phase: "void" } } }],
    ] as const)("deletes a job %s: the call is swept without it", async (_how, more) => {
      await store.change({ durable: true, call: { id: "c1", set: { retryAt: undefined } } });
      expect(await store.change({ durable: true, ...more, job: { id: "j1", set: "forget" } })).toBeDefined();
      expect(await store.job("j1")).toBeUndefined();
      expect(await store.sweep(START + CALL_LIFE_MS - 1, 1000)).toBe(0);
      expect(await store.sweep(START + CALL_LIFE_MS, 1000)).toBe(1);
    });

    it("keeps a call free of its job when it changes after the job was deleted", async () => {
      await store.change({ durable: true, job: { id: "j1", set: "forget" } });
      await store.change({ durable: true, call: { id: "c1", set: { tries: 1, retryAt: undefined } } });
      expect(await store.sweep(START + CALL_LIFE_MS, 1000)).toBe(1);
    });

    it("skips an optional job that is gone, and only one that is gone", async () => {
      const step = (id: string, claim: string) =>
        store.change({
          durable: true,
          call: { id: "c1", set: { tries: 9 } },
          job: { id, optional: true, when: { claim }, set: { progress: 50 } },
        });
      expect(await step("j1", "claim 7")).toBeUndefined();
      expect((await store.call("c1"))?.tries).toBe(0);
      expect(await step("j1", "claim 1")).toMatchObject({ call: { tries: 9 }, job: { progress: 50 } });
      expect(Object.keys((await step("j9", "claim 1")) ?? {})).toEqual(["call"]);
    });

    it("lets exactly one of many change the same job", async () => {
      const take = {
        id: "j1",
        when: { work: ["waiting"], claim: "claim 1" },
        set: { work: "running" },
      } as const;
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, () => store.change({ durable: true, job: take })),
      );
      expect(outcomes.filter((one) => one !== undefined)).toHaveLength(1);
    });
  });

  describe("a server", () => {
    const takeCall = { call: { id: "c1", when: { orphaned: true }, set: {} } } as const;
    const takeJob = { job: { id: "j1", when: { orphaned: true }, set: {} } } as const;
    beforeEach(async () => {
      await given(
        call("c1", { jobId: "j1", owner: "s1" }),
        job("j1", "c1", { owner: "s1", work: "running" }),
      );
    });
    const orphans = async () => ({
      calls: ids(await store.dueCalls({ limit: 9 })),
      call: (await store.change({ durable: true, ...takeCall })) !== undefined,
      job: (await store.change({ durable: true, ...takeJob })) !== undefined,
    });
    const left = { calls: ["c1"], call: true, job: true };
    const kept = { calls: [], call: false, job: false };

    it("that has never said that it lives owns nothing", async () => {
      expect(await orphans()).toEqual(left);
    });

    it("owns what it owns until its lease has ended, by the clock of the store", async () => {
      await store.attend("s1", 1000);
      expect(await orphans()).toEqual(kept);
      clock += 999;
      expect(await orphans()).toEqual(kept);
      clock += 1;
      expect(await orphans()).toEqual(left);
    });

    it("lives longer by saying so again", async () => {
      await store.attend("s1", 1000);
      clock += 900;
      await store.attend("s1", 1000);
      clock += 900;
      expect(await orphans()).toEqual(kept);
    });

    it("lives no more as soon as it says so", async () => {
      await store.attend("s1", 1000);
      await store.attend("s1", 0);
      expect(await orphans()).toEqual(left);
    });

    it("does not live by the word of another", async () => {
      await store.attend("s2", 1000);
      expect(await orphans()).toEqual(left);
    });

    it("that lives is not forgotten by sweeping, and one that comes back is as good as new", async () => {
      await store.attend("s1", 1000);
      await store.sweep(clock, 1000);
      expect(await orphans()).toEqual(kept);
      clock += 1000;
      await store.sweep(clock, 1000);
      await store.attend("s1", 1000);
      expect(await orphans()).toEqual(kept);
    });

    it("is counted as a worker while it lives, when it says that it runs jobs", async () => {
      expect(await store.workers()).toBe(0);
      await store.attend("s1", 1000);
      expect(await store.workers()).toBe(0);
      await store.attend("w1", 1000, true);
      await store.attend("w2", 2000, true);
      await store.attend("w2", 2000, true);
      expect(await store.workers()).toBe(2);
      clock += 1000;
      expect(await store.workers()).toBe(1);
      await store.sweep(clock, 1000);
      expect(await store.workers()).toBe(1);
      await store.attend("w2", 0, true);
      expect(await store.workers()).toBe(0);
      await store.attend("w1", 1000, true);
      await store.attend("w1", 1000, false);
      expect(await store.workers()).toBe(0);
    });

    it("frees what it releases", async () => {
      await store.attend("s1", 1000);
      await store.change({
        durable: true,
        call: { id: "c1", set: { owner: undefined } },
        job: { id: "j1", set: { owner: undefined } },
      });
      expect(await orphans()).toEqual(left);
    });
  });

  describe("calls that are due", () => {
    const due = async (limit = 9, own?: string) =>
      ids(await store.dueCalls(own === undefined ? { limit } : { limit, own }));

    it("are those whose time has come, in its order, no more than asked for, whatever their phase", async () => {
      await given(call("c1", { retryAt: START + 30, phase: "submitted" }));
      await given(call("c2", { retryAt: START + 10 }));
      await given(call("c3", { retryAt: START + 20, phase: "charged" }));
      await given(call("c4", { retryAt: START + 31 }));
      await given(freeCall("c0", { retryAt: START + 20 }));
      clock += 30;
      expect(await due()).toEqual(["c2", "c0", "c3", "c1"]);
      expect(await due(2)).toEqual(["c2", "c0"]);
      await store.change({ durable: true, call: { id: "c2", set: { retryAt: START + 99 } } });
      expect(await due(1)).toEqual(["c0"]);
      await store.change({ durable: true, call: { id: "c0", set: "forget" } });
      expect(await due(1)).toEqual(["c3"]);
    });

    it("are never those without a time", async () => {
      await given(call("c1", { phase: "submitted", retryAt: undefined }));
      clock = 8.64e15;
      expect(await due()).toEqual([]);
      await store.change({ durable: true, call: { id: "c1", set: { retryAt: START } } });
      expect(await due()).toEqual(["c1"]);
      await store.change({ durable: true, call: { id: "c1", set: { retryAt: undefined } } });
      expect(await due()).toEqual([]);
    });

    it("are not those of a living server, except for that server itself", async () => {
      await store.attend("s1", 1000);
      await store.attend("s2", 1000);
      await given(call("unowned"));
      await given(call("of s1", { owner: "s1" }));
      await given(call("of the dead", { owner: "dead" }));
      await given(call("of s1, later", { owner: "s1", retryAt: START + 1 }));
      const orphans = ["of the dead", "unowned"];
      expect((await due()).sort()).toEqual(orphans);
      expect((await due(9, "s2")).sort()).toEqual(orphans);
      expect((await due(9, "s1")).sort()).toEqual(["of s1", ...orphans]);
      clock += 1000;
      expect((await due(9, "s2")).sort()).toEqual(["of s1", "of s1, later", ...orphans]);
    });
  });

  it("lists unconfirmed calls: submitted, tried, oldest first", async () => {
    await given(call("c1", { phase: "submitted", tries: 1, createdAt: START + 1 }));
    await given(call("c2", { phase: "submitted", tries: 2, retryAt: undefined }));
    await given(call("c3", { phase: "submitted" }));
    await given(call("c4", { phase: "void", tries: 1 }));
    expect(ids(await store.unconfirmedCalls(9))).toEqual(["c2", "c1"]);
    expect(ids(await store.unconfirmedCalls(1))).toEqual(["c2"]);
  });

  describe("searching calls, as operators do,", () => {
    const transaction = (digit: string) => `0x${digit.repeat(64)}`;
    const settledBy = (hash: string) => ({
      phase: "owed" as const,
      receipt: { ...receipt, transaction: hash },
    });
    const found = async (text: string, limit = 9) => ids(await store.searchCalls(text, limit));

    it("finds one by the id of the call, of its job and of its refund, by key, nonce and transaction", async () => {
      const nonce = `0x${"ab".repeat(32)}`;
      await given(
        call("c1", { jobId: "j1", key: "key\u0000 1", answer, ...settledBy(transaction("d")) }),
        job("j1", "c1"),
      );
      await given(call("c2", { identity: { payer: "0xbob", nonce } }));
      await given(call("c3", { jobId: "gone", identity: { payer: "", network: "" } }));
      await store.change({
        durable: true,
        refund: { add: refund("r1", "c1", { state: "paid", transaction: transaction("e") }) },
      });
      for (const text of [
        "c1",
        "j1",
        "r1",
        "key\u0000 1",
        transaction("d"),
        transaction("D"),
        transaction("e"),
      ])
        expect([text, await found(text)]).toEqual([text, ["c1"]]);
      expect(await found(nonce)).toEqual(["c2"]);
      expect(await found(nonce.toUpperCase().replace("0X", "0x"))).toEqual(["c2"]);
      expect(await found("gone")).toEqual(["c3"]);
      for (const text of ["", "c", "KEY", "0x", "%", "USDC", transaction("a")])
        expect(await found(text)).toEqual([]);
    });

    it("finds all of a payer, the newest first, up to the limit", async () => {
      await given(call("c1"));
      await given(call("c3", { createdAt: START + 2 }));
      await given(call("c2", { createdAt: START + 1 }));
      await given(call("c4", { identity: { payer: "0xbob" } }));
      expect(await found("0xALICE")).toEqual(["c3", "c2", "c1"]);
      expect(await found("0xalice", 2)).toEqual(["c3", "c2"]);
    });

    it("does not believe a transaction that a buyer has written into its payment", async () => {
      const forged = call("c1");
      const { payment } = forged;
      if (payment?.version !== 2) throw new Error("expected a payment of version 2");
      const payload = {
        ...payment.payload,
        payload: { receipt: { transaction: transaction("d") }, transaction: transaction("d") },
      };
      await given({ ...forged, payment: { ...payment, payload } });
      expect(await found(transaction("d"))).toEqual([]);
    });

    it("prefers ids and payers to keys, so that a buyer cannot hide a call behind its key", async () => {
      await given(call("c1"));
      await given(call("c2", { key: "c1", identity: { payer: "0xbob" } }));
      expect(await found("c1")).toEqual(["c1"]);
    });
  });

  describe("quotes", () => {
    it("are kept until they expire", async () => {
      await store.keepQuote({ id: "q1", value: '{"price":"é\\u0000"}', until: START + 10 });
      await store.keepQuote({ id: "q2", value: "two\u0000", until: START + 11 });
      expect(await store.quote("q1")).toBe('{"price":"é\\u0000"}');
      expect(await store.quote("q2")).toBe("two\u0000");
      expect(await store.quote("q3")).toBeUndefined();
      clock += 9;
      expect(await store.quote("q1")).toBeDefined();
      clock += 1;
      expect(await store.quote("q1")).toBeUndefined();
      await store.sweep(clock, 1000);
      expect(await store.quote("q2")).toBe("two\u0000");
    });

    it("are replaced by a later one of the same id", async () => {
      await store.keepQuote({ id: "q1", value: "1", until: START + 10 });
      await store.keepQuote({ id: "q1", value: "2", until: START + 20 });
      clock += 10;
      expect(await store.quote("q1")).toBe("2");
    });
  });

  it("has one secret of 256 random bits, the same at each use", async () => {
    const secrets = await Promise.all(Array.from({ length: 5 }, () => store.secret()));
    expect(new Set([...secrets, await store.secret()]).size).toBe(1);
    expect(secrets[0]).toMatch(/^[0-9a-f]{64}$/);
  });

  describe("claiming jobs", () => {
    async function queue(...jobs: (readonly [id: string, part?: Partial<JobRecord>])[]): Promise<void> {
      for (const [id, part] of jobs)
        await given(call(`call of ${id}`, { jobId: id }), job(id, `call of ${id}`, part));
    }
    const claim = async (options: Partial<ClaimOptions> = {}): Promise<string[]> =>
      (await store.claimJobs({ owner: "w1", limit: 9, ...options })).map(({ job }) => job.id);
    const kept = async (id: string): Promise<JobRecord> => {
      const found = await store.job(id);
      if (found === undefined || found === "gone") throw new Error(`there is no job ${id}`);
      return found;
    };

    it("moves a queued job to running under its new owner, with a random claim, and returns it", async () => {
      await queue(["j1", { attempt: 1, claim: "claim 1", failures: 1, startBy: START + 99, progress: 7 }]);
      clock += 5;
      const [claimed, ...others] = await store.claimJobs({ owner: "w1", limit: 9 });
      expect(others).toEqual([]);
      expect(claimed).toStrictEqual({
        orphaned: false,
        job: job("j1", "call of j1", {
          ...{ work: "running", owner: "w1", attempt: 2, failures: 1, progress: 7 },
          ...{ claim: expect.stringMatching(/^[0-9a-f-]{36}$/), startedAt: START + 5, updatedAt: START + 5 },
        }),
      });
      expect(await store.job("j1")).toStrictEqual(claimed?.job);
      expect(await claim({ owner: "w2" })).toEqual([]);
    });

    it("rejects the writes of an attempt whose job was claimed again, even with equal numbers", async () => {
      await queue(["j1"]);
      const [first] = await store.claimJobs({ owner: "w1", limit: 1 });
      await store.change({ durable: true, job: { id: "j1", set: { work: "waiting", owner: undefined } } });
      const [second] = await store.claimJobs({ owner: "w2", limit: 1 });
      expect(first?.job.claim).not.toBe(second?.job.claim);
      const write = (claim: string | undefined, progress: number) =>
        store.change({ durable: false, job: { id: "j1", when: { claim }, set: { progress } } });
      expect(await write(first?.job.claim, 10)).toBeUndefined();
      expect(await write(undefined, 20)).toBeUndefined();
      expect(await write(second?.job.claim, 30)).toMatchObject({ job: { progress: 30 } });
    });

    it("gives each of many jobs its own claim, and each job to one of many that claim at once", async () => {
      await queue(...Array.from({ length: 30 }, (_, n) => [`j${n}`, { resource: `r${n % 3}` }] as const));
      const all = await Promise.all(
        Array.from({ length: 10 }, (_, n) => store.claimJobs({ owner: `w${n}`, limit: 4 })),
      );
      const jobs = all.flat().map(({ job }) => job);
      expect(new Set(jobs.map(({ id }) => id)).size).toBe(jobs.length);
      expect(new Set(jobs.map(({ claim }) => claim)).size).toBe(jobs.length);
      expect(jobs).toHaveLength(30);
      for (const one of all) expect(one.length).toBeLessThanOrEqual(4);
    });

    it("leaves what is not queued, not due, too late, or excepted", async () => {
      await queue(
        ["ready", { createdAt: START + 1 }],
        ["later", { runAt: START + 1 }],
        ["too late", { startBy: START }],
        ["in time", { startBy: START + 1, createdAt: START + 2 }],
        ["still executed", {}],
        ["not paid yet", { phase: "submitted" }],
        ["being settled", { phase: "submitted", work: "done" }],
        ["paid", { phase: "charged", createdAt: START + 3 }],
        ["running", { work: "running", owner: "dead" }],
        ["done", { phase: "delivered", work: "done", owner: "dead" }],
        ["too late, not paid yet", { phase: "submitted", startBy: START }],
      );
      const except = ["still executed"];
      expect(await claim({ except })).toEqual(["ready", "in time", "paid"]);
      clock += 1;
      expect(await claim({ except })).toEqual(["later"]);
      expect(ids(await store.lateJobs(9))).toEqual(["too late"]);
    });

    it("claims the oldest first, no more than asked for, and no more of a resource", async () => {
      await queue(
        ["b", { createdAt: START + 2 }],
        ["c", { createdAt: START + 3 }],
        ["a", { createdAt: START + 1 }],
        ["d", { createdAt: START + 4 }],
        ["other", { createdAt: START + 9, resource: "other" }],
        ["unwanted", { resource: "unwanted" }],
      );
      expect(await claim({ limit: 0 })).toEqual([]);
      expect(await claim({ most: { upscale: 2, unwanted: 0 } })).toEqual(["a", "b", "other"]);
      expect(await claim({ limit: 1, most: { unwanted: 0 } })).toEqual(["c"]);
      expect(await claim({ most: { upscale: 0 } })).toEqual(["unwanted"]);
      expect(await claim()).toEqual(["d"]);
    });

    it("lets resources take turns, also across claims of one job each", async () => {
      const backlog = Array.from({ length: 9 }, (_, n) => `a${n}`);
      await queue(
        ...backlog.map((id, n) => [id, { resource: "a", createdAt: START + n }] as const),
        ["b0", { resource: "b", createdAt: START + 50 }],
        ["b1", { resource: "b", createdAt: START + 51 }],
        ["c0", { resource: "c", createdAt: START + 60 }],
      );
      const one = async () => (await claim({ limit: 1 }))[0];
      expect([await one(), await one(), await one(), await one(), await one(), await one()]).toEqual([
        ...["a0", "b0", "c0", "a1", "b1", "a2"],
      ]);
      await queue(["b2", { resource: "b", createdAt: START + 99 }]);
      expect(await claim({ limit: 3 })).toEqual(["a3", "a4", "b2"]);
    });

    it("takes over what a dead server left when asked to, and counts a failure", async () => {
      await store.attend("alive", 1000);
      await queue(
        ["queued", { createdAt: START + 4 }],
        ["of the dead", { createdAt: START + 2, work: "running", owner: "dead", claim: "old", startedAt: 7 }],
        ["unowned", { createdAt: START + 3, work: "running", failures: 2 }],
        ["of the living", { work: "running", owner: "alive" }],
        ["done", { phase: "void", work: "failed", owner: "dead" }],
        ["submitted by the dead", { phase: "submitted", work: "done", owner: "dead" }],
      );
      const claimed = await store.claimJobs({ owner: "w1", limit: 9, orphans: true });
      expect(claimed).toMatchObject([
        { orphaned: true, job: { id: "of the dead", attempt: 1, failures: 1, startedAt: 7 } },
        { orphaned: true, job: { id: "unowned", attempt: 1, failures: 3 } },
        { orphaned: false, job: { id: "queued", attempt: 1, failures: 0 } },
      ]);
      expect(claimed[0]?.job.claim).not.toBe("old");
      clock += 1000;
      expect(await claim({ orphans: true, except: ids(claimed.map(({ job }) => job)) })).toEqual([
        "of the living",
      ]);
    });

    it("gives a server back what it has lost track of, without a failure, and not what it executes", async () => {
      await store.attend("w1", 1000);
      await queue(["lost"], ["executed"]);
      await claim();
      expect(await claim()).toEqual([]);
      expect(await claim({ owner: "w2", orphans: true })).toEqual([]);
      const [again, ...others] = await store.claimJobs({
        ...{ owner: "w1", limit: 9, orphans: true, except: ["executed"] },
      });
      expect(others).toEqual([]);
      expect(again).toMatchObject({ orphaned: true, job: { id: "lost", attempt: 2, failures: 0 } });
      // Without a lease anybody may take over what it executes, but not itself.
      clock += 1000;
      expect(await claim({ orphans: true, except: ["executed", "lost"] })).toEqual([]);
      expect(await claim({ owner: "w2", orphans: true })).toEqual(["executed", "lost"]);
      expect(await kept("executed")).toMatchObject({ failures: 1, owner: "w2" });
    });

    it("limits what it takes over as it does what is queued", async () => {
      await queue(
        ["a1", { createdAt: START + 1, work: "running" }],
        ["a2", { createdAt: START + 2 }],
        ["a3", { createdAt: START + 3, work: "running" }],
        ["b1", { createdAt: START + 4, resource: "b", work: "running" }],
      );
      expect(await claim({ orphans: true, limit: 3, most: { upscale: 2 } })).toEqual(["a1", "a2", "b1"]);
    });

    it("tells watchers of each", async () => {
      await queue(["j1"], ["j2"]);
      const told: unknown[] = [];
      const stop = store.watch((event) => void told.push(event));
      await claim();
      stop();
      expect(told.filter((event) => event !== undefined)).toEqual([
        { id: "j1", phase: "open", work: "running" },
        { id: "j2", phase: "open", work: "running" },
      ]);
    });
  });

  describe("refunds", () => {
    beforeEach(async () => {
      await store.change({
        durable: true,
        refund: { add: refund("r3", "c3", { createdAt: START + 3, retryAt: START + 50 }) },
      });
      await store.change({
        durable: true,
        refund: { add: refund("r1", "c1", { createdAt: START + 1, retryAt: START + 60 }) },
      });
      await store.change({
        durable: true,
        refund: { add: refund("r2", "c2", { createdAt: START + 2, state: "paid" }) },
      });
    });

    it("come oldest first, all or of one state, no more than asked for", async () => {
      expect(ids(await store.refunds({ limit: 9 }))).toEqual(["r1", "r2", "r3"]);
      expect(ids(await store.refunds({ limit: 2 }))).toEqual(["r1", "r2"]);
      expect(ids(await store.refunds({ state: "owed", limit: 9 }))).toEqual(["r1", "r3"]);
      expect(ids(await store.refunds({ state: "paid", limit: 9 }))).toEqual(["r2"]);
    });

    it("are due when they are owed and their time has come", async () => {
      expect(await store.refunds({ dueAt: START + 49, limit: 9 })).toEqual([]);
      expect(ids(await store.refunds({ dueAt: START + 50, limit: 9 }))).toEqual(["r3"]);
      expect(ids(await store.refunds({ dueAt: START + 60, limit: 9 }))).toEqual(["r1", "r3"]);
      expect(ids(await store.refunds({ dueAt: START + 60, limit: 1 }))).toEqual(["r1"]);
      expect(await store.refunds({ state: "paid", dueAt: START + 60, limit: 9 })).toEqual([]);
      await store.change({ durable: true, refund: { id: "r1", set: { state: "paid" } } });
      expect(ids(await store.refunds({ dueAt: START + 60, limit: 9 }))).toEqual(["r3"]);
    });

    it("are due when they are signed, too: the transfer may not have been sent", async () => {
      await store.change({
        durable: true,
        refund: { id: "r1", set: { state: "signed", ambiguous: true, payment: call("c1").payment } },
      });
      const by = { dueAt: START + 60, limit: 9 };
      expect(ids(await store.refunds(by))).toEqual(["r1", "r3"]);
      expect(ids(await store.refunds({ ...by, state: "signed" }))).toEqual(["r1"]);
      expect(ids(await store.refunds({ ...by, state: "owed" }))).toEqual(["r3"]);
      expect(ids(await store.refunds({ state: "signed", limit: 9 }))).toEqual(["r1"]);
    });

    it("are found by their id", async () => {
      expect(await store.refund("r2")).toStrictEqual(
        refund("r2", "c2", { createdAt: START + 2, state: "paid" }),
      );
      expect(await store.refund("r9")).toBeUndefined();
    });
  });

  describe("sweeping", () => {
    const closed = { phase: "delivered", answer, retryAt: undefined } as const;
    const old = START + CALL_LIFE_MS;

    it("deletes a call a day after it began, and frees key and payment", async () => {
      await given(call("c1", closed));
      expect(await store.sweep(old - 1, 1000)).toBe(0);
      expect(await store.call("c1")).toBeDefined();
      expect(await store.sweep(old, 1000)).toBe(1);
      expect(await store.call("c1")).toBeUndefined();
      await given(call("c1", closed));
    });

    it("keeps a call until its authorization has been void for a while", async () => {
      const validBefore = old / 1000 + 60;
      await given(call("c1", { ...closed, identity: { validBefore } }));
      const until = validBefore * 1000 + AUTHORIZATION_MARGIN_MS;
      expect(await store.sweep(until - 1, 1000)).toBe(0);
      expect(await store.sweep(until, 1000)).toBe(1);
    });

    it("keeps a submitted call, however old", async () => {
      await given(call("c1", { ...closed, phase: "submitted" }));
      expect(await store.sweep(START + 1000 * HOUR, 1000)).toBe(0);
      await store.change({ durable: true, call: { id: "c1", set: { phase: "void" } } });
      expect(await store.sweep(START + 1000 * HOUR, 1000)).toBe(1);
    });

    it("keeps a call that is to be looked at, now or later", async () => {
      await given(call("c1", { ...closed, phase: "void", retryAt: START }));
      await given(call("c2", { ...closed, phase: "void", retryAt: START + 9999 * HOUR }));
      expect(await store.sweep(START + 1000 * HOUR, 1000)).toBe(0);
      for (const id of ["c1", "c2"]) {
        await store.change({ durable: true, call: { id, set: { retryAt: undefined } } });
      }
      expect(await store.sweep(START + 1000 * HOUR, 1000)).toBe(2);
    });

    it("keeps a call whose job is kept", async () => {
      await given(call("c1", { ...closed, jobId: "j1" }), job("j1", "c1"));
      expect(await store.sweep(START + 1000 * HOUR, 1000)).toBe(0);
      await store.change({
        durable: true,
        job: { id: "j1", set: { phase: "delivered", work: "done", expiresAt: old } },
      });
      expect(await store.sweep(old, 1000)).toBe(2);
      expect(await store.call("c1")).toBeUndefined();
    });

    it("deletes an expired job before its call, leaving a tombstone for a week", async () => {
      await given(call("c1", { ...closed, jobId: "j1" }), job("j1", "c1", { expiresAt: START + 10 }));
      expect(await store.sweep(START + 9, 1000)).toBe(0);
      expect(await store.job("j1")).toMatchObject({ id: "j1" });
      expect(await store.sweep(START + 10, 1000)).toBe(1);
      expect(await store.job("j1")).toBe("gone");
      expect(await store.call("c1")).toBeDefined();
      await store.sweep(START + 10 + TOMBSTONE_LIFE_MS - 1, 1000);
      expect(await store.job("j1")).toBe("gone");
      await store.sweep(START + 10 + TOMBSTONE_LIFE_MS, 1000);
      expect(await store.job("j1")).toBeUndefined();
      expect(await store.job("never")).toBeUndefined();
    });

    it("keeps a job that has no end", async () => {
      await given(call("c1", { jobId: "j1" }), job("j1", "c1", { work: "running" }));
      expect(await store.sweep(START + 1000 * HOUR, 1000)).toBe(0);
    });

    it("keeps an expired job that is submitted: the evidence is written to both", async () => {
      await given(
        call("c1", { ...closed, phase: "submitted", jobId: "j1" }),
        job("j1", "c1", { phase: "submitted", work: "failed", expiresAt: START }),
      );
      expect(await store.sweep(START + 1000 * HOUR, 1000)).toBe(0);
      const set = { phase: "void" } as const;
      await store.change({ durable: true, call: { id: "c1", set }, job: { id: "j1", set } });
      expect(await store.sweep(START + 1000 * HOUR, 1000)).toBe(2);
    });

    it("keeps call and job as long as their refund is owed", async () => {
      await given(
        call("c1", { ...closed, phase: "owed", jobId: "j1" }),
        job("j1", "c1", { phase: "owed", work: "failed", expiresAt: START }),
      );
      await given(call("c2", closed));
      await store.change({ durable: true, refund: { add: refund("r1", "c1", { jobId: "j1" }) } });
      await store.change({ durable: true, refund: { add: refund("r2", "c2") } });
      expect(await store.sweep(START + 1000 * HOUR, 1000)).toBe(0);
      for (const id of ["r1", "r2"]) {
        await store.change({ durable: true, refund: { id, set: { state: "signed" } } });
      }
      expect(await store.sweep(START + 1000 * HOUR, 1000)).toBe(0);
      await store.change({ durable: true, refund: { id: "r1", set: { state: "paid" } } });
      expect(await store.sweep(START + 1000 * HOUR, 1000)).toBe(2);
      expect(await store.job("j1")).toBe("gone");
      expect(await store.call("c2")).toBeDefined();
    });

    it("deletes a refund long after it began, if it has been paid", async () => {
      await store.change({ durable: true, refund: { add: refund("r1", "c1", { state: "paid" }) } });
      await store.change({ durable: true, refund: { add: refund("r2", "c2") } });
      expect(await store.sweep(START + REFUND_LIFE_MS - 1, 1000)).toBe(0);
      expect(await store.sweep(START + REFUND_LIFE_MS, 1000)).toBe(1);
      expect(ids(await store.refunds({ limit: 9 }))).toEqual(["r2"]);
    });

    it("no longer counts a swept purchase as bought, nor as outstanding", async () => {
      await given(
        call("c1", { answer, jobId: "j1", fingerprint: "same", retryAt: undefined }),
        job("j1", "c1", { work: "failed", expiresAt: START }),
      );
      expect(await store.sweep(old, 1000)).toBe(2);
      const limits = { duplicateSince: START, outstanding: 50_000 };
      expect(
        await store.begin(call("c2", { fingerprint: "same" }), undefined, { durable: true, ...limits }),
      ).toEqual({
        begun: true,
      });
    });
  });
});

it("a store in memory keeps a bounded number of quotes: the oldest go first", async () => {
  const store = memoryStore({ now: () => START });
  for (let n = 0; n <= MAX_QUOTES; n += 1) {
    await store.keepQuote({ id: `q${n}`, value: `${n}`, until: START + 1 });
  }
  expect(await store.quote("q0")).toBeUndefined();
  expect(await store.quote("q1")).toBe("1");
  expect(await store.quote(`q${MAX_QUOTES}`)).toBe(`${MAX_QUOTES}`);
});

it("a store in memory is complete since it was made, or since it is said to be", () => {
  expect(memoryStore({ now: () => START }).completeSince).toBe(START);
  expect(memoryStore({ completeSince: 0 }).completeSince).toBe(0);
});
