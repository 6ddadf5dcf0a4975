import { describe, expect, it } from "vitest";
import { openShop, post, signedByHand } from "./shop.ts";

const SECRET = "postgres://admin:hunter2@10.0.0.7/prod";
const caught = (thrown: unknown) => thrown;

describe.each([
  ["on a chain", true],
  ["on a ledger in memory", false],
])("a synchronous call whose handler fails (%s), costs nothing", (_, chain) => {
  it("when it throws: an internal error with an id that is in the log, and nothing of the inside", async () => {
    await using shop = await openShop({ chain });
    shop.handlers.echo = () => {
      throw new Error(`cannot connect to ${SECRET}`);
    };
    const error = await shop.client().echo({ text: "x" }).catch(caught);
    expect(error).toMatchObject({ code: "failed", failure: "internal_error", status: 500, charged: "no" });
    const { requestId, message } = error as { requestId: string; message: string };
    expect(message).toContain(requestId);
    expect(JSON.stringify(error) + message).not.toContain("hunter2");
    const line = shop.logged.find((one) => one.level === "error" && one.fields.requestId === requestId);
    expect(line?.fields.error).toMatchObject({ message: expect.stringContaining(SECRET) });
    expect(shop.runs.echo).toBe(1);
    expect(shop.asked.settle).toBe(0);
    expect(await shop.moved()).toEqual({ paid: 0n, received: 0n });
  });

  it("when it fails on purpose: the declared code and text", async () => {
    await using shop = await openShop({ chain });
    shop.handlers.echo = (_, ctx) => ctx.fail("refused");
    const error = await shop.client().echo({ text: "x" }).catch(caught);
    expect(error).toMatchObject({ code: "failed", failure: "refused", status: 422, charged: "no" });
    expect((error as Error).message).toBe("echo: The text was refused.");
    expect(await shop.moved()).toEqual({ paid: 0n, received: 0n });
  });

  it("when it takes too long: 504, its signal aborted and its late result dropped", async () => {
    await using shop = await openShop({ chain, timeout: "500ms" });
    let aborted = false;
    shop.handlers.echo = async ({ text }, ctx) => {
      await new Promise<void>((resolve) => ctx.signal.addEventListener("abort", () => resolve()));
      aborted = true;
      return { text };
    };
    const error = await shop.client().echo({ text: "x" }).catch(caught);
    expect(error).toMatchObject({ code: "failed", failure: "timeout", status: 504, charged: "no" });
    expect(aborted).toBe(true);
    expect(await shop.moved()).toEqual({ paid: 0n, received: 0n });
  });

  it("when its output breaks the schema", async () => {
    await using shop = await openShop({ chain });
    shop.handlers.echo = () => ({ text: 7 }) as never;
    const error = await shop.client().echo({ text: "x" }).catch(caught);
    expect(error).toMatchObject({ code: "failed", failure: "internal_error", charged: "no" });
    expect(await shop.moved()).toEqual({ paid: 0n, received: 0n });
  });
});

describe("a failed call", () => {
  it("frees its key for a new signature; a late copy of the old one gets the same failure, and buys nothing", async () => {
    await using shop = await openShop();
    shop.handlers.echo = () => {
      throw new Error("first time unlucky");
    };
    const body = { text: "x" };
    const first = await signedByHand(shop, "/v1/echo", body, { key: "the-same-key" });
    const failed = await shop.fetch("/v1/echo", post(body, first.headers));
    const text = await failed.text();
    expect(JSON.parse(text)).toMatchObject({ code: "internal_error", paymentState: "unused" });
    shop.handlers.echo = ({ text }) => ({ text });
    const copy = await shop.fetch("/v1/echo", post(body, first.headers));
    expect([copy.status, await copy.text()]).toEqual([500, text]);
    expect((await shop.moved()).paid).toBe(0n);
    const second = await signedByHand(shop, "/v1/echo", body, { key: "the-same-key" });
    expect((await shop.fetch("/v1/echo", post(body, second.headers))).status).toBe(200);
    expect((await shop.moved()).paid).toBe(10_000n);
    expect(await (await shop.fetch("/v1/echo", post(body, first.headers))).text()).toBe(text);
  });

  it("is not a duplicate of the next one", async () => {
    await using shop = await openShop({ duplicateWindow: "10m" });
    shop.handlers.echo = () => {
      throw new Error("first time unlucky");
    };
    const body = { text: "x" };
    const first = await signedByHand(shop, "/v1/echo", body);
    expect((await shop.fetch("/v1/echo", post(body, first.headers))).status).toBe(500);
    shop.handlers.echo = ({ text }) => ({ text });
    const second = await signedByHand(shop, "/v1/echo", body);
    expect((await shop.fetch("/v1/echo", post(body, second.headers))).status).toBe(200);
  });

  it("is not sent again when the server says that this would not help", async () => {
    await using shop = await openShop();
    shop.handlers.echo = () => {
      throw new Error("always");
    };
    await shop.client().echo({ text: "x" }).catch(caught);
    expect(shop.requests).toHaveLength(2);
  });

  it("with a code that the definition does not declare is an internal error", async () => {
    await using shop = await openShop();
    shop.handlers.echo = (_, ctx) => ctx.fail("made_up" as "refused");
    expect(await shop.client().echo({ text: "x" }).catch(caught)).toMatchObject({
      failure: "internal_error",
    });
  });

  it("never leaves fields in the answer that the output schema does not know", async () => {
    await using shop = await openShop();
    shop.handlers.echo = ({ text }) => ({ text, apiKey: SECRET });
    expect(await shop.client().echo({ text: "x" })).toEqual({ text: "x" });
  });
});

describe("a job that fails", () => {
  it.each([
    ["on purpose", "refused", "The prompt was refused."],
    ["by throwing", "internal_error", "An internal error occurred"],
    ["by its time-out", "timeout", "The request timed out."],
  ] as const)("%s ends as failed, with safe text and a code", async (how, code, text) => {
    await using shop = await openShop(how === "by its time-out" ? { timeout: "500ms" } : {});
    shop.handlers.render = (_, ctx) => {
      if (how === "on purpose") return ctx.fail("refused");
      if (how === "by throwing") throw new Error(SECRET);
      return new Promise(() => {});
    };
    const job = await shop.client().render.start({ prompt: "x" });
    const error = await job.result().catch(caught);
    expect(error).toMatchObject({ code: "failed", failure: code, charged: "yes", jobId: job.id });
    const status = await (await shop.fetch(`/v1/jobs/${job.id}`)).json();
    expect(status).toMatchObject({
      state: "failed",
      status: "failed",
      code,
      error: expect.stringContaining(text),
    });
    expect(JSON.stringify(status)).not.toContain("hunter2");
  });
});

describe("a free call whose handler fails", () => {
  it.each([
    ["without a key", {}],
    ["under a key", { "idempotency-key": "free" }],
  ])("(%s) says so, and is run again when it is asked for again", async (_, headers) => {
    await using shop = await openShop();
    shop.handlers.ping = () => {
      throw new Error(`cannot connect to ${SECRET}`);
    };
    const failed = await shop.fetch("/v1/ping", { headers });
    expect(failed.status).toBe(500);
    const problem = await failed.json();
    expect(problem).toMatchObject({ code: "internal_error", paymentState: "unused" });
    expect(JSON.stringify(problem)).not.toContain("hunter2");
    shop.handlers.ping = () => ({ open: true });
    const next = await shop.fetch("/v1/ping", {
      headers: "idempotency-key" in headers ? { "idempotency-key": "next" } : {},
    });
    expect([next.status, await next.json()]).toEqual([200, { open: true }]);
  });
});

describe("a handler that has not been written", () => {
  it("answers 501 and takes no payment", async () => {
    const { notImplemented } = await import("resource402/server");
    const { createServer } = await import("../fixtures/shop/server.gen.ts");
    await using shop = await openShop();
    const handlers = { ...shop.handlers, render: notImplemented, echo: notImplemented };
    const payments = {
      accepts: [{ network: shop.world.network, payTo: shop.world.seller.address }],
      facilitator: shop.world.facilitator,
    } as const;
    const server = createServer({ handlers, quotes: shop.quotes, payments });
    shop.network = (request) => server.fetch(request);
    const job = await shop.client().render({ prompt: "x" }).catch(caught);
    expect(job).toMatchObject({ code: "http", status: 501, charged: "no" });
    const sync = await shop.client().echo({ text: "x" }).catch(caught);
    expect(sync).toMatchObject({ code: "http", status: 501, charged: "no" });
    expect(await shop.moved()).toEqual({ paid: 0n, received: 0n });
  });
});
