import { HTTPFacilitatorClient } from "@x402/core/server";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  chainFacilitator,
  type FacilitatorServer,
  serveFacilitator,
  startChain,
  startWorld,
  type World,
} from "../../src/testing/index.ts";
import { type Ask, pay, requirementsOf } from "./payments.ts";

describe.each([
  { place: "on a chain", chain: true },
  { place: "in memory", chain: false },
])("a facilitator $place", ({ chain }) => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld({ chain });
  });
  afterAll(() => world.stop());

  const purchase = async (version: 1 | 2, payTo = world.seller.address, amount = "12345"): Promise<Ask> =>
    pay(world.buyer, requirementsOf(version, payTo, { amount }));

  it("supports exact in both versions of x402, and nothing else", async () => {
    const { kinds } = await world.facilitator.getSupported();
    expect(kinds).toEqual([
      { x402Version: 2, scheme: "exact", network: "eip155:84532" },
      { x402Version: 1, scheme: "exact", network: "base-sepolia" },
    ]);
  });

  it.each([1, 2] as const)(
    "settles a v%i payment of the official client to the last unit",
    async (version) => {
      const [seller, buyer] = [await world.account(), world.buyer.address];
      const before = await world.balanceOf(buyer);
      const { payment, requirements } = await purchase(version, seller.address);
      expect(await world.facilitator.verify(payment, requirements)).toEqual({ isValid: true, payer: buyer });
      expect(await world.balanceOf(buyer)).toBe(before);
      expect(await world.facilitator.settle(payment, requirements)).toMatchObject({
        success: true,
        payer: buyer,
        network: requirements.network,
        transaction: expect.stringMatching(/^0x[0-9a-f]{64}$/),
      });
      expect(await world.balanceOf(seller.address)).toBe(12345n);
      expect(await world.balanceOf(buyer)).toBe(before - 12345n);
    },
  );

  it.each([1, 2] as const)(
    "settles a v%i payment once, however often it is asked at a time",
    async (version) => {
      const { address } = await world.account();
      const { payment, requirements } = await purchase(version, address);
      const settled = await Promise.all(
        Array.from({ length: 5 }, () => world.facilitator.settle(payment, requirements)),
      );
      expect(settled.filter(({ success }) => success)).toHaveLength(1);
      expect(await world.balanceOf(address)).toBe(12345n);
      expect(await world.facilitator.settle(payment, requirements)).toMatchObject({
        success: false,
        errorReason: "invalid_exact_evm_nonce_already_used",
        transaction: "",
      });
    },
  );

  it("never lets concurrent payments spend more than there is", async () => {
    const payer = await world.account({ usdc: "0.000025" });
    const { address } = await world.account();
    const asks = await Promise.all(
      Array.from({ length: 5 }, () => pay(payer, requirementsOf(2, address, { amount: "10" }))),
    );
    const settled = await Promise.all(
      asks.map(({ payment, requirements }) => world.facilitator.settle(payment, requirements)),
    );
    expect(settled.filter(({ success }) => success)).toHaveLength(2);
    expect(await world.balanceOf(address)).toBe(20n);
    expect(await world.balanceOf(payer.address)).toBe(5n);
  });

  it("settles many different payments at a time, refused ones among them", async () => {
    const { address } = await world.account();
    const poor = await world.account();
    const asks = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        pay(i % 4 ? world.buyer : poor, requirementsOf(i % 2 ? 1 : 2, address, { amount: "1" })),
      ),
    );
    const settled = await Promise.all(
      asks.map(({ payment, requirements }) => world.facilitator.settle(payment, requirements)),
    );
    expect(settled.filter(({ success }) => success)).toHaveLength(15);
    expect(await world.balanceOf(address)).toBe(15n);
  });
});

it("settles concurrent payments when blocks come by the clock", async () => {
  const chain = await startChain({ blockTime: 0.3 });
  const world = await startWorld({ chain: false });
  await chain.mint(world.buyer.address, 100n);
  const asks = await Promise.all(
    Array.from({ length: 6 }, () =>
      pay(world.buyer, requirementsOf(2, world.seller.address, { amount: "1" })),
    ),
  );
  // Two facilitators share the wallet that pays the gas.
  const facilitators = [chainFacilitator(chain), chainFacilitator(chain)];
  const settled = await Promise.all(
    asks.map(({ payment, requirements }, i) => facilitators[i % 2]?.settle(payment, requirements)),
  );
  expect(settled.map((answer) => answer?.errorReason ?? "settled")).toEqual(Array(6).fill("settled"));
  expect(await chain.balanceOf(world.seller.address)).toBe(6n);
  await chain.stop();
});

describe("a facilitator over HTTP", () => {
  let world: World;
  let server: FacilitatorServer;
  beforeAll(async () => {
    world = await startWorld({ chain: false });
    server = await world.startFacilitatorServer();
  });
  afterAll(() => world.stop());

  const post = (path: string, body: string) =>
    fetch(server.url + path, { method: "POST", headers: { "content-type": "application/json" }, body });

  it.each([1, 2] as const)("gives the official HTTP client the verdicts on v%i payments", async (version) => {
    const client = new HTTPFacilitatorClient({ url: server.url });
    const { payment, requirements } = await pay(world.buyer, requirementsOf(version, world.seller.address));
    expect(await client.getSupported()).toEqual(await world.facilitator.getSupported());
    expect(await client.verify(payment, requirements)).toMatchObject({ isValid: true });
    expect(await client.settle(payment, requirements)).toMatchObject({ success: true });
    expect(await client.verify(payment, requirements)).toMatchObject({
      isValid: false,
      invalidReason: "invalid_exact_evm_nonce_already_used",
    });
  });

  it.each([
    "",
    "{",
    "null",
    "[]",
    '{"paymentPayload":{}}',
    '{"paymentPayload":null,"paymentRequirements":null}',
  ])("answers the malformed body %j with a JSON 400", async (body) => {
    for (const path of ["/verify", "/settle"]) {
      const response = await post(path, body);
      expect(response.status).toBe(400);
      expect(JSON.stringify(await response.json())).toContain("invalid_payload");
    }
  });

  it("answers for a facilitator that throws with a JSON 500, and goes on", async () => {
    const broken = await serveFacilitator({
      ...world.facilitator,
      verify: () => Promise.reject(new Error("no chain")),
      settle: () => Promise.reject(new Error("no chain")),
    });
    const client = new HTTPFacilitatorClient({ url: broken.url });
    const { payment, requirements } = await pay(world.buyer, requirementsOf(2, world.seller.address));
    await expect(client.verify(payment, requirements)).rejects.toMatchObject({
      statusCode: 500,
      invalidReason: "unexpected_verify_error",
    });
    await expect(client.settle(payment, requirements)).rejects.toMatchObject({
      statusCode: 500,
      errorReason: "unexpected_settle_error",
      errorMessage: "Error: no chain",
    });
    expect(await client.getSupported()).toEqual(await world.facilitator.getSupported());
    await broken.close();
    await broken.close();
  });

  it("refuses to start on a port that is taken", async () => {
    const port = Number(new URL(server.url).port);
    await expect(serveFacilitator(world.facilitator, { port })).rejects.toThrow(/EADDRINUSE/);
  });
});
