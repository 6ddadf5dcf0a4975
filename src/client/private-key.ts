import { secp256k1 } from "@noble/curves/secp256k1.js";
import { keccak_256 } from "@noble/hashes/sha3.js";
import { bytesToHex, concatBytes, hexToBytes, utf8ToBytes } from "@noble/hashes/utils.js";
import type { EvmAccount } from "../protocol/transfer.ts";
import { type EvmPayerOptions, evmPayer } from "./evm.ts";
import type { Payer } from "./pay.ts";

type TypedData = Parameters<EvmAccount["signTypedData"]>[0];
type Field = { readonly name: string; readonly type: string };

/** EIP-712 §domainSeparator, with the fields that tokens of EIP-3009 have. */
const DOMAIN: readonly Field[] = [
  { name: "name", type: "string" },
  { name: "version", type: "string" },
  { name: "chainId", type: "uint256" },
  { name: "verifyingContract", type: "address" },
];

/**
 * An account that signs transfers with a private key. It makes the same signatures as an account of viem, which a browser
 * need not load for it.
 *
 * @param privateKey 32 bytes in hexadecimal: `0x` and 64 digits.
 * @throws Error when it is not a private key of secp256k1. The message does not contain the key.
 */
export function privateKeyAccount(privateKey: `0x${string}`): EvmAccount {
  if (typeof privateKey !== "string" || !/^0x[0-9a-f]{64}$/i.test(privateKey)) {
    throw new Error("the private key is not 32 bytes in hexadecimal; write 0x and 64 digits");
  }
  const key = hexToBytes(privateKey.slice(2));
  if (!secp256k1.utils.isValidPrivateKey(key)) {
    throw new Error("the private key is not a number that secp256k1 can sign with; make a new one");
  }
  const point = secp256k1.getPublicKey(key, false).subarray(1);
  const address = checksummed(bytesToHex(keccak_256(point).subarray(12)));
  return {
    address,
    async signTypedData(typedData) {
      const signature = secp256k1.sign(digestOf(typedData), key, { lowS: true });
      return `0x${signature.toCompactHex()}${signature.recovery === 0 ? "1b" : "1c"}`;
    },
  };
}

/**
 * Pays as {@link evmPayer} does, with a private key and without viem.
 *
 * @param privateKey 32 bytes in hexadecimal: `0x` and 64 digits. Keep it out of the code.
 * @throws Error when it is not a private key.
 */
export function privateKeyPayer(privateKey: `0x${string}`, options: EvmPayerOptions = {}): Payer {
  return evmPayer(privateKeyAccount(privateKey), options);
}

/** What is signed of typed data (EIP-712 §"Specification of the eth_signTypedData JSON RPC"). */
function digestOf({ domain, types, primaryType, message }: TypedData): Uint8Array {
  const separator = hashOf("EIP712Domain", DOMAIN, { ...domain, chainId: BigInt(domain.chainId) });
  return keccak_256(
    concatBytes(Uint8Array.of(0x19, 0x01), separator, hashOf(primaryType, types[primaryType], message)),
  );
}

/** EIP-712 §hashStruct. No member is a struct or a list. */
function hashOf(
  name: string,
  fields: readonly Field[],
  values: Readonly<Record<string, unknown>>,
): Uint8Array {
  const type = `${name}(${fields.map((field) => `${field.type} ${field.name}`).join(",")})`;
  return keccak_256(
    concatBytes(keccak_256(utf8ToBytes(type)), ...fields.map((field) => word(field, values[field.name]))),
  );
}

/** EIP-712 §encodeData: 32 bytes. @throws Error when the value is not one of its type */
function word({ name, type }: Field, value: unknown): Uint8Array {
  if (type === "string" && typeof value === "string") return keccak_256(utf8ToBytes(value));
  if (type === "bytes32" && typeof value === "string" && /^0x[0-9a-f]{64}$/i.test(value)) {
    return hexToBytes(value.slice(2));
  }
  if (type === "address" && isAddress(value)) return hexToBytes(value.slice(2).padStart(64, "0"));
  if (type === "uint256" && typeof value === "bigint" && value >= 0n && value < 2n ** 256n) {
    return hexToBytes(value.toString(16).padStart(64, "0"));
  }
  throw new Error(`${name}: expected a value of the type ${type}`);
}

/** EIP-55: an address with letters of both cases has a checksum, which finds errors of typing. */
function isAddress(value: unknown): value is string {
  if (typeof value !== "string" || !/^0x[0-9a-f]{40}$/i.test(value)) return false;
  const digits = value.slice(2);
  return digits === digits.toLowerCase() || value === checksummed(digits.toLowerCase());
}

/** @param digits In lower case. */
function checksummed(digits: string): `0x${string}` {
  const hash = bytesToHex(keccak_256(utf8ToBytes(digits)));
  const cased = [...digits].map((digit, at) =>
    Number.parseInt(hash.charAt(at), 16) >= 8 ? digit.toUpperCase() : digit,
  );
  return `0x${cased.join("")}`;
}
