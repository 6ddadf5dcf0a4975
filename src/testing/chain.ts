import {
  type Address,
  createPublicClient,
  createTestClient,
  createWalletClient,
  defineChain,
  type Hash,
  type HttpTransport,
  http,
  type LocalAccount,
  type PublicClient,
  type Chain as ViemChain,
  type WalletClient,
} from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { findAnvil, launchAnvil } from "./anvil.ts";
import { Multicall3, TestUSDC } from "./contracts/artifacts.gen.ts";
import { CHAIN_ID, NETWORK, USDC } from "./exact.ts";
import type { LedgerTransfer } from "./ledger.ts";

/** A private Base Sepolia in a child process: real signatures, blocks and balances, no real money. */
export interface Chain {
  /** JSON-RPC over HTTP, on 127.0.0.1. */
  readonly rpcUrl: string;
  readonly chainId: typeof CHAIN_ID;
  readonly network: typeof NETWORK;
  /** The test USDC (6 decimals), at the address that USDC has on Base Sepolia. */
  readonly asset: Address;
  /** For anything else that a test wants to know of the chain. */
  readonly publicClient: PublicClient<HttpTransport, ViemChain>;
  /** In atomic units: millionths of a dollar. */
  balanceOf(address: Address): Promise<bigint>;
  /** Every transfer by authorization that is in a block, oldest first, read from the token's events. */
  transfers(): Promise<readonly LedgerTransfer[]>;
  /** Makes new units out of nothing; resolves when they are in a block. */
  mint(address: Address, amountAtomic: bigint): Promise<void>;
  /**
   * Sends a transaction from the wallet that pays for gas (it has 10,000 ether), one at a time: each takes the next
   * nonce that the node knows of, so a transaction that is refused leaves no gap for the later ones to wait behind.
   */
  broadcast(send: (wallet: GasWallet) => Promise<Hash>): Promise<Hash>;
  /** Ends the child process and everything on the chain. May be called again. */
  stop(): Promise<void>;
}

/** viem's wallet client, signing with the first of anvil's published accounts. */
export type GasWallet = WalletClient<HttpTransport, ViemChain, LocalAccount>;

/** Options of `startChain`. */
export interface ChainOptions {
  /** Port on 127.0.0.1; default: one that is free. */
  port?: number;
  /** Seconds between blocks; default: a block as soon as there is a transaction. */
  blockTime?: number;
  /** Path of the anvil binary; default: `RESOURCE402_ANVIL`, the npm package, the PATH. */
  anvil?: string;
}

/** Where Multicall3 is on every chain. */
const MULTICALL3: Address = "0xcA11bde05977b3631167028862bE2a173976CA11";
/** Pays all gas: the first of anvil's accounts, whose key is published and guards nothing anywhere else. */
export const GAS_WALLET = privateKeyToAccount(
  "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
);
/** viem's default of seconds would be most of the time that a settlement takes here. */
const POLLING_MS = 10;

/**
 * Starts anvil with the chain id of Base Sepolia, a test USDC (ERC-20, EIP-3009, ERC-1271) at its address there,
 * and the part of Multicall3 by which the official facilitator finds out why a payment is refused. The child
 * process never outlives this one, and does not keep it alive.
 *
 * @throws Error if no anvil is found, or with anvil's own words if it does not start (a given port is taken, say).
 */
export async function startChain({ port = 0, blockTime, anvil }: ChainOptions = {}): Promise<Chain> {
  const { rpcUrl, stop } = await launchAnvil(findAnvil(anvil), port, [
    ...["--chain-id", String(CHAIN_ID)],
    // The newest block but one is safe.
    ...["--slots-in-an-epoch", "1"],
    ...(blockTime === undefined ? [] : ["--block-time", String(blockTime)]),
  ]);
  const client = {
    chain: defineChain({
      id: CHAIN_ID,
      name: "Base Sepolia in a test",
      nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 },
      rpcUrls: { default: { http: [rpcUrl] } },
    }),
    transport: http(rpcUrl, { retryCount: 0 }),
    pollingInterval: POLLING_MS,
    cacheTime: 0,
  };
  const token = { abi: TestUSDC.abi, address: USDC };
  const publicClient = createPublicClient(client);
  const wallet = createWalletClient({ ...client, account: GAS_WALLET });
  const cheats = createTestClient({ ...client, mode: "anvil" });
  try {
    await Promise.all([
      cheats.setLoggingEnabled(false),
      cheats.setCode({ address: USDC, bytecode: TestUSDC.deployedBytecode }),
      cheats.setCode({ address: MULTICALL3, bytecode: Multicall3.deployedBytecode }),
    ]);
  } catch (error) {
    await stop();
    throw error;
  }
  let lastBroadcast: Promise<unknown> = Promise.resolve();
  const broadcast: Chain["broadcast"] = (send) => {
    const turn = lastBroadcast.then(() => send(wallet));
    lastBroadcast = turn.catch(() => {});
    return turn;
  };
  return {
    rpcUrl,
    chainId: CHAIN_ID,
    network: NETWORK,
    asset: USDC,
    publicClient,
    balanceOf: (address) =>
      publicClient.readContract({ ...token, functionName: "balanceOf", args: [address] }),
    async transfers() {
      const range = { address: USDC, abi: TestUSDC.abi, fromBlock: 0n, strict: true } as const;
      const [used, moved] = await Promise.all([
        publicClient.getContractEvents({ ...range, eventName: "AuthorizationUsed" }),
        publicClient.getContractEvents({ ...range, eventName: "Transfer" }),
      ]);
      const moves = new Map(moved.map((log) => [`${log.transactionHash}:${log.args.from}`, log.args]));
      return used.flatMap(({ transactionHash: transaction, args }) => {
        const move = moves.get(`${transaction}:${args.authorizer}`);
        return move ? [{ ...move, nonce: args.nonce, transaction }] : [];
      });
    },
    mint: async (address, amountAtomic) => {
      const mint = { ...token, functionName: "mint", args: [address, amountAtomic] } as const;
      const hash = await broadcast((wallet) => wallet.writeContract(mint));
      await publicClient.waitForTransactionReceipt({ hash });
    },
    broadcast,
    stop,
  };
}
