import { formatUsd, isUsd, parseUsd } from "../../schema/money.ts";
import {
  caip2Of,
  decodeHeader,
  HEADERS,
  isRecord,
  type PaymentPayload,
  type Receipt,
  readSettleResponse,
  sameAddress,
} from "../protocol/index.ts";
import type { SavedPayment } from "./calls.ts";
import { type HttpAnswer, readHeader } from "./http.ts";

/** What a transaction looks like, by the family of its network; of others only that it is a short word. */
const TRANSACTIONS: Readonly<Record<string, RegExp>> = {
  eip155: /^0x(?!0{64})[0-9a-f]{64}$/i,
  solana: /^[1-9A-HJ-NP-Za-km-z]{64,88}$/,
};
const WORD = /^[\x21-\x7e]{1,200}$/;

/** The receipt in the answer to a paid request; `undefined` unless it is well-formed and of this payment. */
export function receiptOf({ headers }: HttpAnswer, payment: SavedPayment): Receipt | undefined {
  const settled =
    readSettleResponse(readHeader(headers, HEADERS.paymentResponse)) ??
    readSettleResponse(readHeader(headers, HEADERS.xPaymentResponse));
  if (!settled?.success) return undefined;
  const { offer, usd, currency } = payment;
  // With an answer that was bought before comes what was paid then.
  const isEarlier = headers.get(HEADERS.paymentUnused) === "true" && settled.amount !== undefined;
  const atomicAmount: unknown = settled.amount ?? offer.amount;
  // Members that are not text cannot always be written as text: a seller may send anything.
  if (typeof atomicAmount !== "string" || typeof settled.network !== "string") return undefined;
  const receipt = {
    amount: usd,
    currency,
    atomicAmount,
    asset: offer.asset,
    network: caip2Of(settled.network),
    transaction: settled.transaction,
    payer: settled.payer || signerOfCall(payment) || "",
    payTo: offer.payTo,
    settledAt: new Date().toISOString(),
  };
  if (!isEarlier || atomicAmount === offer.amount) return readReceipt(receipt, payment);
  if (!/^\d{1,30}$/.test(atomicAmount) || /^0+$/.test(offer.amount)) return undefined;
  const amount = formatUsd((parseUsd(usd) * BigInt(atomicAmount)) / BigInt(offer.amount));
  return readReceipt(
    { ...receipt, amount },
    { ...payment, usd: amount, offer: { ...offer, amount: atomicAmount } },
  );
}

/** Reads a receipt; `undefined` unless all of it is well-formed and, where `payment` is given, is of that payment. */
export function readReceipt(value: unknown, payment?: SavedPayment): Receipt | undefined {
  if (!isRecord(value)) return undefined;
  const { amount, currency, atomicAmount, asset, network, transaction, payer, payTo, settledAt } = value;
  const words = [currency, asset, network, transaction, payTo];
  if (!words.every((one) => typeof one === "string" && WORD.test(one))) return undefined;
  if (typeof payer !== "string" || !/^[\x21-\x7e]{0,200}$/.test(payer)) return undefined;
  if (!isUsd(amount) || typeof atomicAmount !== "string" || !/^\d{1,78}$/.test(atomicAmount))
    return undefined;
  if (typeof settledAt !== "string" || Number.isNaN(Date.parse(settledAt))) return undefined;
  const receipt = {
    amount,
    currency,
    atomicAmount,
    asset,
    network,
    transaction,
    payer,
    payTo,
    settledAt,
  } as Receipt;
  const pattern = TRANSACTIONS[receipt.network.split(":")[0] ?? ""];
  if (pattern && !pattern.test(receipt.transaction)) return undefined;
  if (!payment) return receipt;
  return isOf(receipt, payment) ? { ...receipt, amount: payment.usd, currency: payment.currency } : undefined;
}

function isOf(receipt: Receipt, payment: SavedPayment): boolean {
  const { network, asset, payTo, amount } = payment.offer;
  const payer = signerOfCall(payment) ?? receipt.payer;
  return (
    receipt.network === network &&
    receipt.atomicAmount === amount &&
    sameAddress(network, receipt.asset, asset) &&
    sameAddress(network, receipt.payTo, payTo) &&
    sameAddress(network, receipt.payer, payer)
  );
}

/** The account that signed; `undefined` where the payment's kind does not name it. */
export function signerOfCall({ header }: SavedPayment): string | undefined {
  const { payload } = (decodeHeader(header) ?? {}) as Partial<PaymentPayload>;
  const signed = payload?.authorization ?? payload?.permit2Authorization;
  return isRecord(signed) && typeof signed.from === "string" ? signed.from : undefined;
}
