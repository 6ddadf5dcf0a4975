import { isRecord, type PaymentPayload, type PaymentRequired } from "../protocol/index.ts";
import { type EvmAccount, signTransfer } from "../protocol/transfer.ts";
import { systemTime } from "../time/time.ts";
import type { Payer } from "./pay.ts";

export type { EvmAccount } from "../protocol/transfer.ts";

/** Options of `evmPayer`. */
export interface EvmPayerOptions {
  /**
   * JSON-RPC of the network that is paid on, over HTTP. With it the payer can prove that a payment lapsed unused, which
   * frees its key and its share of the budget. You trust the node not to lie about that.
   */
  readonly rpcUrl?: string;
}

/** Timeout of a query to the chain, in milliseconds. A missing reply proves nothing. */
const RPC_TIMEOUT_MS = 10_000;
/** EIP-3009 `authorizationState(address,bytes32)`: true when the nonce has been used or cancelled. */
const AUTHORIZATION_STATE = "0xe94a0102";

/**
 * Pays with an EVM account by EIP-3009 authorizations, in the x402 scheme `exact`: nothing to approve
 * beforehand, no gas to hold. Each signature is good for one transfer of exactly the offered amount, until
 * `maxTimeoutSeconds` of the offer have passed. For other ways of transfer pass an `x402Client` instead.
 */
export function evmPayer(account: EvmAccount, { rpcUrl }: EvmPayerOptions = {}): Payer {
  return {
    ...(rpcUrl === undefined
      ? {}
      : {
          lapsed: ({ accepted, payload }: PaymentPayload) =>
            isExpiredUnused(rpcUrl, accepted, (payload as Partial<Signed>).authorization),
          used: async ({ accepted, payload }: PaymentPayload) =>
            (await stateOf(rpcUrl, accepted, (payload as Partial<Signed>).authorization))?.isUsed === true,
        }),

    createPaymentPayload: (required: PaymentRequired) => signed(required, randomNonce()),

    // A token takes the nonce of an account's authorization once, whatever else the authorization says.
    replace: async (required, { payload }) => {
      const { from, nonce } = (payload as unknown as Signed).authorization;
      if (from.toLowerCase() !== account.address.toLowerCase()) throw new Error("is of another account");
      return signed(required, nonce);
    },
  };

  async function signed(required: PaymentRequired, nonce: `0x${string}`): Promise<PaymentPayload> {
    const accepted = required.accepts.find(
      (offer) =>
        offer.scheme === "exact" &&
        offer.network.startsWith("eip155:") &&
        (offer.extra.assetTransferMethod ?? "eip3009") === "eip3009",
    );
    if (!accepted) throw new Error("no offer is payable by an EIP-3009 authorization");
    const { name, version } = accepted.extra;
    if (typeof name !== "string" || typeof version !== "string") {
      throw new Error("the offer does not name the token's EIP-712 domain (extra.name, extra.version)");
    }
    const payload = await signTransfer(account, {
      network: accepted.network,
      asset: accepted.asset,
      domain: { name, version },
      to: accepted.payTo,
      atomicAmount: accepted.amount,
      nonce,
      validBefore: Math.floor(Date.now() / 1000) + accepted.maxTimeoutSeconds,
    });
    return {
      x402Version: 2,
      resource: required.resource,
      accepted,
      payload,
      ...(required.extensions === undefined ? {} : { extensions: required.extensions }),
    };
  }
}

function randomNonce(): `0x${string}` {
  const bytes = crypto.getRandomValues(new Uint8Array(32));
  return `0x${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

interface Signed {
  readonly authorization: {
    readonly from: string;
    readonly nonce: `0x${string}`;
    readonly validBefore: string;
  };
}

/** How far the newest block must be past an authorization's end, in seconds: an earlier one may still be replaced. */
const SETTLED_SECONDS = 60n;

/** True when the newest block is a minute past the authorization's end, and the nonce was unused in it. */
async function isExpiredUnused(
  rpcUrl: string,
  accepted: PaymentPayload["accepted"],
  authorization: Signed["authorization"] | undefined,
): Promise<boolean> {
  const state = await stateOf(rpcUrl, accepted, authorization);
  if (!authorization || state?.isUsed !== false) return false;
  return state.timestamp >= BigInt(authorization.validBefore) + SETTLED_SECONDS;
}

/** The nonce of an authorization as of the newest block; `undefined` where the node does not say. */
async function stateOf(
  rpcUrl: string,
  { network, asset }: PaymentPayload["accepted"],
  authorization: Signed["authorization"] | undefined,
): Promise<{ readonly isUsed: boolean; readonly timestamp: bigint } | undefined> {
  if (!authorization) return undefined;
  const chainId = await rpc(rpcUrl, "eth_chainId", []);
  if (typeof chainId !== "string" || `eip155:${BigInt(chainId)}` !== network) return undefined;
  const block = await rpc(rpcUrl, "eth_getBlockByNumber", ["latest", false]);
  if (!isRecord(block) || typeof block.timestamp !== "string" || typeof block.hash !== "string")
    return undefined;
  const data = AUTHORIZATION_STATE + word(authorization.from) + word(authorization.nonce);
  // At the hash of that block (EIP-1898): another node may be behind it, or have another block at its height.
  const at = { blockHash: block.hash, requireCanonical: true };
  const used = await rpc(rpcUrl, "eth_call", [{ to: asset, data }, at]);
  if (typeof used !== "string" || !/^0x0{63}[01]$/.test(used)) return undefined;
  return { isUsed: used.endsWith("1"), timestamp: BigInt(block.timestamp) };
}

/** A value as 32 bytes of call data. */
function word(hex: string): string {
  return hex.slice(2).toLowerCase().padStart(64, "0");
}

async function rpc(url: string, method: string, params: readonly unknown[]): Promise<unknown> {
  const stop = new AbortController();
  // `AbortSignal.timeout` is missing in React Native.
  const cancel = systemTime.after(RPC_TIMEOUT_MS, () => stop.abort());
  try {
    const answer = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
      signal: stop.signal,
    });
    const document: unknown = await answer.json();
    return isRecord(document) ? document.result : undefined;
  } finally {
    cancel();
  }
}
