/** An account that signs transfers. Accepts a viem `LocalAccount`. */
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

/** One transfer of a token that knows EIP-3009. */
export interface Transfer {
  /** CAIP-2, `eip155:<chain id>`. */
  readonly network: string;
  readonly asset: string;
  /** The token's EIP-712 domain. */
  readonly domain: { readonly name: string; readonly version: string };
  readonly to: string;
  /** In the asset's smallest units. */
  readonly atomicAmount: string;
  /** 32 bytes in hexadecimal. The token executes at most one transfer of an account with the same nonce. */
  readonly nonce: `0x${string}`;
  /** Seconds since the epoch after which it can no longer be executed. */
  readonly validBefore: number | string;
}

/** What an account signs for a transfer (EIP-712). */
export function typedTransfer(
  { network, asset, domain, to, atomicAmount, validBefore, nonce }: Transfer,
  from: string,
  validAfter = 0n,
): Parameters<EvmAccount["signTypedData"]>[0] {
  return {
    domain: {
      ...domain,
      chainId: Number(network.slice("eip155:".length)),
      verifyingContract: asset as `0x${string}`,
    },
    types: TYPES,
    primaryType: "TransferWithAuthorization",
    message: {
      from: from as `0x${string}`,
      to: to as `0x${string}`,
      value: BigInt(atomicAmount),
      validAfter,
      validBefore: BigInt(validBefore),
      nonce,
    },
  };
}

/** Signs a transfer: the `payload` of an x402 payment in the scheme `exact`. */
export async function signTransfer(
  account: EvmAccount,
  transfer: Transfer,
): Promise<{ readonly authorization: Record<string, string>; readonly signature: `0x${string}` }> {
  const typed = typedTransfer(transfer, account.address);
  const signature = await account.signTypedData(typed);
  const { from, to, value, validAfter, validBefore, nonce } = typed.message;
  const authorization = {
    from,
    to,
    value: value.toString(),
    validAfter: validAfter.toString(),
    validBefore: validBefore.toString(),
    nonce,
  };
  return { authorization, signature };
}
