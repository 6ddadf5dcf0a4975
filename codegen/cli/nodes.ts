import type { ChainRecord, Evidence } from "../../src/ledger/evidence.ts";
import type { Network } from "../../src/protocol/index.ts";
import { CommandError } from "./command.ts";

/** How a command is told where it can read a chain. */
export const RPC_OPTION = [
  "-r, --rpc <network=url>",
  "a node to read the chain from; repeat it for each network",
  (pair: string, before: readonly string[] = []): readonly string[] => [...before, pair],
] as const;

/**
 * The chain record of the nodes that `--rpc` names; `undefined` without one.
 * @throws CommandError
 */
export async function chainFromFlags(pairs: readonly string[] = []): Promise<ChainRecord | undefined> {
  const urls = new Map<Network, string>();
  for (const pair of pairs) {
    const [, network, url] = /^(eip155:\d+)=(https?:\/\/.+)$/.exec(pair) ?? [];
    if (network === undefined || url === undefined) {
      throw new CommandError(
        `--rpc: expected network=URL, got "${pair}". Write --rpc eip155:8453=https://node.example.com`,
        2,
      );
    }
    urls.set(network as Network, url);
  }
  if (urls.size === 0) return undefined;
  // On use: every command loads this file for its options.
  const { rpcRecord } = await import("../../src/ledger/evidence.ts");
  return rpcRecord(urls);
}

/** Evidence in the words of a list. */
export function evidenceText(found: Evidence | undefined): string {
  switch (found?.evidence) {
    case "settled":
      return `settled ${found.transaction}`;
    case "lapsed":
      return "lapsed: expired without use";
    case "spent-elsewhere":
      return `spent elsewhere ${found.transaction ?? ""}`.trimEnd();
    case "unused-yet":
      return "unused: it may still settle";
    default:
      return "no proof";
  }
}
