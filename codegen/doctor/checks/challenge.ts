import { isRecord, sameAddress } from "../../../src/protocol/index.ts";
import { isChallenge, payableOf, readChallenge, requirementFaults } from "../challenge.ts";
import { type Check, fault, faults, PASSED, skipped } from "../check.ts";
import { evidenceOf, shown } from "../wire.ts";

const NO_CHALLENGE = "there is no challenge";

export const CHALLENGE_CHECKS: readonly Check[] = [
  {
    id: "challenge",
    title: "The server answers 402 to a request without a payment",
    severity: "error",
    scope: "resource",
    why: "Buyers and marketplaces learn the price from a request without payment and input. If the response is not a 402, the resource is not for sale to them.",
    source: "x402 v2 HTTP transport, Payment Required Signaling",
    fix: "Answer 402 with a challenge to a request without input and payment, before any other check.",
    look: ({ probe }) => {
      if (probe.status !== 402)
        return fault(
          "The server does not answer 402 to the probe.",
          evidenceOf(probe, probe.headers.has("location") ? ["location"] : []),
        );
      return isChallenge(probe)
        ? PASSED
        : fault("The 402 contains no payment offer.", evidenceOf(probe, ["payment-required"]));
    },
  },
  {
    id: "challenge-v2",
    title: "The PAYMENT-REQUIRED header holds a challenge of x402 v2",
    severity: "error",
    scope: "resource",
    why: "Clients of the current version read only the header, and stop if they cannot read the challenge.",
    source: "x402 v2 §5.1 PaymentRequired; HTTP transport",
    fix: "Send base64 of JSON with x402Version 2, resource.url and accepts[]. Each entry has scheme, network (CAIP-2), amount (smallest units, as a string), asset, payTo and maxTimeoutSeconds.",
    look: ({ challenge, probe }) => {
      if (!isChallenge(probe)) return skipped(NO_CHALLENGE);
      const { header, v2 } = challenge;
      if (header === undefined) {
        return fault(
          "There is no PAYMENT-REQUIRED header: only clients of x402 v1 can buy.",
          evidenceOf(probe, ["payment-required"]),
          "warning",
        );
      }
      if (!isRecord(v2)) return fault("The header is not base64 of a JSON object.", shown(header, 120));
      const wrong: string[] = [];
      if (v2.x402Version !== 2) wrong.push(`x402Version is ${JSON.stringify(v2.x402Version)}, not 2`);
      const resource = v2.resource;
      if (!isRecord(resource) || typeof resource.url !== "string") wrong.push("resource.url is not a string");
      const accepts = Array.isArray(v2.accepts) ? v2.accepts : [];
      if (accepts.length === 0) wrong.push("accepts is empty or no list");
      for (const [index, entry] of accepts.entries()) {
        wrong.push(...requirementFaults(entry, 2).map((one) => `accepts[${index}]: ${one}`));
      }
      return wrong.length === 0
        ? PASSED
        : fault(`The challenge is not valid: ${wrong.join("; ")}.`, shown(JSON.stringify(v2)));
    },
  },
  {
    id: "challenge-v1",
    title: "The body of the 402 is a challenge of x402 v1",
    severity: "error",
    scope: "resource",
    why: "Older clients and many marketplaces read the body. If it is empty, they cannot buy, and a person who opens the URL cannot read the 402.",
    source: "x402 v1 §5.1 PaymentRequirementsResponse",
    fix: "Answer with x402Version 1, error and accepts[]. Each entry has scheme, network, maxAmountRequired, resource, description, mimeType, payTo, maxTimeoutSeconds and asset.",
    look: ({ challenge, probe }) => {
      if (!isChallenge(probe)) return skipped(NO_CHALLENGE);
      const { v1 } = challenge;
      if (!v1) {
        return fault("The body of the 402 contains no x402 v1 challenge.", evidenceOf(probe), "info");
      }
      const accepts = Array.isArray(v1.accepts) ? v1.accepts : [];
      const wrong = accepts.length === 0 ? ["accepts is empty or no list"] : [];
      for (const [index, entry] of accepts.entries()) {
        wrong.push(...requirementFaults(entry, 1).map((one) => `accepts[${index}]: ${one}`));
      }
      return wrong.length === 0
        ? PASSED
        : fault(`The body is not valid: ${wrong.join("; ")}.`, shown(JSON.stringify(v1)));
    },
  },
  {
    id: "challenge-versions",
    title: "Both versions of the challenge agree",
    severity: "error",
    scope: "resource",
    why: "Otherwise clients of x402 v1 and v2 pay different amounts or different addresses.",
    source: "x402 v1 and v2; practice",
    fix: "Generate both from the same offer.",
    look: ({ challenge }) => {
      const v2 = challenge.offers.filter(({ version }) => version === 2);
      const v1 = challenge.offers.filter(({ version }) => version === 1);
      if (v1.length === 0 || v2.length === 0) return skipped("the server supports only one version");
      const differing = v1.flatMap((old) => {
        const twins = v2.filter(
          (offer) => offer.scheme === old.scheme && sameAddress(offer.network, offer.asset, old.asset),
        );
        if (twins.length === 0) return [`asset ${old.asset} is offered in v1 only`];
        if (!twins.some(({ amount }) => amount === old.amount)) {
          return [`amount ${twins[0]?.amount} in v2, maxAmountRequired ${old.amount} in v1`];
        }
        return twins.some(({ network, payTo }) => sameAddress(network, payTo, old.payTo))
          ? []
          : [`payTo ${twins[0]?.payTo} in v2, ${old.payTo} in v1`];
      });
      return faults(
        differing.map((one) => ({ what: "The header and the body of the 402 differ.", evidence: one })),
      );
    },
  },
  {
    id: "challenge-resource",
    title: "The challenge names the requested resource",
    severity: "error",
    scope: "resource",
    why: "Careful clients refuse to pay when resource.url is not the URL that they requested. Behind a proxy, the URL that the server sees is often not the public URL.",
    source: "x402 v2 §5.1 ResourceInfo",
    fix: "Set resource.url (v1: accepts[].resource) to the public URL. Behind a proxy, configure the server's public URL.",
    look: ({ challenge, probe }) => {
      const { v1, v2 } = challenge;
      const named = [
        isRecord(v2) && isRecord(v2.resource) ? v2.resource.url : undefined,
        ...(v1 && Array.isArray(v1.accepts)
          ? v1.accepts.filter(isRecord).map(({ resource }) => resource)
          : []),
      ].filter((one) => typeof one === "string");
      if (named.length === 0) return skipped(NO_CHALLENGE);
      const other = named.find((one) => !samePlace(one, probe.url));
      return other === undefined
        ? PASSED
        : fault(
            "The challenge is for another URL.",
            `asked: ${shown(probe.url, 200)}\nresource: ${shown(other, 200)}`,
          );
    },
  },
  {
    id: "challenge-domain",
    title: "An offer names the token's EIP-712 domain",
    severity: "error",
    scope: "resource",
    why: "The signature of an EIP-3009 transfer covers the token's name and version. A client that does not know them cannot sign.",
    source: "x402 exact scheme on EVM, extra.name and extra.version",
    fix: "Add the token's own name() and version() to extra.",
    look: ({ challenge }) => {
      const offers = challenge.offers.filter(
        ({ scheme, network, extra, version }) =>
          scheme === "exact" &&
          (version === 1
            ? /^(base|avalanche|polygon|iotex|sei|peaq|abstract)/.test(network)
            : network.startsWith("eip155:")) &&
          (extra.assetTransferMethod ?? "eip3009") === "eip3009",
      );
      if (offers.length === 0) return skipped("no offer uses EIP-3009");
      const without = offers.filter(
        ({ extra }) => typeof extra.name !== "string" || typeof extra.version !== "string",
      );
      return faults(
        without.map(({ network, extra }) => ({
          what: `The offer on ${network} does not name the token's domain.`,
          evidence: `extra: ${shown(JSON.stringify(extra))}`,
        })),
      );
    },
  },
  {
    id: "challenge-time",
    title: "An offer is valid for a sensible time",
    severity: "warning",
    scope: "resource",
    why: "A signature that is valid for a moment expires before it is settled. One that is valid for days can be settled long after the buyer has stopped waiting.",
    source: "x402 v2 §5.1 maxTimeoutSeconds",
    fix: "Set maxTimeoutSeconds to the duration of the work plus a margin: between 1 and 3600.",
    look: ({ challenge }) => {
      if (challenge.offers.length === 0) return skipped(NO_CHALLENGE);
      const odd = challenge.offers.filter(({ maxTimeoutSeconds: seconds }) => {
        return typeof seconds === "number" && !(seconds >= 1 && seconds <= 3600);
      });
      return faults(
        odd.map(({ network, maxTimeoutSeconds }) => ({
          what: `The offer on ${network} is valid for ${maxTimeoutSeconds} seconds.`,
          evidence: `maxTimeoutSeconds: ${maxTimeoutSeconds}`,
        })),
      );
    },
  },
  {
    id: "challenge-stable",
    title: "The same request always costs the same",
    severity: "error",
    scope: "resource",
    why: "The payment must match an offer exactly. If the price changes between the challenge and the paid request, buyers cannot pay.",
    source: "x402 v2 §5.2 PaymentPayload.accepted",
    fix: "Compute the price only from the input, or keep a quote valid for some minutes.",
    look: async (at) => {
      const ask = await at.accepted();
      if (typeof ask === "string") return skipped(ask);
      const again = await at.wire.send(ask);
      const [first, second] = [await at.priced(), again].map((exchange) =>
        readChallenge(exchange)
          .offers.map(
            ({ version, network, asset, amount, payTo }) =>
              `v${version} ${network} ${asset} ${amount} to ${payTo}`,
          )
          .join("\n"),
      );
      return first === second
        ? PASSED
        : fault("Two challenges for the same input differ.", `first:\n${first}\nsecond:\n${second}`);
    },
  },
  {
    id: "challenge-payable",
    title: "The 402 to a complete input has a readable x402 v2 challenge",
    severity: "error",
    scope: "resource",
    why: "Buyers sign the challenge that they get for their input. It must be as complete as the challenge of the probe.",
    source: "x402 v2 §5.1",
    fix: "Send the same kind of challenge with and without input.",
    look: async (at) => {
      if (at.challenge.header === undefined) return skipped("the server does not support x402 v2");
      const ask = await at.accepted();
      if (typeof ask === "string") return skipped(ask);
      const priced = await at.priced();
      return payableOf(readChallenge(priced))
        ? PASSED
        : fault(
            "The 402 to a complete input has no x402 v2 challenge.",
            evidenceOf(priced, ["payment-required"]),
          );
    },
  },
];

/** Compares origin and path. The seller decides about query and trailing slash. */
function samePlace(named: string, asked: string): boolean {
  if (!URL.canParse(named)) return false;
  const [a, b] = [new URL(named), new URL(asked)];
  const path = ({ pathname }: URL): string => pathname.replace(/\/$/, "");
  return a.origin === b.origin && path(a) === path(b);
}
