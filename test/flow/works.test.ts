import { describe, expect } from "vitest";
import { systemTime } from "../../src/time/time.ts";
import { kinds, testWith } from "../store/kinds.ts";
import { latch, post, signedByHand, until } from "./shop.ts";
import { aborted, bench, openWorks } from "./works.ts";

const never = new Promise<never>(() => {});

describe.concurrent.each(kinds)("a job %s", (_kind, make) => {
  const test = testWith(make);

  describe("whose handler fails", () => {
    test("is run again, as the next attempt of the same job, and is paid once", async ({ store }) => {
      const seen: string[] = [];
      await using works = await openWorks({
        store,
        works: {
          work: {
            ...{ timeout: "5s", retries: 3, backoff: "10ms" },
            handler: (input, { attempt, jobId }) => {
              seen.push(`${attempt} of ${jobId}`);
              if (attempt < 3) throw new Error("not yet");
              return input;
            },
          },
        },
      });
      const id = await works.order("work", "a");
      expect(await works.when(id, "succeeded")).toMatchObject({ attempt: 3, failures: 2 });
      expect(seen).toEqual([`1 of ${id}`, `2 of ${id}`, `3 of ${id}`]);
      expect(works.asked.settle).toBe(1);
      expect(await store.refunds({ limit: 9 })).toEqual([]);
    });

    test("is not run again when it fails on purpose", async ({ store }) => {
      const attempts: number[] = [];
      await using works = await openWorks({
        store,
        works: {
          work: {
            ...{ timeout: "5s", retries: 5, backoff: "10ms" },
            handler: (_, ctx) => {
              attempts.push(ctx.attempt);
              return ctx.fail("refused");
            },
          },
        },
      });
      const id = await works.order("work", "a");
      expect((await works.when(id, "failed")).failure).toEqual({
        code: "refused",
        error: "The work was refused.",
      });
      expect(attempts).toEqual([1]);
    });

    test("one time too many, ends as failed with a text that reveals nothing of the handler, and is refunded", async ({
      store,
    }) => {
      const attempts: number[] = [];
      await using works = await openWorks({
        store,
        works: {
          work: {
            ...{ timeout: "5s", retries: 1, backoff: "10ms" },
            handler: (_, { attempt }) => {
              attempts.push(attempt);
              throw new Error("the password is swordfish");
            },
          },
        },
      });
      const id = await works.order("work", "a");
      await works.when(id, "failed");
      const document = await works.document(id);
      expect(document).toMatchObject({ code: "internal_error", paymentState: "refund_owed" });
      expect(JSON.stringify(document)).not.toContain("swordfish");
      expect(attempts).toEqual([1, 2]);
      expect(await store.refunds({ limit: 9 })).toMatchObject([{ jobId: id, reason: "internal_error" }]);
    });

    test("never goes back in its progress from one attempt to the next", async ({ store }) => {
      const progress: number[] = [];
      const note = async (id: string): Promise<void> => {
        const job = await store.job(id);
        if (job && job !== "gone") progress.push(job.progress);
      };
      const stop = store.watch((event) => void (event && note(event.id)));
      const reached = (percent: number) =>
        until(
          async () => progress,
          (all) => all.includes(percent),
        );
      await using works = await openWorks({
        store,
        works: {
          work: {
            ...{ timeout: "5s", retries: 1, backoff: "10ms" },
            handler: async (input, { attempt, progress }) => {
              progress(attempt === 1 ? 60 : 10);
              if (attempt === 1) {
                await reached(60);
                throw new Error("half-way");
              }
              progress(80.9);
              await reached(80);
              return input;
            },
          },
        },
      });
      const id = await works.order("work", "a");
      await works.when(id, "succeeded");
      stop();
      // What a listener reads may be told late, never back.
      expect(
        progress.filter((percent) => percent < 60 && progress.indexOf(percent) > progress.indexOf(60)),
      ).toEqual([]);
      expect(progress).toContain(80);
    });
  });

  describe("that takes too long", () => {
    test("is run again when its handler respects the signal, and not before it has ended", async ({
      store,
    }) => {
      const log: string[] = [];
      await using works = await openWorks({
        store,
        works: {
          work: {
            ...{ timeout: "150ms", retries: 1, backoff: "1ms" },
            handler: async (input, { attempt, signal }) => {
              log.push(`${attempt} begins`);
              if (attempt === 1) {
                await aborted(signal, never).catch(() => {});
                // It has things to put away.
                await new Promise((resolve) => setTimeout(resolve, 300));
              }
              log.push(`${attempt} ends`);
              return input;
            },
          },
        },
      });
      const id = await works.order("work", "a");
      await works.when(id, "succeeded");
      expect(log).toEqual(["1 begins", "1 ends", "2 begins", "2 ends"]);
    });

    test("ends although its handler ignores the signal, is not run beside it, and drops what it makes too late", async ({
      store,
    }) => {
      const { opened, open } = latch();
      const attempts: number[] = [];
      await using works = await openWorks({
        store,
        works: {
          work: {
            ...{ timeout: "100ms", retries: 3, backoff: "1ms" },
            handler: async (input, { attempt }) => {
              attempts.push(attempt);
              await opened;
              return input;
            },
          },
        },
      });
      const id = await works.order("work", "a");
      const failed = await works.when(id, "failed");
      expect(failed).toMatchObject({ failure: { code: "timeout" }, phase: "owed", attempt: 1 });
      open();
      await works.server.stop();
      expect(await works.job(id)).toEqual(failed);
      expect(attempts).toEqual([1]);
    });
  });

  describe("that must start within a time", () => {
    test.for([
      ["before", "refund_owed", 1],
      ["after", "unused", 0],
    ] as const)(
      "and is charged %s its work, ends as expired without any worker, and the buyer gets the money back",
      async ([charge, paymentState, refunds], { store }) => {
        let runs = 0;
        await using works = await openWorks({
          store,
          role: "api",
          // A server that sees no worker for so long sells no such job. To this one no time passes without a worker.
          time: { ...systemTime, elapsed: () => 0 },
          works: {
            work: {
              ...{ timeout: "5s", startWithin: "50ms", charge },
              handler: () => {
                runs += 1;
              },
            },
          },
        });
        const id = await works.order("work", "a");
        await works.server.start();
        await works.when(id, "expired");
        expect(await works.document(id)).toMatchObject({
          ...{ state: "failed", status: "expired", code: "expired", paymentState },
        });
        expect(await store.refunds({ limit: 9 })).toHaveLength(refunds);
        expect(works.asked.settle).toBe(refunds);
        expect(runs).toBe(0);
      },
    );

    test("and is charged after its work, is over when it has expired: the same bytes buy nothing, and the payer owes nothing", async ({
      store,
    }) => {
      const work = { timeout: "5s", startWithin: "3s", charge: "after", concurrency: 1 } as const;
      const { started, handler, begun, releaseAll } = bench();
      await using works = await openWorks({ store, works: { work: { ...work, handler: handler("work") } } });
      await works.server.start();
      await works.order("work", "a");
      await begun("a");
      const { headers } = await signedByHand(works, "/v1/work", { name: "b" }, { key: "a-key-of-the-buyer" });
      const buy = () => works.fetch("/v1/work", post({ name: "b" }, headers));
      const { jobId } = (await (await buy()).json()) as { jobId: string };
      const expired = await works.when(jobId, "expired");
      expect(expired).toMatchObject({ phase: "void", failure: { code: "expired" } });
      releaseAll();
      const replay = await buy();
      expect([replay.status, replay.headers.get("idempotent-replayed")]).toEqual([202, "true"]);
      expect(await replay.json()).toMatchObject({ jobId });
      expect(await works.job(jobId)).toEqual(expired);
      await until(
        async () => works.asked.settle,
        (settled) => settled === 1,
      );
      expect(started).toEqual(["a"]);
      expect(await store.call(expired.callId)).toMatchObject({ phase: "void", receipt: undefined });
      expect(await store.refunds({ limit: 9 })).toEqual([]);
    });

    test("and is charged after its work, is paid by an authorization that outlives wait and work", async ({
      store,
    }) => {
      await using works = await openWorks({
        store,
        works: {
          prompt: { timeout: "10s", charge: "after", handler: (input) => input },
          patient: { timeout: "10s", startWithin: "10m", charge: "after", handler: (input) => input },
        },
      });
      const seconds = async (work: string) => {
        const asked = await works.fetch(`/v1/${work}`, post({ name: "a" }));
        const { accepts } = (await asked.json()) as { accepts: { maxTimeoutSeconds: number }[] };
        return accepts[0]?.maxTimeoutSeconds ?? 0;
      };
      expect((await seconds("patient")) - (await seconds("prompt"))).toBe(600);
      const body = { name: "a" };
      const tooShort = await signedByHand(works, "/v1/patient", body, { seconds: 300 });
      const refused = await works.fetch("/v1/patient", post(body, tooShort.headers));
      expect([refused.status, await refused.json()]).toMatchObject([
        402,
        { error: "authorization_ends_before_the_work" },
      ]);
      await works.when(await works.order("patient", "b"), "succeeded");
    });

    test("and has started in time, may take longer, and be run again later", async ({ store }) => {
      await using works = await openWorks({
        store,
        works: {
          work: {
            // The pause is up to a quarter shorter.
            ...{ timeout: "5s", startWithin: "3s", retries: 1, backoff: "5s" },
            handler: (input, { attempt }) => {
              if (attempt === 1) throw new Error("not yet");
              return input;
            },
          },
        },
      });
      await works.server.start();
      const id = await works.order("work", "a");
      expect(await works.when(id, "succeeded")).toMatchObject({ attempt: 2 });
    });

    test("expires in the queue of a worker that is busy", async ({ store }) => {
      const { started, handler, begun, releaseAll } = bench();
      await using works = await openWorks({
        store,
        works: {
          work: { timeout: "5s", startWithin: "3s", concurrency: 1, handler: handler("work") },
        },
      });
      await works.server.start();
      const first = await works.order("work", "a");
      await begun("a");
      const second = await works.order("work", "b");
      await works.when(second, "expired");
      releaseAll();
      await works.when(first, "succeeded");
      expect(started).toEqual(["a"]);
    });
  });
});
