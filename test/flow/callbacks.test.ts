import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Webhook } from "standardwebhooks";
import { afterEach, describe, expect, it, vi } from "vitest";
import { urlProblem } from "../../src/jobs/address.ts";
import { latch, openShop, post, type Shop, signedByHand, until } from "./shop.ts";

interface Told {
  readonly document: Record<string, unknown>;
  readonly body: string;
  readonly headers: Record<string, string>;
}

/** A buyer's own server on this machine, which writes down what it is told. */
async function listener() {
  const told: Told[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (part: string) => {
      body += part;
    });
    request.on("end", () => {
      told.push({
        document: JSON.parse(body) as Record<string, unknown>,
        body,
        headers: request.headers as Record<string, string>,
      });
      response.writeHead(200).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    told,
    first: async () => {
      await until(
        async () => told.length,
        (count) => count > 0,
      );
      return told[0] as Told;
    },
    [Symbol.dispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}

afterEach(() => {
  vi.useRealTimers();
});

const PRIVATE = { callbacks: { allowPrivate: true } } as const;

async function refusalOf(shop: Shop, path: string, body: unknown, url: string) {
  const answer = await shop.fetch(path, post(body, { "callback-url": url }));
  return [answer.status, await answer.json()] as const;
}

describe("a buyer who wants to be told", () => {
  it("is notified of the end of the job, signed with the key that came with the 202", async () => {
    using buyer = await listener();
    await using shop = await openShop(PRIVATE);
    const job = await shop.client().render.start({ prompt: "a cat" }, { callbackUrl: buyer.url });
    expect(job.webhookSecret).toMatch(/^whsec_/);
    expect(job.toJSON()).toMatchObject({ webhookSecret: job.webhookSecret });
    const { body, headers, document } = await buyer.first();
    new Webhook(job.webhookSecret ?? "").verify(body, headers);
    const status = await (await shop.fetch(`/v1/jobs/${job.id}`)).json();
    expect(document).toEqual(status);
    expect(document).toMatchObject({ state: "succeeded", paymentState: "settled" });
    expect(headers["webhook-id"]).toBe(job.id);
  });

  it("is notified of a failure, with what it means for the money", async () => {
    using buyer = await listener();
    await using shop = await openShop(PRIVATE);
    shop.handlers.render = (_, ctx) => ctx.fail("refused");
    await shop.client().render.start({ prompt: "a dog" }, { callbackUrl: buyer.url });
    expect((await buyer.first()).document).toMatchObject({
      state: "failed",
      code: "refused",
      paymentState: "refund_owed",
    });
  });

  it("is notified of a cancelled job, and not before it has ended", async () => {
    using buyer = await listener();
    await using shop = await openShop(PRIVATE);
    const { opened, open } = latch();
    shop.handlers.render = async () => {
      await opened;
      return { url: "https://pictures.test/1", note: "" };
    };
    const job = await shop.client().render.start({ prompt: "a fox" }, { callbackUrl: buyer.url });
    await until(
      async () => shop.runs.render,
      (runs) => runs === 1,
    );
    expect(buyer.told).toEqual([]);
    await job.cancel();
    expect((await buyer.first()).document).toMatchObject({ status: "cancelled" });
    open();
  });

  it("gets the same key with the same answer, and keeps the address of the first time", async () => {
    using buyer = await listener();
    await using shop = await openShop(PRIVATE);
    const body = { prompt: "twice" };
    const { headers } = await signedByHand(shop, "/v1/render", body, { key: "asked-twice" });
    const [first, again] = [
      await shop.fetch("/v1/render", post(body, { ...headers, "callback-url": buyer.url })),
      await shop.fetch("/v1/render", post(body, { ...headers, "callback-url": "http://127.0.0.1:9/" })),
    ];
    expect(await again.text()).toBe(await first.text());
    await buyer.first();
    expect((await shop.moved()).paid).toBe(20_000n);
  });

  it("of a job that is charged after its work is told once it is paid", async () => {
    using buyer = await listener();
    await using shop = await openShop(PRIVATE);
    const job = await shop.client().bake.start({ loaf: "rye" }, { callbackUrl: buyer.url });
    expect(job.webhookSecret).toMatch(/^whsec_/);
    expect((await buyer.first()).document).toMatchObject({
      result: { bread: "rye" },
      paymentState: "settled",
    });
  });

  it("is not notified of a job that was never accepted, since its payment was refused", async () => {
    await using shop = await openShop(PRIVATE);
    shop.facilitator.settle = async (_, { network }) => ({
      success: false,
      errorReason: "insufficient_funds",
      transaction: "",
      network,
    });
    const body = { prompt: "unpaid" };
    const { headers } = await signedByHand(shop, "/v1/render", body, { key: "never-accepted" });
    const told = { ...headers, "callback-url": "http://127.0.0.1:9/" };
    expect((await shop.fetch("/v1/render", post(body, told))).status).toBe(402);
    // No client has its id: the job is gone, and its input with it.
    expect(await shop.store.recentJobs({ ended: true, limit: 1 })).toEqual([]);
    expect(await shop.store.recentJobs({ ended: false, limit: 1 })).toEqual([]);
  });

  it("is notified when an unconfirmed payment turns out not to be made", async () => {
    using buyer = await listener();
    await using shop = await openShop({ ...PRIVATE, evidence: true, recovery: { everyMs: 20 } });
    shop.facilitator.settle = async () => {
      throw new Error("socket hang up");
    };
    const body = { prompt: "unconfirmed" };
    const { headers } = await signedByHand(shop, "/v1/render", body, { key: "in-doubt-1" });
    const told = { ...headers, "callback-url": buyer.url };
    expect((await shop.fetch("/v1/render", post(body, told))).status).toBe(202);
    shop.facilitator.settle = async (_, { network }) => ({
      success: false,
      errorReason: "authorization_expired",
      transaction: "",
      network,
    });
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 3_600_000 });
    await shop.server.start();
    expect((await buyer.first()).document).toMatchObject({ code: "payment_failed", paymentState: "unused" });
  });

  it("who names no address gets no key, and none is made up for others", async () => {
    await using shop = await openShop(PRIVATE);
    const job = await shop.client().render.start({ prompt: "quiet" });
    expect(job.webhookSecret).toBeUndefined();
    await job.result();
    expect(await shop.store.dueCallbacks(10)).toEqual([]);
  });
});

describe("an address that cannot be posted to", () => {
  it("is refused before anybody talks of money", async () => {
    await using shop = await openShop();
    for (const url of [
      "http://shop.example/",
      "https://a:b@shop.example/",
      "https://127.0.0.1/",
      "https://[::1]:8443/",
      "https://shop.example:25/",
      "not an address",
      `https://shop.example/${"x".repeat(2_000)}`,
    ]) {
      const [status, problem] = await refusalOf(shop, "/v1/render", { prompt: "x" }, url);
      expect.soft(status, url).toBe(400);
      expect
        .soft(problem)
        .toMatchObject({ code: "callback_refused", paymentState: "unused", retryable: false });
      expect.soft((problem as { detail: string }).detail).toContain(String(urlProblem(url, false)));
    }
  });

  it("is refused with a payment too, which is not used", async () => {
    await using shop = await openShop();
    const body = { prompt: "paid" };
    const { headers } = await signedByHand(shop, "/v1/render", body, { key: "paid-and-bad" });
    const bad = { ...headers, "callback-url": "https://10.0.0.1/" };
    const refused = await shop.fetch("/v1/render", post(body, bad));
    expect([refused.status, await refused.json()]).toMatchObject([400, { paymentState: "unused" }]);
    // The payer proves itself first, so that a forged one is not told whether a key is in use.
    expect(shop.asked).toEqual({ verify: 1, settle: 0 });
    expect((await shop.fetch("/v1/render", post(body, headers))).status).toBe(202);
  });

  it("says nothing of a call that is known: its answer is given as before", async () => {
    await using shop = await openShop();
    const body = { prompt: "known" };
    const { headers } = await signedByHand(shop, "/v1/render", body, { key: "known-call" });
    const told = { ...headers, "callback-url": "https://shop.example/" };
    const first = await shop.fetch("/v1/render", post(body, told));
    expect(first.status).toBe(202);
    // The same bytes reach a server that has been told since to post nothing.
    await using strict = await openShop({ world: shop.world, store: shop.store, callbacks: false });
    const again = await strict.fetch("/v1/render", post(body, told));
    expect([again.status, await again.text()]).toEqual([202, await first.text()]);
  });

  it("is every address where there is no job, or where the seller posts nothing", async () => {
    await using shop = await openShop();
    const [status, problem] = await refusalOf(shop, "/v1/echo", { text: "x" }, "https://shop.example/");
    expect([status, problem]).toMatchObject([400, { code: "callback_refused" }]);
    await using silent = await openShop({ callbacks: false });
    const [other] = await refusalOf(silent, "/v1/render", { prompt: "x" }, "https://shop.example/");
    expect(other).toBe(400);
  });

  it("is an error that costs nothing for the client, or none that is sent at all", async () => {
    await using shop = await openShop();
    const { render } = shop.client();
    const refused = await render({ prompt: "x" }, { callbackUrl: "https://10.0.0.1/" }).catch(
      (e: unknown) => e,
    );
    expect(refused).toMatchObject({ status: 400, failure: "callback_refused", charged: "no" });
    const sent = shop.requests.length;
    await expect(render({ prompt: "x" }, { callbackUrl: "no address" })).rejects.toThrow(TypeError);
    expect(shop.requests).toHaveLength(sent);
  });
});
