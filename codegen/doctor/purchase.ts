import { formatUsd, fromAtomic, type Money } from "../../schema/money.ts";
import type { Payer } from "../../src/client/pay.ts";
import {
  decodeHeader,
  encodeHeader,
  findAsset,
  HEADERS,
  isRecord,
  PAYMENT_IDENTIFIER,
  quoteKey,
  readSettleResponse,
  type SettleResponse,
} from "../../src/protocol/index.ts";
import { exactEvm, payableOf, readChallenge } from "./challenge.ts";
import type { Examination, TrialPurchase } from "./examination.ts";
import type { Ask, ProbeExchange } from "./wire.ts";

export interface Wallet {
  readonly payer: Payer;
  /** The most that the doctor may spend in total. */
  readonly max: Money;
}

/** A payment that the doctor signed for a resource. */
export interface Spending {
  readonly resource: string;
  /** Decimal US dollars. */
  readonly usd: string;
  /** `no`: the server refused it. `unknown`: no response arrived, and it may be settled until it expires. */
  readonly charged: "yes" | "no" | "unknown";
  readonly transaction?: string;
}

/** Signs at most one payment for each resource, and never more than the wallet may spend in total. */
export function createTrialBuyer(
  wallet: Wallet | undefined,
  onSign: (resource: string, usd: string) => void,
): {
  readonly spent: readonly Spending[];
  readonly buy: (at: Examination) => Promise<TrialPurchase | string>;
} {
  const spent: Spending[] = [];
  let left = wallet?.max ?? 0n;
  return {
    spent,
    async buy(at) {
      if (!wallet) return "the doctor pays nothing without --pay";
      const ask = await at.accepted();
      if (typeof ask === "string") return ask;
      const required = payableOf(readChallenge(await at.priced()));
      const offer = required && exactEvm(required);
      if (!required || !offer) return "no offer of x402 v2 can be paid by an EIP-3009 authorization";
      const asset = findAsset(offer.network, offer.asset);
      if (!asset) return `the asset ${offer.asset} on ${offer.network} is not a known dollar token`;
      if (!/^[1-9]\d*$/.test(offer.amount))
        return `its amount ${offer.amount} is not a positive whole number`;
      const price = fromAtomic(BigInt(offer.amount), asset.decimals);
      if (price > left) {
        return `it costs $${formatUsd(price)}, but only $${formatUsd(left)} is left of --max`;
      }
      // A payment that was sent may be settled, whatever the response says.
      left -= price;
      const key = `doctor-${crypto.randomUUID()}`;
      const extensions = named(required.extensions, key);
      const signed = await wallet.payer.createPaymentPayload({
        ...required,
        accepts: [offer],
        ...(extensions === undefined ? {} : { extensions }),
      });
      const paid: Ask = {
        ...ask,
        headers: {
          ...ask.headers,
          [HEADERS.paymentSignature]: encodeHeader(signed),
          [HEADERS.idempotencyKey]: quoteKey(key),
        },
        timeoutMs: Math.min(Math.max(offer.maxTimeoutSeconds, 10), MAX_PAID_SECONDS) * 1000,
      };
      const usd = formatUsd(price);
      onSign(at.name, usd);
      const sent = await Promise.allSettled(
        [paid, paid, paid].map((one) => at.wire.send({ ...one, isSingle: true })),
      );
      const answers = sent.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
      const [first] = sent;
      if (answers.length === 0 && first?.status === "rejected") throw first.reason;
      const bought = answers.find(({ status }) => status >= 200 && status < 300);
      const transaction = answers.map(trialReceiptOf).find((receipt) => receipt?.success)?.transaction;
      const isUnconfirmed = answers.some(({ status }) => status === 0 || status >= 500);
      spent.push({
        ...{ resource: at.name, usd },
        charged: bought || transaction ? "yes" : isUnconfirmed ? "unknown" : "no",
        ...(transaction ? { transaction } : {}),
      });
      return { offer, usd, ask: paid, answers, bought };
    },
  };
}

/** Timeout of a paid request. */
const MAX_PAID_SECONDS = 60;

/** Echoes the extensions of a challenge, and adds the key as payment identifier where the challenge declares that. */
function named(
  extensions: Readonly<Record<string, unknown>> | undefined,
  key: string,
): Readonly<Record<string, unknown>> | undefined {
  const declared = extensions?.[PAYMENT_IDENTIFIER];
  if (!isRecord(declared)) return extensions;
  const info = isRecord(declared.info) ? declared.info : {};
  return { ...extensions, [PAYMENT_IDENTIFIER]: { ...declared, info: { ...info, id: key } } };
}

/** The facilitator's error reason in a response. */
export function trialReceiptOf({ headers }: ProbeExchange): SettleResponse | undefined {
  const text = headers.get(HEADERS.paymentResponse) ?? headers.get(HEADERS.xPaymentResponse);
  return text === null ? undefined : readSettleResponse(decodeHeader(text));
}
