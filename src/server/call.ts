import type { Money } from "../../schema/money.ts";
import { validate } from "../../schema/standard.ts";
import { notImplemented } from "../jobs/handler.ts";
import { anonymous, fingerprint, identify, readKey, readPayment } from "../ledger/payment.ts";
import { isRecorded, wordOn } from "../ledger/recall.ts";
import { childLogger, loggableOf } from "../observe/log.ts";
import { StoreUnavailable, Uncertain } from "../store/steady.ts";
import type { StoredAnswer } from "../store/store.ts";
import { HEADERS, type ProblemCode } from "../wire/index.ts";
import { createAmounts } from "./amount.ts";
import { fromCache, type ProblemOptions, problem } from "./answer.ts";
import { createBuying } from "./buy.ts";
import { readInput } from "./input.ts";
import type { ServedResource } from "./resource.ts";
import { type Asking, type CallRoom, type Purchase, STORE_RETRY_SECONDS, type Visit } from "./visit.ts";

export type Call = (
  resource: ServedResource,
  request: Request,
  params: Readonly<Record<string, string>>,
) => Promise<StoredAnswer>;

/** The address of a resource is a part of its challenge, which has to fit into a header. */
const LONGEST_URL = 2_000;
/** A facilitator that is down is asked again after this long. */
const FACILITATOR_RETRY_SECONDS = 5;
/**
 * Carries one call from the request to its answer. The order is the order of the money rules:
 * validate → challenge → look up → match and verify → write the intent → run and settle (or settle and run) → answer.
 */
export function createCalls(room: CallRoom): Call {
  const { offers } = room;
  const amounts = createAmounts(room.log);

  const asking: Asking = {
    async challenge(visit, amount, error, paymentState) {
      try {
        if (!offers) throw new Error("payments are not configured");
        return await offers.challenge(visit.resource, amount, visit.url, error, paymentState);
      } catch (cause) {
        return asking.unavailable(visit, cause, paymentState);
      }
    },
    unavailable({ log, requestId }, cause, paymentState = "unused") {
      log.error(
        typeof cause === "string" ? { reason: cause } : { error: cause },
        "the facilitator is not available",
      );
      const retryAfterSeconds = FACILITATOR_RETRY_SECONDS;
      return problem("facilitator_unavailable", requestId, { retryAfterSeconds, paymentState });
    },
  };
  const buy = createBuying(room, asking);

  return async (resource, request, params) => {
    const begun = performance.now();
    const requestId = crypto.randomUUID();
    const log = childLogger(room.log, { requestId, resource: resource.name });
    const url = room.url(request, undefined);
    const { method, path: route } = resource.document;
    const { headers } = request;
    const trace = room.telemetry.tracing.request({ method, route, scheme: room.scheme(request), headers });
    const visit = { resource, request, requestId, log, url, trace, shown: undefined };
    const answer = await carried(visit, params);
    room.observer.answered(visit, answer, performance.now() - begun);
    return answer;
  };

  /** Whatever fails, there is an answer. */
  async function carried(visit: Visit, params: Readonly<Record<string, string>>): Promise<StoredAnswer> {
    const { requestId, log } = visit;
    try {
      return await enter(visit, params);
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
      return refused(visit, "internal_error", { detail });
    }
  }

  /** Whatever is wrong with the request, the payment that came along may have been settled before. */
  async function refused(
    { request, requestId }: Visit,
    code: ProblemCode,
    options?: ProblemOptions,
  ): Promise<StoredAnswer> {
    return problem(code, requestId, { ...options, paymentState: await wordOn(request.headers, room.store) });
  }

  /** From the request to what is to be bought, and by whom. Nothing is stored, nothing is verified. */
  async function enter(visit: Visit, params: Readonly<Record<string, string>>): Promise<StoredAnswer> {
    const { resource, request, requestId } = visit;
    const refuse = (code: ProblemCode, options?: ProblemOptions) => refused(visit, code, options);
    if (room.faults) await room.faults.reach("call.received");
    if (visit.url.length > LONGEST_URL) {
      return refuse("too_large", { detail: `The address may have at most ${LONGEST_URL} characters.` });
    }
    const reading = await readInput(resource.document, request, params, room.maxBodyBytes);
    if (reading.kind === "refused") return refuse(reading.code, { detail: reading.detail });

    const input = await visit.trace.step("validate", () => validate(resource.input, reading.input));
    if ("issues" in input) {
      const isAsking = reading.kind === "probe" && readPayment(request.headers) === undefined;
      // What was left out may still be filled in; what stands in the path is wrong already.
      const isQuestion =
        isAsking && !input.issues.some(({ path }) => reading.given.includes(path.split(".")[0] ?? ""));
      if (isQuestion && resource.maxPrice > 0n) return asking.challenge(visit, resource.maxPrice);
      const list = input.issues.map(({ path, message }) => `${path || "input"}: ${message}`).join("; ");
      return refuse("invalid_input", {
        detail: `The input is not valid: ${list}`,
        details: input.issues,
      });
    }
    visit.shown = loggableOf(resource, input.value);
    if (resource.handler === notImplemented) return refuse("not_implemented");

    const print = () => fingerprint(resource.name, input.value, reading.input);
    let amount: Money;
    try {
      amount = await amounts.of(resource, input.value as object, print);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      return refuse("invalid_input", { detail: `The input has no price: ${error.message}.` });
    }

    // What is free is not paid; but what was paid before it became free has its answer.
    const isPaid = amount > 0n || (await wasPaid(visit));
    if (isPaid === undefined) return refuse("unavailable", { retryAfterSeconds: STORE_RETRY_SECONDS });
    const presented = isPaid ? readPayment(request.headers) : undefined;
    if (presented === "malformed") return refuse("malformed_payment");
    const key = readKey(request.headers, presented);
    if ("problem" in key) return refuse("malformed_key", { detail: key.problem });
    const callback = callbackOf(visit);
    // With a payment it may be a call that is known: that is looked up first.
    if (callback && "refused" in callback && !presented) {
      return problem("callback_refused", requestId, { detail: callback.refused });
    }
    if (amount > 0n && !presented) {
      const { isFree = false, isPublic = false } = resource.cache ?? {};
      const identity = anonymous(resource.name, key, requestId);
      const found = isFree && isPublic && room.cache.find(resource, { fingerprint: print(), identity });
      return found ? fromCache(found) : asking.challenge(visit, amount);
    }
    if (presented && key.value === undefined && room.requireKey) {
      const detail = "Send an Idempotency-Key with the payment, and the same one when you send it again.";
      return refuse("key_required", { detail });
    }

    const identity = presented ? identify(presented) : anonymous(resource.name, key, requestId);
    const paid = presented !== undefined;
    const claim = { resource: resource.name, fingerprint: print(), key, identity, paid };
    return buy({ ...visit, amount, claim, presented, input: input.value, written: reading.input, callback });
  }

  /** Whether a call that costs nothing now was paid for; `undefined` when the store cannot say. */
  async function wasPaid({ request, log }: Visit): Promise<boolean | undefined> {
    try {
      return await isRecorded(request.headers, room.store);
    } catch (error) {
      log.error({ error }, "the store is not available");
      return undefined;
    }
  }

  /** Where the buyer wants to be told of the end of its job. */
  function callbackOf({ resource, request }: Visit): Purchase["callback"] {
    const url = request.headers.get(HEADERS.callbackUrl);
    if (url === null) return undefined;
    const refused = !resource.isJob
      ? "Only a job has an end to be told of: this resource answers in the same request."
      : room.callbacks
        ? room.callbacks.refusal(url)
        : "This server posts nothing; ask at the statusUrl.";
    return refused === undefined ? { url } : { refused };
  }
}
