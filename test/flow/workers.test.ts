import { setTimeout as pause } from "node:timers/promises";
import { memoryStore } from "resource402/server";
import { startWorld } from "resource402/testing";
import { describe, expect, it } from "vitest";
import type { Step, Store } from "../../src/store/store.ts";
import { systemTime } from "../../src/time/time.ts";
import { kinds, testWith } from "../store/kinds.ts";
import { latch, post, signedByHand, until } from "./shop.ts";
import { bench, openWorks, spied } from "./works.ts";

describe.concurrent.each(kinds)("jobs %s", (_kind, make) => {
  const test = testWith(make);

  test("run in the order of their calls, no more at once than their limit and the server's, and no full kind keeps another waiting", async ({
    store,
  }) => {
    const { started, most, handler, begun, release, releaseAll } = bench();
    await using works = await openWorks({
      store,
      jobs: { concurrency: 3 },
      works: {
        slow: { timeout: "20s", concurrency: 2, handler: handler("slow") },
        other: { timeout: "20s", handler: handler("other") },
      },
    });
    const ids: string[] = [];
    for (const name of ["s1", "s2", "s3", "s4", "s5"]) ids.push(await works.order("slow", name));
    await begun("s1", "s2");
    // Three of the slow kind wait, and came first.
    for (const name of ["o1", "o2", "o3"]) ids.push(await works.order("other", name));
    await begun("o1");
    release("s1");
    await begun("s3");
    release("o1");
    await begun("o2");
    releaseAll();
    for (const id of ids) await works.when(id, "succeeded");
    expect(most).toEqual({ slow: 2, other: expect.any(Number), all: 3 });
    // Two that are taken together may start in either order.
    const slow = started.filter((name) => name.startsWith("s"));
    expect([...slow.slice(0, 2).toSorted(), ...slow.slice(2, 3)]).toEqual(["s1", "s2", "s3"]);
    expect(slow.toSorted()).toEqual(["s1", "s2", "s3", "s4", "s5"]);
    expect(started.filter((name) => name.startsWith("o")).slice(0, 2)).toEqual(["o1", "o2"]);
  });

  test("wait for a handler that ignores its time-out, as long as it goes on, but not for ever", async ({
    store,
  }) => {
    let most = 0;
    let now = 0;
    const ends: (() => void)[] = [];
    const deaf = async ({ name }: { name: string }) => {
      most = Math.max(most, ++now);
      await new Promise<void>((resolve) => ends.push(resolve));
      now -= 1;
      return { name };
    };
    await using works = await openWorks({
      store,
      works: { deaf: { timeout: "1s", concurrency: 1, handler: deaf } },
    });
    const first = await works.order("deaf", "a");
    // Those of one millisecond may start in any order.
    await pause(5);
    const second = await works.order("deaf", "b");
    await pause(5);
    const third = await works.order("deaf", "c");
    await works.when(first, "failed");
    expect(now).toBe(1);
    ends[0]?.();
    await works.when(second, "failed");
    expect(most).toBe(1);
    // The second one never ends: the third is run beside it after a while.
    await until(
      async () => ends.length,
      (begun) => begun === 3,
    );
    for (const end of ends) end();
    await works.when(third, "succeeded");
  });

  test.for(["resource", "all"] as const)(
    "are refused when too many wait (%s), before any money moves; the same bytes are taken later",
    async (limit, { store }) => {
      const { handler, begun, release, releaseAll } = bench();
      const own = limit === "resource" ? { maxQueued: 1 } : {};
      await using works = await openWorks({
        store,
        jobs: { maxQueued: limit === "all" ? 1 : 100 },
        works: {
          work: { timeout: "20s", concurrency: 1, ...own, handler: handler("work") },
          other: { timeout: "20s", handler: handler("other") },
        },
      });
      const first = await works.order("work", "a");
      await begun("a");
      const second = await works.order("work", "b");
      const settled = works.asked.settle;
      const body = { name: "c" };
      const { headers } = await signedByHand(works, "/v1/work", body, { key: "a-key-for-the-third" });
      const refused = await works.fetch("/v1/work", post(body, headers));
      expect(refused.status).toBe(503);
      expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
      expect(await refused.json()).toMatchObject({ code: "queue_full", paymentState: "unused" });
      expect(works.asked.settle).toBe(settled);
      // The other kind has a queue of its own, unless the limit is everyone's.
      if (limit === "resource") await works.order("other", "d");
      else await expect(works.order("other", "d")).rejects.toThrow("queue_full");
      release("a");
      await works.when(first, "succeeded");
      await begun("b");
      const taken = await works.fetch("/v1/work", post(body, headers));
      expect(taken.status).toBe(202);
      const { jobId } = (await taken.json()) as { jobId: string };
      releaseAll();
      await works.when(second, "succeeded");
      await works.when(jobId, "succeeded");
    },
  );

  test("of a server that stops: the running may end in time, the others are handed back unharmed and run elsewhere", async ({
    store,
  }) => {
    const { started, handler, begun, release, releaseAll } = bench();
    await using works = await openWorks({
      store,
      jobs: { concurrency: 2 },
      works: { work: { timeout: "20s", retries: 1, handler: handler("work") } },
    });
    await works.server.start();
    const quick = await works.order("work", "quick");
    const slow = await works.order("work", "slow");
    const waiting = await works.order("work", "waiting");
    await begun("quick", "slow");
    const stopped = works.server.stop(3_000);
    release("quick");
    await stopped;
    expect(started.toSorted()).toEqual(["quick", "slow"]);
    expect(await works.job(quick)).toMatchObject({ work: "done" });
    expect(await works.job(slow)).toMatchObject({
      work: "waiting",
      owner: undefined,
      failures: 0,
      attempt: 1,
    });
    expect(await works.job(waiting)).toMatchObject({ work: "waiting", attempt: 0 });
    releaseAll();
    await using next = await openWorks({
      ...{ store, world: works.world },
      works: { work: { timeout: "20s", retries: 1, handler: handler("work") } },
    });
    await next.server.start();
    expect(await works.when(slow, "succeeded")).toMatchObject({ attempt: 2, failures: 0 });
    expect(await works.when(waiting, "succeeded")).toMatchObject({ attempt: 1 });
    expect(started.slice(2).sort()).toEqual(["slow", "waiting"]);
  });

  test("of a server that is cut off from the store are stopped there before another one runs them", async ({
    store,
  }) => {
    const { started, most, handler, begun, releaseAll } = bench();
    let cut = false;
    const failing = spied(
      store,
      () => {
        if (cut) throw new Error("the database is not reachable");
      },
      () => cut,
    );
    const work = { timeout: "20s", handler: handler("work") } as const;
    const recovery = { everyMs: 10, leaseMs: 2_500 };
    await using cutOff = await openWorks({ store: failing, recovery, works: { work } });
    await cutOff.server.start();
    const id = await cutOff.order("work", "a");
    await begun("a");
    cut = true;
    await using other = await openWorks({ store, recovery, world: cutOff.world, works: { work } });
    await other.server.start();
    await until(
      async () => started,
      ({ length }) => length === 2,
    );
    releaseAll();
    expect(await other.when(id, "succeeded")).toMatchObject({ attempt: 2 });
    cut = false;
    expect(most).toEqual({ work: 1, all: 1 });
    expect(other.asked.settle).toBe(0);
  });

  test("run on a worker, never on a server that only takes calls", async ({ store }) => {
    const ran: string[] = [];
    let looked = 0;
    const watched = spied(store, (method) => {
      if (method === "lateJobs") looked += 1;
    });
    const work = (where: string) => ({
      work: {
        timeout: "5s",
        handler: (input: { name: string }) => {
          ran.push(`${input.name} ${where}`);
          return input;
        },
      } as const,
    });
    await using api = await openWorks({ store: watched, role: "api", works: work("at the api") });
    await api.server.start();
    const id = await api.order("work", "a");
    const before = looked;
    await until(
      async () => looked,
      (times) => times > before + 3,
    );
    expect(await api.job(id)).toMatchObject({ work: "waiting", attempt: 0 });
    await using worker = await openWorks({
      ...{ store, role: "worker", world: api.world, works: work("at the worker") },
    });
    await worker.server.start();
    await api.when(id, "succeeded");
    expect(ran).toEqual(["a at the worker"]);
  });

  test("that must start within a time are not sold while no worker has been seen for as long; the others wait", async ({
    store,
  }) => {
    const works = {
      soon: { timeout: "5s", startWithin: "2s", handler: (input: { name: string }) => input },
      later: { timeout: "5s", handler: (input: { name: string }) => input },
    } as const;
    let ahead = 0;
    const time = { ...systemTime, elapsed: () => systemTime.elapsed() + ahead };
    await using api = await openWorks({ store, role: "api", works, time });
    await api.server.start();
    const missed = (line: string) => line.startsWith("no worker is seen");
    const missedFor2s = async (times: number) => {
      await until(
        async () => api.logged.filter(missed).length,
        (seen) => seen === times,
      );
      ahead += 2_200;
    };
    await missedFor2s(1);
    const body = { name: "a" };
    const { headers } = await signedByHand(api, "/v1/soon", body, { key: "a-key-of-the-buyer" });
    const refused = await api.fetch("/v1/soon", post(body, headers));
    expect(refused.status).toBe(503);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(await refused.json()).toMatchObject({
      ...{ code: "unavailable", paymentState: "unused", retryable: true },
      detail: expect.stringContaining("Nothing was charged"),
    });
    // The payer is verified first: a refusal before that would tell a forged payer whether a key is in use.
    expect(api.asked).toEqual({ verify: 1, settle: 0 });
    expect(api.logged.filter(missed)).toHaveLength(1);
    const waiting = await api.order("later", "b");

    await using worker = await openWorks({ store, role: "worker", world: api.world, works });
    await worker.server.start();
    await api.when(waiting, "succeeded");
    // The same bytes are taken as soon as a worker runs.
    const taken = await until(
      () => api.fetch("/v1/soon", post(body, headers)),
      ({ status }) => status === 202,
    );
    const { jobId } = (await taken.json()) as { jobId: string };
    expect(await api.when(jobId, "succeeded")).toMatchObject({ attempt: 1 });
    expect(api.logged).toContain("a worker is seen again");
    // What has been sold is answered again, whoever is there now.
    await worker.server.stop();
    await missedFor2s(2);
    await expect(api.order("soon", "c")).rejects.toThrow("unavailable");
    const replay = await api.fetch("/v1/soon", post(body, headers));
    expect([replay.status, replay.headers.get("idempotent-replayed")]).toEqual([202, "true"]);
  });

  test("run again on a server that was stopped and is started again, and so does all it does besides", async ({
    store,
  }) => {
    const { started, handler, begun, release, releaseAll } = bench();
    let sweeps = 0;
    const watched = spied(store, (method) => {
      if (method === "sweep") sweeps += 1;
    });
    await using works = await openWorks({
      store: watched,
      works: {
        work: { timeout: "20s", handler: handler("work") },
        soon: { timeout: "5s", startWithin: "3s", concurrency: 1, handler: handler("soon") },
      },
    });
    await works.server.start();
    const slow = await works.order("work", "slow");
    await begun("slow");
    // Asked for while it still stops, the start waits for that.
    const stopped = works.server.stop(50);
    const restarted = works.server.start();
    await Promise.all([stopped, restarted]);
    expect(await store.workers()).toBe(1);
    expect((await works.fetch("/readyz")).status).toBe(200);
    await until(
      async () => started,
      ({ length }) => length === 2,
    );
    release("slow");
    expect(await works.when(slow, "succeeded")).toMatchObject({ attempt: 2, failures: 0 });
    await until(
      async () => sweeps,
      (times) => times === 2,
    );
    // What is bought now runs, what waits too long ends, and a request that waits for the end gets it.
    const next = await works.order("work", "next");
    await begun("next");
    const held = works.fetch(`/v1/jobs/${next}`, { headers: { prefer: "wait=20" } });
    await works.order("soon", "one");
    await begun("one");
    const late = await works.order("soon", "two");
    await works.when(late, "expired");
    releaseAll();
    expect(await (await held).json()).toMatchObject({ status: "succeeded" });
  });

  test("that wait when a worker starts run within its limits, too", async ({ store }) => {
    const { started, most, handler, releaseAll } = bench();
    const works = {
      slow: { timeout: "20s", concurrency: 2, handler: handler("slow") },
      other: { timeout: "20s", handler: handler("other") },
    } as const;
    await using api = await openWorks({ store, role: "api", works });
    const ids: string[] = [];
    for (let n = 0; n < 6; n += 1) {
      ids.push(await api.order("slow", `s${n}`), await api.order("other", `o${n}`));
    }
    const options = { role: "worker", jobs: { concurrency: 3 }, recovery: { everyMs: 5 } } as const;
    await using worker = await openWorks({ ...options, store, world: api.world, works });
    await worker.server.start();
    await until(
      async () => started,
      ({ length }) => length >= 3,
    );
    releaseAll();
    for (const id of ids) await api.when(id, "succeeded");
    expect(started).toHaveLength(12);
    expect(most.all).toBe(3);
    expect(most.slow).toBeLessThanOrEqual(2);
  });

  test("of two workers on one store are spread over both, and each is run once", async ({ store }) => {
    const both = bench();
    const [one, two] = [bench(), bench()];
    const names = Array.from({ length: 8 }, (_, n) => `j${n}`);
    const works = (own: ReturnType<typeof bench>) => ({
      work: {
        timeout: "20s",
        handler: (input: { name: string }, ctx: Parameters<ReturnType<typeof both.handler>>[1]) =>
          Promise.all([both.handler("work")(input, ctx), own.handler("work")(input, ctx)]).then(() => input),
      } as const,
    });
    const options = { store, jobs: { concurrency: 2 } };
    await using api = await openWorks({ store, role: "api", works: works(both) });
    await using first = await openWorks({ ...options, role: "worker", world: api.world, works: works(one) });
    await using second = await openWorks({ ...options, role: "worker", world: api.world, works: works(two) });
    await first.server.start();
    await second.server.start();
    const ids: string[] = [];
    for (const name of names) ids.push(await api.order("work", name));
    await until(
      async () => both.started,
      ({ length }) => length === 4,
    );
    for (const own of [both, one, two]) own.releaseAll();
    for (const id of ids) await api.when(id, "succeeded");
    expect(both.started.toSorted()).toEqual(names);
    expect(both.most.all).toBe(4);
    expect([one.most.all, two.most.all]).toEqual([2, 2]);
  });

  test("that report ten thousand times are written a few times; the last report is seen, whole and never less", async ({
    store,
  }) => {
    const { opened, open } = latch();
    const written: unknown[] = [];
    const watched = spied(store, (method, [step]) => {
      const set = method === "change" ? (step as Step).job?.set : undefined;
      if (set && set !== "forget" && "progress" in set && !("work" in set)) written.push(set.progress);
    });
    const begunAt = performance.now();
    await using works = await openWorks({
      store: watched,
      works: {
        work: {
          timeout: "20s",
          handler: async (input, { progress }) => {
            for (let n = 1; n <= 10_000; n += 1) {
              progress(n % 3 === 0 ? 0 : n / 125, `step ${n}`);
              if (n % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
            }
            progress(81.99, "the last one");
            await opened;
            return input;
          },
        },
      },
    });
    const id = await works.order("work", "a");
    await until(
      () => works.job(id),
      ({ message }) => message === "the last one",
    );
    const perSecond = 4;
    expect(written.length).toBeLessThanOrEqual(2 + ((performance.now() - begunAt) / 1000) * perSecond);
    expect(written).toEqual(written.toSorted((a, b) => Number(a) - Number(b)));
    expect(written.every(Number.isInteger)).toBe(true);
    expect(await works.document(id)).toMatchObject({ progress: 81, message: "the last one" });
    open();
    expect(await works.when(id, "succeeded")).toMatchObject({ progress: 100 });
  });
});

describe("a worker", () => {
  it("answers its operators, and no one else: no call, no payment, no status", async () => {
    const [, make] = kinds[0] ?? [];
    if (!make) throw new Error("there is no store");
    const { store } = await make(Date.now);
    const works = { work: { timeout: "5s", handler: (input: { name: string }) => input } as const };
    await using api = await openWorks({ store, role: "api", works });
    await using worker = await openWorks({
      ...{ store, role: "worker", world: api.world, works },
      admin: { token: "a-token-that-is-long-enough" },
    });
    await worker.server.start();
    const id = await api.order("work", "a");
    await api.when(id, "succeeded");
    const body = { name: "b" };
    const { headers } = await signedByHand(api, "/v1/work", body, { key: "a-key-for-the-worker" });
    for (const [path, init] of [
      ["/v1/work", post(body, headers)],
      ["/v1/work", { method: "OPTIONS" }],
      [`/v1/jobs/${id}`, {}],
      [`/v1/jobs/${id}/events`, {}],
      [`/v1/jobs/${id}`, { method: "DELETE" }],
    ] as const) {
      const answer = await worker.fetch(path, init);
      expect([path, answer.status, (await answer.json()).code]).toEqual([path, 404, "not_found"]);
    }
    expect(worker.asked).toEqual({ verify: 0, settle: 0 });
    expect((await worker.fetch("/livez")).status).toBe(200);
    expect((await worker.fetch("/readyz")).status).toBe(200);
    expect((await worker.fetch("/admin")).status).not.toBe(404);
  });
});

it("a server that runs one job at a time does not run another beside a handler that ignores its time-out", async () => {
  const first = latch();
  const begun: string[] = [];
  const deaf = async ({ name }: { name: string }) => {
    begun.push(name);
    if (name === "a") await first.opened;
    return { name };
  };
  await using works = await openWorks({
    store: memoryStore({ completeSince: 0 }),
    jobs: { concurrency: 1 },
    works: { deaf: { timeout: "1s", handler: deaf } },
  });
  const one = await works.order("deaf", "a");
  const two = await works.order("deaf", "b");
  await works.when(one, "failed");
  // There is room for it only once the first handler has come to its end.
  await pause(300);
  expect(begun).toEqual(["a"]);
  first.open();
  await works.when(two, "succeeded");
  expect(begun).toEqual(["a", "b"]);
});

it("a hanging round of reconciling delays no refund and no job", async () => {
  const store = memoryStore({ completeSince: 0 });
  const rounds = { refunds: 0, dueCalls: 0 };
  const hanging: Store = {
    ...store,
    dueCalls: () => {
      rounds.dueCalls += 1;
      return new Promise(() => {});
    },
    refunds: (by) => {
      rounds.refunds += 1;
      return store.refunds(by);
    },
  };
  await using world = await startWorld({ chain: false });
  const { seller, facilitator, network } = world;
  await using works = await openWorks({
    ...{ store: hanging, world },
    works: { work: { timeout: "5s", handler: (input: { name: string }) => input } },
    payments: {
      accepts: [{ network, payTo: seller.address }],
      facilitator,
      refunds: { account: seller },
    },
  });
  await works.server.start();
  await until(
    async () => rounds.refunds,
    (times) => times > 3,
  );
  expect(rounds.dueCalls).toBe(1);
  await works.when(await works.order("work", "a"), "succeeded");
});
