import { keccak256, numberToHex, toHex } from "viem";
import type { HttpHandler, HttpReply } from "./http-endpoint.ts";
import { type JsonRpc, RpcError } from "./ledger-node.ts";

/** How a hosted node reports that a range of `eth_getLogs` is too wide. */
type RangeLimit = keyof typeof RANGE_ERRORS;

/** What is wrong with a node. Every member may be changed at any time; an empty object is a truthful node. */
export interface NodeLies {
  /** `eth_getLogs` finds nothing, although the state is up to date. */
  omitLogs?: boolean;
  /** How many blocks the node is behind. A function is called for every call: one URL, several nodes behind it. */
  blocksBehind?: number | (() => number);
  /** State of older blocks is gone (an error), and so are their logs (an empty list). In blocks before the head. */
  keepsBlocks?: number;
  /** `eth_getLogs` over more blocks is an error, in the words of a hosted node. */
  maxLogBlocks?: number;
  rangeError?: RangeLimit;
  /** Another node that responds in place of this one: of another chain, for example. */
  instead?: JsonRpc | undefined;
  /** The token emits another event between `AuthorizationUsed` and `Transfer`. */
  eventBetween?: boolean;
  /** Blocks cannot be named by their hash (EIP-1898), in `eth_call` and `eth_getLogs`. */
  refusesBlockHash?: boolean;
  /** The tags `safe` and `finalized` are unknown. */
  refusesTags?: boolean;
  /** Asked before every HTTP request; a reply takes the place of the response. */
  fails?: () => HttpReply | undefined;
  /** Asked before every call; an error takes the place of the result. */
  throws?: (method: string) => RpcError | undefined;
}

/** A JSON-RPC node over HTTP, in front of a truthful one. */
export interface HostileNode {
  readonly lies: NodeLies;
  /** For {@link listenWith} and {@link fetchFrom}. */
  readonly handler: HttpHandler;
  /** Calls by method. */
  readonly calls: ReadonlyMap<string, number>;
}

/** The words of hosted nodes for a range of blocks that is too wide. */
export const RANGE_ERRORS = {
  alchemy: (max: number) =>
    new RpcError(
      -32600,
      `Under the Free tier plan, you can make eth_getLogs requests with up to a ${max} block range.`,
    ),
  infura: () => new RpcError(-32005, "query returned more than 10000 results"),
  quicknode: (max: number) => new RpcError(-32614, `eth_getLogs is limited to a ${numberToHex(max)} range`),
  base: (max: number) => new RpcError(-32011, `requested too many blocks, the maximum is set to ${max}`),
  ankr: () => new RpcError(-32062, "block range is too large"),
} as const;

interface Log {
  readonly logIndex: string;
  readonly topics: readonly string[];
}

const TRANSFER = keccak256(toHex("Transfer(address,address,uint256)"));
const FEE_CHARGED = keccak256(toHex("FeeCharged(address,uint256)"));

/** Puts a node that lags, omits, prunes, limits, fails or serves another chain in front of a truthful one. */
export function hostileNode(truthful: JsonRpc, lies: NodeLies = {}): HostileNode {
  const calls = new Map<string, number>();

  async function call(method: string, params: readonly unknown[]): Promise<unknown> {
    calls.set(method, (calls.get(method) ?? 0) + 1);
    const thrown = lies.throws?.(method);
    if (thrown) throw thrown;
    if (lies.instead) return lies.instead(method, params);
    const { blocksBehind = 0 } = lies;
    const behind = typeof blocksBehind === "function" ? blocksBehind() : blocksBehind;
    const head = Math.max(0, Number(await truthful("eth_blockNumber", [])) - behind);
    if (method === "eth_blockNumber") return numberToHex(head);
    if (method === "eth_getBlockByNumber")
      return truthful(method, [named(params[0], head), params[1]]).then(known(head));
    if (method === "eth_getBlockByHash") return truthful(method, params).then(known(head));
    if (method === "eth_call")
      return truthful(method, [params[0], stateAt(params[1], head), ...params.slice(2)]);
    if (method === "eth_getLogs") return logs(params[0] as object, head);
    if (method === "eth_getTransactionReceipt") return spread(known(head)(await truthful(method, params)));
    return truthful(method, params);
  }

  /** The block's number, by the head of this node. @throws RpcError for one that it does not have */
  function named(block: unknown, head: number): unknown {
    if (block === "latest" || block === "pending" || block === undefined) return numberToHex(head);
    if (block !== "safe" && block !== "finalized") return block;
    if (lies.refusesTags) throw new RpcError(-32602, `invalid argument 0: hex string without 0x prefix`);
    return numberToHex(head - (block === "safe" ? 20 : 60));
  }

  function stateAt(block: unknown, head: number): unknown {
    if (typeof block === "object" && block !== null && "blockHash" in block) {
      if (lies.refusesBlockHash)
        throw new RpcError(
          -32602,
          "invalid argument 1: json: cannot unmarshal object into Go value of type string",
        );
      return block;
    }
    const at = named(block, head);
    const number = Number(at);
    if (number > head) throw new RpcError(-32000, "header not found");
    if (lies.keepsBlocks !== undefined && number < head - lies.keepsBlocks)
      throw new RpcError(-32000, `missing trie node ${"ab".repeat(32)} (path )`);
    return at;
  }

  async function logs(filter: { fromBlock?: unknown; toBlock?: unknown; blockHash?: unknown }, head: number) {
    if (filter.blockHash !== undefined && lies.refusesBlockHash)
      throw new RpcError(-32602, "invalid argument 0: blockHash is not supported");
    const range = filter.blockHash === undefined ? rangeOf(filter, head) : {};
    if (lies.omitLogs) return [];
    const found = (
      (await truthful("eth_getLogs", [{ ...filter, ...range }])) as { blockNumber: string }[]
    ).filter(({ blockNumber }) => Number(blockNumber) <= head);
    const kept =
      lies.keepsBlocks === undefined
        ? found
        : found.filter((log) => Number(log.blockNumber) >= head - (lies.keepsBlocks ?? 0));
    return lies.eventBetween ? kept.map((log) => shifted(log as unknown as Log)) : kept;
  }

  function rangeOf({ fromBlock, toBlock }: { fromBlock?: unknown; toBlock?: unknown }, head: number) {
    const from = fromBlock === "earliest" ? 0 : Number(named(fromBlock, head));
    const to = Math.min(Number(named(toBlock, head)), head);
    const { maxLogBlocks, rangeError = "base" } = lies;
    if (maxLogBlocks !== undefined && to - from + 1 > maxLogBlocks)
      throw RANGE_ERRORS[rangeError](maxLogBlocks);
    return { fromBlock: numberToHex(Math.max(0, from)), toBlock: numberToHex(Math.max(0, to)) };
  }

  /** A receipt with the event that the token emits between the two. */
  function spread(receipt: unknown): unknown {
    if (!lies.eventBetween || typeof receipt !== "object" || receipt === null) return receipt;
    const { logs } = receipt as { logs: Log[] };
    const all = logs
      .map(shifted)
      .flatMap((log) =>
        log.topics[0] === TRANSFER
          ? [{ ...log, topics: [FEE_CHARGED], logIndex: numberToHex(Number(log.logIndex) - 1) }, log]
          : [log],
      );
    return { ...receipt, logs: all };
  }

  async function answer(one: { id?: unknown; method?: unknown; params?: unknown }): Promise<object> {
    const { id = null, method, params = [] } = one;
    try {
      return { jsonrpc: "2.0", id, result: await call(String(method), params as unknown[]) };
    } catch (error) {
      const code = error instanceof RpcError ? error.code : -32603;
      return { jsonrpc: "2.0", id, error: { code, message: error instanceof Error ? error.message : "" } };
    }
  }

  return {
    lies,
    calls,
    async handler({ body }) {
      const failure = lies.fails?.();
      if (failure) return failure;
      const asked = JSON.parse(body) as object | object[];
      const document = Array.isArray(asked) ? await Promise.all(asked.map(answer)) : await answer(asked);
      return { status: 200, headers: { "content-type": "application/json" }, body: JSON.stringify(document) };
    },
  };
}

/** Sends JSON-RPC calls on to a node that listens. */
export function remoteNode(url: string): JsonRpc {
  return async (method, params) => {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
    });
    const { result, error } = (await response.json()) as {
      result?: unknown;
      error?: { code: number; message: string };
    };
    if (error) throw new RpcError(error.code, error.message);
    return result;
  };
}

/** A block or receipt, or `null` where it is above the head. */
function known(head: number): (found: unknown) => unknown {
  return (found) => {
    const { number, blockNumber } = (found ?? {}) as { number?: string; blockNumber?: string };
    return Number(number ?? blockNumber ?? 0) > head ? null : found;
  };
}

function shifted(log: Log): Log {
  return log.topics[0] === TRANSFER ? { ...log, logIndex: numberToHex(Number(log.logIndex) + 1) } : log;
}
