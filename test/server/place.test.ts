import { memoryStore } from "resource402/server";
import { startWorld } from "resource402/testing";
import { afterEach, describe, expect, it, vi } from "vitest";
import { createServer } from "../fixtures/shop/server.gen.ts";
import { openShop, post, signedByHand, until } from "../flow/shop.ts";

afterEach(() => {
  vi.unstubAllEnvs();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

describe("a place that stops once a response is sent", () => {
  it("sells no jobs, says why once, and sells everything else", async () => {
    vi.stubEnv("AWS_LAMBDA_FUNCTION_NAME", "api");
    await using shop = await openShop();
    for (let count = 0; count < 2; count += 1) {
      const answer = await shop.fetch("/v1/render", post({ prompt: "x" }));
      expect([answer.status, await answer.json()]).toMatchObject([503, { code: "unavailable" }]);
    }
    const errors = shop.logged.filter(({ level }) => level === "error");
    expect(errors).toHaveLength(1);
    expect(errors[0]?.fields).toMatchObject({
      jobs: ["render", "bake"],
      fix: expect.stringContaining("waitUntil"),
    });
    expect(await shop.client().echo({ text: "x" })).toEqual({ text: "x" });
  });

  it("says at start that it sells no jobs", async () => {
    vi.stubEnv("VERCEL", "1");
    await using shop = await openShop();
    await shop.server.start();
    expect(shop.logged.filter(({ level }) => level === "error")).toHaveLength(1);
  });

  it("runs a job to its end within waitUntil, and its callback after it", async () => {
    vi.stubEnv("AWS_LAMBDA_FUNCTION_NAME", "api");
    await using shop = await openShop();
    const kept: Promise<unknown>[] = [];
    shop.network = (request) => shop.server.fetch(request, { waitUntil: (promise) => kept.push(promise) });
    const job = await shop.client().render.start({ prompt: "x" });
    await Promise.all(kept);
    const answer = await shop.fetch(`/v1/jobs/${job.id}`);
    expect(await answer.json()).toMatchObject({ status: "succeeded" });
  });

  it("pays the refund of a job that failed within waitUntil", async () => {
    vi.stubEnv("AWS_LAMBDA_FUNCTION_NAME", "api");
    const world = await startWorld({ chain: false });
    await world.fund(world.seller.address, "1");
    await using shop = await openShop({ world, payments: { refunds: { account: world.seller } } });
    shop.handlers.render = () => {
      throw new Error("no");
    };
    const kept: Promise<unknown>[] = [];
    shop.network = (request) => shop.server.fetch(request, { waitUntil: (promise) => kept.push(promise) });
    const job = await shop.client().render.start({ prompt: "x" });
    await Promise.all(kept);
    const answer = await shop.fetch(`/v1/jobs/${job.id}`);
    expect(await answer.json()).toMatchObject({ status: "failed", paymentState: "refunded" });
    await world.stop();
  });

  it("sells jobs where a cron trigger calls tick, which runs them to their end", async () => {
    vi.stubEnv("AWS_LAMBDA_FUNCTION_NAME", "api");
    await using shop = await openShop({ jobs: { keepsRunning: true }, role: "both" });
    const { headers } = await signedByHand(shop, "/v1/render", { prompt: "x" });
    const accepted = (await (await shop.fetch("/v1/render", post({ prompt: "x" }, headers))).json()) as {
      jobId: string;
    };
    await shop.server.tick();
    const answer = await shop.fetch(`/v1/jobs/${accepted.jobId}`);
    expect(await answer.json()).toMatchObject({ status: "succeeded" });
  });

  it("does not wait in tick for longer than it is told", async () => {
    await using shop = await openShop();
    shop.handlers.render = (_, ctx) =>
      new Promise((_, reject) => ctx.signal.addEventListener("abort", reject));
    const { headers } = await signedByHand(shop, "/v1/render", { prompt: "x" });
    await shop.fetch("/v1/render", post({ prompt: "x" }, headers));
    await until(
      async () => shop.runs.render,
      (runs) => runs === 1,
    );
    const begun = performance.now();
    await shop.server.tick(50);
    expect(performance.now() - begun).toBeLessThan(5_000);
  });
});

it("nothing random, timed or opened happens before the first request", () => {
  const forbidden = (name: string) => () => {
    throw new Error(`${name} before the first request`);
  };
  vi.spyOn(crypto, "randomUUID").mockImplementation(forbidden("randomUUID"));
  vi.spyOn(crypto, "getRandomValues").mockImplementation(forbidden("getRandomValues"));
  vi.spyOn(Math, "random").mockImplementation(forbidden("random"));
  class Forbidden {
    constructor() {
      throw new Error("AbortController before the first request");
    }
  }
  vi.stubGlobal("AbortController", Forbidden);
  vi.spyOn(globalThis, "fetch").mockImplementation(forbidden("fetch"));
  vi.spyOn(globalThis, "setTimeout").mockImplementation(forbidden("setTimeout"));
  vi.spyOn(globalThis, "setInterval").mockImplementation(forbidden("setInterval"));
  const handler = () => ({}) as never;
  const names = [
    "echo",
    "render",
    "translate",
    "estimate",
    "quoteOf",
    "brew",
    "bake",
    "forecast",
    "rate",
    "headline",
    "ping",
  ];
  const server = createServer({
    handlers: Object.fromEntries(names.map((name) => [name, handler])) as never,
    quotes: { estimate: () => "0.01" },
    payments: {
      accepts: [{ network: "eip155:84532", payTo: "0x0000000000000000000000000000000000000402" }],
      facilitator: "http://127.0.0.1:1",
    },
    store: memoryStore(),
    log: console,
  });
  expect(server).toBeDefined();
});
