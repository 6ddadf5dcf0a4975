import { formatUsd, parseUsd } from "../../schema/money.ts";
import {
  decodeHeader,
  encodeHeader,
  encodeVersion1,
  findAsset,
  HEADERS,
  isRecord,
  PAYMENT_IDENTIFIER,
  type PaymentPayload,
  type PaymentRequired,
  type PaymentRequirements,
  readPaymentRequired,
  readVersion1,
  sameAddress,
} from "../protocol/index.ts";
import { countedUsd, paymentsOf, type SavedCall, type SavedPayment } from "./calls.ts";
import { type Charged, type ErrorFacts, type RefusalReason, ResourceError } from "./errors.ts";
import { randomId, readHeader } from "./http.ts";
import { clockProblem, otherResource, type Payable, payable, type Terms, validityText } from "./offers.ts";

/** Signs payments. Accepts any `x402Client` of `@x402/core`; `evmPayer(account)` is the small one. */
export interface Payer {
  /**
   * Signs one of the offers in `accepts`. Called once per key, after every check that could refuse; again only when what
   * was signed can no longer settle, or on purpose (`renew: true`).
   */
  // biome-ignore lint/suspicious/noExplicitAny: `x402Client` has its own, structurally equal type of a challenge
  createPaymentPayload(required: any): Promise<unknown>;
  /**
   * True only when it is proven that this payment has not settled and never can. A payer that has this function is asked
   * before a held payment is released; what it throws proves nothing. Without it, an expired payment is released that the
   * seller says it did not charge.
   */
  lapsed?(payment: PaymentPayload): Promise<boolean>;
  /** True only when it is proven that this payment has settled. Asked where the seller does not say. */
  used?(payment: PaymentPayload): Promise<boolean>;
  /**
   * Signs one of the offers in `accepts` in the place of `payment`, so that at most one of the two can settle, and not
   * for a shorter time. Only a payer that has this function pays ahead of a 402 (`payAhead` of the client).
   * @throws when no offer can take that place
   */
  replace?(required: PaymentRequired, payment: PaymentPayload): Promise<unknown>;
}

export interface PayOptions extends Terms {
  readonly resource: string;
  readonly idempotencyKey: string;
  /** Of the same 402: where version 1 has its offers. */
  readonly body: unknown;
  /** Terms that are known from an earlier 402, and take the place of `headers` and `body`. */
  readonly known?: PaymentRequired | undefined;
  /** A payment that the seller did not take. The new one is signed so that at most one of the two can settle. */
  readonly replaced?: SavedPayment | undefined;
  readonly payer: Payer | undefined;
  /** What happened to the payments that were signed before under this key. */
  readonly charged: Charged;
  /** Until when such a payment is held that the seller says it did not charge. */
  readonly retryAt?: string | undefined;
  /** Releases what the budget holds and can release. */
  readonly review: () => Promise<void>;
  readonly onChallenge: (offer: PaymentRequirements, usd: string, currency: string) => void;
  /** Keeps the payment; runs while its amount is set aside. */
  readonly keep: (payment: SavedPayment) => Promise<SavedCall>;
}

/** The only place that spends: every rule that could refuse comes first, then one signature. */
export async function pay(options: PayOptions): Promise<SavedCall> {
  const { resource, idempotencyKey, budget, payer } = options;
  const facts: ErrorFacts = { resource, charged: options.charged, idempotencyKey, retryAt: options.retryAt };
  const refuse = (reason: RefusalReason, message: string, cause?: unknown): ResourceError =>
    new ResourceError("payment_refused", message, { ...facts, reason }, cause);

  const version2 = options.known ?? challengeOf(options);
  const required = version2 ?? readVersion1(options.body, options.url);
  if (!required) {
    const message = "the 402 carries no x402 challenge that can be read, of at most 64 KiB";
    throw new ResourceError("protocol", message, { ...facts, status: 402 });
  }
  const elsewhere = otherResource(required.resource.url, options);
  if (elsewhere !== undefined) throw refuse("other_resource", elsewhere);

  const { replaced } = options;
  const offers = payable(required, options, refuse).filter(
    ({ offer }) => !replaced || canReplace(offer, replaced.offer),
  );
  const first = offers[0];
  if (!first && replaced) {
    throw refuse(
      "changed_terms",
      "asks for another token, or a shorter time, than the payment that was sent ahead has",
    );
  }
  if (!first) throw refuse("no_offer", "the 402 offers no way to pay that this client understands");
  const clock = clockProblem(offers, options);
  if (clock !== undefined) throw refuse("clock_off", clock);
  if (!options.known) options.onChallenge(first.offer, formatUsd(first.amount), first.currency);
  if (!payer) {
    throw refuse(
      "no_payer",
      `costs $${formatUsd(first.amount)}, and the client has no payer; pass one to createClient`,
    );
  }

  // The payer may choose among the offers, so the dearest is set aside until it has. What was agreed to is already.
  const most = offers.reduce((most, { amount }) => (amount > most ? amount : most), 0n);
  // Another buyer may have signed it.
  if (replaced) budget.hold(replaced);
  const before = replaced ? parseUsd(countedUsd(replaced)) : 0n;
  const dearest = options.agreed ? 0n : most > before ? most - before : 0n;
  if (!budget.reserve(dearest)) {
    await options.review();
    if (!budget.reserve(dearest)) {
      const held = formatUsd(budget.amounts().held);
      const message = `costs $${formatUsd(dearest)}, which is more than is left of budget.total ($${held} is held)`;
      throw refuse("over_budget", message);
    }
  }
  let saved: SavedCall;
  try {
    const payment = await sign(payer, required, offers, options, !version2).catch((cause: unknown) => {
      throw refuse("payer_failed", "the payer could not sign as it was asked to", cause);
    });
    const seconds = payment.validBefore - Date.now() / 1000;
    if (!(seconds * 1000 <= options.maxValidityMs)) {
      throw refuse("too_long", `the payer signed for longer than ${validityText(options)}; it was not sent`);
    }
    saved = await options.keep(payment).catch((cause: unknown) => {
      throw refuse("not_saved", "the signed payment could not be stored, so it was not sent", cause);
    });
  } finally {
    budget.release(dearest);
  }
  // Synchronous with the release, so that no other call can reserve in between.
  for (const payment of paymentsOf(saved)) budget.hold(payment);
  return saved;
}

async function sign(
  payer: Payer,
  required: PaymentRequired,
  offers: readonly Payable[],
  { idempotencyKey, replaced, known, charged }: PayOptions,
  isVersion1: boolean,
): Promise<SavedPayment> {
  const asked = { ...required, accepts: offers.map(({ offer }) => withDomain(offer)) };
  const signed = await (replaced
    ? payer.replace?.(asked, decodeHeader(replaced.header) as PaymentPayload)
    : payer.createPaymentPayload(asked));
  const read = readPayload(signed);
  const chosen = read && offers.find(({ offer }) => isSame(offer, read.accepted));
  if (!read || !chosen) throw new Error("signed something else");
  const payload = { ...read, accepted: chosen.offer };
  // What lapses first would prove nothing about the payment that it replaces.
  if (replaced && validBefore(payload) < replaced.validBefore) throw new Error("signed for a shorter time");
  return {
    id: replaced?.id ?? randomId(),
    header: isVersion1
      ? encodeVersion1(payload)
      : encodeHeader(withIdentifier(payload, required, idempotencyKey)),
    ...(isVersion1 ? { version: 1 as const } : {}),
    ...(replaced && charged !== "no" ? { isUnsure: true as const } : {}),
    ...(known ? { isAhead: true as const } : {}),
    offer: chosen.offer,
    usd: formatUsd(chosen.amount),
    ...(replaced && parseUsd(countedUsd(replaced)) > chosen.amount ? { mostUsd: countedUsd(replaced) } : {}),
    currency: chosen.currency,
    validBefore: validBefore(payload),
  };
}

/** Some sellers leave the domain of a well-known token out. It is what the payer signs for, and is not echoed. */
function withDomain(offer: PaymentRequirements): PaymentRequirements {
  const { domain } = findAsset(offer.network, offer.asset) ?? {};
  return domain ? { ...offer, extra: { ...domain, ...offer.extra } } : offer;
}

/** The challenge of version 2 in a 402; `undefined` when it carries none that can be read. */
export function challengeOf({
  headers,
  body,
}: {
  readonly headers: Headers;
  readonly body: unknown;
}): PaymentRequired | undefined {
  return readPaymentRequired(readHeader(headers, HEADERS.paymentRequired)) ?? readPaymentRequired(body);
}

/** The nonce of an authorization is that of one token on one network, and both can settle only for its time. */
function canReplace(offer: PaymentRequirements, signed: PaymentRequirements): boolean {
  return (
    offer.network === signed.network &&
    sameAddress(offer.network, offer.asset, signed.asset) &&
    offer.maxTimeoutSeconds >= signed.maxTimeoutSeconds
  );
}

/** Until when the payment can be settled: as it says, else as the seller has asked. */
function validBefore({ payload, accepted }: PaymentPayload): number {
  const { authorization, permit2Authorization: permit } = payload;
  const said = isRecord(authorization) ? authorization.validBefore : isRecord(permit) ? permit.deadline : 0;
  return Number(said) > 0 ? Number(said) : Math.ceil(Date.now() / 1000) + accepted.maxTimeoutSeconds;
}

function readPayload(signed: unknown): PaymentPayload | undefined {
  if (!isRecord(signed) || signed.x402Version !== 2) return undefined;
  return isRecord(signed.accepted) && isRecord(signed.payload)
    ? (signed as unknown as PaymentPayload)
    : undefined;
}

function isSame(offer: PaymentRequirements, accepted: PaymentRequirements): boolean {
  const names = ["scheme", "network", "asset", "amount", "payTo", "maxTimeoutSeconds"] as const;
  return names.every((name) => offer[name] === accepted[name]);
}

/** Echoes the server's extensions and names the call in `payment-identifier`, where the server has declared it. */
function withIdentifier(payload: PaymentPayload, required: PaymentRequired, id: string): PaymentPayload {
  const declared = required.extensions?.[PAYMENT_IDENTIFIER];
  if (!isRecord(declared) || !/^[a-zA-Z0-9_-]{16,128}$/.test(id)) return payload;
  const info = isRecord(declared.info) ? declared.info : {};
  return {
    ...payload,
    extensions: { ...required.extensions, [PAYMENT_IDENTIFIER]: { ...declared, info: { ...info, id } } },
  };
}
