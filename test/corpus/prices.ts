import { api, body, cent, JSON_OK, one, paid, type Sample } from "./document.ts";

const BASE_USDC = "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913";

/** One operation whose payment is stated so; `price` is what the client takes it for. */
function priced(name: string, info: unknown, price: string, notes: readonly string[] = []): Sample {
  return { name, document: one("post", paid(info)), calls: { run: `POST /run ${price}` }, notes };
}

function unreadable(name: string, info: unknown): Sample {
  const said = JSON.stringify(info).slice(0, 120);
  return priced(name, info, "unknown", [
    `POST /run states a price that cannot be read, ${said}: each call needs maxPrice`,
  ]);
}

/** Prices in the spellings in use. */
export const PRICES: readonly Sample[] = [
  priced("a fixed price in USDC", { price: { mode: "fixed", currency: "USDC", amount: "0.004" } }, "0.004"),
  priced("a price as a number", { protocols: ["x402"], price: 0.25 }, "0.25"),
  priced("a small price as a number", { price: 5e-7 }, "0.0000005"),
  priced("a price with a sign", { pricingMode: "fixed", price: "$0.030000" }, "0.03"),
  priced("a price with its token behind", { price: "0.02 USDC" }, "0.02"),
  priced("a price with its token before", { price: "USDC 0.5 per request" }, "0.50"),
  priced("a price in cents", { price: "5 cents" }, "0.05"),
  priced("a price with thousands", { price: "$1,250.00" }, "1250.00"),
  priced("a price in a member of its own", { price_usd: "0.07" }, "0.07"),
  priced("a price of nothing", { price: "$0.000000" }, "free"),
  priced(
    "a range beside a price",
    { pricingMode: "range", price: "0.20", minPrice: "0.20", maxPrice: "500.00" },
    "0.20 to 500.00",
  ),
  priced("a range in a text", { pricingMode: "dynamic", price: "$0.003-$0.006" }, "0.003 to 0.006"),
  priced("a range with a dash and a unit", { price: "0.10 – 0.40 USDC per call" }, "0.10 to 0.40"),
  priced(
    "a range of numbers",
    { price: { mode: "dynamic", currency: "USD", min: 0, max: 2 } },
    "0.00 to 2.00",
  ),
  priced("a highest price alone", { maxPrice: "$3.00" }, "0.00 to 3.00"),
  priced("an upper end in words", { price: "up to $2" }, "0.00 to 2.00"),
  priced(
    "tiers",
    {
      tiers: [
        { upTo: 10, price: "0.01" },
        { upTo: 100, price: "$0.06" },
      ],
    },
    "0.01 to 0.06",
  ),
  priced("prices by quality", { prices: { draft: "0.01", final: "0.09" } }, "0.01 to 0.09"),
  priced(
    "an amount of version 1",
    { scheme: "exact", network: "base", maxAmountRequired: "15000", asset: BASE_USDC },
    "0.015",
  ),
  priced(
    "offers of both protocols",
    {
      offers: [
        { intent: "charge", method: "tempo", amount: "9", currency: "usd" },
        { intent: "charge", method: "x402", amount: "2500", currency: BASE_USDC },
      ],
    },
    "0.0025",
  ),
  priced(
    "a list of offers in smallest units",
    { accepts: [{ scheme: "exact", network: "eip155:8453", amount: "12000", asset: BASE_USDC }] },
    "0.012",
  ),
  priced(
    "a price beside the amount of another protocol",
    {
      amount: "10000",
      currency: "0x20c0000000000000000000000000000000000002",
      intent: "charge",
      method: "tempo",
      price: { mode: "fixed", currency: "USD", amount: "0.010000" },
      protocols: [{ x402: {} }, { mpp: {} }],
    },
    "0.01",
  ),
  priced("whole dollars in an object", { price: { currency: "USD", amount: 1 } }, "1.00"),
  priced(
    "smallest units with their decimals",
    { price: { amount: "30000", decimals: 6, asset: "USDC" } },
    "0.03",
  ),
  unreadable("a price in ether", { price: "0.0001 ETH" }),
  unreadable("a price in euros", { price: { mode: "fixed", currency: "EUR", amount: "0.05" } }),
  unreadable("a price of a token of text", { price: "$0.002 per 1K tokens" }),
  unreadable("a price of something that is not a call", {
    protocols: ["x402"],
    pricingMode: "variable",
    unit: "credit",
  }),
  unreadable("a lowest price alone", { price: "from $0.01" }),
  unreadable("a whole number without its unit", { price: "10000" }),
  unreadable("dollars or cents", { amount: "5", currency: "USD" }),
  unreadable("one price of several", { pricingMode: "dynamic", price: "0.10" }),
  {
    name: "a 402 without a price",
    document: one("get", { responses: { ...JSON_OK, 402: { description: "Pay first." } } }),
    calls: { run: "GET /run unknown" },
    notes: ["GET /run states no price: each call needs maxPrice"],
    use: `c.run({}, { maxPrice: "0.02" })`,
  },
  {
    name: "a 402 with the offers in its example",
    document: one("get", {
      responses: {
        ...JSON_OK,
        402: {
          description: "Pay first.",
          content: {
            "application/json": {
              example: {
                x402Version: 1,
                accepts: [{ scheme: "exact", network: "base", maxAmountRequired: "40000", asset: BASE_USDC }],
              },
            },
          },
        },
      },
    }),
    calls: { run: "GET /run 0.04" },
  },
  {
    name: "a payment stated for a whole path",
    document: api({
      "/run": { "x-payment-info": { price: "0.06" }, get: { operationId: "run", responses: JSON_OK } },
    }),
    calls: { run: "GET /run 0.06" },
  },
  {
    name: "another protocol alone",
    document: api({
      "/mpp": {
        post: {
          operationId: "tempo",
          "x-payment-info": { offers: [{ intent: "charge", method: "tempo", amount: "5", currency: "usd" }] },
          responses: JSON_OK,
        },
      },
      "/card": {
        post: {
          operationId: "card",
          "x-payment-info": { protocols: ["mpp"], price: "0.10" },
          responses: JSON_OK,
        },
      },
      "/x402": { post: { operationId: "run", ...cent(body({ type: "object" })) } },
    }),
    calls: { run: "POST /x402 0.01" },
    notes: [
      "POST /mpp is left out: it is paid with tempo, not with x402",
      "POST /card is left out: it is paid with mpp, not with x402",
    ],
  },
];
