/** A token that this library knows to be worth one US dollar. */
export interface Asset {
  readonly symbol: string;
  /** Smallest units per dollar, as a power of ten. */
  readonly decimals: number;
  /** The domain in which its transfers are signed (EIP-712); absent outside of EVM networks. */
  readonly domain?: { readonly name: string; readonly version: string };
}

/** All of them count millionths. */
const DECIMALS = 6;

/**
 * Dollar tokens: symbol → CAIP-2 network → address. Held equal by a test to the default assets of
 * `@x402/evm` that transfer by EIP-3009; Solana's two from Circle's list of USDC mints.
 */
export const ASSETS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  USDC: {
    "eip155:1": "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48",
    "eip155:50": "0xfA2958CB79b0491CC627c1557F441eF849Ca8eb1",
    "eip155:51": "0xb5AB69F7bBada22B28e79C8FFAECe55eF1c771D4",
    "eip155:137": "0x3c499c542cEF5E3811e1192ce70d8cC03d5c3359",
    "eip155:143": "0x754704Bc059F8C67012fEd69BC8A327a5aafb603",
    "eip155:1328": "0x4fCF1784B31630811181f670Aea7A7bEF803eaED",
    "eip155:1329": "0xe15fC38F6D8c56aF07bbCBe3BAf5708A2Bf42392",
    "eip155:8453": "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913",
    "eip155:42161": "0xaf88d065e77c8cC2239327C5EDb3A432268e5831",
    "eip155:42220": "0xcebA9300f2b948710d2653dD7B07f33A8B32118C",
    "eip155:43114": "0xB97EF9Ef8734C71904D8002F8b6Bc66Dd9c48a6E",
    "eip155:84532": "0x036CbD53842c5426634e7929541eC2318f3dCF7e",
    "eip155:421614": "0x75faf114eafb1BDbe2F0316DF893fd58CE46AA4d",
    "eip155:11142220": "0x01C5C0122039549AD1493B8220cABEdD739BC44E",
    "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp": "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v",
    "solana:EtWTRABZaYq6iMfeYKouRu166VU2xqa1": "4zMMC9srt5Ri5X14GAgXhaHii3GnPAEERYPJgZJDncDU",
  },
  "USDC.e": {
    "eip155:36900": "0x9cb8142aEBBcdc60AF7c97Af897A67A8f3CA71C2",
    "eip155:181228": "0x401eCb1D350407f13ba348573E5630B83638E30D",
    "eip155:190415": "0x401eCb1D350407f13ba348573E5630B83638E30D",
  },
  USDT0: {
    "eip155:14": "0xe7cd86e13AC4309349F30B3435a9d337750fC82D",
    "eip155:988": "0x779Ded0c9e1022225f8E0630b35a9b54bE713736",
    "eip155:2201": "0x78Cf24370174180738C5B8E352B6D14c83a6c9A9",
  },
  USDT: { "eip155:42220": "0x48065fbBE25f71C9282ddf5e1cD6D6A887483D5e" },
  USAT: { "eip155:42220": "0xD2ab3C9A02DBBAB236BfEC45D1d755DF4267F771" },
};

/** The EIP-712 domains by symbol, and the names that differ. Held equal by the same test. */
const DOMAINS: Readonly<Record<string, readonly [name: string, version: string]>> = {
  USDC: ["USDC", "2"],
  "USDC.e": ["Bridged USDC", "2"],
  USDT0: ["USDT0", "1"],
  USDT: ["Tether USD", "1"],
  USAT: ["Tether America USD", "1"],
};
const NAMES: Readonly<Record<string, string>> = {
  "eip155:14": "USD\u20ae0",
  "eip155:36900": "USDC.e",
  ...Object.fromEntries([1, 137, 8453, 42161, 43114, 421614].map((id) => [`eip155:${id}`, "USD Coin"])),
};

/** The known dollar token at `address`, or `undefined`. */
export function findAsset(network: string, address: string): Asset | undefined {
  for (const [symbol, places] of Object.entries(ASSETS)) {
    if (!sameAddress(network, places[network], address)) continue;
    const [name = "", version = ""] = DOMAINS[symbol] ?? [];
    const domain = network.startsWith("eip155:") ? { name: NAMES[network] ?? name, version } : undefined;
    return { symbol, decimals: DECIMALS, ...(domain ? { domain } : {}) };
  }
  return undefined;
}

/** Addresses of EVM networks compare without case: it is only a checksum (ERC-55). */
export function sameAddress(network: string, a: string | undefined, b: string): boolean {
  if (a === undefined || !network.startsWith("eip155:")) return a === b;
  return a.toLowerCase() === b.toLowerCase();
}
