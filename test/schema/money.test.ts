import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  chargeable,
  formatUsd,
  fromAtomic,
  isUsd,
  parseUsd,
  startedUnits,
  toAtomic,
} from "../../schema/money.ts";
import { price, priceOf } from "../../schema/price.ts";

const decimal = fc
  .tuple(fc.bigInt({ min: 0n, max: 10n ** 12n }), fc.stringMatching(/^\d{0,18}$/))
  .map(([whole, fraction]) => (fraction === "" ? `${whole}` : `${whole}.${fraction}`));

describe("money", () => {
  it("keeps every decimal as it was written", () => {
    fc.assert(
      fc.property(decimal, (text) => {
        const normal = (t: string) =>
          t.replace(/^0+(?=\d)/, "").replace(/\.?0*$/, (zeros) => (t.includes(".") ? "" : zeros));
        expect(normal(formatUsd(parseUsd(text)))).toBe(normal(text));
      }),
    );
  });

  it("is refused when it is not a plain decimal", () => {
    for (const text of [
      "1e3",
      "-1",
      "+1",
      "0x10",
      "",
      ".5",
      "5.",
      "1.0000000000000000001",
      "Infinity",
      "1,000",
    ]) {
      expect(isUsd(text), text).toBe(false);
      expect(() => parseUsd(text)).toThrow(RangeError);
    }
  });

  it("is rounded up, and only up, to the smallest unit of the asset", () => {
    fc.assert(
      fc.property(decimal, fc.integer({ min: 0, max: 18 }), (text, decimals) => {
        const amount = parseUsd(text);
        const atomic = toAtomic(amount, decimals);
        expect(fromAtomic(atomic, decimals) >= amount).toBe(true);
        if (atomic > 0n) expect(fromAtomic(atomic - 1n, decimals) < amount).toBe(true);
      }),
    );
    expect(toAtomic(parseUsd("0.0000001"), 6)).toBe(1n);
    expect(toAtomic(parseUsd("0.01"), 6, parseUsd("1.08"))).toBe(9_260n);
    expect(toAtomic(parseUsd("0.01"), 6, parseUsd("0.5"))).toBe(20_000n);
    expect(toAtomic(parseUsd("0.01"), 18, parseUsd("3000"))).toBe(3_333_333_333_334n);
    expect(toAtomic(parseUsd("0.1") + parseUsd("0.2"), 6)).toBe(300_000n);
  });

  it("counts a started unit as a whole one, exactly, also where doubles would not", () => {
    expect(startedUnits(0, 1)).toBe(0n);
    expect(startedUnits(0.1 + 0.2, 0.1)).toBe(4n);
    expect(startedUnits(0.3, 0.1)).toBe(3n);
    expect(startedUnits(1_500, 1_000)).toBe(2n);
    expect(startedUnits(1e21, 1)).toBe(10n ** 21n);
    expect(startedUnits(5e-324, 1)).toBe(1n);
    expect(() => startedUnits(-1, 1)).toThrow(RangeError);
    expect(() => startedUnits(Number.NaN, 1)).toThrow(RangeError);
  });
});

describe("a price", () => {
  it("per character counts code points, as JSON Schema does", () => {
    expect(priceOf(price.perUnit("text", "0.01"), { text: "a😀ü" })).toBe(parseUsd("0.03"));
  });

  it("per unit stays inside its bounds", () => {
    const bounded = price.perUnit("seconds", "0.01", { min: "0.05", max: "0.20" });
    expect([0, 7, 99].map((seconds) => formatUsd(priceOf(bounded, { seconds }) ?? 0n))).toEqual([
      "0.05",
      "0.07",
      "0.20",
    ]);
  });

  it("by choice has no amount for what is not in its table, not even for names that every object has", () => {
    const table = price.byChoice("kind", { a: "1" }, { per: "x" });
    for (const kind of ["b", "constructor", "__proto__", undefined]) {
      expect(() => priceOf(table, { kind })).toThrow(RangeError);
    }
  });

  it("per unit is rounded up to a millionth of a dollar: what is quoted can be charged", () => {
    expect(formatUsd(priceOf(price.perUnit("n", "0.0000004"), { n: 4 }) ?? 0n)).toBe("0.000002");
    fc.assert(
      fc.property(decimal, fc.nat(1_000), (usd, n) => {
        const amount = priceOf(price.perUnit("n", usd as `${number}`), { n }) ?? 0n;
        expect(fromAtomic(toAtomic(amount, 6), 6)).toBe(amount);
      }),
    );
  });

  it("of several parts is their exact sum", () => {
    fc.assert(
      fc.property(decimal, decimal, fc.nat(1_000), (a, b, count) => {
        const sum = price.sum(
          price.fixed(a as `${number}`, { per: "x" }),
          price.perUnit("n", b as `${number}`),
        );
        expect(priceOf(sum, { n: count })).toBe(parseUsd(a) + chargeable(parseUsd(b) * BigInt(count)));
      }),
    );
  });
});
