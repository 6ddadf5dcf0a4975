import { describe, expect, it } from "vitest";
import { endsTooLate, fingerprint, identify, readPayment } from "../../src/ledger/payment.ts";
import { encodeHeader } from "../../src/protocol/index.ts";

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
    ["one is not a number and the other is missing", { n: Number.NaN }, { n: null }],
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

describe("the identity of a payment", () => {
  const FROM = `0x${"a".repeat(40)}`;
  const NONCE = `0x${"b".repeat(64)}`;
  const read = (payload: object) => {
    const accepted = { scheme: "exact", network: "eip155:84532", amount: "1", asset: "0x1", payTo: "0x2" };
    const payment = { x402Version: 2, accepted: { ...accepted, maxTimeoutSeconds: 60, extra: {} }, payload };
    return readPayment(new Headers({ "payment-signature": encodeHeader(payment) }));
  };
  const identityOf = (payload: object) => {
    const presented = read({ signature: "0x", ...payload });
    if (presented === undefined || presented === "malformed") throw new Error("expected a payment");
    return identify(presented);
  };
  const eip3009 = (more: object = {}) => ({
    authorization: { from: FROM, nonce: NONCE, validBefore: "1800000000", ...more },
  });
  const permit2 = (more: object = {}) => ({
    permit2Authorization: { from: FROM, nonce: "7", deadline: "1800000000", ...more },
  });

  it.each([
    ["both authorizations", { ...eip3009(), ...permit2() }],
    ["null beside an authorization", { ...eip3009(), permit2Authorization: null }],
    ["null beside a Permit2 authorization", { ...permit2(), authorization: null }],
    ["an empty object beside an authorization", { ...eip3009(), permit2Authorization: {} }],
    ["no authorization", { transaction: "0x" }],
    ["null", { authorization: null }],
    ["a list", { authorization: [eip3009().authorization] }],
  ])("is not ambiguous: malformed with %s", (_, payload) => {
    expect(read(payload)).toBe("malformed");
  });

  it("is one for all spellings of one authorization", () => {
    const { bytesHash: _, ...one } = identityOf(eip3009());
    const other = identityOf({ ...eip3009({ from: FROM.toUpperCase(), nonce: NONCE.toUpperCase() }), x: 1 });
    expect(other).toMatchObject({ ...one, nonce: NONCE.toUpperCase().toLowerCase() });
    expect(new Set(["7", "07", "0x7", 7].map((nonce) => identityOf(permit2({ nonce })).nonce)).size).toBe(1);
  });

  it("ends when its own authorization ends, whatever else is named beside it", () => {
    expect(identityOf(eip3009({ deadline: "1" })).validBefore).toBe(1_800_000_000);
    expect(identityOf(permit2({ validBefore: "1" })).validBefore).toBe(1_800_000_000);
  });

  it.each(["9007199254740991", "9007199254740992", String(2n ** 256n - 1n), "soon", "-1", "1.5", undefined])(
    "with %j for its end has no end, and is refused",
    (validBefore) => {
      const identity = identityOf(eip3009({ validBefore }));
      expect(identity.validBefore).toBe(Number.MAX_SAFE_INTEGER);
      expect(endsTooLate(identity, 60, Date.now())).toBe(true);
    },
  );

  it.each([
    [60, 86_400, false],
    [60, 86_401, true],
    [86_400, 4 * 86_400, false],
    [86_400, 4 * 86_400 + 1, true],
  ])("with an offer of %i s may be valid for %i s: too late is %s", (offered, seconds, isTooLate) => {
    const now = 1_700_000_000;
    const identity = identityOf(eip3009({ validBefore: String(now + seconds) }));
    expect(endsTooLate(identity, offered, now * 1_000)).toBe(isTooLate);
  });

  it.each([1, 60, 3_600, 90 * 86_400])("of an own offer of %i s is never too late", (offered) => {
    const now = 1_700_000_000;
    expect(
      endsTooLate(identityOf(eip3009({ validBefore: String(now + offered) })), offered, now * 1_000),
    ).toBe(false);
  });
});
