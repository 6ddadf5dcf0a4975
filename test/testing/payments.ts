import { x402Client } from "@x402/core/client";
import type { PaymentPayload, PaymentRequired, PaymentRequirements } from "@x402/core/types";
import { authorizationTypes } from "@x402/evm";
import { registerExactEvmScheme } from "@x402/evm/exact/client";
import type { Address, Hex, LocalAccount } from "viem";

/** A payment beside what it should pay for: what a facilitator is asked about. v1 is cast to the types of v2. */
export interface Ask {
  payment: PaymentPayload;
  requirements: PaymentRequirements;
}

export interface Authorization {
  from: Address;
  to: Address;
  value: string;
  validAfter: string;
  validBefore: string;
  nonce: Hex;
}

const RESOURCE = "https://seller.test/picture";

/** What a seller asks for one picture: 12345 atomic units, unless changed. */
export function requirementsOf(
  version: 1 | 2,
  payTo: Address,
  changes: Partial<PaymentRequirements> = {},
): PaymentRequirements {
  const { amount, ...common } = {
    scheme: "exact",
    asset: "0x036CbD53842c5426634e7929541eC2318f3dCF7e",
    amount: "12345",
    payTo,
    maxTimeoutSeconds: 60,
    extra: { name: "USDC", version: "2" },
    ...changes,
  };
  if (version === 2) return { network: "eip155:84532", amount, ...common };
  const v1 = {
    network: "base-sepolia",
    maxAmountRequired: amount,
    resource: RESOURCE,
    description: "A picture",
    mimeType: "application/json",
    outputSchema: {},
    ...common,
  };
  return v1 as unknown as PaymentRequirements;
}

/** A payment as the official client makes it, of the version that the requirements are written in. */
export async function pay(payer: LocalAccount, requirements: PaymentRequirements): Promise<Ask> {
  const client = registerExactEvmScheme(new x402Client().setSpendControls(false), { signer: payer });
  const required: PaymentRequired = {
    x402Version: "maxAmountRequired" in requirements ? 1 : 2,
    resource: { url: RESOURCE },
    accepts: [requirements],
  };
  return { payment: await client.createPaymentPayload(required), requirements };
}

export const authorizationOf = (payment: PaymentPayload) => payment.payload.authorization as Authorization;

/** The payment with some fields of its authorization changed and the signature left as it was. */
export function tamper(payment: PaymentPayload, changes: Partial<Authorization>): PaymentPayload {
  const authorization = { ...authorizationOf(payment), ...changes };
  return { ...payment, payload: { ...payment.payload, authorization } };
}

/** The payment with some fields of its authorization changed and signed again, as no official client would. */
export async function resign(
  payer: LocalAccount,
  payment: PaymentPayload,
  changes: Partial<Authorization>,
  domain: { name?: string; version?: string; verifyingContract?: Address } = {},
): Promise<PaymentPayload> {
  const tampered = tamper(payment, changes);
  const authorization = authorizationOf(tampered);
  const signature = await payer.signTypedData({
    domain: {
      name: "USDC",
      version: "2",
      chainId: 84532,
      verifyingContract: "0x036CbD53842c5426634e7929541eC2318f3dCF7e",
      ...domain,
    },
    types: authorizationTypes,
    primaryType: "TransferWithAuthorization",
    message: {
      ...authorization,
      value: BigInt(authorization.value),
      validAfter: BigInt(authorization.validAfter),
      validBefore: BigInt(authorization.validBefore),
    },
  });
  return { ...tampered, payload: { authorization, signature } };
}

/** The payment for another scheme or network than the one it was made for. */
export function reoffer(
  payment: PaymentPayload,
  changes: { scheme?: string; network?: `${string}:${string}` },
): PaymentPayload {
  return payment.x402Version === 1
    ? { ...payment, ...changes }
    : { ...payment, accepted: { ...payment.accepted, ...changes } };
}
