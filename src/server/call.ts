import type { FacilitatorClient } from "@x402/core/server";
import { LRUCache } from "lru-cache";
import type { Money } from "../../schema/money.ts";
import { priceOf, withinQuote } from "../../schema/price.ts";
import { validate } from "../../schema/standard.ts";
import { notImplemented } from "../jobs/handler.ts";
import { RETRY_AFTER_SECONDS } from "../jobs/jobs.ts";
import { type Outcome, run } from "../jobs/run.ts";
import { childLogger, type Logger } from "../observe/log.ts";
import { verify } from "../payments/charge.ts";
import {
  canonical,
  fingerprint,
  hash,
  identify,
  type Key,
  readKey,
  readPayment,
} from "../payments/evidence.ts";
import type { Closing, Ledger } from "../payments/ledger.ts";
import type { Offers } from "../payments/offer.ts";
import type {
  CallRecord,
  JobRecord,
  PaymentIdentity,
  SignedPayment,
  Store,
  StoredAnswer,
} from "../store/store.ts";
import {
  DECLARED_FAILURE_STATUS,
  HEADERS,
  type JobAccepted,
  PROBLEMS,
  type ProblemCode,
} from "../wire/index.ts";
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
  /** Absolute URL of a path of this API, as the caller of `request` sees it. */
  url(request: Request, path: string): string;
}

/** How long a quote stands, so that the amount in the 402 is the amount that is charged. */
const QUOTE_LIFE_MS = 10 * 60_000;

/**
 * Carries one call from the request to its answer. The order is the order of the money rules:
 * validate → challenge → look up → verify → write the intent → run and settle (or settle and queue) → answer.
 */
export function createCalls(
  room: CallRoom,
): (
  resource: ServedResource,
  request: Request,
  params: Readonly<Record<string, string>>,
) => Promise<StoredAnswer> {
  const { store, ledger, offers, facilitator } = room;
  const quotes = new LRUCache<string, Money>({ max: 10_000, ttl: QUOTE_LIFE_MS });
  /** Calls that are being worked on in this process: a concurrent twin waits for the same answer. */
  const inFlight = new Map<string, Promise<StoredAnswer>>();

  return async function call(resource, request, params) {
    const requestId = crypto.randomUUID();
    const log = childLogger(room.log, { requestId, resource: resource.name });
    try {
      return await answer(resource, request, params, requestId, log);
    } catch (error) {
      log.error({ error }, "the call could not be answered");
      return problem("internal_error", requestId, {
        detail: `An internal error occurred. If you report it, quote ${requestId}.`,
      });
    }
  };

  async function answer(
    resource: ServedResource,
    request: Request,
    params: Readonly<Record<string, string>>,
    requestId: string,
    log: Logger,
  ): Promise<StoredAnswer> {
    const reading = await readInput(resource.document, request, params, room.maxBodyBytes);
    if (reading.kind === "refused") return problem(reading.code, requestId, { detail: reading.detail });

    const input = await validate(resource.input, reading.input);
    const url = room.url(request, new URL(request.url).pathname);
    if ("issues" in input) {
      if (reading.kind === "probe" && resource.maxPrice > 0n) {
        return challenge(resource, resource.maxPrice, url, requestId, log);
      }
      return problem("invalid_input", requestId, {
        detail: `The input is not valid: ${input.issues.map((i) => `${i.path || "input"}: ${i.message}`).join("; ")}`,
        details: input.issues,
      });
    }
    if (resource.handler === notImplemented) return problem("not_implemented", requestId);

    const amount = await amountOf(resource, input.value as object);
    if (amount instanceof RangeError) {
      return problem("invalid_input", requestId, { detail: `The input has no price: ${amount.message}.` });
    }
    const presented = amount === 0n ? undefined : readPayment(request.headers);
    if (presented === "malformed") return problem("malformed_payment", requestId);
    const key = readKey(request.headers, presented);
    if (key === "disagree" || key === "malformed") return problem("malformed_key", requestId, keyDetail(key));
    if (amount > 0n && !presented) return challenge(resource, amount, url, requestId, log);

    let payment: SignedPayment | undefined;
    let identity: PaymentIdentity = anonymous(key, requestId);
    if (presented) {
      payment = await offers?.match(resource, amount, url, presented);
      if (!payment)
        return challenge(resource, amount, url, requestId, log, "No matching payment requirements");
      identity = identify(payment, presented.bytes);
    }

    if (amount === 0n && !resource.isJob && key.value === undefined) {
      return answerFree(resource, input.value, requestId, log);
    }
    const print = fingerprint(resource.name, input.value);
    const begin = { resource, requestId, log, key, identity, payment, print, url, amount };
    const holder = await store.findCall({ resource: resource.name, identity, key: key.value });
    if (holder) return again(holder, begin);

    if (payment && facilitator) {
      const verdict = await verify(facilitator, payment);
      if (verdict.verdict === "unavailable") {
        log.error({ error: verdict.cause }, "the facilitator could not verify a payment");
        return problem("facilitator_unavailable", requestId, { retryAfterSeconds: 5 });
      }
      if (verdict.verdict === "invalid") {
        log.info({ reason: verdict.reason }, "payment invalid");
        return challenge(resource, amount, url, requestId, log, verdict.reason);
      }
      if (verdict.payer !== undefined && identity.payer === "")
        identity = { ...identity, payer: verdict.payer };
    }

    const record: CallRecord = {
      id: requestId,
      resource: resource.name,
      key: key.value,
      fingerprint: print,
      identity,
      payment,
      paymentState: "unused",
      answer: undefined,
      receipt: undefined,
      jobId: resource.isJob ? newJobId() : undefined,
      createdAt: Date.now(),
    };
    const work = (async () => {
      const taken = await store.begin(record, jobOf(record, reading.input));
      if (taken) return again(taken, begin);
      return record.jobId === undefined
        ? answerNow(record, input.value, begin)
        : accept(record, record.jobId, request, begin);
    })();
    // Known to twins from the moment it stands in the store.
    inFlight.set(record.id, work);
    return work.finally(() => inFlight.delete(record.id));
  }

  /** Nothing to charge and nothing to tell twins apart by: nothing to remember. */
  async function answerFree(
    resource: ServedResource,
    input: unknown,
    requestId: string,
    log: Logger,
  ): Promise<StoredAnswer> {
    const outcome = await run(resource, { input, payer: undefined, requestId, jobId: requestId, log });
    return outcome.ok ? json(200, outcome.output) : failed(outcome, requestId);
  }

  /** Sync: run, then settle, then answer. A failure of any kind is free, and releases key and payment. */
  async function answerNow(record: CallRecord, input: unknown, begin: Begin): Promise<StoredAnswer> {
    const { resource, requestId, log } = begin;
    const payer = begin.payment ? begin.identity.payer : undefined;
    const outcome = await run(resource, { input, payer, requestId, jobId: requestId, log });
    if (!outcome.ok) {
      await store.release(record.id);
      return failed(outcome, requestId);
    }
    const headers = record.payment ? { "cache-control": "private, no-store" } : {};
    const closing = await ledger.close(record, json(200, outcome.output, headers));
    return closed(closing, begin);
  }

  /** Job: settle, then queue, then answer 202. Nothing runs before its payment is settled. */
  async function accept(
    record: CallRecord,
    jobId: string,
    request: Request,
    begin: Begin,
  ): Promise<StoredAnswer> {
    const statusUrl = room.url(request, `/v1/jobs/${jobId}`);
    const { resource } = begin;
    const accepted: JobAccepted = {
      success: true,
      jobId,
      statusUrl,
      state: "processing",
      status: record.payment ? "awaiting_payment" : "queued",
      retryAfterSeconds: RETRY_AFTER_SECONDS,
      expiresAt: new Date(record.createdAt + resource.timeoutMs + resource.retentionMs).toISOString(),
      ...(record.payment ? { paymentState: "in_flight" } : {}),
    };
    const answer = json(202, JSON.stringify(accepted), {
      "cache-control": "private, no-store",
      "referrer-policy": "no-referrer",
      location: statusUrl,
      [HEADERS.retryAfter]: String(RETRY_AFTER_SECONDS),
    });
    const closing = await ledger.close(record, answer);
    return closing.outcome === "unknown" ? answer : closed(closing, begin);
  }

  /** A request whose payment or key is known already: the same answer, or a reason why not. Never a second charge. */
  async function again(holder: CallRecord, begin: Begin): Promise<StoredAnswer> {
    const { resource, requestId, log, identity, payment, key, print } = begin;
    if (payment && holder.identity.nonce === identity.nonce) {
      // A nonce can be read on the chain once it is settled; the bytes that were sent, with their key, cannot.
      const same =
        holder.identity.bytesHash === identity.bytesHash &&
        holder.resource === resource.name &&
        holder.fingerprint === print &&
        holder.key === key.value;
      if (!same) return problem("payment_already_used", requestId);
    } else {
      if (holder.fingerprint !== print) {
        return problem(key.from === "extension" ? "key_conflict" : "key_mismatch", requestId);
      }
      // The same key with a new signature. It buys nothing: it only has to prove who asks.
      const verdict = payment && facilitator ? await verify(facilitator, payment) : undefined;
      if (verdict?.verdict === "unavailable") {
        return problem("facilitator_unavailable", requestId, { retryAfterSeconds: 5 });
      }
      if (verdict?.verdict === "invalid") {
        return challenge(resource, begin.amount, begin.url, requestId, log, verdict.reason);
      }
    }
    const twin = inFlight.get(holder.id);
    if (twin) return replayed(await twin);
    if (holder.paymentState === "settled" && holder.answer) return replayed(holder.answer);
    if (!holder.answer)
      return problem("in_progress", requestId, { retryAfterSeconds: 1, paymentState: "in_flight" });
    const closing = await ledger.reconcile(holder);
    if (closing.outcome === "unknown" && holder.jobId !== undefined) return replayed(holder.answer);
    return replayed(await closed(closing, begin));
  }

  async function closed(closing: Closing, begin: Begin): Promise<StoredAnswer> {
    const { resource, amount, url, requestId, log } = begin;
    switch (closing.outcome) {
      case "settled":
        return closing.answer;
      case "refused":
        return challenge(resource, amount, url, requestId, log, closing.reason);
      case "unknown":
        return problem("settlement_unknown", requestId, {
          detail: "The payment has not been confirmed yet. Send the same request again; do not pay again.",
          paymentState: "in_flight",
          retryAfterSeconds: 2,
        });
    }
  }

  async function challenge(
    resource: ServedResource,
    amount: Money,
    url: string,
    requestId: string,
    log: Logger,
    error?: string,
  ): Promise<StoredAnswer> {
    try {
      if (!offers) throw new Error("payments are not configured");
      return await offers.challenge(resource, amount, url, error);
    } catch (cause) {
      log.error({ error: cause }, "no challenge could be made: is the facilitator up?");
      return problem("facilitator_unavailable", requestId, { retryAfterSeconds: 5 });
    }
  }

  async function amountOf(resource: ServedResource, input: object): Promise<Money | RangeError> {
    try {
      const amount = priceOf(resource.price, input);
      if (amount !== undefined) return amount;
    } catch (error) {
      if (error instanceof RangeError) return error;
      throw error;
    }
    if (resource.price.kind !== "quoted" || !resource.quote) return 0n;
    const id = hash(`${resource.name}\n${canonical(input)}`);
    const kept = quotes.get(id);
    if (kept !== undefined) return kept;
    const quoted = withinQuote(resource.price, await resource.quote(input as never));
    quotes.set(id, quoted);
    return quoted;
  }
}

/** What a request brought, on its way through the ledger. */
interface Begin {
  readonly resource: ServedResource;
  readonly requestId: string;
  readonly log: Logger;
  readonly key: Key;
  readonly identity: PaymentIdentity;
  readonly payment: SignedPayment | undefined;
  readonly print: string;
  readonly url: string;
  readonly amount: Money;
}

function jobOf(call: CallRecord, input: unknown): JobRecord | undefined {
  if (call.jobId === undefined) return undefined;
  return {
    id: call.jobId,
    resource: call.resource,
    callId: call.id,
    payer: call.payment ? call.identity.payer : undefined,
    input,
    status: "awaiting_payment",
    progress: 0,
    message: undefined,
    result: undefined,
    failure: undefined,
    paymentState: call.payment ? "in_flight" : undefined,
    receipt: undefined,
    createdAt: call.createdAt,
    updatedAt: call.createdAt,
    expiresAt: undefined,
  };
}

/** A free call has no payment to be known by: its key, or nothing, tells it apart. */
function anonymous(key: Key, requestId: string): PaymentIdentity {
  const nonce = key.value === undefined ? requestId : `key:${key.value}`;
  return { network: "", payer: "", nonce, bytesHash: nonce, validBefore: 0 };
}

/** The id is a capability: 128 random bits. */
function newJobId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `job_${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

function failed(outcome: Extract<Outcome, { ok: false }>, requestId: string): StoredAnswer {
  const own = Object.hasOwn(PROBLEMS, outcome.code) ? PROBLEMS[outcome.code as ProblemCode][0] : 500;
  return failure(outcome, outcome.declared ? DECLARED_FAILURE_STATUS : own, requestId);
}

function keyDetail(reason: "disagree" | "malformed"): { detail: string } {
  return {
    detail:
      reason === "disagree"
        ? "The idempotency keys of the headers and of the payment differ."
        : "An idempotency key has 1 to 255 visible ASCII characters; a payment identifier 16 to 128 letters, digits, _ or -.",
  };
}
