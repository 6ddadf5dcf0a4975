import {
  decodeFunctionData,
  encodeAbiParameters,
  encodeEventTopics,
  encodeFunctionResult,
  type Hex,
  keccak256,
  numberToHex,
  toHex,
} from "viem";
import { TestUSDC } from "./contracts/artifacts.gen.ts";
import { CHAIN_ID, USDC } from "./exact.ts";
import type { MemoryLedger, NonceUse } from "./ledger.ts";

/** One JSON-RPC call of an Ethereum node. @throws RpcError when the node answers with an error */
export type JsonRpc = (method: string, params: readonly unknown[]) => Promise<unknown>;

/** An error response of a JSON-RPC node. */
export class RpcError extends Error {
  override readonly name = "RpcError";
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/** Options of `ledgerNode`. */
export interface LedgerNodeOptions {
  /** The chain's clock, in milliseconds since the epoch. @default Date.now */
  readonly now?: () => number;
  /** @default 84532 (Base Sepolia) */
  readonly chainId?: number;
}

interface Log {
  readonly address: string;
  readonly topics: readonly Hex[];
  readonly data: Hex;
  readonly blockNumber: Hex;
  readonly blockHash: Hex;
  readonly transactionHash: Hex;
  readonly transactionIndex: Hex;
  readonly logIndex: Hex;
  readonly removed: false;
}

const BLOCK_MS = 2_000;
/** The head when the node is made. */
const FIRST_HEAD = 20_000_000;
/** How far the tags `safe` and `finalized` are behind the head, in blocks. */
const BEHIND: Readonly<Record<string, number>> = { latest: 0, pending: 0, safe: 20, finalized: 60 };
const { abi } = TestUSDC;

/**
 * A JSON-RPC node of a chain that holds what a ledger in memory holds: blocks of two seconds, the token's state at every
 * block, its logs and receipts. A transfer is in the block that follows it. It knows the methods that read the token:
 * `eth_chainId`, `eth_blockNumber`, `eth_getBlockByNumber` and `-Hash`, `eth_call`, `eth_getLogs`,
 * `eth_getTransactionReceipt`, `eth_getTransactionByHash`, `eth_getCode`.
 */
export function ledgerNode(
  ledger: Pick<MemoryLedger, "uses" | "balanceOf">,
  { now = () => Date.now(), chainId = CHAIN_ID }: LedgerNodeOptions = {},
): JsonRpc {
  const genesisMs = Math.floor(now() / BLOCK_MS) * BLOCK_MS - FIRST_HEAD * BLOCK_MS;
  const head = () => Math.floor((now() - genesisMs) / BLOCK_MS);
  const blockOf = ({ at }: NonceUse) => Math.floor((at - genesisMs) / BLOCK_MS) + 1;
  const usesUntil = (block: number) => ledger.uses.filter((use) => blockOf(use) <= block);

  function logsOf(use: NonceUse): Log[] {
    const number = blockOf(use);
    const index = ledger.uses.filter((other) => blockOf(other) === number).indexOf(use);
    const { authorizer, nonce, transfer } = use;
    const place = {
      address: USDC.toLowerCase(),
      blockNumber: numberToHex(number),
      blockHash: hashOf(number),
      transactionHash: transactionOf(use),
      transactionIndex: numberToHex(index),
      removed: false,
    } as const;
    const eventName = transfer ? "AuthorizationUsed" : "AuthorizationCanceled";
    const mark: Log = {
      ...place,
      topics: encodeEventTopics({ abi, eventName, args: { authorizer, nonce } }) as Hex[],
      data: "0x",
      logIndex: numberToHex(index * 4),
    };
    if (!transfer) return [mark];
    const { from, to, value } = transfer;
    const move: Log = {
      ...place,
      topics: encodeEventTopics({ abi, eventName: "Transfer", args: { from, to } }) as Hex[],
      data: encodeAbiParameters([{ type: "uint256" }], [value]),
      logIndex: numberToHex(index * 4 + 1),
    };
    return [mark, move];
  }

  /** @throws RpcError for a block that is not there */
  function blockAt(named: unknown): number {
    const number = readBlock(named);
    if (number === undefined || number > head()) throw new RpcError(-32000, "header not found");
    return number;
  }

  function readBlock(named: unknown = "latest"): number | undefined {
    if (typeof named === "object" && named !== null) {
      const { blockHash, blockNumber } = named as { blockHash?: unknown; blockNumber?: unknown };
      return blockHash === undefined ? readBlock(blockNumber) : numberOf(String(blockHash));
    }
    if (named === "earliest") return 0;
    const behind = BEHIND[String(named)];
    return behind === undefined ? Number(named) : head() - behind;
  }

  function block(number: number | undefined) {
    if (number === undefined || number > head() || number < 0) return null;
    const inIt = ledger.uses.filter((use) => blockOf(use) === number);
    return {
      number: numberToHex(number),
      hash: hashOf(number),
      parentHash: hashOf(number - 1),
      timestamp: numberToHex(Math.floor((genesisMs + number * BLOCK_MS) / 1000)),
      transactions: inIt.map(transactionOf),
      gasLimit: "0x1c9c380",
      gasUsed: "0x5208",
      baseFeePerGas: "0x1",
      size: "0x200",
      difficulty: "0x0",
      extraData: "0x",
      uncles: [],
    };
  }

  async function call(to: unknown, data: Hex, at: number): Promise<Hex> {
    if (String(to).toLowerCase() !== USDC.toLowerCase()) return "0x";
    const { functionName, args } = decodeFunctionData({ abi, data });
    const result = (value: unknown): Hex =>
      encodeFunctionResult({ abi, functionName, result: value } as Parameters<
        typeof encodeFunctionResult
      >[0]);
    switch (functionName) {
      case "authorizationState": {
        const [authorizer, nonce] = args as readonly [string, string];
        return result(usesUntil(at).some((use) => isSame(use, authorizer, nonce)));
      }
      case "balanceOf":
        return result(await ledger.balanceOf((args as readonly [Hex])[0]));
      case "name":
      case "symbol":
        return result("USDC");
      case "version":
        return result("2");
      case "decimals":
        return result(6);
      default:
        throw new RpcError(3, "execution reverted");
    }
  }

  function logs(filter: {
    readonly address?: unknown;
    readonly topics?: readonly unknown[];
    readonly fromBlock?: unknown;
    readonly toBlock?: unknown;
    readonly blockHash?: unknown;
  }): Log[] {
    const { address, topics = [], fromBlock, toBlock, blockHash } = filter;
    const only = blockHash === undefined ? undefined : blockAt({ blockHash });
    const from = only ?? readBlock(fromBlock) ?? 0;
    const to = only ?? readBlock(toBlock) ?? head();
    const addresses = [address].flat().map((one) => String(one).toLowerCase());
    if (address !== undefined && !addresses.includes(USDC.toLowerCase())) return [];
    return usesUntil(Math.min(to, head()))
      .filter((use) => blockOf(use) >= from)
      .flatMap(logsOf)
      .filter((log) => topics.every((topic, place) => fits(topic, log.topics[place])));
  }

  function transaction(hash: unknown) {
    return usesUntil(head()).find((use) => transactionOf(use) === String(hash).toLowerCase());
  }

  return async (method, params) => {
    switch (method) {
      case "eth_chainId":
        return numberToHex(chainId);
      case "net_version":
        return String(chainId);
      case "eth_blockNumber":
        return numberToHex(head());
      case "eth_getBlockByNumber":
        return block(readBlock(params[0]));
      case "eth_getBlockByHash":
        return block(readBlock({ blockHash: params[0] }));
      case "eth_getCode":
        return TestUSDC.deployedBytecode;
      case "eth_call": {
        const { to, data, input } = params[0] as { to: unknown; data?: Hex; input?: Hex };
        return call(to, data ?? input ?? "0x", blockAt(params[1]));
      }
      case "eth_getLogs":
        return logs(params[0] as object);
      case "eth_getTransactionReceipt": {
        const use = transaction(params[0]);
        if (!use) return null;
        const found = logsOf(use);
        const [{ blockHash, blockNumber, transactionHash, transactionIndex }] = found as [Log];
        return {
          ...{ blockHash, blockNumber, transactionHash, transactionIndex, logs: found },
          ...{ status: "0x1", type: "0x2", from: USDC.toLowerCase(), to: USDC.toLowerCase() },
          ...{ contractAddress: null, logsBloom: `0x${"0".repeat(512)}` },
          ...{ gasUsed: "0x5208", cumulativeGasUsed: "0x5208", effectiveGasPrice: "0x1" },
        };
      }
      case "eth_getTransactionByHash": {
        const use = transaction(params[0]);
        if (!use) return null;
        const number = blockOf(use);
        return {
          ...{ hash: transactionOf(use), blockNumber: numberToHex(number), blockHash: hashOf(number) },
          ...{ transactionIndex: "0x0", from: USDC.toLowerCase(), to: USDC.toLowerCase(), input: "0x" },
          ...{ value: "0x0", nonce: "0x0", gas: "0x5208", type: "0x0", gasPrice: "0x1" },
        };
      }
      default:
        throw new RpcError(-32601, `the method ${method} does not exist/is not available`);
    }
  };
}

function isSame(
  { authorizer, nonce }: NonceUse,
  ...[otherAuthorizer, otherNonce]: [string, string]
): boolean {
  return (
    authorizer.toLowerCase() === otherAuthorizer.toLowerCase() &&
    nonce.toLowerCase() === otherNonce.toLowerCase()
  );
}

function transactionOf({ transfer, nonce }: NonceUse): Hex {
  return (transfer?.transaction as Hex | undefined) ?? keccak256(toHex(`cancel ${nonce}`));
}

/** The hash of a block names its number in its last 16 digits. */
function hashOf(number: number): Hex {
  const digits = number.toString(16).padStart(16, "0");
  return `${keccak256(toHex(`block ${number}`)).slice(0, 50)}${digits}` as Hex;
}

function numberOf(hash: string): number | undefined {
  const number = Number.parseInt(hash.slice(50), 16);
  return hashOf(number) === hash.toLowerCase() ? number : undefined;
}

function fits(wanted: unknown, topic: Hex | undefined): boolean {
  if (wanted === null || wanted === undefined) return true;
  return [wanted].flat().some((one) => String(one).toLowerCase() === topic?.toLowerCase());
}
