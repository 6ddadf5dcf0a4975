import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { connect } from "resource402/client";
import { evmPayer } from "resource402/evm";
import { startWorld, type World } from "resource402/testing";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import {
  decodeHeader,
  encodeHeader,
  HEADERS,
  type PaymentPayload,
  type PaymentRequirements,
} from "../../src/protocol/index.ts";
import { openShop } from "../flow/shop.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld({ chain: true });
});
afterAll(() => world.stop());

async function rpc(rpcUrl: string | undefined, method: string, ...params: unknown[]): Promise<unknown> {
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
  const answer = await fetch(rpcUrl ?? "", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body,
  });
  return ((await answer.json()) as { result: unknown }).result;
}

/** Lets time pass on a chain: the next block is that much later. */
async function passOnChain(rpcUrl: string | undefined, seconds: number): Promise<void> {
  await rpc(rpcUrl, "evm_increaseTime", seconds);
  await rpc(rpcUrl, "evm_mine");
}

const offer = (change: Partial<PaymentRequirements> = {}): PaymentRequirements => ({
  scheme: "exact",
  network: world.network,
  asset: world.asset,
  amount: "10000",
  payTo: world.seller.address,
  maxTimeoutSeconds: 300,
  extra: { name: "USDC", version: "2" },
  ...change,
});

async function sign(rpcUrl: string | undefined, change?: Partial<PaymentRequirements>) {
  const payer = evmPayer(world.buyer, rpcUrl === undefined ? {} : { rpcUrl });
  const required = { x402Version: 2, resource: { url: "https://api.test/" }, accepts: [offer(change)] };
  const payment = (await payer.createPaymentPayload(required)) as PaymentPayload;
  return { payment, lapsed: async () => payer.lapsed?.(payment), used: async () => payer.used?.(payment) };
}

/** An RPC endpoint that answers with what the test sets. */
async function liar(answers: Record<string, unknown>): Promise<{ url: string; close: () => void }> {
  const reply = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method } = (await json(request)) as { method: string };
    response.end(JSON.stringify({ jsonrpc: "2.0", id: 1, result: answers[method] ?? null }));
  };
  const server = createServer((request, response) => void reply(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => server.close() };
}

describe("a token whose domain the offer leaves out", () => {
  async function buy(change: Partial<PaymentRequirements>): Promise<PaymentPayload | undefined> {
    let sent: PaymentPayload | undefined;
    const client = connect({
      baseUrl: "https://api.test",
      payer: evmPayer(world.buyer),
      retries: 0,
      fetch: async (input, init) => {
        const request = new Request(input, init);
        const header = request.headers.get(HEADERS.paymentSignature);
        if (header !== null) {
          sent = decodeHeader(header) as PaymentPayload;
          return Response.json({});
        }
        const accepts = [offer({ extra: {}, ...change })];
        const challenge = encodeHeader({ x402Version: 2, resource: { url: request.url }, accepts });
        return new Response("{}", { status: 402, headers: { [HEADERS.paymentRequired]: challenge } });
      },
    });
    const price = { kind: "fixed", usd: "0.01", per: "call" } as const;
    await client.resource({ name: "call", method: "POST", path: "/call", price })({});
    return sent;
  }

  it("is signed for in the domain of the token when that is known, and the offer is echoed as it came", async () => {
    const payment = await buy({});
    expect(payment?.accepted.extra).toEqual({});
    expect((await world.facilitator.settle(payment as never, offer() as never)).success).toBe(true);
  });

  it("is not paid when it is not known", async () => {
    const asset = "0x000000000000000000000000000000000000dEaD";
    await expect(buy({ asset })).rejects.toMatchObject({ code: "payment_refused", charged: "no" });
  });
});

describe("the EVM payer's proof that a payment has expired unused", () => {
  it("is given by a chain that is past its end and has not seen it, and by nothing less", async () => {
    const unused = await sign(world.rpcUrl);
    const used = await sign(world.rpcUrl);
    const settled = await world.facilitator.settle(used.payment as never, offer() as never);
    expect(settled.success).toBe(true);
    expect([await used.used(), await unused.used(), await (await sign(undefined)).used()]).toEqual([
      true,
      false,
      undefined,
    ]);
    expect(await unused.lapsed()).toBe(false);
    await passOnChain(world.rpcUrl, 250);
    expect(await unused.lapsed()).toBe(false);
    await passOnChain(world.rpcUrl, 60);
    // Past its end, but the block may still be replaced.
    expect(await unused.lapsed()).toBe(false);
    await passOnChain(world.rpcUrl, 60);
    expect(await unused.lapsed()).toBe(true);
    expect(await used.lapsed()).toBe(false);
  });

  it("is never given without an address of the chain, or for another network, or for a token that is none", async () => {
    const blind = await sign(undefined);
    const elsewhere = await sign(world.rpcUrl, { network: "eip155:8453" });
    const noToken = await sign(world.rpcUrl, { asset: world.seller.address });
    await passOnChain(world.rpcUrl, 10_000);
    expect(await blind.lapsed()).toBeUndefined();
    for (const one of [elsewhere, noToken]) expect(await one.lapsed()).toBe(false);
  });

  it.each([
    ["nothing", {}],
    ["another chain", { eth_chainId: "0x1" }],
    ["no block", { eth_chainId: "0x14a34", eth_getBlockByNumber: null }],
    ["a used nonce", { eth_call: `0x${"0".repeat(63)}1` }],
    ["half an answer", { eth_call: "0x" }],
  ])("is not given by an endpoint that says %s", async (_, answers) => {
    const block = { timestamp: "0xffffffff", number: "0x1", hash: `0x${"1".repeat(64)}` };
    const all = { eth_chainId: "0x14a34", eth_getBlockByNumber: block, ...answers };
    const { url, close } = await liar(Object.keys(answers).length === 0 ? {} : all);
    expect(await (await sign(url)).lapsed()).toBe(false);
    close();
    const honest = await liar({
      ...all,
      ...{ eth_chainId: "0x14a34", eth_getBlockByNumber: block },
      eth_call: `0x${"0".repeat(64)}`,
    });
    expect(await (await sign(honest.url)).lapsed()).toBe(true);
    honest.close();
  });
});

describe("the EVM payer's proof that a payment has settled", () => {
  it.each([
    ["nothing", { eth_chainId: null, eth_getBlockByNumber: null, eth_call: null }],
    ["another chain", { eth_chainId: "0x1" }],
    ["no block", { eth_getBlockByNumber: null }],
    ["half an answer", { eth_call: "0x" }],
    ["another number", { eth_call: `0x${"0".repeat(63)}2` }],
  ])("is not given by an endpoint that says %s", async (_, answers) => {
    const block = { timestamp: "0x1", number: "0x1", hash: `0x${"1".repeat(64)}` };
    const all = { eth_chainId: "0x14a34", eth_getBlockByNumber: block, eth_call: `0x${"0".repeat(63)}1` };
    const { url, close } = await liar({ ...all, ...answers });
    expect(await (await sign(url)).used()).toBe(false);
    close();
    const honest = await liar(all);
    expect(await (await sign(honest.url)).used()).toBe(true);
    honest.close();
  });
});

describe("a call whose payment has expired on its way", () => {
  it.each([
    ["is paid again, under the same key, when the chain proves it", true],
    ["is not paid again without that proof", false],
  ])("%s", async (_, proves) => {
    await using shop = await openShop({ chain: true });
    const { rpcUrl = "", buyer } = shop.world;
    const payer = evmPayer(buyer, proves ? { rpcUrl } : {});
    const client = shop.client({ payer, retries: 0 });
    const through = shop.network;
    shop.network = async (request) => {
      if (request.headers.has("payment-signature")) throw new TypeError("fetch failed");
      return through(request);
    };
    await client.echo({ text: "late" }).catch(() => {});
    shop.network = through;
    const [pending] = await client.pending();
    await passOnChain(rpcUrl, 86_400);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 86_400_000 });
    try {
      const end = await pending?.resume().catch((thrown: unknown) => thrown);
      if (proves) expect(end).toEqual({ text: "late" });
      else expect(end).toMatchObject({ code: "payment_rejected", charged: "unknown" });
    } finally {
      vi.useRealTimers();
    }
    const sent = shop.requests.map((request) => request.headers.get("payment-signature"));
    expect(new Set(sent.filter((one) => one !== null)).size).toBe(proves ? 2 : 1);
    expect(new Set(shop.requests.map((request) => request.headers.get("idempotency-key"))).size).toBe(1);
    expect(await shop.moved()).toEqual(
      proves ? { paid: 10_000n, received: 10_000n } : { paid: 0n, received: 0n },
    );
    // Without the proof only the buyer can give it up: it may have been paid, and forgotten by the seller since.
    if (!proves) await (await client.pending())[0]?.forget();
    expect(await client.pending()).toEqual([]);
  });
});
