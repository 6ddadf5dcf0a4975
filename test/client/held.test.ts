import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Calls, memoryCalls, type Payer, storageCalls } from "resource402/client";
import { fileCalls } from "resource402/node";
import { afterAll, afterEach, describe, expect, it, vi } from "vitest";
import { BASE_URL, type Hostile, offerOf, openHostile, problem, receipt } from "../flow/hostile.ts";
import { savedCall } from "./saved-call.ts";

const caught = (thrown: unknown) => thrown;
const options = { idempotencyKey: "order-0000000000001" };
const MINUTE_MS = 60_000;

let directory = "";
afterEach(() => void vi.useRealTimers());
afterAll(() => rm(directory, { recursive: true, force: true }));

function pass(ms: number): void {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + ms });
}

/** A payer with a node that proves nothing. */
const unproven = ({ payer }: Hostile) => ({ ...payer, lapsed: async () => false });

describe("a key", () => {
  it.each([
    ["402 unused", () => problem(402, "odd", "unused")],
    ["500 unused", () => problem(500, "internal_error", "unused")],
    ["500 and no word", () => problem(500, "internal_error")],
    ["422 refunded", () => problem(422, "refused", "refunded")],
    ["200 and no receipt", () => Response.json({ done: true })],
    ["200 and a receipt", () => Response.json({ done: true }, { headers: receipt() })],
    ["200 from a cache", () => Response.json({ done: true }, { headers: { age: "1" } })],
    ["200 and payment-unused", () => Response.json({}, { headers: { "payment-unused": "true" } })],
    ["a lost response", () => Promise.reject(new TypeError("fetch failed"))],
  ] as const)("has one signature in three processes, whatever the seller says (%s)", async (_, paid) => {
    directory ||= await mkdtemp(join(tmpdir(), "resource402-held-"));
    const folder = join(directory, crypto.randomUUID());
    const hostile = await openHostile(paid as Hostile["paid"]);
    for (let n = 0; n < 3; n += 1) {
      const payer = unproven(hostile);
      const echo = hostile.echo({ calls: fileCalls(folder), payer, retries: 0, budget: { total: "1" } });
      await echo({}, options).catch(caught);
    }
    expect(hostile.payments()).toHaveLength(1);
    expect(await readdir(folder)).toHaveLength(1);
  });

  it("is free again when the signature has expired that the seller says it did not charge, not before", async () => {
    const hostile = await openHostile(() => problem(422, "refused", "unused"));
    const calls = memoryCalls();
    const error = await hostile.echo({ calls })({}, options).catch(caught);
    const { retryAt } = error as { retryAt: string };
    expect(error).toMatchObject({ charged: "no", retryAt: expect.any(String) });
    const wait = Date.parse(retryAt) - Date.now();
    expect(wait).toBeGreaterThan(5 * MINUTE_MS);
    pass(wait - 2_000);
    await hostile.echo({ calls })({}, options).catch(caught);
    expect(hostile.payments()).toHaveLength(1);
    pass(4_000);
    await hostile.echo({ calls })({}, options).catch(caught);
    expect(hostile.payments()).toHaveLength(2);
  });

  it("stays held after that where the payer has a node that does not prove it, or a receipt is held", async () => {
    const hostile = await openHostile(() => problem(422, "refused", "unused"));
    const calls = memoryCalls();
    const payer = unproven(hostile);
    await hostile.echo({ calls, payer })({}, options).catch(caught);
    pass(60 * MINUTE_MS);
    await hostile.echo({ calls, payer })({}, options).catch(caught);
    expect(hostile.payments()).toHaveLength(1);
    const other = { idempotencyKey: "order-0000000000002" };
    hostile.paid = () => {
      const { body, status } = problem(422, "refused", "unused");
      return new Response(body, { status, headers: receipt() });
    };
    await hostile.echo({ calls })({}, other).catch(caught);
    pass(60 * MINUTE_MS);
    await hostile.echo({ calls })({}, other).catch(caught);
    expect(hostile.payments()).toHaveLength(2);
  });

  it("is free at once when the payer proves that the signature lapsed unused", async () => {
    const hostile = await openHostile(() => problem(422, "refused", "unused"));
    const echo = hostile.echo({ payer: { ...hostile.payer, lapsed: async () => true } });
    await echo({}, options).catch(caught);
    await echo({}, options).catch(caught);
    expect(hostile.payments()).toHaveLength(2);
  });

  it("is signed for a second time with `renew`, and both payments count", async () => {
    const hostile = await openHostile(() => problem(500, "internal_error", "unused"));
    const shared = { budget: { total: "0.02" as const }, calls: memoryCalls() };
    const client = hostile.connect(shared);
    const echo = client.resource<object, unknown>(definition);
    await echo({}, options).catch(caught);
    await echo({}, { ...options, renew: true }).catch(caught);
    expect(hostile.payments()).toHaveLength(2);
    expect(await client.budget()).toEqual({ spent: "0.00", held: "0.02", free: "0.00" });
    const later = hostile.connect(shared);
    expect(await later.budget()).toEqual(await client.budget());
    const third = await echo({}, { ...options, renew: true }).catch(caught);
    expect(third).toMatchObject({ reason: "over_budget" });
    expect(await hostile.takeAll()).toBe(20_000n);
  });
});

describe("what is held in `calls`", () => {
  it("has no request, and goes when it can no longer settle, though an older entry still can", async () => {
    directory ||= await mkdtemp(join(tmpdir(), "resource402-held-"));
    const folder = join(directory, crypto.randomUUID());
    const hostile = await openHostile(() => Response.json({}, { headers: receipt() }));
    const echo = hostile.echo({ calls: fileCalls(folder) });
    const real = hostile.challenge;
    hostile.challenge = (offer) => real({ ...offer, maxTimeoutSeconds: 3_600 });
    await echo({ text: "x".repeat(100_000) } as object, { idempotencyKey: "long-000000000000001" });
    hostile.challenge = real;
    for (let n = 0; n < 3; n += 1) await echo({}, { idempotencyKey: `short-00000000000000${n}` });
    const files = await readdir(folder);
    expect(files).toHaveLength(4);
    for (const file of files) expect((await readFile(join(folder, file))).byteLength).toBeLessThan(8_000);
    pass(10 * MINUTE_MS);
    await echo({}, { idempotencyKey: "last-000000000000001" });
    await expect.poll(() => readdir(folder)).toHaveLength(2);
  });

  it("is reported as not charged once its payer proves that it lapsed, though no server is there", async () => {
    const calls = memoryCalls();
    const hostile = await openHostile(() => Promise.reject(new TypeError("fetch failed")));
    let isProven = false;
    const payer = { ...hostile.payer, used: async () => false, lapsed: async () => isProven };
    const connection = hostile.connect({ calls, payer, retries: 0 });
    const echo = connection.resource<object, unknown>(definition);
    expect(await echo({}).catch(caught)).toMatchObject({ code: "network", charged: "unknown" });
    const resume = async () => (await connection.pending())[0]?.resume().catch(caught);
    isProven = true;
    // The signature is still valid: nothing is asked of the chain.
    expect(await resume()).toMatchObject({ charged: "unknown" });
    pass(10 * MINUTE_MS);
    isProven = false;
    expect(await resume()).toMatchObject({ charged: "unknown" });
    isProven = true;
    expect(await resume()).toMatchObject({ code: "network", charged: "no" });
    expect(await connection.pending()).toEqual([]);
  });

  it("is reopened after an unknown outcome that another process took for a refusal", async () => {
    const calls = memoryCalls();
    const hostile = await openHostile(async (_, count) => {
      if (count === 2) return problem(429, "odd", "unused");
      // Meanwhile the other process is refused.
      await hostile.echo({ calls, retries: 0 })({}, options).catch(caught);
      throw new TypeError("fetch failed");
    });
    await hostile.echo({ calls, retries: 0 })({}, options).catch(caught);
    expect(await hostile.connect({ calls }).pending()).toHaveLength(1);
    pass(60 * MINUTE_MS);
    hostile.paid = () => problem(402, "odd", "unused");
    await hostile.echo({ calls })({}, options).catch(caught);
    expect(hostile.payments()).toHaveLength(1);
  });
});

describe("the budget", () => {
  const job = { success: true, jobId: "job_1", statusUrl: `${BASE_URL}/v1/jobs/1`, state: "processing" };

  it("counts a receipt as spent, also when the job then says that it was not charged (t29)", async () => {
    const hostile = await openHostile((request) =>
      request.method === "GET"
        ? Response.json({ jobId: "job_1", state: "failed", paymentState: "unused" })
        : Response.json(job, { status: 202, headers: receipt() }),
    );
    const client = hostile.connect({ budget: { total: "0.01" } });
    const render = client.jobResource<object, unknown>({ ...definition, name: "render" });
    expect(await render({}).catch(caught)).toMatchObject({ charged: "yes" });
    pass(24 * 60 * MINUTE_MS);
    expect(await render({}).catch(caught)).toMatchObject({ reason: "over_budget" });
    expect(await client.budget()).toEqual({ spent: "0.01", held: "0.00", free: "0.00" });
  });

  it.each([
    ["returns it without a node", undefined, false, 2],
    ["keeps it with `strict`", undefined, true, 1],
    ["keeps it while a node does not prove it", false, false, 1],
    ["returns it when a node proves it", true, true, 2],
  ] as const)(
    "holds what the seller says it did not charge, and %s after its end",
    async (_, proof, strict, count) => {
      const hostile = await openHostile(() => problem(422, "refused", "unused"));
      const payer = proof === undefined ? hostile.payer : { ...hostile.payer, lapsed: async () => proof };
      const client = hostile.connect({ payer, budget: { total: "0.01", strict } });
      const echo = client.resource<object, unknown>(definition);
      await echo({}).catch(caught);
      expect(await client.budget()).toEqual({ spent: "0.00", held: "0.01", free: "0.00" });
      pass(60 * MINUTE_MS);
      await echo({}).catch(caught);
      expect(hostile.payments()).toHaveLength(count);
    },
  );
});

describe("the ceiling of a signature's validity", () => {
  it.each([
    ["an hour without a published timeout", {}, {}, 3_600, 3_601],
    ["the published timeout and 10 minutes", { timeoutMs: 30_000 }, {}, 630, 631],
    ["`maxValidity`", { timeoutMs: 30_000 }, { maxValidity: "2h" }, 7_200, 3_153_600_000],
  ] as const)("is %s", async (_, published, more, allowed, refused) => {
    const hostile = await openHostile(() => Response.json({ done: true }));
    hostile.challenge = () => ({
      ...{ x402Version: 2, resource: {} },
      accepts: [{ ...offerOf(hostile.ledger), maxTimeoutSeconds: seconds }],
    });
    let seconds: number = refused;
    let asked = 0;
    const payer: Payer = {
      createPaymentPayload(required) {
        asked += 1;
        return hostile.payer.createPaymentPayload(required);
      },
    };
    const echo = hostile
      .connect({ payer, ...more })
      .resource<object, unknown>({ ...definition, ...published });
    const error = await echo({}).catch(caught);
    expect(error).toMatchObject({ code: "payment_refused", reason: "too_long", charged: "no" });
    expect((error as Error).message).toMatch(/maxValidity, \d+/);
    expect(asked).toBe(0);
    seconds = allowed;
    expect(await echo({})).toEqual({ done: true });
  });

  it("holds for what the payer has signed, whatever the seller asked for", async () => {
    const hostile = await openHostile(() => Response.json({ done: true }));
    const payer: Payer = {
      async createPaymentPayload(required) {
        const accepts = [{ ...required.accepts[0], maxTimeoutSeconds: 7_200 }];
        const signed = (await hostile.payer.createPaymentPayload({ ...required, accepts })) as object;
        return { ...signed, accepted: required.accepts[0] };
      },
    };
    const error = await hostile.echo({ payer })({}).catch(caught);
    expect(error).toMatchObject({ code: "payment_refused", reason: "too_long", charged: "no" });
    expect(hostile.payments()).toEqual([]);
  });
});

describe("two tabs on one storage", () => {
  it("that store the same call at the same moment are given the same payment", async () => {
    const items = new Map<string, string>();
    let meanwhile = async (): Promise<unknown> => undefined;
    let other: Promise<unknown> | undefined;
    const tab = (isFirst: boolean): Calls =>
      storageCalls({
        get length() {
          return items.size;
        },
        key: (index) => [...items.keys()][index] ?? null,
        getItem(key) {
          const text = items.get(key) ?? null;
          // The other tab runs between this one's look and its write.
          if (isFirst) other ??= meanwhile();
          return text;
        },
        setItem: (key, value) => void items.set(key, value),
        removeItem: (key) => void items.delete(key),
      });
    const [one, two] = [tab(true), tab(false)];
    meanwhile = () => two.add(savedCall(1, "second"));
    const first = await one.add(savedCall(1, "first"));
    expect(await other).toEqual(first);
    expect(await one.list()).toEqual([first]);
  });
});

const definition = {
  name: "echo",
  method: "POST",
  path: "/v1/echo",
  price: { kind: "fixed", usd: "0.01", per: "call" },
} as const;
