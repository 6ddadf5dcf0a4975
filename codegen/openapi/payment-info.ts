import type { ApiModel, Json, ResourceModel } from "../model.ts";
import { DEFAULT_TAG } from "../published.ts";

/**
 * What a call costs, in both shapes that are in use, in one object: `price` and `protocols` as x402 directories read
 * them, and `offers` as draft-payment-discovery-00 has them.
 */
export function paymentInfo({ price, priceBounds, priceSentence }: ResourceModel): Json | undefined {
  if (price.kind === "free") return undefined;
  if (price.kind === "unknown") return { protocols: [{ x402: {} }] };
  const { min, max } = priceBounds;
  const isFixed = min === max;
  return {
    price: isFixed
      ? { mode: "fixed", currency: "USD", amount: min }
      : { mode: "dynamic", currency: "USD", min, max },
    protocols: [{ x402: {} }],
    offers: [
      {
        intent: "charge",
        method: "x402",
        amount: isFixed ? cents(min) : null,
        currency: "USD",
        description: priceSentence,
      },
    ],
  };
}

/**
 * The draft counts in the smallest unit of the currency, which for dollars is the cent. Null, which leaves the amount to
 * the challenge, for what a cent cannot say.
 */
function cents(usd: string): string | null {
  const [dollars = "0", fraction = ""] = usd.split(".");
  if (!/^\d{0,2}0*$/.test(fraction)) return null;
  return String(BigInt(dollars + fraction.slice(0, 2).padEnd(2, "0")));
}

/** The service object of the draft. Its URLs are those that the server answers on. */
export function serviceInfo({ resources, contact }: ApiModel): Json {
  const tags = new Set(resources.flatMap(({ tags }) => tags).filter((tag) => tag !== DEFAULT_TAG));
  const categories = [...tags].map((tag) => tag.trim().toLowerCase().replace(/\s+/g, "-"));
  // Directories list a service under at most five categories.
  const named = [...new Set(categories)].sort().slice(0, 5);
  return {
    categories: named.length === 0 ? undefined : named,
    docs: { apiReference: "/docs", homepage: contact?.url, llms: "/llms.txt" },
  };
}
