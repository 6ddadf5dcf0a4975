import type { PaymentRequired } from "../wire/index.ts";
import type { Payer } from "./pay.ts";

/** What is needed of an account. A viem `LocalAccount` fits as it is. */
export interface EvmAccount {
  readonly address: `0x${string}`;
  signTypedData(typedData: {
    domain: { name: string; version: string; chainId: number; verifyingContract: `0x${string}` };
    types: typeof TYPES;
    primaryType: "TransferWithAuthorization";
    message: {
      from: `0x${string}`;
      to: `0x${string}`;
      value: bigint;
      validAfter: bigint;
      validBefore: bigint;
      nonce: `0x${string}`;
    };
  }): Promise<`0x${string}`>;
}

/** EIP-3009 §TransferWithAuthorization. */
const TYPES = {
  TransferWithAuthorization: [
    { name: "from", type: "address" },
    { name: "to", type: "address" },
    { name: "value", type: "uint256" },
    { name: "validAfter", type: "uint256" },
    { name: "validBefore", type: "uint256" },
    { name: "nonce", type: "bytes32" },
  ],
} as const;

/**
 * Pays with an EVM account by EIP-3009 authorizations, in the x402 scheme `exact`: nothing to approve
 * beforehand, no gas to hold. Each signature is good for one transfer of exactly the offered amount, until
 * `maxTimeoutSeconds` of the offer have passed. For other ways of transfer pass an `x402Client` instead.
 */
export function evmPayer(account: EvmAccount): Payer {
  return {
    async createPaymentPayload(required: PaymentRequired) {
      const accepted = required.accepts.find(
        (offer) =>
          offer.scheme === "exact" &&
          offer.network.startsWith("eip155:") &&
          (offer.extra.assetTransferMethod ?? "eip3009") === "eip3009",
      );
      if (!accepted) throw new Error("no offer is payable by an EIP-3009 authorization");
      const { name, version } = accepted.extra;
      if (typeof name !== "string" || typeof version !== "string") {
        throw new Error("the offer does not name the token's EIP-712 domain (extra.name, extra.version)");
      }
      const message = {
        from: account.address,
        to: accepted.payTo as `0x${string}`,
        value: BigInt(accepted.amount),
        validAfter: 0n,
        validBefore: BigInt(Math.floor(Date.now() / 1000) + accepted.maxTimeoutSeconds),
        nonce: randomNonce(),
      };
      const signature = await account.signTypedData({
        domain: {
          name,
          version,
          chainId: Number(accepted.network.slice("eip155:".length)),
          verifyingContract: accepted.asset as `0x${string}`,
        },
        types: TYPES,
        primaryType: "TransferWithAuthorization",
        message,
      });
      const authorization = {
        from: message.from,
        to: message.to,
        value: message.value.toString(),
        validAfter: message.validAfter.toString(),
        validBefore: message.validBefore.toString(),
        nonce: message.nonce,
      };
      return {
        x402Version: 2,
        resource: required.resource,
        accepted,
        payload: { authorization, signature },
        ...(required.extensions === undefined ? {} : { extensions: required.extensions }),
      };
    },
  };
}

function randomNonce(): `0x${string}` {
  const bytes = crypto.getRandomValues(new Uint8Array(32));
  return `0x${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
