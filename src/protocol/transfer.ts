/** What signs transfers. A viem `LocalAccount` fits as it is. */
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
  /** Seconds since the epoch after which it cannot be executed any more. */
  readonly validBefore: number;
}

/** Signs a transfer: the `payload` of an x402 payment in the scheme `exact`. */
export async function signTransfer(
  account: EvmAccount,
  transfer: Transfer,
): Promise<{ readonly authorization: Record<string, string>; readonly signature: `0x${string}` }> {
  const message = {
    from: account.address,
    to: transfer.to as `0x${string}`,
    value: BigInt(transfer.atomicAmount),
    validAfter: 0n,
    validBefore: BigInt(transfer.validBefore),
    nonce: transfer.nonce,
  };
  const signature = await account.signTypedData({
    domain: {
      ...transfer.domain,
      chainId: Number(transfer.network.slice("eip155:".length)),
      verifyingContract: transfer.asset as `0x${string}`,
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
  return { authorization, signature };
}
