import { memoryCalls } from "resource402/client";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { JobFormat } from "../../src/client/job-format.ts";
import { BASE_URL, openHostile, receipt } from "./hostile.ts";
import { openStranger, operation } from "./stranger.ts";

const caught = (thrown: unknown) => thrown;
const result = { url: "https://pictures.test/1" };
const MINUTE_MS = 60_000;

afterEach(() => void vi.useRealTimers());

/** A seller that accepts a job by `accepted`, and answers its status by `statuses`, the last one again and again. */
async function openSeller(
  accepted: { readonly body?: object; readonly headers?: Record<string, string>; readonly status?: number },
  ...statuses: readonly (() => Response)[]
) {
  let looks = 0;
  const hostile = await openHostile((request) => {
    if (request.method !== "GET") {
      const { body = {}, headers = {}, status = 202 } = accepted;
      return Response.json(body, { status, headers: { ...receipt(), ...headers } });
    }
    const answer = statuses[Math.min(looks, statuses.length - 1)];
    looks += 1;
    return answer?.() ?? new Response(null, { status: 404 });
  });
  return { hostile, looks: () => looks };
}

/** Lets time pass until the work has ended: signatures and fetches need real turns between the steps. */
async function hurried<T>(work: () => Promise<T>): Promise<T> {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date", "performance"] });
  const working = work();
  let hasEnded = false;
  const end = () => {
    hasEnded = true;
  };
  working.then(end, end);
  while (!hasEnded) {
    await new Promise((resolve) => setImmediate(resolve));
    await vi.advanceTimersByTimeAsync(1_000);
  }
  return working;
}

const said =
  (document: unknown, status = 200) =>
  () =>
    Response.json(document, { status });
const ACCEPTED = { body: { id: "1" }, headers: { location: "/v1/jobs/1" } };

describe("a job of a seller of another make", () => {
  it("is bought on the chain and waited for, whoever names it how", async () => {
    await using seller = await openStranger((app) => {
      app.post("/paid/render", (c) => c.json({ job_id: "r1", status_url: "/renders/r1" }, 202));
      app.get("/renders/:id", (c) => c.json({ status: "COMPLETED", output: result }));
    });
    const render = seller.connect().jobResource<object, unknown>(operation("render"));
    expect(await render({})).toEqual(result);
    expect(await seller.paid()).toBe(10_000n);
  });

  it.each<[string, Parameters<typeof openSeller>[0]]>([
    ["jobId and statusUrl", { body: { jobId: "1", statusUrl: `${BASE_URL}/v1/jobs/1` } }],
    ["job_id and status_url", { body: { job_id: "1", status_url: "/v1/jobs/1" } }],
    ["id and pollUrl, as a number", { body: { id: 1, pollUrl: "/v1/jobs/1" } }],
    ["id and Location", ACCEPTED],
    ["data", { body: { success: true, data: { jobId: "1", statusUrl: "/v1/jobs/1" } } }],
    ["a 200", { ...ACCEPTED, status: 200 }],
    ["a 201", { ...ACCEPTED, status: 201 }],
  ])("is recognized when it is accepted with %s", async (_, accepted) => {
    const { hostile } = await openSeller(accepted, said({ status: "done", result }));
    const job = await hostile.render().start({});
    expect([job.id, job.statusUrl]).toEqual(["1", `${BASE_URL}/v1/jobs/1`]);
    expect(await job.result()).toEqual(result);
    // Saved, it is still read by the words of its seller.
    const again = hostile.render().resume(JSON.parse(JSON.stringify(job)));
    expect(await again.result()).toEqual(result);
  });

  it.each<[string, () => Response]>([
    ["status: completed, result", said({ status: "completed", result })],
    ["state: completed, output", said({ state: "completed", output: result })],
    ["status: DONE, data", said({ status: "DONE", data: result })],
    ["status: success, the job in data", said({ status: "success", data: { status: "Finished", result } })],
    ["data with a status of its own", said({ data: { state: "succeeded", output: result } })],
    ["a bare result", said(result)],
    ["done: true", said({ done: true, result })],
  ])("has ended with its output: %s", async (_, status) => {
    const { hostile } = await openSeller(ACCEPTED, status);
    expect(await hostile.render()({})).toEqual(result);
  });

  it("has the whole document as its output where nothing else is one", async () => {
    const document = { status: "completed", url: "https://pictures.test/1" };
    const { hostile } = await openSeller(ACCEPTED, said(document));
    expect(await hostile.render()({})).toEqual(document);
  });

  it("may answer its status with the bytes themselves", async () => {
    const bytes = Uint8Array.from([0xff, 0xd8]);
    const image = () => new Response(bytes, { headers: { "content-type": "image/jpeg" } });
    const { hostile } = await openSeller(ACCEPTED, image);
    const output = (await hostile.render()({})) as Blob;
    expect(new Uint8Array(await output.arrayBuffer())).toEqual(bytes);
  });

  it.each([
    ["status: error", { status: "error", message: "no model" }],
    ["state: FAILED, error as an object", { state: "FAILED", error: { message: "no model" } }],
    ["status: cancelled", { status: "cancelled", error: "no model" }],
    ["data.status: timed_out", { data: { status: "timed_out", detail: "no model" } }],
  ])("has failed: %s", async (_, document) => {
    const { hostile } = await openSeller(ACCEPTED, said(document));
    const error = await hostile.render()({}).catch(caught);
    expect(error).toMatchObject({ code: "failed", charged: "yes", message: "render: no model" });
  });

  it.each([
    ["202", said({ jobId: "1" }, 202)],
    ["IN_PROGRESS", said({ status: "IN_PROGRESS" })],
    ["queued in data", said({ status: "success", data: { status: "queued" } })],
    ["404 in its first second", said({}, 404)],
  ])("is waited for while its status is %s", async (_, running) => {
    const { hostile, looks } = await openSeller(ACCEPTED, running, said({ status: "done", result }));
    expect(await hurried(() => hostile.render()({}))).toEqual(result);
    expect(looks()).toBe(2);
  });

  it.each([
    ["an unknown word", said({ status: "flabbergasted\n now" }), "unknown_state", '"flabbergasted now"'],
    ["no word", said({ progress: 3 }), "unknown_state", "nothing that is a state"],
    ["a refusal", said({ error: "pay again" }, 402), "no_status", "pay again"],
  ])("that goes on saying %s is an error in minutes", async (_, status, reason, text) => {
    const { hostile } = await openSeller(ACCEPTED, status);
    const startMs = Date.now();
    const error = await hurried(() => hostile.render()({}).catch(caught));
    expect(Date.now() - startMs).toBeLessThan(10 * MINUTE_MS);
    expect(error).toMatchObject({ reason, charged: "yes", message: expect.stringContaining(text) });
    expect(error).toMatchObject({ response: { body: expect.anything() } });
  });

  it("is read by the names of the call's definition", async () => {
    const job: JobFormat = {
      ...{ id: "task.nr", statusPath: "/tasks/:id", state: "task.phase", output: "task.made" },
      succeeded: ["Fertig"],
      failed: ["Kaputt"],
    };
    const calls = memoryCalls();
    const { hostile } = await openSeller(
      { body: { task: { nr: 7 } } },
      said({ task: { phase: "fertig", made: result } }),
      said({ task: { phase: "kaputt" } }),
    );
    const price = { kind: "fixed", usd: "0.01", per: "call" } as const;
    const definition = { name: "render", method: "POST", path: "/v1/render", price, job } as const;
    const render = hostile.connect({ calls }).jobResource<object, unknown>(definition);
    const started = await render.start({});
    expect(started.statusUrl).toBe(`${BASE_URL}/tasks/7`);
    expect(await started.result()).toEqual(result);
    expect(await render.resume("7").result().catch(caught)).toMatchObject({ code: "failed" });
  });

  it("may have its result at once, where the definition says that it is of another make", async () => {
    const { hostile } = await openSeller({ status: 200, body: result });
    const price = { kind: "fixed", usd: "0.01", per: "call" } as const;
    const definition = { name: "render", method: "POST", path: "/v1/render", price, job: {} } as const;
    expect(await hostile.connect().jobResource(definition)({})).toEqual(result);
  });

  it("that names no address is an error with what was answered", async () => {
    const { hostile } = await openSeller({ body: { id: "1" } });
    const error = await hostile.render()({}).catch(caught);
    expect(error).toMatchObject({ code: "protocol", charged: "yes", response: { body: { id: "1" } } });
  });
});
