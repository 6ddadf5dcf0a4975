import { x402ResourceServer } from "@x402/core/server";
import { ExactEvmScheme } from "@x402/evm/exact/server";
import { LRUCache } from "lru-cache";
import { type CancelPolicy, cancelSentence, refundCondition } from "../../schema/cancel.ts";
import { formatAtomic, type Money, toAtomic } from "../../schema/money.ts";
import type { Price } from "../../schema/price.ts";
import { amountDescription } from "../../schema/price-prose.ts";
import {
  encodeHeader,
  HEADERS,
  PAYMENT_IDENTIFIER,
  PAYMENT_IDENTIFIER_DECLARATION,
  type PaymentRequired,
  type PaymentRequiredV1,
  type PaymentRequirements,
  type PaymentRequirementsV1,
  type PaymentState,
  type Pricing,
} from "../protocol/index.ts";
import type { SignedPayment, StoredAnswer } from "../store/store.ts";
import { type Accept, checkedAccept } from "./accept.ts";
import { type Bazaar, type Description, fitting } from "./bazaar.ts";
import type { Endpoint } from "./endpoint.ts";
import { nameInV1 } from "./network.ts";
import type { Presented } from "./payment.ts";
import { createSupported } from "./supported.ts";

/** What an offer needs to know of a resource. */
export interface Priced {
  readonly name: string;
  readonly summary: string;
  readonly price: Price;
  readonly timeoutMs: number;
  readonly isJob: boolean;
  /** How long a job may wait for its first start. */
  readonly startWithinMs: number | undefined;
  /** Whether the payment is settled before the handler runs, or after it has succeeded. */
  readonly charge: "before" | "after";
  /** What follows when the buyer cancels a job. Without meaning for the others. */
  readonly cancel: CancelPolicy;
}

/** The price of one call. */
export interface Amount {
  /** Zero is free. */
  readonly value: Money;
  /** An authenticated quote, which v2 buyers send back in the offer that they accept. */
  readonly quote: string | undefined;
}

interface Offer {
  readonly v2: PaymentRequirements[];
  /** Index for index the JSON of `v2`. */
  readonly texts: readonly string[];
  /** Index for index the same as `v2`; without `resource`, which depends on the URL. */
  readonly v1: readonly (Omit<PaymentRequirementsV1, "resource"> | undefined)[];
  readonly bazaar: Bazaar | undefined;
}

export interface Offers {
  /** Asks the facilitator what it supports. @throws when it cannot be reached or does not support an accepted way. */
  ready(): Promise<void>;
  /** The 402: v2 in the header, v1 in the body. `url` is the resource's, without query. */
  challenge(
    resource: Priced,
    amount: Amount,
    url: string,
    /** Of the payment that came along. `"unknown"` says nothing. */
    paymentState: PaymentState | "unknown",
    error?: string,
  ): Promise<StoredAnswer>;
  /** The offer that a payment accepts, or `undefined` when it fits none. */
  match(
    resource: Priced,
    amount: Amount,
    url: string,
    payment: Presented,
  ): Promise<SignedPayment | undefined>;
}

/** How many different amounts, and how many different challenges, are kept ready-made. */
const KEPT = 2_000;
/** How long a buyer who is charged before the work may take from the 402 to the settlement. */
const UPFRONT_SECONDS = 300;
/** What a buyer may take from the 402 to the payment, and settling after the handler has ended. */
const AROUND_WORK_SECONDS = 60;

export interface OfferOptions {
  readonly accepts: readonly Accept[];
  readonly facilitators: readonly Endpoint[];
  /** True when refunds are paid without the seller's hand. */
  readonly refunds: boolean;
  /** True when every payment must name its call. */
  readonly requireKey: boolean;
  /** The description of a resource for its 402s; `undefined` when it is not available. Never throws. */
  readonly describe: (resource: string) => Promise<Description | undefined>;
}

/** What a buyer may rely on when a call ends without a result. Stands beside the price in the 402. */
function refundPolicy({ charge, isJob, cancel }: Priced, refunds: boolean): string {
  const canceled = isJob ? cancelSentence(cancel) : "";
  if (charge === "after") {
    const when = isJob ? "Charged only when the job succeeds." : "Charged only when the answer is delivered.";
    return `${when} ${canceled}`.trimEnd();
  }
  const when = isJob ? "Charged when the job is accepted." : "Charged before the work begins.";
  const refund = refunds
    ? "the full amount is sent back to the payer."
    : "a refund of the full amount is owed, and the seller pays it by hand.";
  return `${when} ${refundCondition(isJob ? cancel : undefined)}, ${refund} ${canceled}`.trimEnd();
}

/** Prices in, challenges out. Everything that does not change from call to call is made once. */
export function createOffers({ accepts, facilitators, refunds, requireKey, describe }: OfferOptions): Offers {
  const supported = createSupported(facilitators);
  const core = new x402ResourceServer(supported.clients);
  // By name: under a pattern core would build a RegExp for each look-up.
  for (const network of new Set(accepts.map((accept) => accept.network))) {
    core.register(network, new ExactEvmScheme());
  }
  const ways = accepts.map((accept, index) => checkedAccept(accept, `payments.accepts[${index}]`));
  const offers = new LRUCache<string, Promise<Offer>>({ max: KEPT });
  const challenges = new LRUCache<string, StoredAnswer>({ max: KEPT });

  let initialized: Promise<void> | undefined;
  const ready = (): Promise<void> => {
    initialized ??= ask().catch((error: unknown) => {
      initialized = undefined;
      throw error;
    });
    return initialized;
  };

  async function ask(): Promise<void> {
    await supported.ask();
    await core.initialize();
    for (const [index, { network }] of ways.entries()) {
      if (core.getSupportedKind(2, network, "exact")) continue;
      throw supported.missing(network, `payments.accepts[${index}].network`);
    }
  }

  function offerOf(resource: Priced, amount: Amount): Promise<Offer> {
    const id = `${resource.name} ${amount.value} ${amount.quote ?? ""}`;
    let offer = offers.get(id);
    if (!offer) {
      offer = build(resource, amount);
      offers.set(id, offer);
      offer.catch(() => offers.delete(id));
    }
    return offer;
  }

  async function build(resource: Priced, { value, quote }: Amount): Promise<Offer> {
    const [description] = await Promise.all([describe(resource.name), ready()]);
    const upfront = resource.charge === "before";
    const built = await Promise.all(
      ways.map(async (way) => {
        const atomic = toAtomic(value, way.asset.decimals, way.rate).toString();
        const extra = {
          name: way.asset.name,
          version: way.asset.version,
          pricing: {
            amount: formatAtomic(BigInt(atomic), way.asset.decimals),
            currency: way.asset.symbol,
            description: amountDescription(resource.price),
          } satisfies Pricing,
          refundPolicy: refundPolicy(resource, refunds),
        };
        const v2 = await core.buildPaymentRequirements({
          scheme: "exact",
          network: way.network,
          payTo: way.payTo,
          price: { asset: way.asset.address, amount: atomic },
          maxTimeoutSeconds: maxTimeoutSecondsOf(resource),
          extra: {
            ...extra,
            ...(upfront ? { paymentFlow: "upfront" } : {}),
            ...(quote === undefined ? {} : { quote }),
          },
        });
        return v2.map((requirements) => ({
          v2: requirements,
          v1: inV1(requirements, resource, { extra, outputSchema: description?.outputSchema }),
        }));
      }),
    );
    const flat = built.flat();
    return {
      v2: flat.map((one) => one.v2),
      texts: flat.map((one) => JSON.stringify(one.v2)),
      v1: flat.map((one) => one.v1),
      bazaar: description?.bazaar,
    };
  }

  return {
    ready,

    async challenge(resource, amount, url, paymentState, error = "Payment required") {
      const id = `${resource.name} ${amount.value} ${amount.quote ?? ""} ${url} ${error} ${paymentState}`;
      const kept = challenges.get(id);
      if (kept) return kept;
      const offer = await offerOf(resource, amount);
      const required = (await core.createPaymentRequiredResponse(
        offer.v2,
        { url, description: shortened(resource.summary), mimeType: "application/json" },
        error,
        { [PAYMENT_IDENTIFIER]: { ...PAYMENT_IDENTIFIER_DECLARATION, info: { required: requireKey } } },
      )) as PaymentRequired;
      const described = withBazaar(required, offer.bazaar);
      const body: PaymentRequiredV1 = {
        x402Version: 1,
        error,
        accepts: offer.v1.filter((one) => one !== undefined).map((one) => ({ ...one, resource: url })),
        ...(paymentState === "unused" || paymentState === "in_flight" ? { paymentState } : {}),
      };
      const answer = {
        status: 402,
        headers: {
          "content-type": "application/json",
          "cache-control": "no-store",
          [HEADERS.paymentRequired]: encodeHeader(described),
        },
        body: JSON.stringify(body),
      };
      challenges.set(id, answer);
      return answer;
    },

    async match(resource, amount, url, payment) {
      const offer = await offerOf(resource, amount);
      if (payment.version === 2) {
        const { accepted } = payment.payload;
        const payload = payment.payload as Parameters<typeof core.findMatchingRequirements>[1];
        // Nearly every buyer echoes an offer as it was; only other spellings need the tolerant comparison.
        const text = JSON.stringify(accepted);
        const same = offer.v2[offer.texts.indexOf(text)];
        const requirements = same ?? core.findMatchingRequirements(offer.v2, payload);
        return (
          requirements && {
            version: 2,
            network: requirements.network,
            asset: assetOf(requirements),
            // The same text is kept once, for all calls.
            payload: same ? { ...payment.payload, accepted: same } : payment.payload,
            requirements,
          }
        );
      }
      const { scheme, network } = payment.payload;
      const index = offer.v1.findIndex((one) => one?.scheme === scheme && one.network === network);
      const [requirements, v2] = [offer.v1[index], offer.v2[index]];
      if (!requirements || !v2) return undefined;
      return {
        version: 1,
        network: v2.network,
        asset: assetOf(v2),
        payload: payment.payload,
        requirements: { ...requirements, resource: url },
      };
    },
  };

  /** The asset of one of these offers, by which receipts and refunds are written. */
  function assetOf({ network, asset }: PaymentRequirements): { symbol: string; decimals: number } {
    const way = ways.find((one) => one.network === network && one.asset.address === asset);
    if (!way) throw new Error(`no accepted way to pay has the asset ${asset}`);
    return { symbol: way.asset.symbol, decimals: way.asset.decimals };
  }
}

/** What servers and proxies of the field let through in one header is 8 KiB at the least. */
const MAX_HEADER = 8_000;
/** Of base64, for what a buyer adds to what is echoed: signature, authorization and the name of the call. */
const SIGNED = 1_200;

/** The short description of a resource in a header. The body has the whole text. */
const MAX_SUMMARY_LENGTH = 500;

function shortened(summary: string): string {
  return summary.length > MAX_SUMMARY_LENGTH ? `${summary.slice(0, MAX_SUMMARY_LENGTH - 1)}…` : summary;
}

/** Adds what the resource is to its challenge, as far as neither that nor the payment that echoes it grows too long. */
function withBazaar(required: PaymentRequired, bazaar: Bazaar | undefined): PaymentRequired {
  if (!bazaar) return required;
  const challenge = encodeHeader(required).length;
  const { accepts, ...echoed } = required;
  const payment =
    Math.max(...accepts.map((accepted) => encodeHeader({ ...echoed, accepted }).length)) + SIGNED;
  // A comma and a name are added with it.
  const fits = fitting(bazaar, MAX_HEADER - Math.max(challenge, payment) - 32);
  return fits ? { ...required, extensions: { ...required.extensions, bazaar: fits } } : required;
}

function inV1(
  v2: PaymentRequirements,
  resource: Priced,
  { extra, outputSchema }: { readonly extra: object; readonly outputSchema: unknown },
): Omit<PaymentRequirementsV1, "resource"> | undefined {
  const network = nameInV1(v2.network);
  if (network === undefined) return undefined;
  return {
    scheme: v2.scheme,
    network,
    maxAmountRequired: v2.amount,
    description: resource.summary,
    mimeType: "application/json",
    outputSchema,
    payTo: v2.payTo,
    maxTimeoutSeconds: v2.maxTimeoutSeconds,
    asset: v2.asset,
    extra: { ...extra },
  };
}

/** How long a buyer is asked to sign for. */
export function maxTimeoutSecondsOf(
  resource: Pick<Priced, "charge" | "timeoutMs" | "startWithinMs">,
): number {
  return resource.charge === "before"
    ? UPFRONT_SECONDS
    : Math.ceil(untilDoneMs(resource) / 1000) + AROUND_WORK_SECONDS;
}

/** What an authorization that is settled after the work must outlive: the work, and the wait that it is promised. */
export function untilDoneMs({
  timeoutMs,
  startWithinMs = 0,
}: Pick<Priced, "timeoutMs" | "startWithinMs">): number {
  return startWithinMs + timeoutMs;
}
