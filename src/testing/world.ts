import type { FacilitatorClient } from "@x402/core/server";
import { type Address, type LocalAccount, parseUnits } from "viem";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { startChain } from "./chain.ts";
import { NETWORK, USDC, USDC_DECIMALS } from "./exact.ts";
import { chainFacilitator, type FacilitatorServer, serveFacilitator } from "./facilitator.ts";
import { type LedgerTransfer, type MemoryChainRecord, memoryLedger } from "./ledger.ts";

/** Everything that a paid call needs besides the seller's server and the buyer's client. */
export interface World {
  readonly network: typeof NETWORK;
  /** Test USDC (6 decimals), at the address that USDC has on Base Sepolia. */
  readonly asset: Address;
  /** In this process; for x402 v1 and v2. */
  readonly facilitator: FacilitatorClient;
  /** JSON-RPC of the chain; absent in a world without one. */
  readonly rpcUrl?: string;
  /** The record of a world without a chain, by which a server closes what the facilitator leaves open. */
  readonly chain?: MemoryChainRecord;
  /** Receives the payments; new in every world, with nothing to begin with. */
  readonly seller: LocalAccount;
  /** Signs the payments; new in every world, with 100 USDC. */
  readonly buyer: LocalAccount;
  /** A new account with this much USDC, as a decimal like "2.50"; default "0". */
  account(options?: { usdc?: string }): Promise<LocalAccount>;
  /**
   * Gives an address USDC, as a decimal like "2.50".
   * @throws RangeError if it is not a plain decimal of at most 6 places.
   */
  fund(address: Address, usdc: string): Promise<void>;
  /** In atomic units: millionths of a dollar. */
  balanceOf(address: Address): Promise<bigint>;
  /** Every transfer by authorization that was executed, oldest first. */
  transfers(): Promise<readonly LedgerTransfer[]>;
  /** Serves the facilitator on 127.0.0.1 until it is closed or the world stops. */
  startFacilitatorServer(): Promise<FacilitatorServer>;
  /** Closes the servers, ends the chain. May be called again. */
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Options of `startWorld`. */
export interface WorldOptions {
  /**
   * Default true: a chain in a child process and the official facilitator, ready in about 0.1 s. False: a ledger in
   * memory with the same verdicts, for tests that need many payments fast.
   */
  chain?: boolean;
}

/**
 * Starts the world in one process: money, a facilitator, a seller and a buyer with 100 USDC.
 *
 * ```ts
 * await using world = await startWorld();
 * ```
 *
 * @throws Error if anvil is not found or does not start.
 */
export async function startWorld({ chain: onChain = true }: WorldOptions = {}): Promise<World> {
  const bank = onChain ? await chainBank() : ledgerBank();
  const servers = new Set<FacilitatorServer>();

  const fund = async (address: Address, usdc: string) => bank.mint(address, atomicUsdc(usdc));
  const account = async ({ usdc = "0" } = {}) => {
    const created = privateKeyToAccount(generatePrivateKey());
    const amount = atomicUsdc(usdc);
    if (amount > 0n) await bank.mint(created.address, amount);
    return created;
  };
  const stop = async () => {
    await Promise.all(Array.from(servers, (server) => server.close()));
    await bank.stop();
  };

  try {
    const [seller, buyer] = await Promise.all([account(), account({ usdc: "100" })]);
    return {
      network: NETWORK,
      asset: USDC,
      facilitator: bank.facilitator,
      ...(bank.rpcUrl === undefined ? {} : { rpcUrl: bank.rpcUrl }),
      ...(bank.chain === undefined ? {} : { chain: bank.chain }),
      seller,
      buyer,
      account,
      fund,
      balanceOf: bank.balanceOf,
      transfers: bank.transfers,
      startFacilitatorServer: async () => {
        const server = await serveFacilitator(bank.facilitator);
        servers.add(server);
        return server;
      },
      stop,
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Where the money is: on a chain or in memory. */
interface Bank {
  facilitator: FacilitatorClient;
  rpcUrl?: string;
  chain?: MemoryChainRecord;
  balanceOf(address: Address): Promise<bigint>;
  transfers(): Promise<readonly LedgerTransfer[]>;
  mint(address: Address, amountAtomic: bigint): Promise<void>;
  stop(): Promise<void>;
}

async function chainBank(): Promise<Bank> {
  const chain = await startChain();
  return { ...chain, facilitator: chainFacilitator(chain) };
}

function ledgerBank(): Bank {
  const ledger = memoryLedger();
  return {
    ...ledger,
    transfers: async () => [...ledger.transfers],
    facilitator: ledger,
    chain: { lookUp: ledger.lookUp },
    stop: async () => {},
  };
}

function atomicUsdc(usdc: string): bigint {
  // parseUnits alone would round a seventh place away.
  if (!/^\d+(\.\d{1,6})?$/.test(usdc)) {
    throw new RangeError(
      `"${usdc}" is not an amount of USDC: write a decimal like "2.50", of at most 6 places.`,
    );
  }
  return parseUnits(usdc, USDC_DECIMALS);
}
