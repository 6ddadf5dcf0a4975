import type { Payer } from "resource402/client";
import { evmPayer } from "resource402/evm";
import { createWalletClient, custom, type EIP1193Provider } from "viem";
import { baseSepolia } from "viem/chains";

declare global {
  interface Window {
    /** A browser wallet injects this (EIP-1193). */
    readonly ethereum?: EIP1193Provider;
  }
}

export interface Wallet {
  readonly address: string;
  /** Each payment opens the wallet, which shows its user what is signed. */
  readonly payer: Payer;
}

/**
 * Asks the wallet's user for an account.
 * @throws when there is no wallet, or its user refuses.
 */
export async function connectWallet(): Promise<Wallet> {
  if (window.ethereum === undefined) throw new Error("This browser has no wallet. Install one and reload.");
  const wallet = createWalletClient({ chain: baseSepolia, transport: custom(window.ethereum) });
  const [address] = await wallet.requestAddresses();
  if (address === undefined) throw new Error("The wallet has no account.");
  // Wallets refuse to sign for another chain than the selected one.
  if ((await wallet.getChainId()) !== baseSepolia.id) await wallet.switchChain({ id: baseSepolia.id });
  return {
    address,
    payer: evmPayer({
      address,
      signTypedData: (typedData) => wallet.signTypedData({ account: address, ...typedData }),
    }),
  };
}
