import { isLoopback } from "../../read/servers.ts";
import { isShareable } from "../caching.ts";
import { type Check, fault, PASSED, skipped } from "../check.ts";
import { evidenceOf } from "../wire.ts";

export const TRANSPORT_CHECKS: readonly Check[] = [
  {
    id: "answer-time",
    title: "The server answers a price request quickly",
    severity: "warning",
    scope: "resource",
    why: "Every purchase begins with this response, and agents stop waiting when it is slow.",
    source: "practice",
    fix: "Call neither facilitator nor database before the 402. Build the challenge once and reuse it.",
    look: ({ probe, slowMs }) =>
      probe.ms <= slowMs && probe.failure?.kind !== "timeout"
        ? PASSED
        : fault(
            `The response to the unpaid probe took ${(probe.ms / 1000).toFixed(1)} s (limit ${(slowMs / 1000).toFixed(1)} s).`,
            evidenceOf(probe),
          ),
  },
  {
    id: "cache-challenge",
    title: "No cache may store the 402",
    severity: "error",
    scope: "resource",
    why: "A cache that stores the challenge sends it to clients that have paid, or sends an old price.",
    source: "RFC 9111 §3 and §5.2.2.5",
    fix: "Send Cache-Control: no-store with every 402, and no max-age or Expires.",
    look: ({ probe }) => {
      if (probe.status !== 402) return skipped("there is no challenge");
      return !isShareable(probe)
        ? PASSED
        : fault("A cache may store the 402.", evidenceOf(probe, ["cache-control"]));
    },
  },
  {
    id: "cors",
    title: "A page on another origin can buy",
    severity: "info",
    scope: "resource",
    why: "Unless the server allows it, a browser hides the challenge and does not send the payment.",
    source: "Fetch standard §3.3 CORS protocol",
    fix: "Send Access-Control-Allow-Origin: *, expose PAYMENT-REQUIRED and PAYMENT-RESPONSE, and allow PAYMENT-SIGNATURE in the preflight.",
    look: async (at) => {
      const { method, url } = at.probe;
      if (at.probe.status !== 402) return skipped("there is no challenge");
      const origin = { origin: "https://buyer.example" };
      const answer = await at.wire.send({ method, url, headers: origin });
      if (answer.failure) return skipped(`the response cannot be read: ${answer.failure.text}`);
      const preflight = await at.wire.send({
        method: "OPTIONS",
        url,
        headers: {
          ...origin,
          "access-control-request-method": method,
          "access-control-request-headers": "content-type, payment-signature",
        },
      });
      const missing: string[] = [];
      if (!answer.headers.has("access-control-allow-origin")) missing.push("access-control-allow-origin");
      if (
        at.challenge.header !== undefined &&
        !lists(answer.headers.get("access-control-expose-headers"), "payment-required")
      ) {
        missing.push("access-control-expose-headers: payment-required");
      }
      if (
        preflight.status >= 300 ||
        !lists(preflight.headers.get("access-control-allow-headers"), "payment-signature")
      ) {
        missing.push("access-control-allow-headers: payment-signature (preflight)");
      }
      return missing.length === 0
        ? PASSED
        : fault(
            "Pages on other origins cannot buy.",
            `missing: ${missing.join("; ")}\npreflight: ${preflight.status}`,
          );
    },
  },
  {
    id: "https",
    title: "The resource is served over HTTPS",
    severity: "warning",
    scope: "api",
    why: "An eavesdropper sees the signed payment and may use it first. An attacker who changes the challenge is paid instead of the seller.",
    source: "RFC 9110 §4.2.2; x402 v2, Security Considerations",
    fix: "Serve only over HTTPS, and do not redirect requests that carry a payment.",
    look: ({ probe }) => {
      const { protocol, hostname, origin } = new URL(probe.url);
      if (protocol === "https:") return PASSED;
      return isLoopback(hostname)
        ? skipped("the host is this machine")
        : fault("The server uses plain HTTP.", origin);
    },
  },
];

function lists(value: string | null, name: string): boolean {
  const listed = (value ?? "").split(",").map((one) => one.trim().toLowerCase());
  return listed.includes("*") || listed.includes(name);
}
