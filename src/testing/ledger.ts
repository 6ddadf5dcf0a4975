import type { FacilitatorClient } from "@x402/core/server";
import type {
  PaymentPayload,
  PaymentRequirements,
  SchemeNetworkFacilitator,
  SettleResponse,
  VerifyResponse,
} from "@x402/core/types";
import type { PaymentPayloadV1, PaymentRequirementsV1 } from "@x402/core/types/v1";
import { authorizationTypes } from "@x402/evm";
import { type Address, getAddress, type Hex, isAddressEqual, keccak256, recoverTypedDataAddress } from "viem";
import { CHAIN_ID, exactFacilitator, NETWORK, type SignedTransfer, USDC } from "./exact.ts";

/** Balances in memory, with a facilitator's face. Amounts are atomic: millionths of a dollar. */
export interface MemoryLedger extends FacilitatorClient, MemoryChainRecord {
  readonly network: typeof NETWORK;
  readonly asset: Address;
  /** Every transfer that was executed, oldest first. */
  readonly transfers: readonly LedgerTransfer[];
  /** Every nonce that was used up, oldest first. */
  readonly uses: readonly NonceUse[];
  balanceOf(address: Address): Promise<bigint>;
  /** Makes new units out of nothing. */
  mint(address: Address, amountAtomic: bigint): Promise<void>;
  /** Uses up a nonce without a transfer, as EIP-3009's `cancelAuthorization` does. False when it was used already. */
  cancel(authorizer: Address, nonce: Hex): Promise<boolean>;
}

/** A transfer by authorization that was executed; `value` in atomic units. */
export interface LedgerTransfer {
  readonly from: Address;
  readonly to: Address;
  readonly value: bigint;
  readonly nonce: Hex;
  readonly transaction: string;
}

/** A nonce that was used up, by a transfer or by a cancellation. */
export interface NonceUse {
  readonly authorizer: Address;
  readonly nonce: Hex;
  /** By the ledger's clock, in milliseconds since the epoch. */
  readonly at: number;
  /** `undefined` where the payer canceled the authorization. */
  readonly transfer: LedgerTransfer | undefined;
}

/** Looks a signed payment up in the chain's own record, so that no facilitator has to be believed. */
export interface MemoryChainRecord {
  lookUp(payment: { readonly payload: unknown }): Promise<
    /** This very transfer was executed. */
    | { readonly evidence: "settled"; readonly transaction: string }
    /** Its nonce was canceled. */
    | { readonly evidence: "spent-elsewhere"; readonly transaction: undefined }
    /** Unused, and its authorization has expired. */
    | { readonly evidence: "lapsed" }
    /** Unused, and may still be settled. */
    | { readonly evidence: "unused-yet" }
    /** Used by another transfer of the payer: as on a chain, this proves nothing about the payment. */
    | undefined
  >;
}

/** Options of `memoryLedger`. */
export interface MemoryLedgerOptions {
  /** The clock, in milliseconds since the epoch; default `Date.now`. */
  now?: () => number;
}

/** What x402 v1 and v2 spell differently, a word of refusal included. */
interface Dialect {
  offer(payment: PaymentPayload): { scheme: string; network: string };
  amount(requirements: PaymentRequirements): string;
  wrongAmount: string;
}

const V2: Dialect = {
  offer: (payment) => payment.accepted,
  amount: (requirements) => requirements.amount,
  wrongAmount: "invalid_exact_evm_payload_authorization_value_mismatch",
};

const V1: Dialect = {
  offer: (payment) => payment as unknown as PaymentPayloadV1,
  amount: (requirements) => (requirements as unknown as PaymentRequirementsV1).maxAmountRequired,
  wrongAmount: "invalid_exact_evm_authorization_value",
};

/** The official facilitator wants this many seconds left, so that the transfer is mined before it expires. */
const SECONDS_TO_SETTLE = 6;

/**
 * A facilitator without a chain, for tests that need many payments fast. It holds USDC of Base Sepolia in memory
 * and checks EIP-3009 authorizations for real: signature, scheme, network, asset, payee, amount, validity, nonce
 * and balance, in the order and with the refusals of the official EVM facilitator 2.27. It knows no smart-account
 * signatures (ERC-1271, ERC-6492). A settlement's transaction is the keccak-256 of its nonce.
 *
 * @throws (verify, settle) as the official facilitator does, for requirements of another scheme or network.
 */
export function memoryLedger({ now = () => Date.now() }: MemoryLedgerOptions = {}): MemoryLedger {
  const balances = new Map<string, bigint>();
  /** By payer and nonce; `undefined` where the nonce was cancelled. */
  const usedNonces = new Map<string, LedgerTransfer | undefined>();
  const transfers: LedgerTransfer[] = [];
  const uses: NonceUse[] = [];
  const balance = (address: Address) => balances.get(address.toLowerCase()) ?? 0n;
  const credit = (address: Address, amount: bigint) =>
    balances.set(address.toLowerCase(), balance(address) + amount);
  const nonceOf = ({ from, nonce }: { from: Address; nonce: Hex }) => `${from}:${nonce}`.toLowerCase();

  const refusalByLedger = (authorization: SignedTransfer["authorization"], domain: Domain) => {
    if (usedNonces.has(nonceOf(authorization))) return "invalid_exact_evm_nonce_already_used";
    if (domain.name !== "USDC") return "invalid_exact_evm_token_name_mismatch";
    if (domain.version !== "2") return "invalid_exact_evm_token_version_mismatch";
    if (balance(authorization.from) < BigInt(authorization.value))
      return "invalid_exact_evm_insufficient_balance";
  };

  function scheme(dialect: Dialect): SchemeNetworkFacilitator {
    return {
      scheme: "exact",
      caipFamily: "eip155:*",
      getExtra: () => undefined,
      getSigners: () => [],

      async verify(payment, requirements): Promise<VerifyResponse> {
        const { authorization } = transferOf(payment);
        const payer = authorization.from;
        const invalidReason =
          (await refusalByPayment(dialect, payment, requirements, now())) ??
          refusalByLedger(authorization, domainOf(requirements));
        return invalidReason ? { isValid: false, invalidReason, payer } : { isValid: true, payer };
      },

      async settle(payment, requirements): Promise<SettleResponse> {
        const { authorization } = transferOf(payment);
        const { from: payer, to, value } = authorization;
        const network = dialect.offer(payment).network as SettleResponse["network"];
        const refused = await refusalByPayment(dialect, payment, requirements, now());
        // From here to the end nothing is awaited, so two settlements of one nonce or one balance cannot cross.
        const errorReason = refused ?? refusalByLedger(authorization, domainOf(requirements));
        if (errorReason) return { success: false, errorReason, transaction: "", network, payer };
        const transaction = keccak256(authorization.nonce);
        const transfer = { from: payer, to, value: BigInt(value), nonce: authorization.nonce, transaction };
        usedNonces.set(nonceOf(authorization), transfer);
        transfers.push(transfer);
        uses.push({ authorizer: payer, nonce: authorization.nonce, at: now(), transfer });
        credit(payer, -transfer.value);
        credit(to, transfer.value);
        return { success: true, transaction, network, payer, amount: value };
      },
    };
  }

  return {
    network: NETWORK,
    asset: USDC,
    transfers,
    uses,
    balanceOf: async (address) => balance(address),
    mint: async (address, amountAtomic) => void credit(address, amountAtomic),
    async cancel(from, nonce) {
      const key = nonceOf({ from, nonce });
      if (usedNonces.has(key)) return false;
      usedNonces.set(key, undefined);
      uses.push({ authorizer: from, nonce, at: now(), transfer: undefined });
      return true;
    },
    async lookUp(payment) {
      const { authorization } = transferOf(payment.payload as PaymentPayload);
      const key = nonceOf(authorization);
      if (!usedNonces.has(key))
        return now() / 1000 > Number(authorization.validBefore)
          ? { evidence: "lapsed" }
          : { evidence: "unused-yet" };
      const used = usedNonces.get(key);
      if (!used) return { evidence: "spent-elsewhere", transaction: undefined };
      const isSame = isAddressEqual(used.to, authorization.to) && used.value === BigInt(authorization.value);
      return isSame ? { evidence: "settled", transaction: used.transaction } : undefined;
    },
    ...exactFacilitator(scheme(V2), scheme(V1)),
  };
}

interface Domain {
  name: string;
  version: string;
}

/** Why the payment itself is refused, whatever the ledger holds. */
async function refusalByPayment(
  dialect: Dialect,
  payment: PaymentPayload,
  requirements: PaymentRequirements,
  nowMs: number,
): Promise<string | undefined> {
  const { authorization } = transferOf(payment);
  const offer = dialect.offer(payment);
  const { name, version } = domainOf(requirements);
  const nowSeconds = BigInt(Math.floor(nowMs / 1000));
  if (offer.scheme !== "exact") return "invalid_exact_evm_scheme";
  if (!name || !version) return "invalid_exact_evm_missing_eip712_domain";
  if (offer.network !== requirements.network) return "invalid_exact_evm_network_mismatch";
  if (!(await isSigned(payment, requirements))) return "invalid_exact_evm_signature";
  if (!isAddressEqual(authorization.to, requirements.payTo as Address))
    return "invalid_exact_evm_recipient_mismatch";
  if (BigInt(authorization.validBefore) < nowSeconds + BigInt(SECONDS_TO_SETTLE))
    return "invalid_exact_evm_payload_authorization_valid_before";
  if (BigInt(authorization.validAfter) > nowSeconds)
    return "invalid_exact_evm_payload_authorization_valid_after";
  if (BigInt(authorization.value) !== BigInt(dialect.amount(requirements))) return dialect.wrongAmount;
  if (!isAddressEqual(requirements.asset as Address, USDC)) return "asset_not_deployed_contract";
}

/** The same payment is presented several times, and recovering its signer is most of what a check costs. */
const recovered = new Map<string, boolean>();
const MAX_RECOVERED = 1_000;

async function isSigned(payment: PaymentPayload, requirements: PaymentRequirements): Promise<boolean> {
  const name = JSON.stringify([payment.payload, domainOf(requirements), requirements.asset]);
  const known = recovered.get(name);
  if (known !== undefined) return known;
  const signed = await recover(payment, requirements);
  if (recovered.size >= MAX_RECOVERED) recovered.clear();
  recovered.set(name, signed);
  return signed;
}

async function recover(payment: PaymentPayload, requirements: PaymentRequirements): Promise<boolean> {
  const { authorization, signature } = transferOf(payment);
  try {
    const signer = await recoverTypedDataAddress({
      domain: {
        ...domainOf(requirements),
        chainId: CHAIN_ID,
        verifyingContract: getAddress(requirements.asset),
      },
      types: authorizationTypes,
      primaryType: "TransferWithAuthorization",
      message: {
        ...authorization,
        value: BigInt(authorization.value),
        validAfter: BigInt(authorization.validAfter),
        validBefore: BigInt(authorization.validBefore),
      },
      signature,
    });
    return isAddressEqual(signer, authorization.from);
  } catch {
    // A signature, an address or a number that cannot be encoded has no signer.
    return false;
  }
}

// exactFacilitator has checked the shape before any scheme sees the payment.
const transferOf = (payment: PaymentPayload) => payment.payload as unknown as SignedTransfer;
const domainOf = (requirements: PaymentRequirements) => (requirements.extra ?? {}) as unknown as Domain;
