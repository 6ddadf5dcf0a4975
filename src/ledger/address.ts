import { checksumAddress, type Hex, zeroAddress } from "viem";

/**
 * What is wrong with an address that money is sent to, as the rest of a sentence; `undefined` when nothing is. An address
 * in mixed case must have the checksum of EIP-55; one in one case has none.
 */
export function addressProblem(text: unknown): string | undefined {
  if (typeof text !== "string" || !/^0x[0-9a-fA-F]{40}$/.test(text)) {
    return "is not an address; write 0x and 40 hexadecimal digits";
  }
  const digits = text.slice(2);
  const isMixed = digits !== digits.toLowerCase() && digits !== digits.toUpperCase();
  if (isMixed && checksumAddress(text.toLowerCase() as Hex) !== text) {
    return "has a wrong checksum (EIP-55): it is mistyped; copy it again";
  }
  if (text === zeroAddress) return "is the zero address, which has no owner; write your own";
  return undefined;
}
