import { formatAtomic } from "../../schema/money.ts";
import type { ResourceError } from "../../src/client/errors.ts";
import { findAsset, type PaymentRequirements, saysShort } from "../../src/protocol/index.ts";

/** Whether a payment was rejected because of insufficient funds. */
export function isShort({ code, reason }: ResourceError): boolean {
  return code === "payment_rejected" && saysShort(reason ?? "");
}

/** Explains how much the account lacks. Its balance is known only with an RPC node. */
export async function shortText(
  { resource, reason }: ResourceError,
  address: `0x${string}`,
  { network, asset, amount }: PaymentRequirements,
  rpcUrl: string | undefined,
): Promise<string> {
  const { decimals = 6, symbol = asset } = findAsset(network, asset) ?? {};
  const sum = (atomic: bigint): string => `${formatAtomic(atomic, decimals)} ${symbol}`;
  const held = rpcUrl === undefined ? undefined : await balanceOf(rpcUrl, asset, address);
  const holds = held === undefined ? "does not hold enough" : `holds ${sum(held)}, which is not enough`;
  return (
    `${resource}: ${address} ${holds}: ${sum(BigInt(amount))} is needed on ${network}. ` +
    `Send it ${symbol} (the token ${asset}) on that network; it needs no gas. The seller reports: ${reason}.`
  );
}

/** In atomic units; `undefined` when the node does not answer. */
async function balanceOf(rpcUrl: string, asset: string, address: `0x${string}`): Promise<bigint | undefined> {
  const { createPublicClient, erc20Abi, http } = await import("viem");
  const node = createPublicClient({ transport: http(rpcUrl, { timeout: 5_000, retryCount: 0 }) });
  return node
    .readContract({
      address: asset as `0x${string}`,
      abi: erc20Abi,
      functionName: "balanceOf",
      args: [address],
    })
    .catch(() => undefined);
}
