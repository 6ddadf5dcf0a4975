import { describe, expect, it } from "vitest";
import { fingerprint } from "../../src/payments/evidence.ts";

const print = (input: unknown): string => fingerprint("upscale", input);

describe("two inputs have the same fingerprint", () => {
  it("when they say the same, in whatever order", () => {
    expect(print({ a: 1, b: { c: [1, 2], d: null } })).toBe(print({ b: { d: null, c: [1, 2] }, a: 1 }));
    expect(print({ a: 1, b: undefined })).toBe(print({ a: 1 }));
    expect(print({ at: new Date(0) })).toBe(print({ at: new Date(0) }));
  });
});

describe("two inputs have different fingerprints", () => {
  it.each([
    ["their lists are in another order", { list: [1, 2] }, { list: [2, 1] }],
    ["one is a number and the other its text", { n: 1 }, { n: "1" }],
    ["they are maps of different entries", { map: new Map([["a", 1]]) }, { map: new Map([["a", 2]]) }],
    ["they are sets of different members", { set: new Set([1]) }, { set: new Set([2]) }],
    ["one is no number and the other is none", { n: Number.NaN }, { n: null }],
    ["one is infinite and the other is not a number", { n: Number.POSITIVE_INFINITY }, { n: Number.NaN }],
    ["they are different large integers", { n: 2n ** 70n }, { n: 2n ** 70n + 1n }],
    ["one is a large integer and the other its text", { n: 5n }, { n: "5" }],
  ])("when %s", (_, one, other) => {
    expect(print(one)).not.toBe(print(other));
  });

  it("when they are for different resources", () => {
    expect(fingerprint("a", { n: 1 })).not.toBe(fingerprint("b", { n: 1 }));
  });
});
