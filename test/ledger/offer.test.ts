import { type CancelPolicy, price } from "resource402";
import type { Accept, AcceptedAsset } from "resource402/server";
import { describe, expect, it } from "vitest";
import { formatAtomic, parseUsd } from "../../schema/money.ts";
import { endpointsOf } from "../../src/ledger/endpoint.ts";
import { createOffers, type Priced } from "../../src/ledger/offer.ts";
import type { PaymentRequiredV1 } from "../../src/protocol/index.ts";

const payTo = "0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045";
const ZERO = `0x${"0".repeat(40)}`;
const base = { network: "eip155:8453", payTo } as const;
const eurc: AcceptedAsset = {
  address: "0x60a3E35Cc302bFA44Cb288Bc5a4F316Fdb1adb42",
  symbol: "EURC",
  decimals: 6,
  name: "EURC",
  version: "2",
};
const usdc: AcceptedAsset = {
  address: "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913",
  symbol: "USDC",
  decimals: 6,
  name: "USD Coin",
  version: "2",
};
const resource: Priced = {
  name: "caption",
  summary: "Describe an image.",
  price: price.fixed("0.01", { per: "caption" }),
  timeoutMs: 1_000,
  isJob: true,
  startWithinMs: undefined,
  charge: "before",
  cancel: "refund",
};

const offersOf = (accept: Accept, refunds = true) =>
  createOffers({
    accepts: [accept],
    facilitators: endpointsOf({
      getSupported: async () => ({
        kinds: [{ x402Version: 2, scheme: "exact", network: accept.network }],
        extensions: [],
        signers: {},
      }),
      verify: () => Promise.reject(new Error("not asked")),
      settle: () => Promise.reject(new Error("not asked")),
    }),
    refunds,
    requireKey: false,
    describe: async () => undefined,
  });

/** The first offer in the 402 of one cent. */
async function offerOf(accept: Accept, changes: Partial<Priced> = {}, refunds = true) {
  const amount = { value: parseUsd("0.01"), quote: undefined };
  const offers = offersOf(accept, refunds);
  const { body } = await offers.challenge({ ...resource, ...changes }, amount, "https://a.test/", "unused");
  const [offer] = (JSON.parse(body) as PaymentRequiredV1).accepts;
  if (!offer) throw new Error("the 402 makes no offer");
  return {
    ...offer,
    extra: offer.extra as { pricing: { amount: string; currency: string }; refundPolicy: string },
  };
}

describe("a way to pay is refused at start", () => {
  it.each<[string, object, RegExp]>([
    ["with a short address", { payTo: "0x12" }, /payTo: "0x12" is not an address; write 0x and 40/],
    ["without an address", { payTo: undefined }, /payTo: "undefined" is not an address/],
    [
      "with a mistyped address",
      { payTo: payTo.replace("d8dA", "D8dA") },
      /payTo: .* wrong checksum \(EIP-55\)/,
    ],
    ["with the zero address", { payTo: ZERO }, /payTo: .* is the zero address/],
    [
      "with an asset at no address",
      { asset: { ...eurc, address: "EURC" } },
      /asset\.address: "EURC" is not an/,
    ],
    [
      "with a mistyped asset",
      { asset: { ...usdc, address: usdc.address.replace("fCD", "FCD") } },
      /asset\.address: .* checksum/,
    ],
    [
      "with an asset at the zero address",
      { asset: { ...eurc, address: ZERO } },
      /asset\.address: .* zero address/,
    ],
    [
      "with half a decimal",
      { asset: { ...eurc, decimals: 0.5 } },
      /asset\.decimals is 0\.5; write a whole number/,
    ],
    ["with negative decimals", { asset: { ...eurc, decimals: -1 } }, /asset\.decimals is -1/],
    ["with too many decimals", { asset: { ...eurc, decimals: 37 } }, /asset\.decimals is 37/],
    ["with decimals as text", { asset: { ...eurc, decimals: "6" } }, /asset\.decimals is 6/],
    [
      "with decimals that a known token does not have",
      { asset: { ...usdc, decimals: 18 } },
      /decimals is 18; USDC has 6/,
    ],
    ["without a symbol", { asset: { ...eurc, symbol: "" } }, /asset\.symbol is missing or empty/],
    ["without a name", { asset: { ...eurc, name: undefined } }, /asset\.name is missing or empty/],
    ["without a version", { asset: { ...eurc, version: " " } }, /asset\.version is missing or empty/],
    [
      "with euros and no rate",
      { asset: eurc },
      /asset\.usdRate: is missing: EURC is not known to be worth one dollar/,
    ],
    [
      "with a rate of nothing",
      { asset: { ...eurc, usdRate: "0" } },
      /asset\.usdRate: "0" is not a decimal above zero/,
    ],
    [
      "with a rate in words",
      { asset: { ...eurc, usdRate: "par" } },
      /asset\.usdRate: "par" is not a decimal/,
    ],
    [
      "with a rate that is a number",
      { asset: { ...eurc, usdRate: 1.08 } },
      /asset\.usdRate: 1\.08 is not a decimal/,
    ],
    [
      "with a rate for a dollar token",
      { asset: { ...usdc, usdRate: "0.5" } },
      /USDC is worth one dollar; remove usdRate/,
    ],
  ])("%s", (_, changes, message) => {
    expect(() => offersOf({ ...base, ...changes } as Accept)).toThrow(message);
  });

  it.each([
    ["in lower case", payTo.toLowerCase()],
    ["in upper case", `0x${payTo.slice(2).toUpperCase()}`],
    ["with its checksum", payTo],
  ])("but not with an address %s", (_, payTo) => {
    expect(() => offersOf({ ...base, payTo })).not.toThrow();
  });
});

describe("one cent", () => {
  it("is 10,000 units of a known dollar token, named or not", async () => {
    expect(await offerOf(base)).toMatchObject({ maxAmountRequired: "10000" });
    expect(await offerOf({ ...base, asset: usdc })).toMatchObject({ maxAmountRequired: "10000" });
    expect(await offerOf({ ...base, asset: { ...usdc, address: usdc.address.toLowerCase() } })).toMatchObject(
      {
        maxAmountRequired: "10000",
      },
    );
  });

  it.each([
    ["1.08", "9260"],
    ["1", "10000"],
    ["0.0000005", "20000000000"],
    ["3000", "4"],
  ] as const)("is never less than a cent in a token worth $%s", async (usdRate, units) => {
    const offer = await offerOf({ ...base, asset: { ...eurc, usdRate } });
    expect(offer.maxAmountRequired).toBe(units);
    const { amount, currency } = offer.extra.pricing;
    expect([amount, currency]).toEqual([formatAtomic(BigInt(units), 6), "EURC"]);
    const worth = BigInt(units) * parseUsd(usdRate);
    expect(worth >= parseUsd("0.01") * 1_000_000n).toBe(true);
    expect(worth - parseUsd(usdRate) < parseUsd("0.01") * 1_000_000n).toBe(true);
  });
});

describe("the policy of refunds beside the price", () => {
  const accepted = "Charged when the job is accepted.";
  const back = "the full amount is sent back to the payer.";
  it.each<[string, Partial<Priced>, string]>([
    ["a job", {}, `${accepted} If it ends without a result, or the buyer cancels it, ${back}`],
    [
      "a job whose price is kept",
      { cancel: "keep" },
      `${accepted} If it ends without a result, ${back} If the buyer cancels the job, nothing is refunded.`,
    ],
    [
      "a job that cannot be canceled",
      { cancel: "forbid" },
      `${accepted} If it ends without a result, ${back} The job cannot be canceled.`,
    ],
    ["a job that is charged after its work", { charge: "after" }, "Charged only when the job succeeds."],
    [
      "a job that is charged after its work and cannot be canceled",
      { charge: "after", cancel: "forbid" },
      "Charged only when the job succeeds. The job cannot be canceled.",
    ],
    [
      "a synchronous call that is charged before its work",
      { isJob: false },
      `Charged before the work begins. If it ends without a result, ${back}`,
    ],
  ])("of %s", async (_, changes, policy) => {
    expect((await offerOf(base, changes)).extra.refundPolicy).toBe(policy);
  });

  it.each<CancelPolicy>(["refund", "keep", "forbid"])(
    "says with %s when refunds are paid by hand",
    async (cancel) => {
      const { refundPolicy } = (await offerOf(base, { cancel }, false)).extra;
      expect(refundPolicy).toContain("a refund of the full amount is owed, and the seller pays it by hand.");
    },
  );
});
