import { describe, expect, it } from "vitest";
import { fingerprint, readPayment } from "../../src/ledger/payment.ts";
import { encodeHeader } from "../../src/wire/index.ts";

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

describe("a payment", () => {
  const NAMED = { from: `0x${"a".repeat(40)}`, nonce: `0x${"b".repeat(64)}` };
  const presented = (way: string, authorization: object, version: 1 | 2) => {
    const payload = { signature: "0x", [way]: authorization };
    const accepted = { scheme: "exact", network: "eip155:84532", amount: "1", asset: "0x1", payTo: "0x2" };
    const payment =
      version === 2
        ? { x402Version: 2, accepted: { ...accepted, maxTimeoutSeconds: 60, extra: {} }, payload }
        : { x402Version: 1, scheme: "exact", network: "base-sepolia", payload };
    const name = version === 2 ? "payment-signature" : "x-payment";
    return readPayment(new Headers({ [name]: encodeHeader(payment) }));
  };

  describe.each([1, 2] as const)("of version %i", (version) => {
    it.each(["authorization", "permit2Authorization"])("is read whose %s is named by text", (way) => {
      expect(presented(way, NAMED, version)).toMatchObject({ version });
    });

    it.each([
      ["authorization", "from", [NAMED.from]],
      ["authorization", "nonce", [NAMED.nonce]],
      ["authorization", "nonce", 7],
      ["permit2Authorization", "from", [NAMED.from]],
      ["permit2Authorization", "nonce", ["7"]],
      ["permit2Authorization", "nonce", true],
    ])("is malformed whose %s has for its %s %j", (way, member, value) => {
      expect(presented(way, { ...NAMED, [member]: value }, version)).toBe("malformed");
    });
  });
});
