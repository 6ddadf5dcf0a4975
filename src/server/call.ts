import { validate } from "../../schema/standard.ts";
import { notImplemented } from "../jobs/handler.ts";
import { isSameRequest, NO_PAYMENT, paymentStateOn, unrecorded } from "../ledger/idempotency.ts";
import type { Amount } from "../ledger/offer.ts";
import {
  anonymous,
  carriesPayment,
  fingerprint,
  hash,
  identify,
  readKey,
  readPayment,
} from "../ledger/payment.ts";
import { HEADERS, type ProblemCode } from "../protocol/index.ts";
import { paymentStateOf } from "../store/state.ts";
import type { StoredAnswer } from "../store/store.ts";
import { StoreUnavailable } from "../store/store-errors.ts";
import { childLogger, loggableOf } from "../telemetry/log.ts";
import { brief } from "../telemetry/redact.ts";
import { createAmounts, QuoteUnavailable } from "./amount.ts";
import { type ProblemOptions, problem } from "./answer.ts";
import { createBodies, type ReceivedBody } from "./body.ts";
import { createBuying } from "./buy.ts";
import { createChallenger } from "./challenge.ts";
import { readInput } from "./input.ts";
import { issuesOf } from "./issues.ts";
import {
  type CallDeps,
  type Purchase,
  type RequestContext,
  type Seen,
  STORE_RETRY_SECONDS,
} from "./request-context.ts";
import type { ServedResource } from "./resource.ts";

type Unread = Extract<ReceivedBody, { readonly refused: string }>;

export interface CallServer {
  call(
    resource: ServedResource,
    request: Request,
    params: Readonly<Record<string, string>>,
  ): Promise<StoredAnswer>;
  /**
   * The response to a payment that is known, whatever has become of its address; `undefined` when there is none.
   * @throws StoreUnavailable
   */
  recorded(request: Request): Promise<StoredAnswer | undefined>;
}

/** The address of a resource is a part of its challenge, which has to fit into a header. */
const MAX_URL_LENGTH = 2_000;
const QUOTE_RETRY_SECONDS = 1;
const BODY_RETRY_SECONDS = 5;

/**
 * One call, from its request to its response. The order is the order of the money rules:
 * look up -> validate -> price -> challenge, or verify -> write the intent -> run and settle (or settle and run) -> respond.
 */
export function createCalls(deps: CallDeps): CallServer {
  const { offers, store, time } = deps;
  const amounts = createAmounts(store, time, deps.log);

  const challenger = createChallenger(offers);
  const buying = createBuying(deps, challenger);
  const bodies = createBodies(time);

  /** Reads the request and looks its payment up. Nothing is validated yet. @throws StoreUnavailable */
  async function see(request: Request, resource: string, maxBytes: number): Promise<Seen | Unread> {
    const read = await bodies.read(request, maxBytes);
    if ("refused" in read) return read;
    const body = read.text;
    const presented = readPayment(request.headers);
    if (presented === undefined) {
      return { ...NOTHING_SEEN, body, paymentState: NO_PAYMENT };
    }
    if (presented === "malformed") {
      return { ...NOTHING_SEEN, body, presented, paymentState: "unknown" };
    }
    const { pathname, search } = new URL(request.url);
    const requestHash = hash(`${request.method} ${pathname}${search}\n${body}`);
    const identity = identify(presented);
    const holder = await store.findCall({ resource, identity, key: undefined });
    const isOwn = holder?.identity.bytesHash === identity.bytesHash;
    const known = holder && isOwn ? paymentStateOf(holder, holder.payment !== undefined) : undefined;
    const paymentState = holder ? (known ?? "unknown") : unrecorded(identity, deps.memory, time.now());
    return { body, requestHash, presented, identity, holder, paymentState };
  }

  /** The recorded response, when the request is the very request that it was given to. */
  function repeated({ headers }: Request, { presented, identity, holder, requestHash }: Seen): typeof holder {
    if (!holder || !identity || presented === "malformed") return undefined;
    const key = readKey(headers, presented);
    if ("problem" in key) return undefined;
    return isSameRequest(holder, { identity, key, requestHash }) ? holder : undefined;
  }

  /** Whatever fails, there is a response. */
  async function answered(
    context: RequestContext,
    params: Readonly<Record<string, string>>,
  ): Promise<StoredAnswer> {
    const { requestId, log, request } = context;
    let paymentState: Seen["paymentState"] = carriesPayment(request.headers) ? "unknown" : NO_PAYMENT;
    try {
      if (deps.faults) await deps.faults.reach("call.received");
      const { maxBytes } = context.resource.limits();
      const seen = await see(request, context.resource.name, maxBytes);
      if ("refused" in seen) {
        paymentState = await paymentStateOn(request.headers, store, deps.memory, time.now());
        return notRead(seen, requestId, maxBytes, paymentState);
      }
      // From an intent on, only the record says what has become of the payment: nothing here does.
      paymentState = seen.presented === undefined ? NO_PAYMENT : "unknown";
      return await enter(context, params, seen);
    } catch (error) {
      if (error instanceof StoreUnavailable) {
        log.error({ error }, "the store is not available");
        return problem("unavailable", requestId, { paymentState, retryAfterSeconds: STORE_RETRY_SECONDS });
      }
      log.error({ error }, "the call could not be answered");
      const detail = `An internal error occurred. If you report it, quote ${requestId}.`;
      return problem("internal_error", requestId, { detail, paymentState });
    }
  }

  /** From the request to what is to be bought. Nothing is stored, nothing is verified. */
  async function enter(
    context: RequestContext,
    params: Readonly<Record<string, string>>,
    seen: Seen,
  ): Promise<StoredAnswer> {
    const { resource, request, requestId } = context;
    const { presented, paymentState, holder } = seen;
    const known = repeated(request, seen);
    const response = known && (await buying.repeat(known, context));
    if (response) {
      context.log.info({ callId: known.id }, "repeats a recorded call");
      return response;
    }

    /** Whatever a deploy has changed: the buyer of a recorded call is told how that call stands. */
    const refuse = async (code: ProblemCode, options: Omit<ProblemOptions, "paymentState"> = {}) =>
      (known && (await buying.standingOf(known, context))) ??
      problem(code, requestId, { ...options, paymentState });
    /**
     * A schema that throws at what a sender wrote must not make a 500 of it, nor a stack trace in the log. One that throws at
     * the input of a recorded call has been broken since.
     */
    const unreadable = (error: unknown) => {
      context.log.warn({ error: brief(error) }, "the schema threw at an input");
      return refuse("invalid_input", { detail: "The input could not be validated." });
    };
    if (context.url.length > MAX_URL_LENGTH) {
      return refuse("too_large", { detail: `The address may have at most ${MAX_URL_LENGTH} characters.` });
    }
    const reading = readInput(resource.document, request, params, seen.body, resource.limits());
    if (reading.kind === "refused") return refuse(reading.code, { detail: reading.detail });

    let input: Awaited<ReturnType<typeof validate>>;
    try {
      input = await context.trace.step("validate", () => validate(resource.input, reading.input));
    } catch (error) {
      return unreadable(error);
    }
    if ("issues" in input) {
      const isProbe = reading.kind === "probe" && presented === undefined;
      // What was left out may still be filled in. What stands in the path is wrong already.
      const isQuestion =
        isProbe && !input.issues.some(({ path }) => reading.given.includes(path.split(".")[0] ?? ""));
      if (isQuestion && resource.maxPrice > 0n) {
        return challenger.challenge(context, { value: resource.maxPrice, quote: undefined }, paymentState);
      }
      return refuse("invalid_input", issuesOf(input));
    }
    context.shown = loggableOf(resource, input.value);
    if (resource.handler === notImplemented) return refuse("not_implemented");

    const print = () => fingerprint(resource.name, input.value, reading.input);
    const readable = presented === "malformed" ? undefined : presented;
    let amount: Amount;
    try {
      amount = await amounts.of(resource, input.value as object, print, readable);
    } catch (error) {
      if (error instanceof QuoteUnavailable) {
        context.log.warn({ error: brief(error) }, "an input got no quote");
        const detail = "The price cannot be computed now. Send the same request again.";
        return refuse("unavailable", { detail, retryAfterSeconds: QUOTE_RETRY_SECONDS });
      }
      if (!(error instanceof RangeError)) throw error;
      return refuse("invalid_input", { detail: `The input has no price: ${error.message}.` });
    }

    // A payment for what has become free is not needed, unless a call is recorded for it.
    const isPaid = amount.value > 0n || holder !== undefined;
    const payment = isPaid ? presented : undefined;
    if (payment === "malformed") return refuse("malformed_payment");
    const key = readKey(request.headers, payment);
    if ("problem" in key) return refuse("malformed_key", { detail: key.problem });
    const callback = callbackOf(context);
    // A request with a payment may repeat a recorded call, which is looked up first.
    if (callback && "refused" in callback && !payment) {
      return refuse("callback_refused", { detail: callback.refused });
    }
    if (amount.value > 0n && !payment) return challenger.challenge(context, amount, paymentState);
    if (payment && key.value === undefined && deps.requireKey) {
      const detail =
        "Send an Idempotency-Key with the payment, and the same key when you send the request again.";
      return refuse("key_required", { detail });
    }

    const identity = payment
      ? (seen.identity ?? identify(payment))
      : anonymous(resource.name, key, requestId);
    const paid = payment !== undefined;
    const claim = {
      resource: resource.name,
      fingerprint: print(),
      key,
      identity,
      paid,
      requestHash: seen.requestHash,
    };
    return buying.buy({
      ...context,
      ...{ amount, claim, presented: payment, holder, paymentState, callback },
      input: input.value,
      written: reading.input,
    });
  }

  /** Where the buyer wants to be notified of the end of its job. */
  function callbackOf({ resource, request }: RequestContext): Purchase["callback"] {
    const url = request.headers.get(HEADERS.callbackUrl);
    if (url === null) return undefined;
    const refused = !resource.isJob
      ? "Callback-Url works with jobs only. This resource is synchronous."
      : deps.callbacks
        ? deps.callbacks.refusal(url)
        : "This server sends no webhooks. Poll the statusUrl.";
    return refused === undefined ? { url } : { refused };
  }

  return {
    async call(resource, request, params) {
      const begun = time.elapsed();
      const requestId = crypto.randomUUID();
      const log = childLogger(deps.log, { requestId, resource: resource.name });
      const url = deps.url(request, undefined);
      const { method, path: route } = resource.document;
      const { headers } = request;
      const trace = deps.telemetry.tracing.request({ method, route, scheme: deps.scheme(request), headers });
      const context = { resource, request, requestId, log, url, trace, shown: undefined };
      const answer = await answered(context, params);
      deps.observer.answered(context, answer, time.elapsed() - begun);
      return answer;
    },

    async recorded(request) {
      if (!carriesPayment(request.headers)) return undefined;
      const seen = await see(request, "", deps.maxBodyBytes);
      const known = "refused" in seen ? undefined : repeated(request, seen);
      return known && buying.repeatElsewhere(known, request);
    },
  };
}

/** What is seen of a request without a readable payment. */
const NOTHING_SEEN = { requestHash: "", presented: undefined, identity: undefined, holder: undefined };

/** The response to a request whose body was not read. */
function notRead(
  { refused }: Unread,
  requestId: string,
  maxBytes: number,
  paymentState: Seen["paymentState"],
): StoredAnswer {
  if (refused === "too_large") {
    const detail = `The body may have at most ${maxBytes} bytes.`;
    const answer = problem("too_large", requestId, { detail, paymentState });
    // What has not been read of it would be taken for the next request.
    return { ...answer, headers: { ...answer.headers, connection: "close" } };
  }
  if (refused === "busy") {
    const detail = "Too many large bodies are being received. Send the same request again.";
    return problem("unavailable", requestId, { detail, paymentState, retryAfterSeconds: BODY_RETRY_SECONDS });
  }
  return problem("invalid_input", requestId, { detail: "The body could not be read.", paymentState });
}
