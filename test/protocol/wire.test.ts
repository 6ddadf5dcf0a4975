import { DEFAULT_ASSETS } from "@x402/evm";
import { EVM_NETWORK_CHAIN_ID_MAP } from "@x402/evm/v1";
import * as official from "@x402/extensions/payment-identifier";
import {
  extractPaymentIdentifier,
  validatePaymentIdentifierRequirement,
} from "@x402/extensions/payment-identifier";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  ASSETS,
  caip2Of,
  decodeHeader,
  encodeHeader,
  findAsset,
  PAYMENT_IDENTIFIER,
  PAYMENT_IDENTIFIER_DECLARATION,
  parseRetryAfter,
  paymentIdentifier,
  quoteKey,
  unquoteKey,
} from "../../src/protocol/index.ts";

describe("a document in a header", () => {
  it("comes back as it was, whatever its text", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(decodeHeader(encodeHeader(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
    expect(encodeHeader({ text: "USD₮0 – ü😀" })).toMatch(/^[A-Za-z0-9+/=]+$/);
  });
  it("that is none is undefined, never an error", () => {
    fc.assert(fc.property(fc.string(), (text) => void decodeHeader(text)));
    expect(decodeHeader("{}")).toBeUndefined();
  });
});

describe("an idempotency key", () => {
  it("is read quoted or bare", () => {
    expect([unquoteKey('"abc-1"'), unquoteKey(" abc-1 "), unquoteKey(quoteKey("x"))]).toEqual([
      "abc-1",
      "abc-1",
      "x",
    ]);
  });
  it("has 1 to 255 visible characters", () => {
    for (const bad of ["", '""', "a b", "a\u0000", "ü", "x".repeat(256), 'a"b'])
      expect(unquoteKey(bad), bad).toBeUndefined();
  });
});

describe("Retry-After", () => {
  it("is seconds or a date", () => {
    const now = Date.parse("2026-01-01T00:00:00Z");
    expect(parseRetryAfter("2", now)).toBe(2_000);
    expect(parseRetryAfter("Thu, 01 Jan 2026 00:00:05 GMT", now)).toBe(5_000);
    for (const bad of [null, "", "soon", "-1"]) expect(parseRetryAfter(bad, now)).toBeUndefined();
  });
});

describe("the tables and words that are ours", () => {
  it("know the tokens that @x402/evm takes by default, as far as they transfer by EIP-3009", () => {
    const theirs = Object.entries(DEFAULT_ASSETS).flatMap(([network, list]) =>
      list
        .filter((asset) => asset.assetTransferMethod === undefined)
        .map(({ asset, symbol, decimals, name, version }) =>
          JSON.stringify([network, asset, symbol, { symbol, decimals, domain: { name, version } }]),
        ),
    );
    const ours = Object.entries(ASSETS).flatMap(([symbol, places]) =>
      Object.entries(places)
        .filter(([network]) => network.startsWith("eip155:"))
        .map(([network, address]) =>
          JSON.stringify([network, address, symbol, findAsset(network, address.toLowerCase())]),
        ),
    );
    expect(ours.sort()).toEqual(theirs.sort());
  });

  it("name the networks of version 1 as @x402/evm does, as far as we know a token there", () => {
    const known = Object.values(ASSETS).flatMap((places) => Object.keys(places));
    for (const [name, id] of Object.entries(EVM_NETWORK_CHAIN_ID_MAP)) {
      const network = `eip155:${id}`;
      expect(caip2Of(name)).toBe(known.includes(network) ? network : name);
    }
    expect(caip2Of("constructor")).toBe("constructor");
  });

  it("declare payment-identifier as the official extension does", () => {
    expect(PAYMENT_IDENTIFIER).toBe(official.PAYMENT_IDENTIFIER);
    expect(PAYMENT_IDENTIFIER_DECLARATION).toEqual(official.declarePaymentIdentifierExtension(false));
  });

  it("read the identifier that the official functions read", () => {
    const payload = (id: unknown) => ({
      x402Version: 2,
      accepted: {} as never,
      payload: {},
      extensions: {
        [PAYMENT_IDENTIFIER]: { ...PAYMENT_IDENTIFIER_DECLARATION, info: { required: false, id } },
      },
    });
    const good = payload("pay_0123456789abcdef");
    expect(paymentIdentifier(good)).toBe(extractPaymentIdentifier(good as never));
    expect(validatePaymentIdentifierRequirement(good as never, true).valid).toBe(true);
    expect(paymentIdentifier(payload("short"))).toBe("invalid");
    expect(paymentIdentifier({ ...good, extensions: {} })).toBeUndefined();
  });
});
