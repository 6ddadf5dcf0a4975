import fc from "fast-check";
import { isResourceError } from "resource402/client";
import { describe, expect, it, vi } from "vitest";
import { encodeHeader, type PaymentRequirements } from "../../src/protocol/index.ts";
import { BASE_URL, type Hostile, offerOf, openHostile, problem, receipt, stream } from "./hostile.ts";

const caught = (thrown: unknown) => thrown;
const DAY_MS = 24 * 3_600_000;

/** What a 402 to a paid request looks like, with the offer changed. */
function askAgain(hostile: Hostile, change: Partial<PaymentRequirements> = {}): Response {
  const accepts = [{ ...offerOf(hostile.ledger), ...change }];
  const required = { x402Version: 2, error: "try_again", resource: { url: `${BASE_URL}/v1/echo` }, accepts };
  return Response.json(
    { paymentState: "unused" },
    { status: 402, headers: { "payment-required": encodeHeader(required) } },
  );
}

const more = { payTo: "0x0000000000000000000000000000000000000bad" };

describe("a server that has been paid and asks to be paid again", () => {
  it.each([
    ["the same again", {}],
    ["more", { amount: "20000" }],
    ["to be paid elsewhere", more],
  ])("(%s) gets the one payment that was agreed to, and the error says why", async (_, change) => {
    const hostile = await openHostile(() => askAgain(hostile, change));
    const error = await hostile.echo()({}).catch(caught);
    expect(error).toMatchObject({ code: "payment_rejected", reason: "try_again", charged: "no" });
    expect((error as Error).message).toContain("not paid again: it is not proven");
    expect(await hostile.takeAll()).toBe(10_000n);
  });

  it("gets the same bytes, and no second payment, when the caller tries the same key again", async () => {
    const hostile = await openHostile(() => askAgain(hostile));
    const echo = hostile.echo();
    const options = { idempotencyKey: "pay_0123456789abcdef" };
    for (let n = 0; n < 3; n += 1) await echo({}, options).catch(caught);
    expect(hostile.requests.filter((request) => request.headers.has("payment-signature"))).toHaveLength(3);
    expect(await hostile.takeAll()).toBe(10_000n);
  });

  it("is not believed that the payment was not used: budget.total stays spent while it could be", async () => {
    const hostile = await openHostile(() => askAgain(hostile));
    const echo = hostile.echo({ budget: { total: "0.01" } });
    await echo({}).catch(caught);
    expect(await echo({}).catch(caught)).toMatchObject({ code: "payment_refused", reason: "over_budget" });
    expect(await hostile.takeAll()).toBe(10_000n);
  });

  it.each([
    ["to be paid elsewhere", more],
    ["more", { amount: "10001" }],
    [
      "for another token",
      { asset: "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913", network: "eip155:8453" } as const,
    ],
  ])("(%s) gets nothing more even when the first payment is proven to have expired", async (_, change) => {
    const hostile = await openHostile(() => askAgain(hostile, change));
    const payer = { ...hostile.payer, lapsed: async () => true };
    const error = await hostile.echo({ payer })({}).catch(caught);
    expect(error).toMatchObject({ code: "payment_refused", reason: "changed_terms", charged: "no" });
    expect(hostile.payments()).toHaveLength(1);
  });

  it("is paid again for the same call when that is proven, and then not again", async () => {
    const hostile = await openHostile(() => askAgain(hostile));
    const payer = { ...hostile.payer, lapsed: async () => true };
    const events: string[] = [];
    const client = hostile.echo({ payer, onEvent: ({ type }) => events.push(type) });
    expect(await client({}).catch(caught)).toMatchObject({ code: "payment_rejected" });
    expect(hostile.payments()).toHaveLength(2);
    expect(events).toEqual(["challenged", "signed", "challenged", "signed"]);
    const keys = hostile.requests.map((request) => request.headers.get("idempotency-key"));
    expect(new Set(keys).size).toBe(1);
  });

  it.each([
    ["that fails", async () => Promise.reject(new Error("no connection"))],
    [
      "that throws",
      () => {
        throw new Error("no connection");
      },
    ],
    ["that says no", async () => false],
    ["that says something else", async () => "yes" as never],
  ])("gets nothing more on a proof %s", async (_, lapsed) => {
    const hostile = await openHostile(() => askAgain(hostile));
    const error = await hostile
      .echo({ payer: { ...hostile.payer, lapsed } })({})
      .catch(caught);
    expect(error).toMatchObject({ code: "payment_rejected" });
    expect(hostile.payments()).toHaveLength(1);
  });
});

describe("a server that does not come to an end", () => {
  it.each([
    ["500 without a word", () => new Response("", { status: 500 })],
    ["502 of a proxy", () => new Response("<html>", { status: 502 })],
    ["429", () => new Response("", { status: 429, headers: { "retry-after": "0" } })],
    ["a cut connection", () => Promise.reject(new Error("ECONNRESET"))],
    ["a body that breaks off", () => new Response(stream("{", 3).pipeThrough(breakOff()))],
  ] as const)("(%s) is asked again with the same bytes as often as `retries` says", async (_, paid) => {
    const hostile = await openHostile(paid as Hostile["paid"]);
    const client = hostile.connect({ retries: 2 });
    const echo = client.resource(definition);
    expect(await echo({}).catch(caught)).toMatchObject({ charged: "unknown" });
    expect(hostile.requests).toHaveLength(1 + 1 + 2);
    expect(hostile.payments()).toHaveLength(1);
    expect(await client.pending()).toMatchObject([{ resource: "echo", usd: "0.01", currency: "USDC" }]);
  });

  it.each([
    [409, "in_progress", "in_flight"],
    [503, "settlement_unknown", "in_flight"],
    [409, "in_progress", undefined],
  ] as const)(
    "(%i %s, payment %s) is asked as long as `patienceMs` says, however few the retries",
    async (status, code, paymentState) => {
      const hostile = await openHostile(() => problem(status, code, paymentState, "0"));
      const client = hostile.connect({ retries: 0, patienceMs: 2_000 });
      const started = performance.now();
      const error = await client.resource(definition)({}).catch(caught);
      expect(error).toMatchObject({ code: "http", failure: code, charged: "unknown" });
      expect(performance.now() - started).toBeGreaterThan(2_000);
      expect(hostile.requests.length).toBeGreaterThan(3);
      expect(hostile.payments()).toHaveLength(1);
      expect(await client.pending()).toHaveLength(1);
    },
  );

  it("gives its output when it comes in time, though it comes late", async () => {
    const hostile = await openHostile((_, count) =>
      count < 8 ? problem(503, "settlement_unknown", "in_flight", "0") : Response.json({ at: "last" }),
    );
    expect(await hostile.echo()({})).toEqual({ at: "last" });
    expect(hostile.payments()).toHaveLength(1);
  });

  it("by dripping its answer loses the attempt: the same bytes are sent again", async () => {
    const drip = () =>
      new Response(new ReadableStream({ start: (one) => one.enqueue(new Uint8Array([123])) }));
    const hostile = await openHostile((_, count) => (count === 1 ? drip() : Response.json({ whole: true })));
    expect(await hostile.echo({ attemptMs: 200 })({})).toEqual({ whole: true });
    expect(hostile.payments()).toHaveLength(1);
  });
});

describe("a server that says too much", () => {
  it("in its challenge is not signed for", async () => {
    const hostile = await openHostile(() => Response.json({}));
    hostile.challenge = (offer) => ({
      x402Version: 2,
      resource: {},
      accepts: [offer],
      more: "x".repeat(70_000),
    });
    const error = await hostile.echo()({}).catch(caught);
    expect(error).toMatchObject({ code: "protocol", status: 402, charged: "no" });
    expect((error as Error).message).toContain("64 KiB");
    expect(hostile.payments()).toEqual([]);
  });

  it("beside its challenge is not listened to, and paid as agreed", async () => {
    const hostile = await openHostile(() => Response.json({ done: true }));
    const real = hostile.refuse;
    hostile.refuse = (...args) => new Response(stream("x".repeat(65_536)), real(...args));
    expect(await hostile.echo()({})).toEqual({ done: true });
    expect(await hostile.takeAll()).toBe(10_000n);
  });

  it("in its answer is stopped, and the call stays pending: more can be read of it later", async () => {
    const hostile = await openHostile(() => new Response(`"${"x".repeat(5_000)}"`, { headers: receipt() }));
    const client = hostile.connect({ maxAnswerBytes: 4_000 });
    const error = await client.resource(definition)({}).catch(caught);
    expect(error).toMatchObject({ code: "protocol", reason: "too_large", charged: "yes" });
    expect(hostile.requests).toHaveLength(2);
    const [pending] = await client.pending();
    expect(await pending?.resume().catch(caught)).toMatchObject({ reason: "too_large" });
    expect(hostile.payments()).toHaveLength(1);
  });

  it("without end is stopped, too: in an answer, in an error, in a job's status", async () => {
    const endless = () => new Response(stream("x".repeat(65_536)), { headers: receipt() });
    const hostile = await openHostile(endless);
    const error = await hostile.echo({ maxAnswerBytes: 1_000_000 })({}).catch(caught);
    expect(error).toMatchObject({ code: "protocol", reason: "too_large" });
    let kib = 0;
    const endlessError = () =>
      stream("x".repeat(65_536), undefined, (sent) => {
        kib = sent * 64;
      });
    hostile.paid = () => new Response(endlessError(), { status: 400 });
    expect(await hostile.echo()({}).catch(caught)).toMatchObject({
      code: "invalid_input",
      charged: "unknown",
    });
    expect(kib).toBeLessThan(1_300);
    hostile.paid = (request) => (request.method === "GET" ? endless() : accepted(`${BASE_URL}/v1/jobs/1`));
    const job = await hostile.render({ maxAnswerBytes: 1_000_000 }).start({});
    expect(await job.result().catch(caught)).toMatchObject({ code: "protocol", reason: "too_large" });
  });
});

describe("a server that points elsewhere", () => {
  it("by a redirect is not followed", async () => {
    const hostile = await openHostile(() => Response.redirect("https://evil.test/", 307));
    const error = await hostile.echo()({}).catch(caught);
    expect(error).toMatchObject({ code: "protocol", status: 307, charged: "unknown" });
    expect(hostile.requests.every(({ redirect }) => redirect === "manual")).toBe(true);
    expect(hostile.requests.map(({ url }) => new URL(url).host)).toEqual(["api.test", "api.test"]);
  });

  it.each([
    "https://evil.test/v1/jobs/1",
    "http://169.254.169.254/latest/meta-data",
    "https://api.test:8443/v1/jobs/1",
    "file:///etc/passwd",
    "http://",
  ])("by a job's status address (%s) is not asked there, and the call stays pending", async (statusUrl) => {
    const hostile = await openHostile(() => accepted(statusUrl));
    const client = hostile.connect();
    const error = await client.jobResource(definition).start({}).catch(caught);
    expect(error).toMatchObject({ code: "protocol", reason: "other_host", charged: "yes" });
    expect(hostile.requests.map(({ url }) => new URL(url).host)).toEqual(["api.test", "api.test"]);
    expect(await client.pending()).toHaveLength(1);
  });

  it("by a status address without encryption is asked by the way that baseUrl names, and shown no payment", async () => {
    const hostile = await openHostile((request) =>
      request.method === "GET"
        ? Response.json({ jobId: "job_1", state: "succeeded", status: "succeeded", result: { ok: true } })
        : accepted("http://api.test/v1/jobs/1"),
    );
    expect(await hostile.render()({})).toEqual({ ok: true });
    const status = hostile.requests.at(-1);
    expect(status?.url).toBe("https://api.test/v1/jobs/1");
    expect([...(status?.headers.keys() ?? [])].filter((name) => /payment|key/.test(name))).toEqual([]);
  });
});

describe("what a server reports about the money", () => {
  it.each([
    ["unused", "no", /.*/],
    ["settled", "yes", /.*/],
    ["refund_owed", "yes", /owes a refund/],
    ["refunded", "refunded", /has been refunded/],
    ["in_flight", "unknown", /.*/],
    ["a word that we do not know", "unknown", /.*/],
    [undefined, "unknown", /.*/],
  ] as const)("(%s) is told as charged: %s", async (paymentState, charged, text) => {
    const hostile = await openHostile(() => problem(422, "refused", paymentState));
    const client = hostile.connect({ patienceMs: 0 });
    const error = await client.resource(definition)({}).catch(caught);
    expect(error).toMatchObject({ code: "failed", failure: "refused", charged, paymentState });
    expect((error as Error).message).toMatch(text);
    expect(await client.pending()).toHaveLength(charged === "unknown" ? 1 : 0);
  });

  it.each([
    ["settled", "yes"],
    ["refund_owed", "yes"],
    ["refunded", "refunded"],
    ["unused", "no"],
    [undefined, "unknown"],
  ] as const)("in the end of a job (%s) is told as charged: %s", async (paymentState, charged) => {
    const hostile = await openHostile((request) =>
      request.method === "GET"
        ? Response.json({
            jobId: "job_1",
            state: "failed",
            error: "Out of paint.",
            code: "paint",
            paymentState,
          })
        : accepted(`${BASE_URL}/v1/jobs/1`, {}),
    );
    const client = hostile.connect();
    const error = await client.jobResource(definition)({}).catch(caught);
    expect(error).toMatchObject({ code: "failed", failure: "paint", charged, paymentState });
    expect(await client.pending()).toEqual([]);
  });

  it.each([
    [409, "possible_duplicate", "http"],
    [400, "key_required", "http"],
    [422, "key_mismatch", "http"],
    [400, "invalid_input", "invalid_input"],
  ])("by %i %s is final at once", async (status, failure, code) => {
    const hostile = await openHostile(() => problem(status, failure, "unused"));
    const error = await hostile.echo()({}).catch(caught);
    expect(error).toMatchObject({ code, status, charged: "no", ...(code === "http" ? { failure } : {}) });
    expect(hostile.requests).toHaveLength(2);
  });

  it("by 429 too_much_outstanding is asked again when it says so", async () => {
    const hostile = await openHostile((_, count) =>
      count === 1 ? problem(429, "too_much_outstanding", "unused", "0") : Response.json({ done: true }),
    );
    // The seller's other calls must end first. That is not a failed attempt.
    expect(await hostile.echo({ retries: 0 })({})).toEqual({ done: true });
    expect(hostile.payments()).toHaveLength(1);
  });
});

describe("a payment that cannot be stored", () => {
  it("is not sent, and gives its share of the budget back", async () => {
    const hostile = await openHostile(() => Response.json({ done: true }));
    const calls = {
      ...(await import("resource402/client")).memoryCalls(),
      add: vi.fn(async () => Promise.reject(new Error("disk full"))),
    };
    const broken = hostile.echo({ calls, budget: { total: "0.01" } });
    for (let n = 0; n < 2; n += 1) {
      const error = await broken({}).catch(caught);
      expect(error).toMatchObject({ code: "payment_refused", reason: "not_saved", charged: "no" });
      expect((error as Error).cause).toMatchObject({ message: "disk full" });
    }
    expect(calls.add).toHaveBeenCalledTimes(2);
    expect(hostile.payments()).toEqual([]);
  });

  it.each(["list", "find"] as const)(
    "is not even signed when the saved calls cannot be read (%s)",
    async (method) => {
      const hostile = await openHostile(() => Response.json({ done: true }));
      const { memoryCalls } = await import("resource402/client");
      let broken = true;
      const real = memoryCalls();
      const calls = {
        ...real,
        [method]: async (name: never) =>
          broken ? Promise.reject(new Error("unreadable")) : real[method](name),
      };
      const echo = hostile.echo({ calls });
      const options = { idempotencyKey: "pay_0123456789abcdef" };
      const error = await echo({}, options).catch(caught);
      expect(error).toMatchObject({ code: "payment_refused", reason: "not_saved" });
      expect(hostile.payments()).toEqual([]);
      broken = false;
      expect(await echo({}, options)).toEqual({ done: true });
    },
  );
});

describe("budget.total", () => {
  /** How a server treats one call; each but the first leaves the buyer with a payment that it may still settle. */
  const treatments: readonly ((hostile: Hostile) => Response | Promise<Response>)[] = [
    () => Response.json({ done: true }, { headers: receipt() }),
    (hostile) => askAgain(hostile),
    () => problem(422, "refused", "unused"),
    () => problem(500, "internal_error"),
    () => Promise.reject(new Error("ECONNRESET")),
    () => Response.json({ done: true }, { headers: { "idempotent-replayed": "true" } }),
  ];

  it("is never exceeded by what a server can take, whatever it says, however many calls run at once", async () => {
    const call = fc.record({
      cents: fc.integer({ min: 1, max: 5 }),
      treatment: fc.nat({ max: treatments.length - 1 }),
      delayMs: fc.nat({ max: 3 }),
      key: fc.option(fc.constantFrom("key-0000000000000001", "key-0000000000000002"), { nil: undefined }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(call, { minLength: 1, maxLength: 24 }),
        fc.nat({ max: 30 }),
        async (plan, total) => {
          const hostile = await openHostile(async (request) => {
            const { cents = 0 } = (await request.json()) as { cents?: number };
            const turn = plan[cents % plan.length];
            await new Promise((resolve) => setTimeout(resolve, turn?.delayMs));
            return treatments[turn?.treatment ?? 0]?.(hostile) ?? Response.error();
          });
          const echo = hostile.echo({ retries: 0, budget: { total: `${total / 100}` as `${number}` } });
          const ends = await Promise.all(
            plan.map(({ cents, key }) =>
              echo({ cents }, key === undefined ? {} : { idempotencyKey: `${key}-${cents}` }).catch(caught),
            ),
          );
          const taken = await hostile.takeAll();
          expect(taken).toBeLessThanOrEqual(BigInt(total) * 10_000n);
          for (const end of ends.filter((one) => one instanceof Error))
            expect(isResourceError(end)).toBe(true);
          // No caller is refused while there is room: what was refused would not have fitted.
          const refused = plan.filter((_, n) => (ends[n] as { reason?: string }).reason === "over_budget");
          const least = Math.min(...refused.map(({ cents }) => cents));
          if (refused.length > 0)
            expect(taken + BigInt(least) * 10_000n).toBeGreaterThan(BigInt(total) * 10_000n);
        },
      ),
      { numRuns: 60 },
    );
  });

  it("counts what an earlier client has left behind before anything is signed, and what is pending in another", async () => {
    const hostile = await openHostile(() => Promise.reject(new Error("ECONNRESET")));
    const { memoryCalls } = await import("resource402/client");
    const calls = memoryCalls();
    await hostile.echo({ calls, retries: 0 })({}).catch(caught);
    const next = hostile.echo({ calls, retries: 0, budget: { total: "0.01" } });
    expect(await next({}).catch(caught)).toMatchObject({ reason: "over_budget" });
    expect(hostile.payments()).toHaveLength(1);
  });

  it("is given back for a payment said to be unused a minute after its end, not before", async () => {
    const hostile = await openHostile(() => problem(422, "refused", "unused"));
    const echo = hostile.echo({ budget: { total: "0.01" } });
    const start = Date.now();
    await echo({}).catch(caught);
    try {
      vi.useFakeTimers({ toFake: ["Date"], now: start + 355_000 });
      expect(await echo({}).catch(caught)).toMatchObject({ reason: "over_budget" });
      vi.setSystemTime(start + 365_000);
      expect(await echo({}).catch(caught)).toMatchObject({ failure: "refused" });
      hostile.paid = () => Response.json({ done: true });
      vi.setSystemTime(start + DAY_MS);
      expect(await echo({})).toEqual({ done: true });
      vi.setSystemTime(start + 2 * DAY_MS);
      expect(await echo({}).catch(caught)).toMatchObject({ reason: "over_budget" });
    } finally {
      vi.useRealTimers();
    }
  });
});

const definition = {
  name: "echo",
  method: "POST",
  path: "/v1/echo",
  price: { kind: "fixed", usd: "0.01", per: "call" },
} as const;

function accepted(statusUrl: string, headers: Record<string, string> = receipt()): Response {
  const job = { success: true, jobId: "job_1", statusUrl, state: "processing", status: "queued" };
  return Response.json(job, { status: 202, headers });
}

function breakOff(): TransformStream<Uint8Array, Uint8Array> {
  let count = 0;
  return new TransformStream({
    transform(piece, controller) {
      count += 1;
      if (count > 2) controller.error(new TypeError("terminated"));
      else controller.enqueue(piece);
    },
  });
}
