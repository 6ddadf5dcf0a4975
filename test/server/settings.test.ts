import type { PaymentOptions } from "resource402/server";
import { startWorld } from "resource402/testing";
import { describe, expect, it } from "vitest";
import { createServer } from "../fixtures/shop/server.gen.ts";
import { openShop, post, signedHeaders } from "../flow/shop.ts";

async function serverWith(payments: Partial<PaymentOptions> | undefined) {
  await using shop = await openShop();
  const { handlers, quotes, world } = shop;
  const accepts = [{ network: world.network, payTo: world.seller.address }] as const;
  const rest = payments && { payments: { accepts, facilitator: world.facilitator, ...payments } };
  return createServer({ handlers, quotes, ...rest });
}

const payTo = "0x0000000000000000000000000000000000000402";

describe("settings that cannot work are refused when the server is made", () => {
  it.each([
    ["no payments at all", undefined, /`payments`/],
    ["no way to pay", { accepts: [] }, /payments\.accepts /],
    [
      "a v1 network name",
      { accepts: [{ network: "base" as never, payTo }] },
      /accepts\[0\]\.network: "base" .* "eip155:8453"/,
    ],
    [
      "a broken address",
      { accepts: [{ network: "eip155:8453", payTo: "0x123" }] },
      /accepts\[0\]\.payTo: "0x123"/,
    ],
    [
      "a network without a known token",
      { accepts: [{ network: "eip155:31337", payTo }] },
      /accepts\[0\]\.asset: .*eip155:31337/,
    ],
    ["no facilitator", { facilitator: undefined as never }, /payments\.facilitator:/],
    ["an empty facilitator", { facilitator: "" }, /payments\.facilitator ""/],
    [
      "the zero address",
      { accepts: [{ network: "eip155:8453", payTo: `0x${"0".repeat(40)}` }] },
      /accepts\[0\]\.payTo: "0x0+" is the zero address/,
    ],
    [
      "an account for refunds at the zero address",
      { refunds: { account: { address: `0x${"0".repeat(40)}`, signTypedData: async () => "0x" } } },
      /payments\.refunds\.account\.address "0x0+" is the zero address/,
    ],
    ["an account that cannot sign", { refunds: { account: "0x12" as never } }, /payments\.refunds\.account/],
    [
      "a node without an address",
      { accepts: [{ network: "eip155:8453", payTo, rpcUrl: "nope" }] },
      /rpcUrl "nope" of eip155:8453/,
    ],
  ] as const)("(%s)", async (_, payments, message) => {
    await expect(serverWith(payments as Partial<PaymentOptions> | undefined)).rejects.toThrow(message);
  });

  it.each([0, 0.5, Number.NaN])("and so are callbacks that are tried %d times", async (attempts) => {
    await expect(openShop({ callbacks: { attempts } })).rejects.toThrow(/callbacks\.attempts is /);
  });

  it.each([
    [{ role: "wroker" }, /role is "wroker"; write "api", "worker" or "both"/],
    [{ jobs: { concurrency: 0 } }, /jobs\.concurrency is 0/],
    [{ jobs: { maxQueued: -1 } }, /jobs\.maxQueued is -1/],
    [{ recovery: { leaseMs: Number.NaN } }, /recovery\.leaseMs is NaN/],
    [{ jobs: { concurency: 3 } }, /jobs\.concurency .*concurrency, maxQueued/],
    [{ metric: {} }, /metric is not known/],
    [{ metrics: true }, /metrics is .*prometheus\(\)/],
    [{ callbacks: true }, /callbacks is not an object/],
  ])("and so is %j", async (options, message) => {
    await expect(openShop(options as never)).rejects.toThrow(message);
  });

  it("and so is a worker without a store that others know", async () => {
    const { handlers, quotes } = await openShop();
    expect(() => createServer({ handlers, quotes, role: "worker", payments: undefined as never })).toThrow(
      /role "worker" .*store/,
    );
  });

  it("and so is a store that is none", async () => {
    await using shop = await openShop();
    const options = { handlers: shop.handlers, quotes: shop.quotes, store: "./shop.db" as never };
    expect(() => createServer({ ...options, payments: undefined as never })).toThrow();
    const payments = {
      accepts: [{ network: shop.world.network, payTo }],
      facilitator: shop.world.facilitator,
    } as const;
    expect(() => createServer({ ...options, payments })).toThrow(/store is .*sqliteStore/);
  });

  it("and so is a missing handler, by name", async () => {
    await using shop = await openShop();
    const { echo: _, ...handlers } = shop.handlers;
    expect(() => createServer({ handlers: handlers as never, quotes: shop.quotes })).toThrow(
      /handlers\.echo/,
    );
  });
});

describe("a facilitator that cannot serve is found out at start", () => {
  it("when it does not support a network", async () => {
    const server = await serverWith({ accepts: [{ network: "eip155:8453", payTo }] });
    await expect(server.start()).rejects.toThrow(
      /accepts\[0\]\.network: the facilitator custom does not support eip155:8453; did you mean "eip155:84532"\?/,
    );
    await server.stop(0);
  });

  it("when it speaks x402 version 1 only", async () => {
    await using world = await startWorld({ chain: false });
    const kinds = [{ x402Version: 1, scheme: "exact", network: "base-sepolia" as never }];
    const facilitator = {
      verify: world.facilitator.verify.bind(world.facilitator),
      settle: world.facilitator.settle.bind(world.facilitator),
      getSupported: async () => ({ kinds, extensions: [], signers: {} }),
    };
    const server = await serverWith({ facilitator });
    await expect(server.start()).rejects.toThrow(/this one supports x402 version 1 only/);
    await server.stop(0);
  });

  it("when it cannot be reached, by its address", async () => {
    const server = await serverWith({ facilitator: "http://127.0.0.1:9" });
    await expect(server.start()).rejects.toThrow(
      /facilitator 127\.0\.0\.1:9 cannot be reached \(.*\); check its URL/,
    );
    await server.stop(0);
  });

  it("and it is asked again by the next call once it is back", async () => {
    await using world = await startWorld({ chain: false });
    let up = false;
    const facilitator = {
      ...world.facilitator,
      verify: world.facilitator.verify.bind(world.facilitator),
      settle: world.facilitator.settle.bind(world.facilitator),
      getSupported: async () => {
        if (!up) throw new TypeError("fetch failed");
        return world.facilitator.getSupported();
      },
    };
    const server = await serverWith({ facilitator });
    await using other = await openShop();
    const headers = await signedHeaders(other, (client) => client.echo({ text: "x" }));
    const paid = await server.fetch(new Request("http://shop.test/v1/echo", post({ text: "x" }, headers)));
    expect([paid.status, (await paid.json()).code]).toEqual([503, "facilitator_unavailable"]);
    const ask = () =>
      server.fetch(new Request("http://shop.test/v1/echo", { method: "POST", body: '{"text":"x"}' }));
    expect((await ask()).status).toBe(503);
    up = true;
    expect((await ask()).status).toBe(402);
  });
});
