import fc from "fast-check";
import { privateKeyAccount, privateKeyPayer } from "resource402/evm";
import { getAddress, recoverTypedDataAddress } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { describe, expect, it } from "vitest";
import { type Transfer, typedTransfer } from "../../src/protocol/transfer.ts";

const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
const hex = (bytes: number) =>
  fc
    .uint8Array({ minLength: bytes, maxLength: bytes })
    .map((value) => `0x${Buffer.from(value).toString("hex")}` as const);
const asKey = (value: bigint) => `0x${value.toString(16).padStart(64, "0")}` as const;
const uint256 = fc.oneof(fc.bigInt(0n, 2n ** 256n - 1n), fc.constantFrom(0n, 1n, 2n ** 256n - 1n));
// Any text, and with it those that UTF-8 encodes in several bytes, or cannot encode.
const text = fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom("", "USDC", "USD Coin", "\ud800"));
const key = fc.oneof(fc.bigInt(1n, ORDER - 1n), fc.constantFrom(1n, ORDER - 1n)).map(asKey);
const address = hex(20).chain((one) => fc.constantFrom(one, getAddress(one)));

const transfer = fc.record({
  network: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }).map((id) => `eip155:${id}`),
  asset: address,
  domain: fc.record({ name: text, version: text }),
  to: address,
  atomicAmount: uint256.map(String),
  nonce: hex(32),
  validBefore: uint256.map(String),
}) satisfies fc.Arbitrary<Transfer>;

describe("an account of a private key", () => {
  it("has the address and makes the signatures that viem makes, for any key, token and transfer", async () => {
    await fc.assert(
      fc.asyncProperty(key, transfer, uint256, async (privateKey, of, validAfter) => {
        const [ours, theirs] = [privateKeyAccount(privateKey), privateKeyToAccount(privateKey)];
        expect(ours.address).toBe(theirs.address);
        const typed = typedTransfer(of, ours.address, validAfter);
        const signature = await ours.signTypedData(typed);
        expect(signature).toBe(await theirs.signTypedData(typed));
        expect(await recoverTypedDataAddress({ ...typed, signature })).toBe(theirs.address);
      }),
      { numRuns: 300 },
    );
  }, 120_000);

  it("signs nothing that is not of its type", async () => {
    const account = privateKeyAccount(asKey(7n));
    const good = {
      network: "eip155:8453",
      asset: "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913",
      domain: { name: "USD Coin", version: "2" },
      to: "0x209693Bc6afc0C5328bA36FaF03C514EF312287C",
      atomicAmount: "10000",
      nonce: asKey(1n),
      validBefore: 1_800_000_000,
    } as const;
    const sign = async (part: Partial<Transfer>) =>
      account.signTypedData(typedTransfer({ ...good, ...part }, account.address));
    await expect(sign({})).resolves.toMatch(/^0x[0-9a-f]{130}$/);
    // One letter of the checksum is in the other case.
    await expect(sign({ to: good.to.replace("C", "c") })).rejects.toThrow("to: expected");
    await expect(sign({ asset: "0x1234" })).rejects.toThrow("verifyingContract: expected");
    await expect(sign({ atomicAmount: "-1" })).rejects.toThrow("value: expected");
    await expect(sign({ atomicAmount: String(2n ** 256n) })).rejects.toThrow("value: expected");
    await expect(sign({ nonce: "0x01" })).rejects.toThrow("nonce: expected");
    await expect(sign({ network: "eip155:-1" })).rejects.toThrow("chainId: expected");
    await expect(sign({ domain: { name: 1 as never, version: "2" } })).rejects.toThrow("name: expected");
  });

  it("is refused for what is not a private key, without repeating it", () => {
    const wrong = [
      asKey(0n),
      asKey(ORDER),
      asKey(2n ** 256n - 1n),
      "0x12",
      `${asKey(7n)}00`,
      asKey(7n).slice(2),
    ];
    for (const one of [...wrong, undefined, 7]) {
      const made = () => privateKeyPayer(one as never);
      expect(made).toThrow(/^the private key is not/);
      expect(made).not.toThrow(new RegExp(String(one).slice(-20)));
    }
  });
});
