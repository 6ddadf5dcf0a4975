import type { FacilitatorClient } from "@x402/core/server";
import { brief } from "../telemetry/redact.ts";
import { StartError } from "../telemetry/start-error.ts";
import type { Endpoint } from "./endpoint.ts";

type Supported = Awaited<ReturnType<FacilitatorClient["getSupported"]>>;

/** What the facilitators say that they support, and why they do not say it. */
export interface Supports {
  /** The facilitators as the official server asks them: with what they have said last. */
  readonly clients: FacilitatorClient[];
  /** @throws StartError when none of them says what it supports */
  ask(): Promise<void>;
  /** Why a payment on this network cannot be taken. */
  missing(network: string, place: string): StartError;
}

/** Of one that did not say what it supports: the others may be enough. */
const NOTHING: Supported = { kinds: [], extensions: [], signers: {} };

export function createSupported(endpoints: readonly Endpoint[]): Supports {
  const said = new Map<Endpoint, Supported>();
  const names = endpoints.map(({ name }) => name).join(", ");

  return {
    clients: endpoints.map((endpoint) => ({
      verify: (...args) => endpoint.client.verify(...args),
      settle: (...args) => endpoint.client.settle(...args),
      getSupported: async () => said.get(endpoint) ?? NOTHING,
    })),

    async ask() {
      said.clear();
      const reasons: string[] = [];
      let cause: unknown;
      await Promise.all(
        endpoints.map(async (endpoint) => {
          try {
            said.set(endpoint, await endpoint.client.getSupported());
          } catch (error) {
            cause = error;
            reasons.push(reasonOf(endpoint, error));
          }
        }),
      );
      if (said.size === 0) throw new StartError(`payments.facilitator: ${reasons.join("; ")}`, { cause });
    },

    missing(network, place) {
      const networks = [...said.values()].flatMap(({ kinds }) =>
        kinds.filter(({ scheme }) => scheme === "exact").map((kind) => String(kind.network)),
      );
      const known = [...new Set(networks)].filter((one) => one.includes(":"));
      const near = known.find((one) => isNear(one, network));
      const nothing = networks.length > 0 ? "x402 version 1 only" : "no network";
      const fix =
        near === undefined
          ? `use a facilitator that supports it; this one supports ${known.slice(0, 10).join(", ") || nothing}`
          : `did you mean "${near}"?`;
      return new StartError(`${place}: the facilitator ${names} does not support ${network}; ${fix}`);
    },
  };
}

function reasonOf({ name }: Endpoint, error: unknown): string {
  const text = brief(error);
  const status = /failed \((\d{3})\)/.exec(text)?.[1];
  const who = `the facilitator ${name}`;
  if (status === "401" || status === "403") {
    return `${who} refuses this server (status ${status}); pass { url, createAuthHeaders } with the keys of your account`;
  }
  if (status !== undefined) {
    return `${who} does not say what it supports (status ${status}); check that the URL is that of a facilitator`;
  }
  return `${who} cannot be reached (${text.slice(0, 120)}); check its URL and that it runs`;
}

/** One is the beginning of the other: `eip155:8453` (Base) and `eip155:84532` (Base Sepolia). */
function isNear(one: string, other: string): boolean {
  return one.startsWith(other) || other.startsWith(one) || one.slice(0, -1) === other.slice(0, -1);
}
