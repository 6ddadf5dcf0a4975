import fc from "fast-check";
import { isResourceError, memoryCalls, type ResourceError } from "resource402/client";
import { describe, expect, it } from "vitest";
import { parseUsd } from "../../schema/money.ts";
import { BASE_URL, offerOf, openHostile, receipt } from "../flow/hostile.ts";

/** One answer as a hostile server may give it. */
interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

const KEY = "order-0000000000001";
const STATES = ["unused", "in_flight", "settled", "refund_owed", "refunded", "odd"];
const OFFER = offerOf({
  network: "eip155:84532",
  asset: "0x036CbD53842c5426634e7929541eC2318f3dCF7e",
} as never);
const GOOD = receipt()["payment-response"] ?? "";
const DEFINITION = { method: "POST", price: { kind: "fixed", usd: "0.01", per: "call" } } as const;
/** Stands for arrays in arrays, 20,000 deep: more than `JSON.stringify` can handle. */
const DEEP = "@deep";
const NESTED = "[".repeat(20_000) + "]".repeat(20_000);

function textOf(value: unknown): string | null {
  const json = typeof value === "string" && value !== DEEP ? value : JSON.stringify(value);
  return json?.replaceAll(`"${DEEP}"`, NESTED) ?? null;
}

const headerOf = (value: unknown): string => Buffer.from(textOf(value) ?? "").toString("base64");

/** Anything that JSON can say, and what breaks code that trusts it. */
const anything = fc.oneof(
  { weight: 3, arbitrary: fc.jsonValue({ maxDepth: 2 }) },
  fc.constantFrom<unknown>(5, "", null, [], {}, { toString: 5, valueOf: null }, 1e308, -1, "\ud800", DEEP),
);

const receiptBody = fc.record(
  {
    amount: fc.oneof(fc.constant("0.01"), anything),
    currency: fc.constant("USDC"),
    atomicAmount: fc.oneof(fc.constant("10000"), anything),
    asset: fc.constant(OFFER.asset),
    network: fc.oneof(fc.constant(OFFER.network), anything),
    transaction: fc.oneof(fc.constant(`0x${"ab".repeat(32)}`), anything),
    payer: anything,
    payTo: fc.constant(OFFER.payTo),
    settledAt: fc.oneof(fc.constant("2026-01-01T00:00:00Z"), anything),
  },
  { requiredKeys: [] },
);

const body = fc.oneof(
  anything,
  fc.record(
    {
      jobId: fc.oneof(fc.constant("job_1"), anything),
      statusUrl: fc.oneof(fc.constant(`${BASE_URL}/v1/jobs/1`), anything),
      eventsUrl: fc.oneof(fc.constant(`${BASE_URL}/v1/jobs/1/events`), anything),
      state: fc.oneof(fc.constantFrom("processing", "succeeded", "failed"), anything),
      status: anything,
      progress: anything,
      message: anything,
      error: anything,
      detail: anything,
      code: fc.oneof(fc.constantFrom("in_progress", "not_found", "invalid_input"), anything),
      paymentState: fc.oneof(fc.constantFrom(...STATES), anything),
      receipt: fc.oneof(receiptBody, anything),
      details: fc.oneof(fc.array(fc.record({ path: anything, message: anything })), anything),
      requestId: anything,
      expiresAt: anything,
      webhookSecret: anything,
      result: anything,
      x402Version: fc.constantFrom(1, 2, 5),
    },
    { requiredKeys: [] },
  ),
);

const settled = fc.oneof(
  fc.constant(GOOD),
  fc
    .record(
      {
        success: fc.oneof(fc.boolean(), anything),
        transaction: anything,
        network: anything,
        amount: anything,
        payer: anything,
      },
      { requiredKeys: [] },
    )
    .map(headerOf),
  fc.constantFrom("", "?", "x".repeat(70_000)),
);

const challengeOf = fc.record({
  x402Version: fc.constantFrom(2, 2, 2, 1),
  error: anything,
  resource: fc.oneof({ weight: 4, arbitrary: fc.constant({ url: `${BASE_URL}/v1/echo` }) }, anything),
  extensions: fc.oneof(fc.constantFrom(undefined, { "payment-identifier": { info: 5 } }), anything),
  accepts: fc.array(
    fc.record({
      scheme: fc.constantFrom("exact", "exact", "deferred"),
      network: fc.constantFrom(OFFER.network, OFFER.network, "eip155:x", "odd:1"),
      asset: fc.constantFrom(OFFER.asset, OFFER.asset, "0x00"),
      amount: fc.constantFrom("10000", "10000", "0", "1", "9".repeat(78), "-1"),
      payTo: fc.constantFrom(OFFER.payTo, OFFER.payTo, "", "odd"),
      maxTimeoutSeconds: fc.constantFrom<unknown>(60, 300, 0, -5, 0.5, 1e300, 3_153_600_000, "60"),
      extra: fc.oneof({ weight: 4, arbitrary: fc.constant(OFFER.extra) }, anything),
    }),
    { maxLength: 3 },
  ),
});

const headers = fc.record(
  {
    "payment-response": settled,
    "payment-required": challengeOf.map(headerOf),
    "payment-unused": fc.constantFrom("true", "?"),
    age: fc.constantFrom("5", "x"),
    "retry-after": fc.constantFrom("0", "-1", "x", "1e9", "Infinity"),
    "content-type": fc.constantFrom("application/json", "application/problem+json", "text/event-stream", "?"),
    etag: fc.constantFrom('"1"', "?", 'W/"2"'),
    "preference-applied": fc.constant("wait"),
    location: fc.constant("https://evil.test/"),
  },
  { requiredKeys: [] },
);

const answer = (statuses: readonly number[]): fc.Arbitrary<Answer> =>
  fc.record({ status: fc.constantFrom(...statuses), headers, body });
const ANY = [0, 200, 200, 201, 202, 202, 204, 301, 400, 402, 404, 409, 410, 418, 422, 429, 500, 503];

interface Plan {
  readonly first: Answer | undefined;
  readonly challenge: unknown;
  readonly paid: readonly Answer[];
  readonly status: readonly Answer[];
  readonly cancel: Answer;
}

const plan: fc.Arbitrary<Plan> = fc.record({
  first: fc.oneof({ weight: 3, arbitrary: fc.constant(undefined) }, answer([402, 402, 402, ...ANY])),
  challenge: fc.oneof({ weight: 3, arbitrary: fc.constant(undefined) }, challengeOf),
  paid: fc.array(answer(ANY), { minLength: 1, maxLength: 3 }),
  status: fc.array(answer([200, 200, 200, ...ANY]), { minLength: 1, maxLength: 3 }),
  cancel: answer(ANY),
});

/** Status 0: the connection breaks. */
function respond({ status, headers: own, body: value }: Answer): Response {
  if (status === 0) throw new TypeError("fetch failed");
  const isEmpty = [204, 301].includes(status);
  return new Response(isEmpty ? null : textOf(value), { status, headers: own });
}

/** How any answer of a plan reports the payment, in whichever place. */
function said({ paid, status, cancel, first }: Plan): { unused: boolean; charged: boolean } {
  const all = [...paid, ...status, cancel, ...(first ? [first] : [])];
  const states = all.map((one) => (one.body as { paymentState?: unknown } | null)?.paymentState);
  const isFree = all.some((one) => "age" in one.headers || one.headers["payment-unused"] === "true");
  const hasReceipt = all.some(
    (one) => one.headers["payment-response"] === GOOD || (one.body as { receipt?: unknown } | null)?.receipt,
  );
  return {
    unused: isFree || states.includes("unused"),
    charged: hasReceipt || states.includes("settled") || states.includes("refund_owed"),
  };
}

const caught = (thrown: unknown) => thrown;

describe("whatever a server answers at each step", () => {
  it.each(["echo", "render"] as const)(
    "a call of %s ends in an output or a ResourceError, signs at most once, and tells the truth of its money",
    async (name) => {
      await fc.assert(
        fc.asyncProperty(plan, async (steps: Plan) => {
          let asked = 0;
          const hostile = await openHostile((request, count) => {
            if (request.method === "DELETE") return respond(steps.cancel);
            const list = request.method === "GET" ? steps.status : steps.paid;
            const at = request.method === "GET" ? asked++ : count - 1;
            return respond(list[at % list.length] as Answer);
          });
          const honest = hostile.refuse;
          hostile.refuse = (url, cents) => {
            if (steps.first) return respond(steps.first);
            if (steps.challenge === undefined) return honest(url, cents);
            const required = { "payment-required": headerOf(steps.challenge) };
            return new Response("{}", { status: 402, headers: required });
          };
          const signed: string[] = [];
          const client = hostile.connect({
            ...{ calls: memoryCalls(), retries: 0, patienceMs: 0, attemptMs: 2_000 },
            budget: { total: "0.01" },
            onEvent: (event) => event.type === "signed" && signed.push(event.usd),
          });
          const definition = { ...DEFINITION, name, path: `/v1/${name}` };
          const ends: unknown[] = [];
          const run = async (work: () => Promise<unknown>): Promise<unknown> => {
            const end = await work().catch(caught);
            ends.push(end);
            return end;
          };
          for (let round = 0; round < 2; round += 1) {
            if (name === "echo") {
              await run(() => client.resource<object, unknown>(definition)({}, { idempotencyKey: KEY }));
              continue;
            }
            const jobs = client.jobResource<object, unknown>(definition);
            const job = await jobs.start({}, { idempotencyKey: KEY }).catch(caught);
            if (job instanceof Error) {
              ends.push(job);
              continue;
            }
            const handle = job as Awaited<ReturnType<typeof jobs.start>>;
            await run(() => handle.result({ timeout: "20ms", onProgress: () => {} }));
            await run(() => handle.status());
            await run(() => handle.cancel());
            await run(() => jobs.resume(handle.id).result({ timeout: "20ms" }));
          }
          for (const pending of await client.pending()) await run(() => pending.resume({ timeout: "20ms" }));

          const words = said(steps);
          for (const end of ends.filter((one) => one instanceof Error)) {
            expect(isResourceError(end), String(end)).toBe(true);
            const { charged, receipt: held } = end as ResourceError;
            if (charged === "no") expect(signed.length === 0 || words.unused).toBe(true);
            if (charged === "yes") expect(words.charged).toBe(true);
            if (held) expect(held.transaction).toMatch(/^0x[0-9a-f]{64}$/);
          }
          expect(hostile.payments().length).toBeLessThanOrEqual(1);
          expect(signed.length).toBeLessThanOrEqual(1);
          const { spent, held } = await client.budget();
          expect(parseUsd(spent) + parseUsd(held)).toBe(parseUsd(signed[0] ?? "0"));
        }),
        { numRuns: 200 },
      );
    },
  );

  it.each(["amount", "network", "payer", "transaction"])(
    "a receipt whose %s cannot be written as text is none, and the call ends in a ResourceError",
    async (member) => {
      const good = {
        success: true,
        transaction: `0x${"ab".repeat(32)}`,
        network: OFFER.network,
        amount: "1",
      };
      const odd = { ...good, [member]: { toString: 5, valueOf: null } };
      const own = { "payment-response": headerOf(odd), "payment-unused": "true" };
      const hostile = await openHostile(() => respond({ status: 400, headers: own, body: {} }));
      const end = await hostile.render({ retries: 0, patienceMs: 0 })({}).catch(caught);
      expect(isResourceError(end), String(end)).toBe(true);
      expect(end).not.toHaveProperty("receipt", expect.anything());
    },
  );

  it.each(["verifyingContract", "name", "version"])(
    "an offer whose extra.%s cannot be written as text is not signed",
    async (member) => {
      const hostile = await openHostile(() => respond({ status: 200, headers: {}, body: {} }));
      const extra = { ...OFFER.extra, [member]: { toString: 5, valueOf: null } };
      const challenge = {
        ...{ x402Version: 2, resource: { url: `${BASE_URL}/v1/render` } },
        accepts: [{ ...OFFER, extra }],
      };
      const own = { "payment-required": headerOf(challenge) };
      hostile.refuse = () => new Response("{}", { status: 402, headers: own });
      const end = await hostile.render({ retries: 0, patienceMs: 0 })({}).catch(caught);
      expect(isResourceError(end), String(end)).toBe(true);
      expect(end).toMatchObject({ charged: "no" });
      expect(hostile.payments()).toEqual([]);
    },
  );

  it("a v1 challenge whose members cannot be written as text is not paid", async () => {
    const hostile = await openHostile(() => respond({ status: 200, headers: {}, body: {} }));
    const odd = { toString: 5, valueOf: null };
    const offer = {
      ...{ scheme: "exact", network: odd, asset: OFFER.asset, maxAmountRequired: odd },
      payTo: odd,
    };
    hostile.refuse = () => Response.json({ x402Version: 1, accepts: [offer] }, { status: 402 });
    const end = await hostile.render({ retries: 0, patienceMs: 0 })({}).catch(caught);
    expect(isResourceError(end), String(end)).toBe(true);
    expect(end).toMatchObject({ charged: "no" });
  });

  it("a job document that is nested too deeply to be compared is delivered", async () => {
    const result = DEEP;
    const hostile = await openHostile((request) =>
      request.method === "GET"
        ? respond({ status: 200, headers: {}, body: { state: "succeeded", result } })
        : Response.json(
            { jobId: "job_1", statusUrl: `${BASE_URL}/v1/jobs/1`, state: "processing" },
            { status: 202, headers: receipt() },
          ),
    );
    expect(await hostile.render()({})).toBeInstanceOf(Array);
  });

  it("a cancellation that is not answered ends in a ResourceError", async () => {
    const hostile = await openHostile((request) => {
      if (request.method === "DELETE") throw new TypeError("fetch failed");
      const job = { jobId: "job_1", statusUrl: `${BASE_URL}/v1/jobs/1`, state: "processing" };
      return Response.json(job, { status: 202, headers: receipt() });
    });
    const job = await hostile.render({ retries: 0 }).start({});
    expect(await job.cancel().catch(caught)).toMatchObject({ code: "network", charged: "yes" });
  });
});
