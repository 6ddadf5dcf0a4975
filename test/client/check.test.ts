import { memoryCalls } from "resource402/client";
import { afterEach, describe, expect, it, vi } from "vitest";
import { type Hostile, openHostile, problem, receipt } from "../flow/hostile.ts";

const caught = (thrown: unknown) => thrown;
const MINUTE_MS = 60_000;

afterEach(() => void vi.useRealTimers());

function pass(ms: number): void {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + ms });
}

/** A call whose answer was lost, and then the answer of the seller to everything else. */
async function lost(then: Hostile["paid"]) {
  const hostile = await openHostile(() => Promise.reject(new TypeError("fetch failed")));
  const calls = memoryCalls();
  const client = { calls, retries: 0, budget: { total: "0.01" as const } };
  await hostile.echo(client)({}).catch(caught);
  hostile.paid = then;
  const connection = hostile.connect(client);
  const [call] = await connection.pending();
  if (!call) throw new Error("expected a pending call");
  const before = {
    requests: hostile.requests.length,
    stored: await calls.list(),
    budget: await connection.budget(),
  };
  return { hostile, calls, connection, call, before };
}

describe("check", () => {
  it("sends no payment that could still settle: it would buy what has never reached the seller", async () => {
    const { hostile, call, before } = await lost(() => Response.json({}, { headers: receipt() }));
    expect(await call.check()).toMatchObject({
      ...{ charged: "unknown", state: "unknown", receipt: undefined, job: undefined },
      retryAt: expect.stringMatching(/^\d{4}-.*Z$/),
    });
    expect(hostile.requests).toHaveLength(before.requests);
  });

  it.each([
    ["an output and a receipt", () => Response.json({}, { headers: receipt() }), "yes", "succeeded"],
    ["an output without a receipt", () => Response.json({}), "unknown", "succeeded"],
    ["a failure that was not charged", () => problem(422, "refused", "unused"), "no", "failed"],
    ["a failure that was refunded", () => problem(500, "internal_error", "refunded"), "refunded", "failed"],
    ["a payment in flight", () => problem(503, "settlement_unknown", "in_flight"), "unknown", "unknown"],
    ["an error without a word", () => new Response("", { status: 500 }), "unknown", "unknown"],
    ["another 402", () => problem(402, "payment_required"), "unknown", "unknown"],
    [
      "events",
      () => new Response("data: 1\n\n", { headers: { "content-type": "text/event-stream", ...receipt() } }),
      "yes",
      "succeeded",
    ],
    ["nothing", () => Promise.reject(new TypeError("fetch failed")), "unknown", "unknown"],
  ] as const)(
    "asks the seller with the same bytes once they cannot settle: %s",
    async (_, paid, charged, state) => {
      const { hostile, calls, connection, call, before } = await lost(paid as Hostile["paid"]);
      pass(180 * MINUTE_MS);
      expect(await call.check()).toMatchObject({ charged, state, retryAt: undefined });
      expect(hostile.requests).toHaveLength(before.requests + 1);
      expect(hostile.payments()).toHaveLength(1);
      // Nothing has changed: `resume` still ends it.
      expect(await calls.list()).toEqual(before.stored);
      expect(await connection.budget()).toEqual(before.budget);
      expect(await connection.pending()).toHaveLength(1);
    },
  );

  it("sends nothing either when only a clock that may be fast says that the payment has expired", async () => {
    const { hostile, call, before } = await lost(() => Response.json({}, { headers: receipt() }));
    pass(45 * MINUTE_MS);
    expect(await call.check()).toMatchObject({ charged: "unknown", state: "unknown", retryAt: undefined });
    expect(hostile.requests).toHaveLength(before.requests);
  });

  it("does not take a seller's word about the last payment for one that was signed before it", async () => {
    const { hostile, calls } = await lost(() => problem(422, "refused", "unused"));
    const [stored] = await calls.list();
    if (!stored) throw new Error("expected a stored call");
    await calls.replace(stored, { ...stored, earlier: [{ ...stored.payment, id: "an-earlier-one" }] });
    const [call] = await hostile.connect({ calls, retries: 0 }).pending();
    pass(180 * MINUTE_MS);
    expect(await call?.check()).toMatchObject({ charged: "unknown", state: "failed" });
  });

  it("tells work that goes on from work that has failed", async () => {
    const { call } = await lost(() => problem(409, "in_progress", "settled"));
    pass(180 * MINUTE_MS);
    expect(await call.check()).toMatchObject({ charged: "yes", state: "running" });
  });

  it.each([
    ["used", "yes"],
    ["lapsed", "no"],
  ] as const)("believes the chain before the seller: %s", async (proof, charged) => {
    const { hostile, calls, before } = await lost(() => problem(422, "refused", "unused"));
    const payer = {
      ...hostile.payer,
      used: async () => proof === "used",
      lapsed: async () => proof === "lapsed",
    };
    const [call] = await hostile.connect({ calls, payer }).pending();
    expect(await call?.check()).toMatchObject({ charged });
    // What has lapsed may be sent: it cannot settle.
    expect(hostile.requests).toHaveLength(before.requests + (proof === "lapsed" ? 1 : 0));
    expect(await calls.list()).toEqual(before.stored);
  });

  it("reads the status of a job, and leaves its result for resume", async () => {
    const document = {
      jobId: "j1",
      resource: "render",
      progress: 50,
      status: "running",
      state: "processing",
    };
    let status: object = { ...document, paymentState: "settled" };
    const hostile = await openHostile((request) => {
      if (request.method === "GET") return Response.json(status);
      const accepted = { ...document, statusUrl: "/v1/jobs/j1", retryAfterSeconds: 1 };
      return Response.json(accepted, { status: 202, headers: receipt() });
    });
    const client = hostile.connect();
    const job = await client
      .jobResource<object, unknown>(
        // The definition of the hostile seller's job.
        {
          name: "render",
          method: "POST",
          path: "/v1/render",
          price: { kind: "fixed", usd: "0.01", per: "image" },
        },
      )
      .start({ cents: 1 });
    const [call] = await client.pending();
    expect(await call?.check()).toMatchObject({
      charged: "yes",
      state: "running",
      paymentState: "settled",
      job: { progress: 50 },
    });
    status = {
      ...document,
      status: "succeeded",
      state: "succeeded",
      result: { url: "x" },
      paymentState: "settled",
    };
    expect(await call?.check()).toMatchObject({ charged: "yes", state: "succeeded" });
    expect((await client.pending()).map(({ jobId }) => jobId)).toEqual([job.id]);
    expect(await call?.resume()).toEqual({ url: "x" });
    expect(await client.pending()).toEqual([]);
  });

  it("reads the status of a job whose 202 was lost", async () => {
    const document = { jobId: "j1", resource: "render", progress: 100 };
    const said: Response[] = [];
    const hostile = await openHostile((request) => {
      if (request.method === "GET") {
        return Response.json({
          ...document,
          status: "failed",
          state: "failed",
          code: "refused",
          error: "No.",
          paymentState: "refunded",
        });
      }
      return said.pop() ?? Promise.reject(new TypeError("fetch failed"));
    });
    const client = hostile.connect({ retries: 0 });
    const price = { kind: "fixed", usd: "0.01", per: "image" } as const;
    const render = client.jobResource({ name: "render", method: "POST", path: "/v1/render", price });
    await render.start({ cents: 1 }).catch(caught);
    const [call] = await client.pending();
    said.push(
      Response.json(
        { ...document, state: "processing", statusUrl: "/v1/jobs/j1", retryAfterSeconds: 1 },
        { status: 202 },
      ),
    );
    pass(180 * MINUTE_MS);
    expect(await call?.check()).toMatchObject({
      charged: "refunded",
      state: "failed",
      job: { status: "failed" },
    });
    expect((await client.pending()).map(({ jobId }) => jobId)).toEqual([undefined]);
  });

  it("ends with the reason of an aborted signal", async () => {
    const { call } = await lost(() => new Promise<Response>(() => {}));
    pass(180 * MINUTE_MS);
    const signal = AbortSignal.abort(new Error("enough"));
    expect(await call.check({ signal }).catch(caught)).toMatchObject({ message: "enough" });
  });
});
