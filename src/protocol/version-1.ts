import { encodeHeader } from "./headers.ts";
import { isRecord, type PaymentPayload, type PaymentRequired, readPaymentRequired } from "./payment.ts";

/** The names that x402 v1 has for the EVM networks on which we know a dollar token, and their chain ids. */
const CHAINS: Readonly<Record<string, number>> = {
  ethereum: 1,
  flare: 14,
  polygon: 137,
  monad: 143,
  stable: 988,
  "sei-testnet": 1328,
  sei: 1329,
  "stable-testnet": 2201,
  base: 8453,
  celo: 42220,
  avalanche: 43114,
  "base-sepolia": 84532,
};

/** The CAIP-2 id of a v1 name; an unknown name is returned unchanged. */
export function caip2Of(name: string): string {
  return Object.hasOwn(CHAINS, name) ? `eip155:${CHAINS[name]}` : name;
}

/** Reads a v1 challenge, the body of a 402, as one of v2; `undefined` when it is none. `url` is the address that was called. */
export function readVersion1(body: unknown, url: string): PaymentRequired | undefined {
  if (!isRecord(body) || body.x402Version !== 1 || !Array.isArray(body.accepts)) return undefined;
  const accepts = body.accepts.filter(isRecord).map(({ network, maxAmountRequired: amount, ...offer }) => ({
    ...{
      scheme: offer.scheme,
      network: caip2Of(textOf(network)),
      asset: offer.asset,
      amount: textOf(amount),
    },
    ...{ payTo: offer.payTo, maxTimeoutSeconds: offer.maxTimeoutSeconds, extra: offer.extra ?? {} },
    resource: offer.resource,
  }));
  const resource = { url: accepts[0]?.resource ?? url };
  const own = accepts.filter((offer) => (offer.resource ?? url) === resource.url);
  return readPaymentRequired({
    x402Version: 2,
    resource,
    accepts: own.map(({ resource: _, ...offer }) => offer),
  });
}

/** Not every object can be written as text. */
function textOf(value: unknown): string {
  return typeof value === "string" || typeof value === "number" ? `${value}` : "";
}

/** The header `X-PAYMENT` with what was signed. */
export function encodeVersion1({ accepted: { scheme, network }, payload }: PaymentPayload): string {
  const name = Object.keys(CHAINS).find((name) => caip2Of(name) === network) ?? network;
  return encodeHeader({ x402Version: 1, scheme, network: name, payload });
}
