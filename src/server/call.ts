import type { FacilitatorClient } from "@x402/core/server";
import type { Money } from "../../schema/money.ts";
import { validate } from "../../schema/standard.ts";
import { notImplemented } from "../jobs/handler.ts";
import { acceptedJob, newJob, newJobId } from "../jobs/jobs.ts";
import { run } from "../jobs/run.ts";
import { childLogger, type Logger } from "../observe/log.ts";
import { type Verdict, verify } from "../payments/charge.ts";
import {
  anonymous,
  fingerprint,
  identify,
  type Presented,
  readKey,
  readPayment,
} from "../payments/evidence.ts";
import type { Closing, Ledger } from "../payments/ledger.ts";
import type { Offers } from "../payments/offer.ts";
import { type Claim, recall } from "../payments/recall.ts";
import type { CallRecord, SignedPayment, Store, StoredAnswer } from "../store/store.ts";
import { HEADERS } from "../wire/index.ts";
import { createAmounts } from "./amount.ts";
import { failure, json, problem, replayed } from "./answer.ts";
import { readInput } from "./input.ts";
import type { ServedResource } from "./resource.ts";

export interface CallRoom {
  readonly store: Store;
  readonly ledger: Ledger;
  /** Absent when everything is free. */
  readonly offers: Offers | undefined;
  readonly facilitator: FacilitatorClient | undefined;
  readonly log: Logger;
  readonly maxBodyBytes: number;
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
interface Purchase extends Visit {
  readonly amount: Money;
  readonly claim: Claim;
  readonly presented: Presented | undefined;
}

/** A facilitator that is down is asked again after this long. */
const FACILITATOR_RETRY_SECONDS = 5;

/**
 * Carries one call from the request to its answer. The order is the order of the money rules:
 * validate → challenge → look up → match and verify → write the intent → run and settle (or settle and queue) → answer.
 */
export function createCalls(room: CallRoom): Call {
  const { store, ledger, offers, facilitator } = room;
  const amounts = createAmounts();
  /** Calls that are being worked on in this process: a concurrent twin waits for the same answer. */
  const inFlight = new Map<string, Promise<StoredAnswer>>();

  return async (resource, request, params) => {
    const requestId = crypto.randomUUID();
    const log = childLogger(room.log, { requestId, resource: resource.name });
    const url = room.url(request, undefined);
    try {
      return await enter({ resource, request, requestId, log, url }, params);
    } catch (error) {
      log.error({ error }, "the call could not be answered");
      const detail = `An internal error occurred. If you report it, quote ${requestId}.`;
      return problem("internal_error", requestId, { detail });
    }
  };

  /** From the request to what is to be bought, and by whom. Nothing is stored, nothing is verified. */
  async function enter(visit: Visit, params: Readonly<Record<string, string>>): Promise<StoredAnswer> {
    const { resource, request, requestId } = visit;
    const reading = await readInput(resource.document, request, params, room.maxBodyBytes);
    if (reading.kind === "refused") return problem(reading.code, requestId, { detail: reading.detail });

    const input = await validate(resource.input, reading.input);
    if ("issues" in input) {
      if (reading.kind === "probe" && resource.maxPrice > 0n) return challenge(visit, resource.maxPrice);
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
    if (amount > 0n && !presented) return challenge(visit, amount);

    const identity = presented ? identify(presented) : anonymous(key, requestId);
    const paid = presented !== undefined;
    const claim = { resource: resource.name, fingerprint: print(), key, identity, paid };
    return buy({ ...visit, amount, claim, presented }, input.value, reading.input);
  }

  /** Look up, verify, write the intent; then the work. `written` is the input as the caller wrote it. */
  async function buy(purchase: Purchase, input: unknown, written: unknown): Promise<StoredAnswer> {
    const { resource, requestId, log, amount, claim } = purchase;
    const { key, identity, paid } = claim;
    if (!paid && !resource.isJob && key.value === undefined) return answerUnrecorded(purchase, input);

    const holder = await store.findCall({ resource: resource.name, identity, key: key.value });
    if (holder) return again(holder, purchase);

    const { payment, verdict } = paid ? await examine(purchase) : {};
    if (verdict?.verdict === "unavailable") return unavailable(purchase, verdict.cause);
    if (verdict?.verdict === "invalid") {
      log.info({ reason: verdict.reason }, "payment invalid");
      return challenge(purchase, amount, verdict.reason);
    }

    const record: CallRecord = {
      id: requestId,
      resource: resource.name,
      key: key.value,
      fingerprint: claim.fingerprint,
      identity,
      payment,
      paymentState: "unused",
      answer: undefined,
      receipt: undefined,
      jobId: resource.isJob ? newJobId() : undefined,
      createdAt: Date.now(),
    };
    const work = (async () => {
      const taken = await store.begin(record, newJob(record, written));
      if (taken) return again(taken, purchase);
      return record.jobId === undefined
        ? answerNow(record, purchase, input)
        : accept(record, record.jobId, purchase);
    })();
    // Known to twins from the moment it stands in the store.
    inFlight.set(record.id, work);
    return work.finally(() => inFlight.delete(record.id));
  }

  /** Whether a payment fits an offer at today's price, and whether it is good. Moves nothing. */
  async function examine(
    purchase: Purchase,
  ): Promise<{ readonly payment?: SignedPayment | undefined; readonly verdict: Verdict }> {
    const { resource, amount, url, presented } = purchase;
    try {
      const payment = presented && (await offers?.match(resource, amount, url, presented));
      if (payment && facilitator) return { payment, verdict: await verify(facilitator, payment) };
      return { verdict: { verdict: "invalid", reason: "No matching payment requirements" } };
    } catch (cause) {
      return { verdict: { verdict: "unavailable", cause } };
    }
  }

  /** Nothing to charge and nothing to tell twins apart by: nothing to remember. */
  async function answerUnrecorded(
    { resource, requestId, log }: Visit,
    input: unknown,
  ): Promise<StoredAnswer> {
    const outcome = await run(resource, { input, payer: undefined, requestId, jobId: requestId, log });
    return outcome.ok ? json(200, outcome.output) : failure(outcome, requestId);
  }

  /** Sync: run, then settle, then answer. A failure of any kind is free, and releases key and payment. */
  async function answerNow(record: CallRecord, purchase: Purchase, input: unknown): Promise<StoredAnswer> {
    const { resource, requestId, log } = purchase;
    const payer = record.payment ? record.identity.payer : undefined;
    const outcome = await run(resource, { input, payer, requestId, jobId: requestId, log });
    if (!outcome.ok) {
      await store.release(record.id);
      return failure(outcome, requestId);
    }
    const headers = record.payment ? { "cache-control": "private, no-store" } : {};
    return closed(await ledger.close(record, json(200, outcome.output, headers)), purchase);
  }

  /** Job: settle, then queue, then answer 202. Nothing runs before its payment is settled. */
  async function accept(record: CallRecord, jobId: string, purchase: Purchase): Promise<StoredAnswer> {
    const statusUrl = room.url(purchase.request, `/v1/jobs/${jobId}`);
    const accepted = acceptedJob(record, jobId, statusUrl, purchase.resource);
    const answer = json(202, JSON.stringify(accepted), {
      "cache-control": "private, no-store",
      "referrer-policy": "no-referrer",
      location: statusUrl,
      [HEADERS.retryAfter]: String(accepted.retryAfterSeconds),
    });
    const closing = await ledger.close(record, answer);
    return closing.outcome === "unknown" ? answer : closed(closing, purchase);
  }

  /** A request whose payment or key is known already: the same answer, or a reason why not. Never a second charge. */
  async function again(holder: CallRecord, purchase: Purchase): Promise<StoredAnswer> {
    const { requestId, amount, claim } = purchase;
    const ruling = await recall(holder, claim, async () => (await examine(purchase)).verdict);
    if (ruling.ruling === "conflict") return problem(ruling.code, requestId);
    if (ruling.ruling === "unavailable") return unavailable(purchase, ruling.cause);
    if (ruling.ruling === "invalid") return challenge(purchase, amount, ruling.reason);

    const twin = inFlight.get(holder.id);
    if (twin) return replayed(await twin);
    if (holder.paymentState === "settled" && holder.answer) return replayed(holder.answer);
    if (!holder.answer) {
      return problem("in_progress", requestId, { retryAfterSeconds: 1, paymentState: "in_flight" });
    }
    const closing = await ledger.reconcile(holder);
    if (closing.outcome === "unknown" && holder.jobId !== undefined) return replayed(holder.answer);
    return replayed(await closed(closing, purchase));
  }

  async function closed(closing: Closing, purchase: Purchase): Promise<StoredAnswer> {
    if (closing.outcome === "settled") return closing.answer;
    if (closing.outcome === "refused") return challenge(purchase, purchase.amount, closing.reason);
    return problem("settlement_unknown", purchase.requestId, {
      detail: "The payment has not been confirmed yet. Send the same request again; do not pay again.",
      paymentState: "in_flight",
      retryAfterSeconds: 2,
    });
  }

  async function challenge(visit: Visit, amount: Money, error?: string): Promise<StoredAnswer> {
    try {
      if (!offers) throw new Error("payments are not configured");
      return await offers.challenge(visit.resource, amount, visit.url, error);
    } catch (cause) {
      return unavailable(visit, cause);
    }
  }

  function unavailable({ log, requestId }: Visit, cause: unknown): StoredAnswer {
    log.error({ error: cause }, "the facilitator is not available");
    return problem("facilitator_unavailable", requestId, { retryAfterSeconds: FACILITATOR_RETRY_SECONDS });
  }
}
