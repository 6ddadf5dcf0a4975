import { randomUUID } from "node:crypto";
import { defineApi, price, resource } from "resource402";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { serve } from "../../src/server/serve.ts";
import { openShop, post, type Shop, signedByHand, until } from "./shop.ts";

type Line = Shop["logged"][number];

const lines = (shop: Shop, message: string): Line[] => shop.logged.filter((one) => one.message === message);
/** As it would be written, with everything that an error carries. */
const written = (shop: Shop): string => JSON.stringify(shop.logged);

async function ended(shop: Shop, jobId: string): Promise<void> {
  await shop.fetch(`/v1/jobs/${jobId}`, { headers: { prefer: "wait=5" } });
  await until(
    async () => lines(shop, "job ended"),
    (found) => found.some(({ fields }) => fields.jobId === jobId),
  );
}

describe("the log", () => {
  it("has one line for each call that was answered, with its outcome", async () => {
    await using shop = await openShop();
    await shop.client().echo({ text: "x" });
    await shop.fetch("/v1/echo", post({ text: 5 }));
    const [challenged, succeeded, refused] = lines(shop, "call answered").map(({ fields }) => fields);
    const own = { requestId: expect.stringMatching(/^[0-9a-f-]{36}$/), resource: "echo" };
    const durationMs = expect.any(Number);
    expect(challenged).toEqual({ ...own, durationMs, status: 402, outcome: "challenged" });
    expect(succeeded).toEqual({ ...own, durationMs, status: 200, outcome: "succeeded" });
    expect(refused).toEqual({ ...own, durationMs, status: 400, outcome: "failed", code: "invalid_input" });
    expect(lines(shop, "call answered")).toHaveLength(3);
  });

  it("leads from a repeated request to its call", async () => {
    await using shop = await openShop();
    const body = { text: "x" };
    const { headers } = await signedByHand(shop, "/v1/echo", body, { key: "repeated-1" });
    for (let n = 0; n < 2; n += 1) await shop.fetch("/v1/echo", post(body, headers));
    const other = await signedByHand(shop, "/v1/echo", body, { key: "repeated-1" });
    await shop.fetch("/v1/echo", post(body, other.headers));
    const [first, second, third] = lines(shop, "call answered")
      .filter(({ fields }) => fields.status === 200)
      .map(({ fields }) => fields.requestId);
    const repeats = lines(shop, "repeats a recorded call").map(({ fields }) => [
      fields.requestId,
      fields.callId,
    ]);
    expect(repeats).toEqual([
      [second, first],
      [third, first],
    ]);
  });

  it("has one line for each job that has ended, however it has", async () => {
    await using shop = await openShop();
    const job = await shop.client().render.start({ prompt: "x" });
    await job.result();
    shop.handlers.render = (_, ctx) => ctx.fail("refused");
    const other = await shop.client().render.start({ prompt: "y" });
    await other.result().catch(() => {});
    const [first, second] = lines(shop, "job ended").map(({ fields }) => fields);
    const own = { requestId: expect.any(String), resource: "render", attempt: 1 };
    const times = { durationMs: expect.any(Number), waitedMs: expect.any(Number) };
    expect(first).toEqual({ ...own, ...times, jobId: job.id, outcome: "succeeded" });
    expect(second).toEqual({ ...own, ...times, jobId: other.id, outcome: "failed", code: "refused" });
    expect(lines(shop, "job ended")).toHaveLength(2);
  });

  it("names in every line of a call and of a job whose it is", async () => {
    await using shop = await openShop();
    shop.handlers.render = (_, ctx) => {
      ctx.log.info({}, "from the handler");
      throw new Error("no");
    };
    const job = await shop.client().render.start({ prompt: "x" });
    await job.result().catch(() => {});
    const [call] = lines(shop, "call answered").filter(({ fields }) => fields.status === 202);
    const { requestId } = call?.fields ?? {};
    for (const message of ["job started", "from the handler", "the handler threw", "job ended"]) {
      const [line] = lines(shop, message);
      expect([message, line?.fields]).toEqual([
        message,
        expect.objectContaining({ requestId, jobId: job.id, resource: "render", attempt: 1 }),
      ]);
    }
  });

  it("writes errors with their stack and their cause", async () => {
    await using shop = await openShop();
    shop.handlers.echo = () => {
      throw new Error("outer", { cause: new TypeError("inner") });
    };
    await shop
      .client()
      .echo({ text: "x" })
      .catch(() => {});
    const [line] = lines(shop, "the handler threw");
    expect(line?.level).toBe("error");
    expect(line?.fields.error).toMatchObject({
      name: "Error",
      message: "outer",
      stack: expect.stringContaining("logs.test.ts"),
      cause: { name: "TypeError", message: "inner", stack: expect.any(String) },
    });
  });
});

describe("the log keeps to itself", () => {
  const CANARY = "canary-6f1b9c";

  it("what buyers write, also where a handler throws it or returns what its schema refuses", async () => {
    await using shop = await openShop();
    shop.handlers.echo = ({ text }) => {
      throw new TypeError(`cannot handle ${text}`, { cause: new Error(`in ${text}`) });
    };
    shop.handlers.brew = ({ cup }) => ({ coffee: cup, [cup]: 1 }) as never;
    await shop
      .client()
      .echo({ text: CANARY })
      .catch(() => {});
    await shop
      .client()
      .brew({ cup: CANARY })
      .catch(() => {});
    const thrown = shop.logged.find(({ message }) => message === "the handler threw");
    expect(thrown?.fields.error).toMatchObject({
      name: "TypeError",
      message: "cannot handle [input]",
      stack: expect.stringContaining("logs.test.ts"),
      cause: { message: "in [input]" },
    });
    expect(JSON.stringify(shop.logged)).not.toContain(CANARY);
  });

  it("what buyers write, sign and name, in whole flows of every kind", async () => {
    await using shop = await openShop({ timeout: "2s" });
    const key = `key-${randomUUID()}`;
    const secrets = [CANARY, key];
    const buy = async (
      path: string,
      body: object,
      headers: Record<string, string> = {},
    ): Promise<Response> => {
      const signed = await signedByHand(shop, path, body, { key: `${key}-${secrets.length}` });
      secrets.push(signed.headers["payment-signature"] ?? "");
      return shop.fetch(path, post(body, { ...signed.headers, ...headers }));
    };
    // A call, a replay of it, another input under its key, the same payment elsewhere.
    const body = { text: CANARY };
    const { headers } = await signedByHand(shop, "/v1/echo", body, { key });
    secrets.push(headers["payment-signature"] ?? "");
    for (const [path, input] of [
      ["/v1/echo", body],
      ["/v1/echo", body],
      ["/v1/echo", { text: `${CANARY} else` }],
      ["/v1/brew", { cup: CANARY }],
    ] as const) {
      await shop.fetch(path, post(input, headers));
    }
    // A job, with a callback, and its status.
    const accepted = await buy(
      "/v1/render",
      { prompt: CANARY },
      { "callback-url": `https://told.invalid/${CANARY}` },
    );
    const { jobId, webhookSecret } = (await accepted.json()) as { jobId: string; webhookSecret: string };
    secrets.push(webhookSecret);
    await ended(shop, jobId);
    await shop.fetch(`/v1/jobs/${jobId}`, { method: "DELETE" });
    // Failures: of the handler, of a job, of an output, and by time-out.
    shop.handlers.echo = (_, ctx) => ctx.fail("refused");
    await buy("/v1/echo", body);
    shop.handlers.echo = () => ({ text: 5 as unknown as string });
    await buy("/v1/echo", body);
    shop.handlers.brew = () => new Promise(() => {});
    await buy("/v1/brew", { cup: CANARY });
    shop.handlers.render = (_, ctx) => ctx.fail("refused", CANARY);
    await ended(
      shop,
      ((await (await buy("/v1/render", { prompt: CANARY })).json()) as { jobId: string }).jobId,
    );
    // A facilitator that fails, and repeats what it was sent.
    const repeat = (payload: unknown) => Promise.reject(new Error(`cannot do ${JSON.stringify(payload)}`));
    shop.facilitator.verify = repeat;
    await buy("/v1/echo", body);
    shop.facilitator.verify = shop.world.facilitator.verify.bind(shop.world.facilitator);
    shop.handlers.echo = ({ text }) => ({ text });
    shop.facilitator.settle = repeat;
    await buy("/v1/echo", body);
    shop.facilitator.settle = async (payload) => ({
      success: false,
      errorReason: JSON.stringify(payload),
      transaction: "",
      network: shop.world.network,
    });
    await buy("/v1/echo", body);
    // Input that is none, headers that are none.
    for (const text of [
      `{"text":"${CANARY}`,
      `["${CANARY}"]`,
      `{"text":5,"${CANARY}":"${CANARY}"}`,
      CANARY,
    ]) {
      await shop.fetch("/v1/echo", { ...post({}), body: text });
    }
    for (const name of ["payment-signature", "x-payment", "idempotency-key"]) {
      await shop.fetch("/v1/echo", post(body, { [name]: CANARY }));
    }
    await shop.fetch(`/v1/prices/${CANARY}?days=${CANARY}`);
    await shop.fetch(`/v1/jobs/${CANARY}`);
    await shop.fetch(`/${CANARY}`);

    const log = written(shop);
    expect(lines(shop, "call answered").length).toBeGreaterThan(15);
    for (const secret of secrets) {
      expect(shop.logged.filter((line) => JSON.stringify(line).includes(secret))).toEqual([]);
    }
    expect(log).not.toMatch(/0x[0-9a-f]{130}/i);
  });

  it("all but the fields that the definition allows", async () => {
    const api = defineApi({
      title: "Studio",
      version: "1.0.0",
      description: "One resource that is sync and one that is a job.",
      resources: {
        draw: resource({
          summary: "Draw.",
          input: z.object({ prompt: z.string(), quality: z.enum(["low", "high"]).default("low") }),
          output: z.object({ done: z.boolean() }),
          price: price.free(),
          loggable: ["quality"],
        }),
        paint: resource({
          summary: "Paint.",
          input: z.object({ prompt: z.string(), quality: z.enum(["low", "high"]).default("low") }),
          output: z.object({ done: z.boolean() }),
          price: price.free(),
          job: { timeout: "5s" },
          loggable: ["quality"],
        }),
      },
    });
    const logged: Line[] = [];
    const line = (level: string) => (fields: object, message: string) => {
      logged.push({ level, fields: fields as Line["fields"], message });
    };
    const document = { method: "POST", maxPrice: "0" } as const;
    const server = serve(
      api,
      { draw: { ...document, path: "/v1/draw" }, paint: { ...document, path: "/v1/paint" } },
      {
        handlers: { draw: () => ({ done: true }), paint: () => ({ done: true }) },
        log: { debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") },
      },
    );
    const ask = (path: string, input: object) =>
      server.fetch(new Request(`http://shop.test${path}`, post(input)));
    await ask("/v1/draw", { prompt: CANARY, quality: "high" });
    await ask("/v1/draw", { prompt: CANARY });
    await ask("/v1/draw", { prompt: 5, quality: CANARY });
    await ask("/v1/paint", { prompt: CANARY, quality: "high" });
    const shown = () =>
      logged.filter(({ message }) => message === "call answered").map(({ fields }) => fields.input);
    expect(shown()).toEqual([{ quality: "high" }, { quality: "low" }, undefined, { quality: "high" }]);
    const started = await until(
      async () => logged.find(({ message }) => message === "job started"),
      (found) => found !== undefined,
    );
    expect(started?.fields.input).toEqual({ quality: "high" });
    await server.stop();
    expect(JSON.stringify(logged)).not.toContain(CANARY);
  });
});

describe("the log of a server without one", () => {
  it("is pino's, from the level that is named", async () => {
    await using shop = await openShop({ log: "silent" });
    await shop.client().echo({ text: "x" });
    expect(shop.logged).toEqual([]);
  });
});
