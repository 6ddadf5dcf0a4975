import { createClient, encodeFunctionData, type Hex, http, pad, parseAbi, toEventSelector } from "viem";
import type { Logger } from "../observe/log.ts";
import { brief } from "../observe/redact.ts";
import type { SignedPayment } from "../store/store.ts";
import { systemTime, type Time } from "../time/time.ts";
import { isRecord, type Network } from "../wire/index.ts";
import { amountOf } from "./payment.ts";

/** What is known about a submission. Whatever is not proven is `unclear`, or `undefined` where the chain was read. */
export type Evidence =
  /** Success for the asked network with a transaction, or the chain's matching transfer. */
  | { readonly evidence: "settled"; readonly transaction: string }
  /** A known word, in a reply without a transaction. */
  | { readonly evidence: "refused"; readonly reason: string }
  /** Nothing was sent, or nothing was done and the buyer is not at fault: the same bytes may be sent again. */
  | { readonly evidence: "not-sent"; readonly reason: string }
  /** Silence, an unknown word, a malformed reply. */
  | { readonly evidence: "unclear"; readonly reason: string }
  /** Chain only: expired without use. It can never settle. */
  | { readonly evidence: "lapsed" }
  /** Chain only: canceled, or used without a transfer from the payer. It can never settle. */
  | { readonly evidence: "spent-elsewhere"; readonly transaction: string | undefined }
  /** Chain only: may still settle. */
  | { readonly evidence: "unused-yet" };

/** What a chain says about a payment. */
export interface ChainRecord {
  /**
   * Resolves to `settled`, `lapsed`, `spent-elsewhere`, `unused-yet`, or `undefined` when the chain proves none of them.
   * @param since When this store first saw the payment, in milliseconds since the epoch.
   * @throws when the chain cannot be read
   */
  lookUp(payment: SignedPayment, since: number): Promise<Evidence | undefined>;
  /** Whether it can be asked about this network. @default it can */
  covers?(network: string): boolean;
}

const OF_CHAINS: readonly string[] = ["settled", "lapsed", "spent-elsewhere", "unused-yet"];
const LOOK_UP_MS = 30_000;

/** Asks a chain, for `timeoutMs` at most. Never rejects: what cannot be read proves nothing. */
export async function lookUp(
  chain: ChainRecord | undefined,
  payment: SignedPayment,
  since: number,
  log: Logger,
  timeoutMs = LOOK_UP_MS,
  time: Time = systemTime,
): Promise<Evidence | undefined> {
  let cancel = (): void => {};
  try {
    const timeout = new Promise<never>((_, reject) => {
      cancel = time.after(timeoutMs, () => reject(new Error(`no reply in ${timeoutMs} ms`)));
    });
    const evidence = await Promise.race([chain?.lookUp(payment, since), timeout]);
    return evidence && OF_CHAINS.includes(evidence.evidence) ? evidence : undefined;
  } catch (error) {
    const level = error instanceof WrongChain ? "error" : "warn";
    log[level]({ network: payment.network, reason: brief(error) }, "the chain could not be read");
    return undefined;
  } finally {
    cancel();
  }
}

class WrongChain extends Error {}

const TOKEN = parseAbi([
  "function authorizationState(address authorizer, bytes32 nonce) view returns (bool)",
]);
const USED = toEventSelector("AuthorizationUsed(address,bytes32)");
const CANCELED = toEventSelector("AuthorizationCanceled(address,bytes32)");
const TRANSFER = toEventSelector("Transfer(address,address,uint256)");

const REQUEST_MS = 10_000;
/** Requests in one look-up. */
const MAX_REQUESTS = 200;
/** Blocks in one `eth_getLogs`. Hosted nodes allow 10 to 1,000, some more. */
const MAX_WINDOW = 1_000n;
/** A payment is searched for so much earlier than `since`: clocks differ. */
const CLOCK_MARGIN_SECONDS = 3_600;
/** Where a node knows no safe block, one that is so much older than the newest counts as safe. */
const SAFE_SECONDS = 60n;

/** Reads EIP-3009 payments from JSON-RPC nodes, `urls` by CAIP-2 network. */
export function rpcRecord(urls: ReadonlyMap<Network, string>): ChainRecord {
  const nodes = new Map(Array.from(urls, ([network, url]) => [network, nodeAt(network, url)]));
  return {
    covers: (network) => nodes.has(network as Network),
    async lookUp(payment, since) {
      const transfer = transferOf(payment);
      const node = nodes.get(payment.network);
      return transfer && node && evidenceOn(await node(), transfer, since);
    },
  };
}

/** All requests of one look-up. */
interface Node {
  request(method: string, params: readonly unknown[]): Promise<unknown>;
  /** The logs in a range of blocks that ends with `to`, as wide as the node allows, and the first block of it. */
  logs(filter: object, to: bigint): Promise<{ readonly logs: readonly Log[]; readonly from: bigint }>;
}

function nodeAt(network: Network, url: string): () => Promise<Node> {
  const client = createClient({ transport: http(url, { timeout: REQUEST_MS, retryCount: 0 }) });
  let isRight = false;
  let window = MAX_WINDOW;

  return async () => {
    let requests = 0;
    const request: Node["request"] = async (method, params) => {
      requests += 1;
      if (requests > MAX_REQUESTS) throw new Error(`more than ${MAX_REQUESTS} requests`);
      return client.request({ method, params } as never);
    };
    if (!isRight) {
      const chain = quantity(await request("eth_chainId", []));
      if (`eip155:${chain}` !== network)
        throw new WrongChain(`the node serves eip155:${chain}, not ${network}`);
      isRight = true;
    }
    let refused = MAX_WINDOW + 1n;
    return {
      request,
      async logs(filter, to) {
        for (;;) {
          const from = to < window ? 0n : to - window + 1n;
          try {
            const found = await request("eth_getLogs", [
              { ...filter, fromBlock: hex(from), toBlock: hex(to) },
            ]);
            if (window * 2n < refused) window *= 2n;
            return { logs: logsIn(found), from };
          } catch (error) {
            if (window === 1n) throw error;
            refused = window;
            window /= 2n;
          }
        }
      },
    };
  };
}

/** What the chain proves about a transfer. */
async function evidenceOn(
  { request, logs }: Node,
  transfer: Transfer,
  since: number,
): Promise<Evidence | undefined> {
  const { asset, from, nonce, validBefore } = transfer;

  async function blockAt(block: string): Promise<Block | undefined> {
    const found = await request("eth_getBlockByNumber", [block, false]);
    if (found === null) return undefined;
    const { number, hash, timestamp } = record(found);
    return { number: quantity(number), hash: word(hash), timestamp: quantity(timestamp) };
  }

  /** A block that no reorganization removes. */
  async function safeBlock(newest: Block): Promise<Block | undefined> {
    for (const tag of ["safe", "finalized"]) {
      const block = await blockAt(tag).catch(() => undefined);
      if (block) return block;
    }
    for (let back = 1n; back <= newest.number; back *= 2n) {
      const block = await blockAt(hex(newest.number - back));
      if (block && newest.timestamp - block.timestamp >= SAFE_SECONDS) return block;
    }
    return undefined;
  }

  const newest = await blockAt("latest");
  if (!newest) return undefined;
  const safe = await safeBlock(newest);
  const isPast = safe !== undefined && safe.timestamp > validBefore;
  const at = isPast ? safe : newest;
  // Both are read at one block's hash: behind one URL may be several nodes at different heights.
  const data = encodeFunctionData({ abi: TOKEN, args: [from, nonce] });
  const state = quantity(word(await request("eth_call", [{ to: asset, data }, { blockHash: at.hash }])));
  if (state === 0n) return { evidence: isPast ? "lapsed" : "unused-yet" };
  if (state !== 1n) return undefined;

  const begun = BigInt(Math.floor(since / 1000) - CLOCK_MARGIN_SECONDS);
  const marks = { address: asset, topics: [[USED, CANCELED], pad(from), nonce] };
  for (let to = at.number; ; ) {
    const { logs: found, from: first } = await logs(marks, to);
    const [mark, ...others] = found;
    if (mark) {
      const isSafe = safe !== undefined && mark.block <= safe.number;
      const evidence = others.length === 0 ? await markedBy(mark, transfer, request) : undefined;
      return evidence?.evidence === "spent-elsewhere" && !isSafe ? undefined : evidence;
    }
    const oldest = first === 0n ? undefined : await blockAt(hex(first));
    // Used, and nobody shows by what: that proves nothing.
    if (!oldest || oldest.timestamp < begun) return undefined;
    to = first - 1n;
  }
}

/** What a use of the nonce means: its event says so, or the transfers in its transaction. */
async function markedBy(
  mark: Log,
  { asset, from, to, value, nonce }: Transfer,
  request: Node["request"],
): Promise<Evidence | undefined> {
  const isOurs = ({ address, topics: [, owner, used] }: Log): boolean =>
    address === asset && owner === pad(from) && used === nonce;
  if (!isOurs(mark)) return undefined;
  const { transaction } = mark;
  if (mark.topics[0] === CANCELED) return { evidence: "spent-elsewhere", transaction };
  if (mark.topics[0] !== USED) return undefined;
  const receipt = record(await request("eth_getTransactionReceipt", [transaction]));
  if (receipt.status !== "0x1" || receipt.blockHash !== mark.blockHash) return undefined;
  const all = logsIn(receipt.logs).filter(({ address }) => address === asset);
  const ofPayer = all.filter(
    ({ topics: [kind, by] }) => (kind === TRANSFER || kind === USED) && by === pad(from),
  );
  ofPayer.sort((a, b) => Number(a.index - b.index));
  const own = ofPayer.findIndex((one) => isOurs(one) && one.index === mark.index);
  const isMove = ({ topics: [kind] }: Log): boolean => kind === TRANSFER;
  if (own === -1 || all.some((one) => isMove(one) && one.topics.length !== 3)) return undefined;
  if (!ofPayer.some(isMove)) return { evidence: "spent-elsewhere", transaction };
  // Tokens mark the nonce and move the money one after the other. Both neighbors must fit: what the payer moved beside it
  // in the same transaction may be another payment's.
  const moves = [ofPayer[own - 1], ofPayer[own + 1]].filter((one) => one !== undefined && isMove(one));
  const fit = moves.every((one) => one?.topics[2] === pad(to) && one.data === pad(hex(value), { size: 32 }));
  return moves.length > 0 && fit ? { evidence: "settled", transaction } : undefined;
}

interface Block {
  readonly number: bigint;
  readonly hash: Hex;
  readonly timestamp: bigint;
}

interface Log {
  readonly address: string;
  readonly topics: readonly string[];
  readonly data: string;
  readonly transaction: Hex;
  readonly blockHash: Hex;
  readonly block: bigint;
  readonly index: bigint;
}

interface Transfer {
  readonly asset: Hex;
  readonly from: Hex;
  readonly to: Hex;
  readonly value: bigint;
  readonly nonce: Hex;
  readonly validBefore: bigint;
}

/** The EIP-3009 transfer of a payment, as its offer asks for it; `undefined` for anything else. */
function transferOf(payment: SignedPayment): Transfer | undefined {
  const { authorization } = payment.payload.payload;
  const { asset, payTo } = payment.requirements;
  if (!isRecord(authorization) || "permit2Authorization" in payment.payload.payload) return undefined;
  const [from, to, token] = [authorization.from, authorization.to, asset].map(address);
  const nonce = `${authorization.nonce}`.toLowerCase();
  if (!from || !to || !token || to !== address(payTo) || !WORD.test(nonce)) return undefined;
  const { value, validBefore } = authorization;
  if (`${value}` !== amountOf(payment) || !/^\d+$/.test(`${validBefore}`)) return undefined;
  return {
    asset: token,
    from,
    to,
    value: BigInt(`${value}`),
    nonce: nonce as Hex,
    validBefore: BigInt(`${validBefore}`),
  };
}

function address(value: unknown): Hex | undefined {
  return /^0x[0-9a-f]{40}$/i.test(`${value}`) ? (`${value}`.toLowerCase() as Hex) : undefined;
}

// A node's replies are read strictly: what has another form than expected proves nothing.
const WORD = /^0x[0-9a-f]{64}$/i;

function record(value: unknown): Readonly<Record<string, unknown>> {
  if (isRecord(value)) return value;
  throw new Error("the node's reply is not an object");
}

function word(value: unknown): Hex {
  if (typeof value === "string" && WORD.test(value)) return value.toLowerCase() as Hex;
  throw new Error("the node's reply is not 32 bytes");
}

function quantity(value: unknown): bigint {
  if (typeof value === "string" && /^0x[0-9a-f]+$/i.test(value)) return BigInt(value);
  throw new Error("the node's reply is not a number");
}

function hex(value: bigint): Hex {
  return `0x${value.toString(16)}`;
}

function logsIn(value: unknown): Log[] {
  if (!Array.isArray(value)) throw new Error("the node's reply is not a list of logs");
  return value.map(record).map((log) => {
    if (log.removed === true || !Array.isArray(log.topics)) throw new Error("the node's reply is not a log");
    return {
      address: `${log.address}`.toLowerCase(),
      topics: log.topics.map(word),
      data: `${log.data}`.toLowerCase(),
      transaction: word(log.transactionHash),
      blockHash: word(log.blockHash),
      block: quantity(log.blockNumber),
      index: quantity(log.logIndex),
    };
  });
}
