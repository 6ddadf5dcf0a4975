import { DEFAULT_ASSETS } from "@x402/evm";
import { isUsd, type Money, parseUsd, type Usd } from "../../schema/money.ts";
import { findAsset, type Network, sameAddress } from "../protocol/index.ts";
import { addressProblem } from "./address.ts";

/** One way in which buyers may pay. */
export interface Accept {
  /** CAIP-2, such as `eip155:8453` (Base). */
  readonly network: Network;
  /** The seller's address. */
  readonly payTo: string;
  /** @default the network's default dollar token, as `@x402/evm` knows it (USDC where there is one) */
  readonly asset?: AcceptedAsset;
  /**
   * A JSON-RPC node of the network, asked when the facilitator cannot say what has become of a payment. Without it, a
   * settlement whose answer was lost may stay unconfirmed for good: most facilitators only say that the nonce is used.
   */
  readonly rpcUrl?: string;
}

/** A token that transfers by EIP-3009. */
export interface AcceptedAsset {
  readonly address: string;
  readonly symbol: string;
  /** A whole number from 0 to 36. */
  readonly decimals: number;
  /** The token's EIP-712 domain. */
  readonly name: string;
  readonly version: string;
  /**
   * US dollars that one whole token is worth, as a decimal string: `"1.08"`. Required for a token that is not known to be
   * worth one dollar, and refused for one that is. Prices are converted with it and rounded up to the token's smallest
   * unit. It does not follow the market: change it when the token's value changes.
   */
  readonly usdRate?: Usd;
}

/** A way to pay that can work, as far as can be told without asking anyone. */
export interface CheckedAccept extends Accept {
  readonly asset: AcceptedAsset;
  /** Dollars that one whole token is worth. */
  readonly rate: Money;
}

const MAX_DECIMALS = 36;
const ONE_DOLLAR = parseUsd("1");

/** @throws Error with the place, what is wrong and what to write instead. */
export function checkedAccept(accept: Accept, place: string): CheckedAccept {
  const { network, payTo } = accept;
  if (typeof network !== "string" || !/^eip155:\d+$/.test(network)) {
    throw new Error(
      `${place}.network: "${network}" is not an EVM network; write its CAIP-2 id, such as "eip155:8453"`,
    );
  }
  const problem = addressProblem(payTo);
  if (problem !== undefined) throw new Error(`${place}.payTo: "${payTo}" ${problem}`);
  if (accept.asset === undefined) {
    return { ...accept, asset: defaultAsset(network, place), rate: ONE_DOLLAR };
  }
  return { ...accept, asset: accept.asset, rate: rateOf(network, accept.asset, `${place}.asset`) };
}

/** What one token is worth. @throws Error when the asset cannot be what it says, or its worth is not known */
function rateOf(network: Network, asset: AcceptedAsset, place: string): Money {
  const { address, decimals, usdRate } = asset;
  const problem = addressProblem(address);
  if (problem !== undefined) throw new Error(`${place}.address: "${address}" ${problem}`);
  if (!Number.isInteger(decimals) || decimals < 0 || decimals > MAX_DECIMALS) {
    throw new Error(`${place}.decimals is ${decimals}; write a whole number from 0 to ${MAX_DECIMALS}`);
  }
  for (const member of ["symbol", "name", "version"] as const) {
    const text: unknown = asset[member];
    if (typeof text === "string" && text.trim() !== "") continue;
    throw new Error(`${place}.${member} is missing or empty; write what the token's contract says`);
  }
  const known = dollarToken(network, address);
  if (known === undefined) {
    if (isUsd(usdRate) && parseUsd(usdRate) > 0n) return parseUsd(usdRate);
    const wrong =
      usdRate === undefined ? "is missing" : `${JSON.stringify(usdRate)} is not a decimal above zero`;
    throw new Error(
      `${place}.usdRate: ${wrong}: ${asset.symbol} is not known to be worth one dollar; write the dollars that one token ` +
        'is worth, such as "1.08"',
    );
  }
  if (usdRate !== undefined) {
    throw new Error(`${place}.usdRate: ${known.symbol} is worth one dollar; remove usdRate`);
  }
  if (decimals !== known.decimals) {
    throw new Error(`${place}.decimals is ${decimals}; ${known.symbol} has ${known.decimals}`);
  }
  return ONE_DOLLAR;
}

/** The dollar token at an address, if it is known as one. */
function dollarToken(
  network: Network,
  address: string,
): { readonly symbol: string; readonly decimals: number } | undefined {
  return (
    findAsset(network, address) ??
    DEFAULT_ASSETS[network]?.find(({ asset }) => sameAddress(network, asset, address))
  );
}

function defaultAsset(network: Network, place: string): AcceptedAsset {
  const found = DEFAULT_ASSETS[network]?.find(({ assetTransferMethod }) => assetTransferMethod === undefined);
  if (!found) {
    throw new Error(`${place}.asset: no dollar token with EIP-3009 is known on ${network}; name one`);
  }
  const { asset: address, symbol, decimals, name, version } = found;
  return { address, symbol, decimals, name, version };
}
