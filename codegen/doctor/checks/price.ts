import { formatAtomic, formatUsd, fromAtomic, isUsd, parseUsd } from "../../../schema/money.ts";
import { findAsset, isRecord, sameAddress } from "../../../src/protocol/index.ts";
import { type ChallengeOffer, readChallenge } from "../challenge.ts";
import { type Check, type Fault, fault, faults, PASSED, skipped } from "../check.ts";
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
      if (isRecord(operation.documented?.["x-payment-info"])) return PASSED;
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
      const info = at.operation.documented?.["x-payment-info"];
      if (!isRecord(info)) return skipped("openapi.json publishes no price");
      const ask = await at.accepted();
      const asked = typeof ask === "string" ? at.challenge : readChallenge(await at.priced());
      // Other checks compare the versions, and the prices of the offers.
      const current = asked.offers.filter(({ version }) => version === 2);
      const judged = (current.length > 0 ? current : asked.offers).map((offer) => disagreement(info, offer));
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

/** The differences between the document's price and an offer. */
function disagreement(info: Record<string, unknown>, offer: ChallengeOffer): Fault[] {
  if (!/^\d+$/.test(offer.amount)) return [];
  const decimals = decimalsOf(offer);
  const evidence = `x-payment-info: ${shown(JSON.stringify(info), 200)}\namount: ${offer.amount}`;
  const price = isRecord(info.price) ? info.price : {};
  if (decimals !== undefined) {
    const asked = fromAtomic(BigInt(offer.amount), decimals);
    const said = `asks for $${formatUsd(asked)}`;
    const { amount, min, max } = price;
    if (isUsd(amount) && parseUsd(amount) !== asked) {
      return [{ what: `The document says $${amount} and the challenge ${said}.`, evidence }];
    }
    if ((isUsd(min) && asked < parseUsd(min)) || (isUsd(max) && asked > parseUsd(max))) {
      return [
        { what: `The document says $${min ?? "0"} to $${max ?? "…"} and the challenge ${said}.`, evidence },
      ];
    }
  }
  const published = (Array.isArray(info.offers) ? info.offers : []).flatMap((one) => {
    if (!isRecord(one) || one.intent !== "charge" || typeof one.amount !== "string") return [];
    const places = placesOf(one.currency, offer);
    return places === undefined || !/^\d+$/.test(one.amount) ? [] : [fromAtomic(BigInt(one.amount), places)];
  });
  if (decimals === undefined || published.length === 0) return [];
  const asked = fromAtomic(BigInt(offer.amount), decimals);
  return published.includes(asked)
    ? []
    : [{ what: "No offer in the document matches the amount of the challenge.", evidence }];
}

/** A document's offers use base units of their currency: cents for dollars (ISO 4217), smallest units for a token. */
function placesOf(currency: unknown, offer: ChallengeOffer): number | undefined {
  if (currency === "USD") return 2;
  const isToken = typeof currency === "string" && sameAddress(offer.network, currency, offer.asset);
  return isToken || /^USD[CT]/.test(String(currency)) ? decimalsOf(offer) : undefined;
}
