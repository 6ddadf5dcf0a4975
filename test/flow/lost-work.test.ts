import { memoryStore, type Store } from "resource402/server";
import { afterEach, describe, expect, it, vi } from "vitest";
import { kinds, type Made } from "../store/kinds.ts";
import { latch, openShop, post, signedByHand, until } from "./shop.ts";

const HOUR_MS = 3_600_000;

describe.each(kinds)("a charged call whose server died over its work, %s,", (_, make) => {
  let made: Made;

  afterEach(async () => {
    vi.useRealTimers();
    await made.dispose();
  });

  it.each([
    ["an hour", 1],
    ["three days", 72],
  ])("is refunded, although no server has run for %s since", async (_, hours) => {
    made = await make(() => Date.now());
    const { store } = made;
    const ran = latch();
    const faults = {
      reach: (point: string) => {
        if (point !== "call.ran") return Promise.resolve();
        ran.open();
        return new Promise<never>(() => {});
      },
    };
    await using before = await openShop({ store, faults });
    const body = { cup: "mine" };
    const { headers } = await signedByHand(before, "/v1/brew", body, { key: "lost-coffee" });
    void before.fetch("/v1/brew", post(body, headers));
    await ran.opened;
    expect((await before.moved()).paid).toBe(30_000n);
    await before.server.stop(0);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + hours * HOUR_MS });
    await using after = await openShop({
      ...{ world: before.world, store },
      recovery: { everyMs: 20, comeBackMs: 300 },
    });
    await after.server.start();
    const refunds = await until(
      () => {
        vi.setSystemTime(Date.now() + 20);
        return store.refunds({ limit: 9 });
      },
      ({ length }) => length > 0,
    );
    expect(refunds).toMatchObject([{ state: "owed", reason: "interrupted" }]);
  });
});

describe("a job whose claim was written, but not reported by the store", () => {
  it("is claimed again by the same server without counting a failure, and not while it runs", async () => {
    const store = memoryStore({ completeSince: 0 });
    let lost = false;
    let recoveries = 0;
    const flaky: Store = {
      ...store,
      async claimJobs(options) {
        const claimed = await store.claimJobs(options);
        if (claimed.length > 0 && !lost) {
          lost = true;
          throw new Error("connection terminated");
        }
        if (options.orphans) recoveries += 1;
        return claimed;
      },
    };
    await using one = await openShop({ store: flaky, recovery: { everyMs: 200 } });
    await using two = await openShop({ world: one.world, store, recovery: { everyMs: 20 } });
    const { opened, open } = latch();
    const draw = async () => {
      await opened;
      return { url: "https://pictures.test/1", note: "drawn" };
    };
    one.handlers.render = draw;
    two.handlers.render = draw;
    await one.server.start();
    const { id: jobId } = await one.client().render.start({ prompt: "x" });
    await until(
      async () => one.runs.render,
      (runs) => runs === 1,
    );
    await two.server.start();
    const before = recoveries;
    await until(
      async () => recoveries,
      (now) => now > before + 1,
    );
    const runs = [one.runs.render, two.runs.render];
    expect(await store.job(jobId)).toMatchObject({ attempt: 2, failures: 0 });
    open();
    expect(lost).toBe(true);
    expect(runs).toEqual([1, undefined]);
  });
});
