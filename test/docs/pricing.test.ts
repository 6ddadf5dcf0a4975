import { price } from "resource402";
import { expect, it } from "vitest";
import { priceSentence } from "../../schema/price-prose.ts";
import { read, tableUnder } from "./tables.ts";

it("docs/pricing.md quotes what each kind of price publishes", () => {
  const prices = [
    price.fixed("0.01", { per: "caption" }),
    price.byChoice("quality", { draft: "0.02", high: "0.10" }, { per: "image" }),
    price.perUnit("text", "0.004", { unit: 1000, per: "1,000 characters", min: "0.01", max: "0.15" }),
    price.sum(
      price.byChoice("voice", { plain: "0.01", famous: "0.05" }, { per: "recording" }),
      price.perUnit("seconds", "0.002", { per: "second" }),
    ),
    price.quoted({ min: "0.05", max: "2.00", per: "answer" }),
    price.free(),
  ];
  const rows = tableUnder(read("docs/pricing.md"), "The prices");
  expect(rows.map(([kind]) => /`price\.(\w+)\(/.exec(kind ?? "")?.[1])).toEqual(Object.keys(price));
  expect(rows.map(([, , sentence]) => sentence)).toEqual(prices.map(priceSentence));
});
