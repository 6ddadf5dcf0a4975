import {
  type Address,
  type Client,
  createClient,
  formatLog,
  type Hex,
  http,
  isAddress,
  isAddressEqual,
  isHash,
  type Log,
  numberToHex,
  pad,
  parseAbi,
  parseEventLogs,
  type RpcLog,
  toEventSelector,
} from "viem";
import { getBlock, getChainId, getTransactionReceipt, readContract } from "viem/actions";
import { isRecord, type Network } from "../protocol/index.ts";
import type { SignedPayment } from "../store/store.ts";
import type { Logger } from "../telemetry/log.ts";
import { brief } from "../telemetry/redact.ts";
import type { Time } from "../time/time.ts";
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

/** Where a chain is asked. */
export interface ChainSource {
  readonly chain: ChainRecord | undefined;
  readonly log: Logger;
  readonly time: Time;
}

const OF_CHAINS: readonly string[] = ["settled", "lapsed", "spent-elsewhere", "unused-yet"];
const LOOK_UP_MS = 10_000;

/** Asks a chain, for `timeoutMs` at most. Never rejects: what cannot be read proves nothing. */
export async function lookUp(
  { chain, log, time }: ChainSource,
  payment: SignedPayment,
  since: number,
  timeoutMs = LOOK_UP_MS,
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
  "event AuthorizationUsed(address indexed authorizer, bytes32 indexed nonce)",
  "event AuthorizationCanceled(address indexed authorizer, bytes32 indexed nonce)",
  "event Transfer(address indexed from, address indexed to, uint256 value)",
]);
const [USED = "0x", CANCELED = "0x", TRANSFER = "0x"] = TOKEN.filter(({ type }) => type === "event").map(
  toEventSelector,
);

const REQUEST_MS = 10_000;
/** Reads of the token's log in one look-up. */
const MAX_READS = 90;
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
      return transfer && nodes.get(payment.network)?.(transfer, since);
    },
  };
}

/** What the node of a network proves about a transfer. */
function nodeAt(
  network: Network,
  url: string,
): (transfer: Transfer, since: number) => Promise<Evidence | undefined> {
  // What a node says never makes this server ask another one.
  const client = createClient({
    ccipRead: false,
    transport: http(url, { timeout: REQUEST_MS, retryCount: 0 }),
  });
  let isRight = false;
  let window = MAX_WINDOW;

  return async (transfer, since) => {
    const { asset, from, nonce, validBefore } = transfer;
    if (!isRight) {
      const chain = await getChainId(client);
      if (`eip155:${chain}` !== network)
        throw new WrongChain(`the node serves eip155:${chain}, not ${network}`);
      isRight = true;
    }
    const newest = await blockAt(client, { blockTag: "latest" });
    const safe = await safeBlock(client, newest);
    const isPast = safe !== undefined && safe.timestamp > validBefore;
    const { number, hash: blockHash } = isPast ? safe : newest;
    // Both are read at one block's hash: behind one URL may be several nodes at different heights.
    const state = {
      abi: TOKEN,
      address: asset,
      functionName: "authorizationState",
      args: [from, nonce],
    } as const;
    const isUsed = await readContract(client, { ...state, blockHash });
    if (!isUsed) return { evidence: isPast ? "lapsed" : "unused-yet" };

    const begun = BigInt(Math.floor(since / 1000) - CLOCK_MARGIN_SECONDS);
    let refused = MAX_WINDOW + 1n;
    for (let reads = 0, to = number; reads < MAX_READS; reads += 1) {
      const first = to < window ? 0n : to - window + 1n;
      const marks = await marksIn(client, transfer, first, to).catch((error: unknown) => {
        if (window === 1n) throw error;
      });
      if (!marks) {
        refused = window;
        window /= 2n;
        continue;
      }
      if (window * 2n < refused) window *= 2n;
      if (marks.length > 0) return markedBy(client, marks, transfer, safe?.number ?? -1n);
      // The nonce is used, and no log shows by which transaction. That proves nothing.
      if (first === 0n || (await blockAt(client, { blockNumber: first })).timestamp < begun) return undefined;
      to = first - 1n;
    }
    throw new Error(`not found in ${MAX_READS} reads of the log`);
  };
}

type At = { readonly blockTag: "latest" | "safe" | "finalized" } | { readonly blockNumber: bigint };

async function blockAt(client: Client, at: At) {
  const { number, hash, timestamp } = await getBlock(client, at);
  if (number === null || hash === null || !isHash(hash) || timestamp === undefined)
    throw new Error("not a block");
  return { number, hash, timestamp };
}

type Block = Awaited<ReturnType<typeof blockAt>>;

/** A block that no reorganization removes. */
async function safeBlock(client: Client, newest: Block): Promise<Block | undefined> {
  for (const blockTag of ["safe", "finalized"] as const) {
    const block = await blockAt(client, { blockTag }).catch(() => undefined);
    if (block) return block;
  }
  for (let back = 1n; back <= newest.number; back *= 2n) {
    const block = await blockAt(client, { blockNumber: newest.number - back }).catch(() => undefined);
    if (block && newest.timestamp - block.timestamp >= SAFE_SECONDS) return block;
  }
  return undefined;
}

/** The events of a token in their order. @throws when one has another form than the token standard says */
function eventsOf(asset: Address, all: readonly Log[]) {
  const logs = all.filter(
    ({ address, topics: [kind] }) =>
      isAddressEqual(address, asset) && (kind === USED || kind === CANCELED || kind === TRANSFER),
  );
  const events = parseEventLogs({ abi: TOKEN, logs });
  if (events.length !== logs.length || logs.some(({ removed }) => removed))
    throw new Error("not a token's log");
  return events.sort((a, b) => Number(a.logIndex) - Number(b.logIndex));
}

type TokenEvent = ReturnType<typeof eventsOf>[number];

/** The events that mark the nonce of a transfer as used or canceled. */
async function marksIn(client: Client, { asset, from, nonce }: Transfer, first: bigint, to: bigint) {
  const filter = { address: asset, topics: [[USED, CANCELED], pad(from), nonce] };
  const range = { fromBlock: numberToHex(first), toBlock: numberToHex(to) };
  const found = await client.request({ method: "eth_getLogs", params: [{ ...filter, ...range }] });
  return eventsOf(
    asset,
    (found as RpcLog[]).map((log) => formatLog(log)),
  );
}

/** What a use of the nonce means: its event says so, or the transfers in its transaction. */
async function markedBy(
  client: Client,
  [mark, ...others]: readonly TokenEvent[],
  { asset, from, to, value, nonce }: Transfer,
  safe: bigint,
): Promise<Evidence | undefined> {
  const isOurs = ({ eventName, args }: TokenEvent): boolean =>
    eventName !== "Transfer" && isAddressEqual(args.authorizer, from) && args.nonce === nonce;
  if (!mark || others.length > 0 || !isOurs(mark)) return undefined;
  const { transactionHash: transaction, blockHash, blockNumber, logIndex } = mark;
  const elsewhere = blockNumber <= safe ? ({ evidence: "spent-elsewhere", transaction } as const) : undefined;
  if (mark.eventName === "AuthorizationCanceled") return elsewhere;
  const receipt = await getTransactionReceipt(client, { hash: transaction });
  if (receipt.status !== "success" || receipt.blockHash !== blockHash) return undefined;
  const ofPayer = eventsOf(asset, receipt.logs).filter(({ eventName, args }) =>
    isAddressEqual(eventName === "Transfer" ? args.from : args.authorizer, from),
  );
  const own = ofPayer.findIndex((one) => isOurs(one) && one.logIndex === logIndex);
  if (own === -1) return undefined;
  if (!ofPayer.some(({ eventName }) => eventName === "Transfer")) return elsewhere;
  // Tokens mark the nonce and move the money one after the other. Both neighbors must fit: what the payer moved beside it
  // in the same transaction may be another payment's.
  const moves = [ofPayer[own - 1], ofPayer[own + 1]].filter((one) => one?.eventName === "Transfer");
  const fit = moves.every(({ args }) => isAddressEqual(args.to, to) && args.value === value);
  return moves.length > 0 && fit ? { evidence: "settled", transaction } : undefined;
}

interface Transfer {
  readonly asset: Address;
  readonly from: Address;
  readonly to: Address;
  readonly value: bigint;
  readonly nonce: Hex;
  readonly validBefore: bigint;
}

/** The EIP-3009 transfer of a payment, as its offer asks for it; `undefined` for anything else. */
function transferOf(payment: SignedPayment): Transfer | undefined {
  const { authorization } = payment.payload.payload;
  const { asset, payTo } = payment.requirements;
  if (!isRecord(authorization) || "permit2Authorization" in payment.payload.payload) return undefined;
  const { from, to, value, validBefore } = authorization;
  const nonce = `${authorization.nonce}`.toLowerCase();
  if (!isAccount(from) || !isAccount(to) || !isAccount(asset) || !isAccount(payTo) || !isHash(nonce))
    return undefined;
  if (!isAddressEqual(to, payTo) || `${value}` !== amountOf(payment) || !/^\d+$/.test(`${validBefore}`))
    return undefined;
  return { asset, from, to, value: BigInt(`${value}`), nonce, validBefore: BigInt(`${validBefore}`) };
}

const isAccount = (value: unknown): value is Address => isAddress(`${value}`, { strict: false });
