import {
  type Address,
  createPublicClient,
  type Hex,
  http,
  isAddressEqual,
  type PublicClient,
  parseAbi,
} from "viem";
import type { Logger } from "../observe/log.ts";
import type { SignedPayment } from "../store/store.ts";
import { isRecord, type Network } from "../wire/index.ts";

/** What the chain's own record says of a signed payment. */
export type Evidence =
  /** This very transfer has been executed. */
  | { readonly state: "transferred"; readonly transaction: string }
  /** Its nonce was used by something else: a cancellation, or another transfer that the payer signed. */
  | { readonly state: "spent" }
  /** It is unused, and by the chain's time its authorization has expired: it can never be settled any more. */
  | { readonly state: "lapsed" }
  /** It is unused, and may still be settled. */
  | { readonly state: "open" };

/** Where to look up what has become of a payment when the facilitator cannot tell. */
export interface ChainRecord {
  /**
   * `undefined` when the record cannot tell either.
   * @param since When the payment was first known here, in milliseconds since the epoch: nobody has settled it before.
   * @throws when it cannot be read
   */
  lookUp(payment: SignedPayment, since: number): Promise<Evidence | undefined>;
}

/** Looks a payment up; `undefined` also when there is no record, or it cannot be read now. */
export async function evidenceOf(
  chain: ChainRecord | undefined,
  payment: SignedPayment,
  since: number,
  log: Logger,
): Promise<Evidence | undefined> {
  try {
    return await chain?.lookUp(payment, since);
  } catch (error) {
    log.warn({ error }, "the chain could not be asked about a payment");
    return undefined;
  }
}

/** EIP-3009, and the one event of ERC-20 that says who got what. */
const TOKEN = parseAbi([
  "function authorizationState(address authorizer, bytes32 nonce) view returns (bool)",
  "event AuthorizationUsed(address indexed authorizer, bytes32 indexed nonce)",
  "event Transfer(address indexed from, address indexed to, uint256 value)",
]);
const [, AUTHORIZATION_USED, TRANSFER] = TOKEN;

/** Public nodes refuse `eth_getLogs` over wider ranges. */
const BLOCKS_A_QUERY = 1_000n;
/** 100,000 blocks: more than two days of Base. */
const MOST_QUERIES = 100;
/** How much further back than it was first known a payment is looked for: clocks differ. */
const CLOCK_MARGIN_SECONDS = 900;
const TIMEOUT_MS = 10_000;

interface Transfer {
  readonly from: Address;
  readonly to: Address;
  readonly value: bigint;
  readonly nonce: Hex;
  readonly validBefore: bigint;
}

/** Reads EIP-3009 transfers from the chains' JSON-RPC nodes, `urls` by CAIP-2 network. */
export function rpcRecord(urls: ReadonlyMap<Network, string>): ChainRecord {
  const clients = new Map<Network, PublicClient>(
    Array.from(urls, ([network, url]) => [
      network,
      createPublicClient({ transport: http(url, { timeout: TIMEOUT_MS, retryCount: 1 }) }),
    ]),
  );

  return {
    async lookUp(payment, since) {
      const transfer = transferOf(payment);
      const client = clients.get(payment.network);
      if (!transfer || !client) return undefined;
      const address = payment.requirements.asset as Address;
      const { from, to, value, nonce, validBefore } = transfer;
      const latest = await client.getBlock({ blockTag: "latest" });
      const used = await client.readContract({
        abi: TOKEN,
        address,
        functionName: "authorizationState",
        args: [from, nonce],
        blockNumber: latest.number,
      });
      if (!used) return { state: latest.timestamp > validBefore ? "lapsed" : "open" };

      const begun = BigInt(Math.floor(since / 1000) - CLOCK_MARGIN_SECONDS);
      let toBlock = latest.number;
      for (let query = 0; query < MOST_QUERIES; query += 1) {
        const fromBlock = toBlock > BLOCKS_A_QUERY ? toBlock - BLOCKS_A_QUERY : 0n;
        const args = { authorizer: from, nonce };
        const [mark] = await client.getLogs({ address, event: AUTHORIZATION_USED, args, fromBlock, toBlock });
        if (mark) {
          // The token marks the nonce and moves the money in one go, so the two events are neighbours: another
          // transfer in the same transaction does not count.
          const moves = await client.getLogs({
            address,
            event: TRANSFER,
            args: { from, to },
            blockHash: mark.blockHash,
          });
          const moved = moves.some(
            (move) =>
              move.transactionHash === mark.transactionHash &&
              Math.abs(move.logIndex - mark.logIndex) === 1 &&
              move.args.value === value &&
              isAddressEqual(move.args.to ?? from, to),
          );
          return moved ? { state: "transferred", transaction: mark.transactionHash } : { state: "spent" };
        }
        const oldest = await client.getBlock({ blockNumber: fromBlock });
        // Used while it was ours to settle, and not by a transfer: the payer has cancelled it.
        if (fromBlock === 0n || oldest.timestamp < begun) return { state: "spent" };
        toBlock = fromBlock - 1n;
      }
      return undefined;
    },
  };
}

function transferOf({ payload }: SignedPayment): Transfer | undefined {
  const { authorization } = payload.payload;
  if (!isRecord(authorization) || "permit2Authorization" in payload.payload) return undefined;
  const { from, to, value, nonce, validBefore } = authorization;
  try {
    return {
      from: from as Address,
      to: to as Address,
      value: BigInt(value as string),
      nonce: nonce as Hex,
      validBefore: BigInt(validBefore as string),
    };
  } catch {
    return undefined;
  }
}
