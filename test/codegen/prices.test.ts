import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { emitLlms } from "../../codegen/emit/llms.ts";
import { emitOpenapi } from "../../codegen/emit/openapi.ts";
import { emitReference } from "../../codegen/emit/reference.ts";
import { emitSdk } from "../../codegen/files.ts";
import { price } from "../../schema/index.ts";
import { parseUsd } from "../../schema/money.ts";
import { type Price, priceOf } from "../../schema/price.ts";
import { apiWith, modelOf } from "./definitions.ts";

const input = z.object({
  text: z.string().min(2).max(5).describe("Text."),
  tags: z.array(z.string().max(9)).max(3).optional().describe("Tags."),
  size: z.number().gt(0).lt(4).describe("Size."),
  count: z.int().gt(1).lt(9).default(3).describe("Count."),
  scale: z.union([z.literal(2), z.literal(8)]).describe("Scale."),
  large: z.boolean().default(false).describe("Large."),
});

async function resourceWith(price: Price) {
  const [resource] = (await modelOf(apiWith({ input, price }))).resources;
  if (resource === undefined) throw new Error("no resource");
  return resource;
}

const perImage = { per: "image" };
const prices: readonly (readonly [string, Price, min: string, max: string])[] = [
  ["fixed", price.fixed("0.01", perImage), "0.01", "0.01"],
  ["free", price.free(), "0.00", "0.00"],
  ["quoted", price.quoted({ min: "0.01", max: "2", per: "run" }), "0.01", "2.00"],
  ["by a choice", price.byChoice("large", { true: "0.3", false: "0.1" }, perImage), "0.10", "0.30"],
  ["per character", price.perUnit("text", "0.01"), "0.02", "0.05"],
  ["per two characters", price.perUnit("text", "0.01", { unit: 2 }), "0.01", "0.03"],
  ["per entry of a list that may be absent", price.perUnit("tags", "0.01"), "0.00", "0.03"],
  [
    "per entry, at least and at most",
    price.perUnit("tags", "0.01", { min: "0.005", max: "0.02" }),
    "0.005",
    "0.02",
  ],
  ["per started unit of a number above zero", price.perUnit("size", "0.01"), "0.01", "0.04"],
  ["per integer between exclusive bounds", price.perUnit("count", "0.01"), "0.02", "0.08"],
  ["per literal", price.perUnit("scale", "0.01"), "0.02", "0.08"],
  [
    "a sum over two fields",
    price.sum(price.fixed("1", perImage), price.perUnit("text", "0.01"), price.perUnit("count", "0.1")),
    "1.22",
    "1.85",
  ],
  [
    "a sum whose parts look at one field",
    price.sum(price.byChoice("scale", { 2: "0.50", 8: "0.10" }, perImage), price.perUnit("scale", "0.01")),
    "0.18",
    "0.52",
  ],
];

describe("a price that does not say what is paid for", () => {
  const none = { per: " " };
  it.each([
    ["fixed", price.fixed("0.01", none), "per call", "Costs $0.01 per call."],
    [
      "by a choice",
      price.byChoice("large", { true: "0.3", false: "0.1" }, none),
      "per call",
      "Costs $0.3 when `large` is `true`, $0.1 when `large` is `false` (per call).",
    ],
    [
      "quoted, by a definition whose types were not checked",
      price.quoted({ min: "0.01", max: "2" } as never),
      "per call",
      "Costs between $0.01 and $2 per call, as quoted in the 402.",
    ],
    [
      "a sum",
      price.sum(price.fixed("1", none), price.perUnit("text", "0.01", none)),
      "per call plus per call",
      "Costs $1 per call plus $0.01 per call.",
    ],
  ])("%s, is one per call wherever it is written", async (_, price, per, sentence) => {
    const model = await modelOf(apiWith({ input, price }));
    expect(model.resources[0]).toMatchObject({ per, priceSentence: sentence });
    const { files } = emitSdk(model, { name: "test", version: "1.0.0" });
    for (const text of [
      emitReference(model),
      emitLlms(model),
      emitOpenapi(model),
      ...files.map((f) => f.text),
    ]) {
      expect(text).not.toMatch(/\bper(?: *[).,|]| {2}| undefined)/i);
    }
  });
});

describe("the bounds of a price", () => {
  it.each(prices)("%s", async (_, price, min, max) => {
    expect((await resourceWith(price)).priceBounds).toEqual({ min, max });
  });

  const inputs = fc.record(
    {
      text: fc.string({ minLength: 2, maxLength: 5, unit: fc.constantFrom(..."abcdefg ") }),
      tags: fc.array(fc.string({ maxLength: 9 }), { maxLength: 3 }),
      size: fc.double({ min: 0, max: 4, minExcluded: true, maxExcluded: true, noNaN: true }),
      count: fc.integer({ min: 2, max: 8 }),
      scale: fc.constantFrom(2 as const, 8 as const),
      large: fc.boolean(),
    },
    { requiredKeys: ["text", "size", "scale"] },
  );

  it.each(prices.filter(([name]) => name !== "quoted"))("hold every valid input: %s", async (_, price) => {
    const { priceBounds, pricedDefaults } = await resourceWith(price);
    fc.assert(
      fc.property(inputs, (written) => {
        const charged = priceOf(price, input.parse(written));
        expect(charged).toBeGreaterThanOrEqual(parseUsd(priceBounds.min));
        expect(charged).toBeLessThanOrEqual(parseUsd(priceBounds.max));
        expect(priceOf(price, { ...pricedDefaults, ...written })).toBe(charged);
      }),
    );
  });
});

it("the defaults that a quote needs are those of the priced fields", async () => {
  const sum = price.sum(
    price.perUnit("count", "0.1"),
    price.byChoice("large", { true: "1", false: "2" }, perImage),
  );
  expect((await resourceWith(sum)).pricedDefaults).toEqual({ count: 3, large: false });
});
