/** A token that this library knows to be worth one US dollar. */
export interface Asset {
  /** Address as the network writes it. */
  readonly address: string;
  readonly symbol: string;
  /** Smallest units per dollar, as a power of ten. */
  readonly decimals: number;
}

const usdc = (address: string): Asset => ({ address, symbol: "USDC", decimals: 6 });

/**
 * Dollar tokens by CAIP-2 network. Held equal by a test to the default assets of `@x402/evm` that
 * transfer by EIP-3009; Solana's two from Circle's list of USDC mints.
 */
export const ASSETS: Readonly<Record<string, readonly Asset[]>> = {
  "eip155:1": [usdc("0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48")],
  "eip155:14": [{ address: "0xe7cd86e13AC4309349F30B3435a9d337750fC82D", symbol: "USDT0", decimals: 6 }],
  "eip155:50": [usdc("0xfA2958CB79b0491CC627c1557F441eF849Ca8eb1")],
  "eip155:51": [usdc("0xb5AB69F7bBada22B28e79C8FFAECe55eF1c771D4")],
  "eip155:137": [usdc("0x3c499c542cEF5E3811e1192ce70d8cC03d5c3359")],
  "eip155:143": [usdc("0x754704Bc059F8C67012fEd69BC8A327a5aafb603")],
  "eip155:988": [{ address: "0x779Ded0c9e1022225f8E0630b35a9b54bE713736", symbol: "USDT0", decimals: 6 }],
  "eip155:1328": [usdc("0x4fCF1784B31630811181f670Aea7A7bEF803eaED")],
  "eip155:1329": [usdc("0xe15fC38F6D8c56aF07bbCBe3BAf5708A2Bf42392")],
  "eip155:2201": [{ address: "0x78Cf24370174180738C5B8E352B6D14c83a6c9A9", symbol: "USDT0", decimals: 6 }],
  "eip155:8453": [usdc("0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913")],
  "eip155:36900": [{ address: "0x9cb8142aEBBcdc60AF7c97Af897A67A8f3CA71C2", symbol: "USDC.e", decimals: 6 }],
  "eip155:42161": [usdc("0xaf88d065e77c8cC2239327C5EDb3A432268e5831")],
  "eip155:42220": [
    usdc("0xcebA9300f2b948710d2653dD7B07f33A8B32118C"),
    { address: "0x48065fbBE25f71C9282ddf5e1cD6D6A887483D5e", symbol: "USDT", decimals: 6 },
    { address: "0xD2ab3C9A02DBBAB236BfEC45D1d755DF4267F771", symbol: "USAT", decimals: 6 },
  ],
  "eip155:43114": [usdc("0xB97EF9Ef8734C71904D8002F8b6Bc66Dd9c48a6E")],
  "eip155:84532": [usdc("0x036CbD53842c5426634e7929541eC2318f3dCF7e")],
  "eip155:181228": [{ address: "0x401eCb1D350407f13ba348573E5630B83638E30D", symbol: "USDC.e", decimals: 6 }],
  "eip155:190415": [{ address: "0x401eCb1D350407f13ba348573E5630B83638E30D", symbol: "USDC.e", decimals: 6 }],
  "eip155:421614": [usdc("0x75faf114eafb1BDbe2F0316DF893fd58CE46AA4d")],
  "eip155:11142220": [usdc("0x01C5C0122039549AD1493B8220cABEdD739BC44E")],
  "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp": [usdc("EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v")],
  "solana:EtWTRABZaYq6iMfeYKouRu166VU2xqa1": [usdc("4zMMC9srt5Ri5X14GAgXhaHii3GnPAEERYPJgZJDncDU")],
};

/** The known dollar token at `address`, or `undefined`. EVM addresses compare without case. */
export function findAsset(network: string, address: string): Asset | undefined {
  const wanted = network.startsWith("eip155:") ? address.toLowerCase() : address;
  return ASSETS[network]?.find(
    (asset) => (network.startsWith("eip155:") ? asset.address.toLowerCase() : asset.address) === wanted,
  );
}
