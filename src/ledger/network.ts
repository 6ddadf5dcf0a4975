import { EVM_NETWORK_CHAIN_ID_MAP } from "@x402/evm/v1";
import type { Network } from "../protocol/index.ts";

const byName = new Map<string, Network>(
  Object.entries(EVM_NETWORK_CHAIN_ID_MAP).map(([name, id]) => [name, `eip155:${id}`]),
);
const byNetwork = new Map([...byName].map(([name, network]) => [network, name]));

/** The plain name that x402 v1 has for a network; one that has none cannot be offered to v1 buyers. */
export function nameInV1(network: Network): string | undefined {
  return byNetwork.get(network);
}

/** The CAIP-2 id of a v1 name; the name itself when it is not known, which no offer will match. */
export function networkOfV1(name: string): string {
  return byName.get(name) ?? name;
}

/** Whether a value is the hash of a transaction on a network. Zero is what clients write where there is none. */
export function isTransaction(network: Network, value: unknown): value is string {
  return (
    network.startsWith("eip155:") &&
    typeof value === "string" &&
    /^0x[0-9a-fA-F]{64}$/.test(value) &&
    !/^0x0+$/.test(value)
  );
}
