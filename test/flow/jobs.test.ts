import type { SavedJob } from "resource402/client";
import { memoryStore } from "resource402/server";
import { describe, expect, it, vi } from "vitest";
import { latch, openShop, until } from "./shop.ts";

const caught = (thrown: unknown) => thrown;

describe("a job's status", () => {
  it("goes from running to succeeded in the three words that pollers know, then is immutable", async () => {
    await using shop = await openShop();
    const { opened, open } = latch();
    shop.handlers.render = async (_, ctx) => {
      ctx.progress(41.7, "mixing");
      ctx.progress(12);
      await opened;
      return { url: "https://pictures.test/1", note: "done" };
    };
    const job = await shop.client().render.start({ prompt: "x" });
    let running = new Response();
    const document = await until(
      async () => {
        running = await shop.fetch(`/v1/jobs/${job.id}`);
        return running.json();
      },
      ({ progress }) => progress > 0,
    );
    expect(document).toMatchObject({
      jobId: job.id,
      state: "processing",
      status: "running",
      progress: 41,
      retryAfterSeconds: 1,
      paymentState: "settled",
      receipt: { amount: "0.02" },
    });
    expect(running.headers.get("cache-control")).toBe("no-store");
    expect(running.headers.get("retry-after")).toBe("1");
    expect(running.headers.get("referrer-policy")).toBe("no-referrer");
    open();
    await job.result();
    const ended = await shop.fetch(`/v1/jobs/${job.id}`);
    expect(await ended.json()).toMatchObject({
      state: "succeeded",
      status: "succeeded",
      progress: 100,
      result: { url: "https://pictures.test/1", note: "done" },
      artifactUrl: "https://pictures.test/1",
      response: "done",
      expiresAt: expect.any(String),
    });
    expect(ended.headers.get("cache-control")).toMatch(/^private, max-age=3[56]\d\d, immutable$/);
    const etag = ended.headers.get("etag") ?? "";
    expect(etag).toMatch(/^"[0-9a-f]{32}"$/);
    const again = await shop.fetch(`/v1/jobs/${job.id}`, { headers: { "if-none-match": etag } });
    expect([again.status, await again.text()]).toEqual([304, ""]);
  });

  it("is held open by Prefer: wait until the job ends", async () => {
    await using shop = await openShop();
    const { opened, open } = latch();
    shop.handlers.render = async () => {
      await opened;
      return { url: "https://pictures.test/1", note: "" };
    };
    const job = await shop.client().render.start({ prompt: "x" });
    const held = shop.fetch(`/v1/jobs/${job.id}`, { headers: { prefer: "wait=10" } });
    setTimeout(open, 100);
    const answer = await held;
    expect(answer.headers.get("preference-applied")).toBe("wait=10");
    expect((await answer.json()).state).toBe("succeeded");
  });

  it("is 410 from the moment at which it expires, before it is swept, unless a refund is owed", async () => {
    const store = memoryStore({ completeSince: 0 });
    await using shop = await openShop({ store });
    const { id, result } = await shop.client().render.start({ prompt: "x" });
    await result();
    shop.handlers.render = (_, ctx) => ctx.fail("refused", "No.");
    const { id: owed, result: refused } = await shop.client().render.start({ prompt: "y" });
    await expect(refused()).rejects.toThrow();
    const hour = vi.spyOn(Date, "now").mockReturnValue(Date.now() + 3_600_001);
    try {
      await using later = await openShop({ store });
      const asked = [`/v1/jobs/${id}`, `/v1/jobs/${id}/events`, `/v1/jobs/${owed}`];
      const answers = await Promise.all(asked.map((path) => later.fetch(path)));
      expect(answers.map(({ status }) => status)).toEqual([410, 410, 200]);
      expect((await later.fetch(`/v1/jobs/${id}`, { method: "DELETE" })).status).toBe(410);
      expect(await answers[2]?.json()).toMatchObject({ paymentState: "refund_owed" });
    } finally {
      hour.mockRestore();
    }
  });

  it("of an unknown job is 404, and of one past its retention 410", async () => {
    const store = memoryStore({ completeSince: 0 });
    await using shop = await openShop({ store });
    const { id } = await shop.client().render.start({ prompt: "x" });
    await shop.fetch(`/v1/jobs/${id}`, { headers: { prefer: "wait=5" } });
    await store.sweep(Date.now() + 2 * 3_600_000, 1000);
    // A second server on the same store: the first may still have the terminal answer at hand.
    await using later = await openShop({ store });
    const gone = await later.fetch(`/v1/jobs/${id}`);
    const unknown = await shop.fetch("/v1/jobs/job_00000000000000000000000000000000");
    expect([gone.status, unknown.status]).toEqual([410, 404]);
    // Neither says anything of the money: a server that has no job left cannot know.
    const said = [await gone.json(), await unknown.json()];
    expect(said).toMatchObject([{ code: "gone" }, { code: "not_found" }]);
    expect(said.map((problem) => "paymentState" in problem)).toEqual([false, false]);
  });
});

describe("cancelling", () => {
  it("aborts the handler, ends the job, and loses to an end that came first", async () => {
    await using shop = await openShop();
    let reason: unknown;
    shop.handlers.render = (_, ctx) =>
      new Promise((_, reject) => {
        ctx.signal.addEventListener("abort", () => {
          reason = ctx.signal.reason;
          reject(reason);
        });
      });
    const job = await shop.client().render.start({ prompt: "x" });
    expect(await job.cancel()).toBe(true);
    expect(await job.result().catch(caught)).toMatchObject({
      code: "failed",
      failure: "cancelled",
      charged: "yes",
    });
    expect(reason).toBeInstanceOf(DOMException);
    expect(await job.cancel()).toBe(false);
    expect(await job.status()).toMatchObject({ state: "failed", status: "cancelled" });
  });
});

describe("coming back to a job", () => {
  it("works from its id alone, and from its JSON, in another client", async () => {
    await using shop = await openShop();
    const job = await shop.client().render.start({ prompt: "x" });
    const saved = JSON.parse(JSON.stringify(job));
    expect(await shop.client().render.resume(job.id).result()).toMatchObject({ note: "x" });
    const resumed = shop.client().render.resume(saved);
    expect(await resumed.result()).toMatchObject({ note: "x" });
    expect(resumed.receipt).toEqual(job.receipt);
    expect(shop.asked.settle).toBe(1);
  });
});

describe("a job that never was", () => {
  it("is said so at once", async () => {
    await using shop = await openShop();
    const error = await shop.client().render.resume("job_00").result().catch(caught);
    expect(error).toMatchObject({ code: "http", status: 404, jobId: "job_00" });
    expect(shop.requests).toHaveLength(1);
  });

  it("leaves open what became of its payment, which is known by a receipt alone", async () => {
    await using shop = await openShop();
    const end = (saved: string | SavedJob) => shop.client().render.resume(saved).result().catch(caught);
    expect(await end("job_00")).toMatchObject({ status: 404, charged: "unknown", paymentState: undefined });
    const job = await shop.client().render.start({ prompt: "x" });
    await job.result();
    const elsewhere = { ...job.toJSON(), statusUrl: `${job.statusUrl}0`, eventsUrl: undefined };
    expect(await end(elsewhere)).toMatchObject({ status: 404, charged: "yes", paymentState: undefined });
    await shop.store.sweep(Date.now() + 2 * 3_600_000, 1000);
    await using later = await openShop({ store: shop.store });
    const deleted = later.client().render.resume(job.id).result();
    expect(await deleted.catch(caught)).toMatchObject({ status: 410, charged: "unknown" });
  });
});

describe("waiting", () => {
  it("stops at its time-out without saying anything of the job", async () => {
    await using shop = await openShop();
    const { opened, open } = latch();
    shop.handlers.render = async () => {
      await opened;
      return { url: "https://pictures.test/1", note: "late" };
    };
    const job = await shop.client().render.start({ prompt: "x" });
    const error = await job.result({ timeout: "50ms" }).catch(caught);
    expect(error).toMatchObject({ code: "wait_timeout", charged: "yes", jobId: job.id });
    open();
    expect(await job.result()).toMatchObject({ note: "late" });
  });

  it("stops when the caller aborts, with the caller's reason; the job goes on unless it is told to end", async () => {
    await using shop = await openShop();
    const { opened, open } = latch();
    shop.handlers.render = async () => {
      await opened;
      return { url: "https://pictures.test/1", note: "x" };
    };
    for (const onAbort of ["detach", "cancel"] as const) {
      const abort = new AbortController();
      const reason = new Error("enough");
      let id = "";
      const client = shop.client({
        onEvent: (event) => {
          if (event.type === "accepted") id = event.jobId;
        },
      });
      const before = shop.runs.render ?? 0;
      const waiting = client.render({ prompt: onAbort }, { signal: abort.signal, onAbort });
      await until(
        async () => id !== "" && (shop.runs.render ?? 0) > before,
        (runs) => runs,
      );
      abort.abort(reason);
      expect(await waiting.catch(caught)).toBe(reason);
      expect(await client.render.resume(id).status()).toMatchObject({
        status: onAbort === "cancel" ? "cancelled" : "running",
      });
    }
    open();
  });

  it("goes on through lost answers, errors, HTML and words that it does not know", async () => {
    await using shop = await openShop();
    const bad = [
      () => new Response("<html>", { status: 502 }),
      () => {
        throw new TypeError("fetch failed");
      },
      () => Response.json({ jobId: "x", state: "daydreaming", progress: 3 }),
      () => new Response("too many", { status: 429, headers: { "retry-after": "1" } }),
    ];
    shop.network = async (request) => {
      const next = request.url.includes("/jobs/") ? bad.shift() : undefined;
      return next ? next() : shop.server.fetch(request);
    };
    expect(await shop.client().render({ prompt: "x" })).toMatchObject({ note: "x" });
    expect(bad).toEqual([]);
  });

  it("obeys Retry-After", async () => {
    await using shop = await openShop();
    const at: number[] = [];
    shop.network = async (request) => {
      if (!request.url.includes("/jobs/")) return shop.server.fetch(request);
      at.push(performance.now());
      if (at.length > 1) return shop.server.fetch(request);
      return Response.json({ state: "processing" }, { headers: { "retry-after": "2" } });
    };
    await shop.client().render({ prompt: "x" });
    expect((at[1] ?? 0) - (at[0] ?? 0)).toBeGreaterThanOrEqual(1_990);
  });
});
