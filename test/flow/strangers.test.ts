import { serve as serveNode } from "@hono/node-server";
import { x402Client } from "@x402/core/client";
import { x402ResourceServer } from "@x402/core/server";
import { ExactEvmScheme as ExactEvmClient } from "@x402/evm/exact/client";
import { ExactEvmScheme as ExactEvmServer } from "@x402/evm/exact/server";
import { ExactEvmSchemeV1 } from "@x402/evm/v1";
import { wrapFetchWithPayment } from "@x402/fetch";
import { paymentMiddleware } from "@x402/hono";
import { Hono } from "hono";
import { connect } from "resource402/client";
import { evmPayer } from "resource402/evm";
import { type Listening, listen } from "resource402/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readAccepted } from "../../src/client/job-format.ts";
import { createClient } from "../fixtures/shop/client.gen.ts";
import { openShop, post, type Shop } from "./shop.ts";

describe("buyers who do not know this project, on the chain", () => {
  let shop: Shop;
  let listening: Listening;
  beforeAll(async () => {
    shop = await openShop({ chain: true });
    listening = await listen(shop.server, { port: 0, hostname: "127.0.0.1" });
  });
  afterAll(async () => {
    await listening.close(0);
    await shop[Symbol.asyncDispose]();
  });

  async function paidBy(work: () => Promise<void>): Promise<bigint> {
    const before = await shop.moved();
    await work();
    const after = await shop.moved();
    expect(after.paid - before.paid).toBe(after.received - before.received);
    return after.paid - before.paid;
  }

  it("@x402/fetch buys from a resource that answers in the same request", async () => {
    const client = new x402Client().register("eip155:84532", new ExactEvmClient(shop.world.buyer));
    const buy = wrapFetchWithPayment(fetch, client);
    const paid = await paidBy(async () => {
      const answer = await buy(`${listening.url}/v1/echo`, post({ text: "hello" }));
      expect([answer.status, await answer.json()]).toEqual([200, { text: "hello" }]);
      const receipt = JSON.parse(atob(answer.headers.get("payment-response") ?? ""));
      expect(receipt).toMatchObject({
        success: true,
        network: "eip155:84532",
        payer: shop.world.buyer.address,
      });
    });
    expect(paid).toBe(10_000n);
  });

  it("@x402/fetch starts a job and polls its status address", async () => {
    const client = new x402Client().register("eip155:84532", new ExactEvmClient(shop.world.buyer));
    const buy = wrapFetchWithPayment(fetch, client);
    const paid = await paidBy(async () => {
      const answer = await buy(`${listening.url}/v1/render`, post({ prompt: "x" }));
      expect(answer.status).toBe(202);
      const body = await answer.json();
      expect(body).toMatchObject({ success: true, state: "processing", receipt: { amount: "0.02" } });
      const accepted = readAccepted({ body, headers: answer.headers });
      expect(answer.headers.get("location")).toBe(accepted?.statusUrl);
      const status = await fetch(accepted?.statusUrl ?? "", { headers: { prefer: "wait=10" } });
      expect(await status.json()).toMatchObject({ state: "succeeded", result: { note: "x" } });
    });
    expect(paid).toBe(20_000n);
  });

  it.each([
    ["a resource that answers in the same request", "/v1/echo", { text: "v1" }, 200, 10_000n],
    ["a job", "/v1/render", { prompt: "v1" }, 202, 20_000n],
  ] as const)(
    "a v1 buyer takes the body's offer and pays by X-PAYMENT for %s",
    async (_, path, input, status, price) => {
      const paid = await paidBy(async () => {
        const challenge = await fetch(listening.url + path, post(input));
        const { accepts } = (await challenge.json()) as { accepts: { maxAmountRequired: string }[] };
        const [offer] = accepts;
        expect(offer).toMatchObject({ network: "base-sepolia", maxAmountRequired: price.toString() });
        const scheme = new ExactEvmSchemeV1(shop.world.buyer);
        const payment = await scheme.createPaymentPayload(1, offer as never);
        const headers = { "x-payment": btoa(JSON.stringify(payment)) };
        const answer = await fetch(listening.url + path, post(input, headers));
        const body = await answer.text();
        expect([answer.status, body]).toEqual([status, expect.any(String)]);
        const receipt = JSON.parse(atob(answer.headers.get("x-payment-response") ?? ""));
        expect(receipt).toMatchObject({ success: true });
        const again = await fetch(listening.url + path, post(input, headers));
        expect([again.status, await again.text(), again.headers.get("idempotent-replayed")]).toEqual([
          status,
          body,
          "true",
        ]);
      });
      expect(paid).toBe(price);
    },
  );

  it("one authorization cannot be presented once as v2 and once as v1", async () => {
    const paid = await paidBy(async () => {
      let header = "";
      const client = createClient({
        baseUrl: listening.url,
        payer: evmPayer(shop.world.buyer),
        fetch: async (input, init) => {
          const request = new Request(input, init);
          header = request.headers.get("payment-signature") ?? header;
          return fetch(request);
        },
      });
      await client.echo({ text: "twice" });
      const { payload } = JSON.parse(atob(header));
      const v1 = btoa(JSON.stringify({ x402Version: 1, scheme: "exact", network: "base-sepolia", payload }));
      const answer = await fetch(`${listening.url}/v1/echo`, post({ text: "twice" }, { "x-payment": v1 }));
      expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([
        409,
        "payment_already_used",
      ]);
    });
    expect(paid).toBe(10_000n);
  });

  it("a stock x402Client pays through our generated client", async () => {
    const payer = new x402Client().register("eip155:*", new ExactEvmClient(shop.world.buyer));
    const paid = await paidBy(async () => {
      const client = createClient({ baseUrl: listening.url, payer });
      expect(await client.render({ prompt: "by x402Client" })).toMatchObject({ note: "by x402Client" });
    });
    expect(paid).toBe(20_000n);
  });
});

describe("a seller who does not know this project", () => {
  it("(@x402/hono) sells to our client, on the chain, to the last unit", async () => {
    await using shop = await openShop({ chain: true });
    const { world } = shop;
    const core = new x402ResourceServer(world.facilitator).register("eip155:84532", new ExactEvmServer());
    const app = new Hono();
    const accepts = {
      scheme: "exact",
      payTo: world.seller.address,
      price: "$0.03",
      network: "eip155:84532",
    } as const;
    app.use(paymentMiddleware({ "POST /weather": { accepts, description: "Weather." } }, core));
    app.post("/weather", async (c) =>
      c.json({ sky: "clear", city: ((await c.req.json()) as { city: string }).city }),
    );
    const server = serveNode({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" });
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as { port: number };
    const { resource } = connect({ baseUrl: `http://127.0.0.1:${port}`, payer: evmPayer(world.buyer) });
    const weather = resource<{ city: string }, { sky: string; city: string }>({
      name: "weather",
      method: "POST",
      path: "/weather",
      price: { kind: "fixed", usd: "0.03", per: "look-up" },
    });
    expect(await weather({ city: "Lima" })).toEqual({ sky: "clear", city: "Lima" });
    expect(await shop.moved()).toEqual({ paid: 30_000n, received: 30_000n });
    await new Promise((resolve) => server.close(resolve));
  });
});
