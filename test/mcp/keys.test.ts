import { evmPayer } from "resource402/evm";
import { describe, expect, it } from "vitest";
import { type Buyer, createBuyer } from "../../codegen/mcp/buyer.ts";
import type { Tool } from "../../codegen/mcp/tool.ts";
import { BASE_URL, openShop, type Shop } from "../flow/shop.ts";

function tool(name: string, usd: `${number}`): Tool {
  return {
    name,
    title: name,
    description: name,
    inputSchema: { type: "object" },
    isReadOnly: false,
    isJob: false,
    call: { name, method: "POST", path: `/v1/${name}`, price: { kind: "fixed", usd, per: "call" } },
  };
}

const echo = tool("echo", "0.01");
const brew = tool("brew", "0.03");

function buyerOf(shop: Shop, total: `${number}`): Buyer {
  return createBuyer({
    client: {
      baseUrl: BASE_URL,
      payer: evmPayer(shop.world.buyer),
      budget: { total },
      fetch: (input, init) => shop.network(new Request(input, init)),
    },
    fixes: { noPayer: "", overCeiling: "", noMaxPrice: "", overBudget: "" },
  });
}

/** A call under the one key that an agent has chosen for everything. */
function call(input: Readonly<Record<string, unknown>>) {
  const { signal } = new AbortController();
  return { input, idempotencyKey: "agents-own-key", signal, isUnwanted: () => false };
}

describe("one key of an agent", () => {
  it("names a payment of each tool that is bought under it", async () => {
    await using shop = await openShop();
    const buyer = buyerOf(shop, "1.00");
    await buyer.call(echo, call({ text: "x" }));
    await buyer.call(brew, call({ cup: "x" }));
    expect((await shop.moved()).paid).toBe(40_000n);
    expect(buyer.payments()).toMatchObject([
      { tool: "echo", usd: "0.01", charged: "yes" },
      { tool: "brew", usd: "0.03", charged: "yes" },
    ]);
  });

  it("does not make the payment of one tool unpaid when another is refused under it", async () => {
    await using shop = await openShop();
    const buyer = buyerOf(shop, "0.02");
    await buyer.call(echo, call({ text: "x" }));
    const refused = await buyer.call(brew, call({ cup: "x" }));
    expect(refused).toMatchObject({ isError: true, _meta: { "resource402/reason": "over_budget" } });
    expect(refused._meta["resource402/receipt"]).toBeUndefined();
    expect(buyer.payments()).toMatchObject([
      { tool: "echo", usd: "0.01", charged: "yes", paymentState: "settled" },
    ]);
  });

  it("does not make a payment unconfirmed when its tool is called with another input under it", async () => {
    await using shop = await openShop();
    const buyer = buyerOf(shop, "1.00");
    await buyer.call(echo, call({ text: "x" }));
    const refused = await buyer.call(echo, call({ text: "y" }));
    expect(refused).toMatchObject({ isError: true, _meta: { "resource402/code": "payment_refused" } });
    expect(buyer.payments()).toMatchObject([{ usd: "0.01", charged: "yes", paymentState: "settled" }]);
  });
});
