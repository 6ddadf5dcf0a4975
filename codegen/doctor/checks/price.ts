import { formatAtomic, formatUsd, fromAtomic, isUsd, type Money, parseUsd } from "../../../schema/money.ts";
import { findAsset, isRecord } from "../../../src/protocol/index.ts";
import { offerRanges } from "../../read/price.ts";
import { type ChallengeOffer, readChallenge } from "../challenge.ts";
import { type Check, type Fault, fault, faults, PASSED, skipped } from "../check.ts";
import type { ProbeOperation } from "../operation.ts";
import { shown } from "../wire.ts";

export const PRICE_CHECKS: readonly Check[] = [
  {
    id: "price-shown",
    title: "The price is readable by a person",
    severity: "warning",
    scope: "resource",
    why: "A person or a model cannot judge a price in smallest units of a contract address. They buy elsewhere, or pay too much.",
    source:
      "practice: extra.pricing { amount, currency, description } in each offer, or x-payment-info in openapi.json",
    fix: 'Add extra.pricing such as { "amount": "0.10", "currency": "USDC", "description": "Per image" } to every offer.',
    look: ({ challenge, operation }) => {
      if (challenge.offers.length === 0) return skipped("there is no challenge");
      if (isPublished(operation)) return PASSED;
      const silent = challenge.offers.find(({ extra }) => !isPricing(extra.pricing));
      return silent
        ? fault(
            "The offer does not name an amount in a currency.",
            `extra: ${shown(JSON.stringify(silent.extra))}`,
          )
        : PASSED;
    },
  },
  {
    id: "price-agrees",
    title: "The readable price matches the charged amount",
    severity: "error",
    scope: "resource",
    why: "Otherwise the buyer agrees to one price and signs another.",
    source: "practice: extra.pricing; x402 v2 §5.1 amount",
    fix: "Compute both from one number: amount must be pricing.amount in the asset's smallest units.",
    look: ({ challenge }) => {
      const told = challenge.offers.filter(({ extra }) => isRecord(extra.pricing));
      if (told.length === 0) return skipped("no offer has extra.pricing");
      const wrong = told.flatMap((offer): Fault[] => {
        const { amount } = offer.extra.pricing as Record<string, unknown>;
        const decimals = decimalsOf(offer);
        if (decimals === undefined || !/^\d+$/.test(offer.amount)) return [];
        const said = String(amount);
        const real = fromAtomic(BigInt(offer.amount), decimals);
        if (isUsd(said) && parseUsd(said) === real) return [];
        return [
          {
            what: `The offer says ${shown(said, 40)} but charges ${formatAtomic(BigInt(offer.amount), decimals)}.`,
            evidence: `pricing.amount: ${shown(said, 40)}\namount: ${offer.amount} (${decimals} places)`,
          },
        ];
      });
      return faults(wrong.slice(0, 1));
    },
  },
  {
    id: "price-document",
    title: "The published price matches the challenge",
    severity: "error",
    scope: "resource",
    why: "Agents decide by the document and pay by the challenge. A careful client refuses to pay when the two differ.",
    source: "practice: x-payment-info of openapi.json; the 402 is authoritative",
    fix: "Generate the document and the challenge from one definition.",
    look: async (at) => {
      const { documented } = at.operation;
      if (!documented || !isPublished(at.operation)) return skipped("openapi.json publishes no price");
      const ask = await at.accepted();
      const asked = typeof ask === "string" ? at.challenge : readChallenge(await at.priced());
      // Other checks compare the versions, and the prices of the offers.
      const current = asked.offers.filter(({ version }) => version === 2);
      const evidence = shown(
        JSON.stringify(documented.operation["x-payment-info"] ?? documented.resource.price),
        200,
      );
      const judged = (current.length > 0 ? current : asked.offers).map((offer) =>
        disagreement(documented, offer).map((what) => ({
          ...{ what, evidence: `document: ${evidence}\namount: ${offer.amount}` },
        })),
      );
      return judged.some((one) => one.length === 0) ? PASSED : faults(judged[0] ?? []);
    },
  },
  {
    id: "price-input",
    title: "Every offer costs the same",
    severity: "warning",
    scope: "resource",
    why: "A wallet may choose any offer, but the buyer expects one price.",
    source: "practice",
    fix: "Charge the same amount of dollars on every network.",
    look: ({ challenge }) => {
      const values = challenge.offers.flatMap((offer) => {
        const decimals = findAsset(offer.network, offer.asset)?.decimals;
        if (offer.version === 1 || decimals === undefined || !/^\d+$/.test(offer.amount)) return [];
        return [`${offer.network}: $${formatUsd(fromAtomic(BigInt(offer.amount), decimals))}`];
      });
      if (values.length < 2) return skipped("there is only one offer");
      const prices = new Set(values.map((one) => one.split("$")[1]));
      return prices.size === 1 ? PASSED : fault("The offers have different prices.", values.join("\n"));
    },
  },
];

function isPricing(pricing: unknown): boolean {
  return (
    isRecord(pricing) &&
    ["string", "number"].includes(typeof pricing.amount) &&
    typeof pricing.currency === "string" &&
    typeof pricing.description === "string"
  );
}

/** Decimals of an offer's asset: of a known token, or as the offer itself says. */
function decimalsOf({ network, asset, extra }: ChallengeOffer): number | undefined {
  if (typeof extra.decimals === "number") return extra.decimals;
  return (findAsset(network, asset) ?? findAsset(EVM_BY_NAME[network] ?? "", asset))?.decimals;
}

/** x402 v1 uses names for networks. */
const EVM_BY_NAME: Readonly<Record<string, string>> = {
  base: "eip155:8453",
  "base-sepolia": "eip155:84532",
  polygon: "eip155:137",
  avalanche: "eip155:43114",
};

type Documented = NonNullable<ProbeOperation["documented"]>;

/** True when the document states a price that can be read. */
function isPublished({ documented }: ProbeOperation): boolean {
  return documented !== undefined && documented.resource.price.kind !== "unknown";
}

/** What the document says that an offer contradicts. Amounts are whole numbers of smallest units, so prices are rounded. */
function disagreement({ resource, operation }: Documented, offer: ChallengeOffer): string[] {
  const decimals = decimalsOf(offer);
  if (decimals === undefined || !/^\d+$/.test(offer.amount)) return [];
  const unit = fromAtomic(1n, decimals);
  const asked = fromAtomic(BigInt(offer.amount), decimals);
  const isWithin = (min: Money, max: Money): boolean => asked > min - unit && asked < max + unit;
  const { price, priceBounds } = resource;
  if (!isWithin(parseUsd(priceBounds.min), parseUsd(priceBounds.max))) {
    const said = price.kind === "fixed" ? `$${price.usd}` : `$${priceBounds.min} to $${priceBounds.max}`;
    return [`The document says ${said} and the challenge asks for $${formatUsd(asked)}.`];
  }
  const offers = offerRanges(operation);
  return offers.length === 0 || offers.some(({ min, max }) => max === undefined || isWithin(min, max))
    ? []
    : ["No offer in the document matches the amount of the challenge."];
}
