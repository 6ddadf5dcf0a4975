import { x402Facilitator } from "@x402/core/facilitator";
import { isPaymentPayload } from "@x402/core/schemas";
import type { FacilitatorClient } from "@x402/core/server";
import type { Network, PaymentPayload, SchemeNetworkFacilitator, SupportedResponse } from "@x402/core/types";
import { type Address, type Hex, isAddress, isHash, isHex } from "viem";

/** The chain id of Base Sepolia, so that official clients and prices need no configuration. */
export const CHAIN_ID = 84532;
/** The network as x402 v2 spells it (CAIP-2). */
export const NETWORK = "eip155:84532";
/** The same network as x402 v1 spells it. */
const NETWORK_V1 = "base-sepolia";
/** Where USDC lives on Base Sepolia, in EIP-55 spelling. */
export const USDC: Address = "0x036CbD53842c5426634e7929541eC2318f3dCF7e";
/** USDC counts in millionths of a dollar. */
export const USDC_DECIMALS = 6;

/** An EIP-3009 transfer as an `exact` payment carries it; amounts in atomic units, times in Unix seconds. */
export interface SignedTransfer {
  authorization: {
    from: Address;
    to: Address;
    value: string;
    validAfter: string;
    validBefore: string;
    nonce: Hex;
  };
  signature: Hex;
}

/**
 * Answers both protocol versions with one scheme each, dispatched by the official facilitator: v2 payments of
 * `exact` on eip155:84532, v1 payments of `exact` on base-sepolia. Requirements of any other scheme or network
 * throw, as they do there. A payment of the wrong shape is refused as `invalid_payload` (the x402 specification's
 * word), where the official schemes would throw a TypeError.
 */
export function exactFacilitator(
  v2: SchemeNetworkFacilitator,
  v1: SchemeNetworkFacilitator,
): FacilitatorClient {
  const official = new x402Facilitator().register(NETWORK, v2).registerV1(NETWORK_V1 as Network, v1);
  return {
    verify: async (payment, requirements) =>
      isWellFormed(payment)
        ? official.verify(payment, requirements)
        : { isValid: false, invalidReason: "invalid_payload" },
    settle: async (payment, requirements) =>
      isWellFormed(payment)
        ? official.settle(payment, requirements)
        : {
            success: false,
            errorReason: "invalid_payload",
            transaction: "",
            network: requirements.network,
          },
    // The official types disagree with each other here: its networks are strings, the client's have a colon.
    getSupported: async () => official.getSupported() as SupportedResponse,
  };
}

function isWellFormed(payment: PaymentPayload): boolean {
  return isPaymentPayload(payment) && isSignedTransfer(payment.payload);
}

function isSignedTransfer(payload: Record<string, unknown>): boolean {
  const { authorization, signature } = payload;
  if (typeof authorization !== "object" || authorization === null || !isHex(signature)) return false;
  const { from, to, value, validAfter, validBefore, nonce } = authorization as Record<string, unknown>;
  return (
    [from, to].every((address) => typeof address === "string" && isAddress(address, { strict: false })) &&
    [value, validAfter, validBefore].every((n) => typeof n === "string" && /^\d+$/.test(n)) &&
    typeof nonce === "string" &&
    isHash(nonce)
  );
}
