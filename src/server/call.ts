import type { FacilitatorClient } from "@x402/core/server";
import type { Money } from "../../schema/money.ts";
import { validate } from "../../schema/standard.ts";
import { notImplemented } from "../jobs/handler.ts";
import type { Faults } from "../observe/fault.ts";
import { childLogger, type Logger } from "../observe/log.ts";
import {
  anonymous,
  fingerprint,
  identify,
  type Presented,
  readKey,
  readPayment,
} from "../payments/evidence.ts";
import type { Ledger } from "../payments/ledger.ts";
import type { Offers } from "../payments/offer.ts";
import type { Claim } from "../payments/recall.ts";
import { StoreUnavailable, Uncertain } from "../store/steady.ts";
import type { Store, StoredAnswer } from "../store/store.ts";
import { createAmounts } from "./amount.ts";
import { problem } from "./answer.ts";
import { createBuying } from "./buy.ts";
import { readInput } from "./input.ts";
import type { ServedResource } from "./resource.ts";

export interface CallRoom {
  readonly store: Store;
  readonly ledger: Ledger;
  /** Absent when everything is free. */
  readonly offers: Offers | undefined;
  readonly facilitator: FacilitatorClient | undefined;
  readonly log: Logger;
  readonly faults: Faults | undefined;
  readonly maxBodyBytes: number;
  /** Refuse payments without an idempotency key. */
  readonly requireKey: boolean;
  /** For how long the same purchase without a key is taken to be a repetition; milliseconds, 0 never. */
  readonly duplicateWindowMs: number;
  /** What one payer may owe for jobs that are charged after the work; millionths of a US dollar. */
  readonly maxOutstanding: number;
  /** Runs a job that has been accepted. */
  readonly dispatch: (jobId: string) => void;
  /** Absolute URL of a path of this API, as the caller of `request` sees it. @default the request's own path */
  url(request: Request, path: string | undefined): string;
}

export type Call = (
  resource: ServedResource,
  request: Request,
  params: Readonly<Record<string, string>>,
) => Promise<StoredAnswer>;

/** One request on its way. */
interface Visit {
  readonly resource: ServedResource;
  readonly request: Request;
  readonly requestId: string;
  readonly log: Logger;
  /** The resource's, without query. */
  readonly url: string;
}

/** A visit that has input, price and, unless it is free, a payment. */
export interface Purchase extends Visit {
  readonly amount: Money;
  readonly claim: Claim;
  readonly presented: Presented | undefined;
  /** Validated. */
  readonly input: unknown;
  /** As the caller wrote it. */
  readonly written: unknown;
}

/** A facilitator that is down is asked again after this long. */
const FACILITATOR_RETRY_SECONDS = 5;
/** A store that fails likewise. */
export const STORE_RETRY_SECONDS = 2;

/** The 402, and the 503 in its place while the facilitator does not say how it can be paid. Never kept. */
export interface Asking {
  challenge(visit: Visit, amount: Money, error?: string): Promise<StoredAnswer>;
  unavailable(visit: Visit, cause: unknown): StoredAnswer;
}

/**
 * Carries one call from the request to its answer. The order is the order of the money rules:
 * validate → challenge → look up → match and verify → write the intent → run and settle (or settle and run) → answer.
 */
export function createCalls(room: CallRoom): Call {
  const { offers } = room;
  const amounts = createAmounts();

  const asking: Asking = {
    async challenge(visit, amount, error) {
      try {
        if (!offers) throw new Error("payments are not configured");
        return await offers.challenge(visit.resource, amount, visit.url, error);
      } catch (cause) {
        return asking.unavailable(visit, cause);
      }
    },
    unavailable({ log, requestId }, cause) {
      log.error({ error: cause }, "the facilitator is not available");
      return problem("facilitator_unavailable", requestId, { retryAfterSeconds: FACILITATOR_RETRY_SECONDS });
    },
  };
  const buy = createBuying(room, asking);

  return async (resource, request, params) => {
    const requestId = crypto.randomUUID();
    const log = childLogger(room.log, { requestId, resource: resource.name });
    const url = room.url(request, undefined);
    try {
      return await enter({ resource, request, requestId, log, url }, params);
    } catch (error) {
      if (error instanceof StoreUnavailable) {
        // The ledger keeps to itself what fails after the money has been asked for: here nothing has moved, and
        // unless the intent may stand in the store nothing will.
        log.error({ error }, "the store is not available");
        return problem("unavailable", requestId, {
          paymentState: error instanceof Uncertain ? "in_flight" : "unused",
          retryAfterSeconds: STORE_RETRY_SECONDS,
        });
      }
      log.error({ error }, "the call could not be answered");
      const detail = `An internal error occurred. If you report it, quote ${requestId}.`;
      return problem("internal_error", requestId, { detail });
    }
  };

  /** From the request to what is to be bought, and by whom. Nothing is stored, nothing is verified. */
  async function enter(visit: Visit, params: Readonly<Record<string, string>>): Promise<StoredAnswer> {
    const { resource, request, requestId } = visit;
    if (room.faults) await room.faults.reach("call.received");
    const reading = await readInput(resource.document, request, params, room.maxBodyBytes);
    if (reading.kind === "refused") return problem(reading.code, requestId, { detail: reading.detail });

    const input = await validate(resource.input, reading.input);
    if ("issues" in input) {
      if (reading.kind === "probe" && resource.maxPrice > 0n)
        return asking.challenge(visit, resource.maxPrice);
      const list = input.issues.map(({ path, message }) => `${path || "input"}: ${message}`).join("; ");
      return problem("invalid_input", requestId, {
        detail: `The input is not valid: ${list}`,
        details: input.issues,
      });
    }
    if (resource.handler === notImplemented) return problem("not_implemented", requestId);

    const print = () => fingerprint(resource.name, input.value);
    let amount: Money;
    try {
      amount = await amounts.of(resource, input.value as object, print);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      return problem("invalid_input", requestId, { detail: `The input has no price: ${error.message}.` });
    }

    const presented = amount === 0n ? undefined : readPayment(request.headers);
    if (presented === "malformed") return problem("malformed_payment", requestId);
    const key = readKey(request.headers, presented);
    if ("problem" in key) return problem("malformed_key", requestId, { detail: key.problem });
    if (amount > 0n && !presented) return asking.challenge(visit, amount);
    if (presented && key.value === undefined && room.requireKey) {
      const detail = "Send an Idempotency-Key with the payment, and the same one when you send it again.";
      return problem("key_required", requestId, { detail });
    }

    const identity = presented ? identify(presented) : anonymous(resource.name, key, requestId);
    const paid = presented !== undefined;
    const claim = { resource: resource.name, fingerprint: print(), key, identity, paid };
    return buy({ ...visit, amount, claim, presented, input: input.value, written: reading.input });
  }
}
