import { type StockOutcome, stockBuy } from "../../bench/stock/client.ts";
import { evmPayer } from "../../src/client/evm.ts";
import {
  type Calls,
  connect,
  isResourceError,
  memoryCalls,
  type PaymentPayload,
  type ResourceError,
} from "../../src/client/index.ts";
import { decodeHeader, encodeHeader } from "../../src/protocol/headers.ts";
import { definitionOf, isJob, PATHS } from "./api.ts";
import { BASE_URL, type Purchase, type Stage, sleep } from "./stage.ts";

/**
 * Who buys:
 * - `replay`: this project's client. Keeps key and signed payment, and sends the same bytes until they are answered.
 * - `ahead`: the same client, which knows the terms of the resource and sends its payment with the first request.
 * - `resend`: sends the same signed payment again, and no key: the payment is the key.
 * - `resign`: signs again at every attempt, and keeps its key.
 * - `keyless`: signs again at every attempt and names no key, as `@x402/fetch` with a retry loop around it does.
 */
export const CLIENTS = ["replay", "ahead", "resend", "resign", "keyless"] as const;
export type ClientKind = (typeof CLIENTS)[number];

export type Outcome =
  | { readonly state: "delivered"; readonly output: unknown }
  | {
      readonly state: "failed";
      readonly why: string;
      /** What the client reports about the money, where it reports anything. */
      readonly charged?: "no" | "yes" | "unknown" | "refunded";
      /** True when no client has reported an end. */
      readonly gaveUp?: true;
    };

type Network = ReturnType<Stage["network"]>;

export async function buy(
  stage: Stage,
  purchase: Purchase,
  kind: ClientKind,
  network: Network = stage.network(purchase),
): Promise<Outcome> {
  if (kind === "replay" || kind === "ahead") {
    const isAhead = kind === "ahead";
    return replay(purchase, { baseUrl: BASE_URL, fetch: network, calls: memoryCalls(), isAhead });
  }
  if (kind === "resend") return resend(purchase, network);
  const outcome = await stockBuy({
    fetch: network,
    account: purchase.buyer as never,
    url: BASE_URL + PATHS[purchase.resource],
    input: { item: purchase.item },
    ...(kind === "resign" ? { key: purchase.key, attempts: 30 } : {}),
  });
  return read(outcome);
}

function read(outcome: StockOutcome): Outcome {
  if (outcome.state === "delivered") return outcome;
  if (outcome.state === "gave_up") return { state: "failed", why: outcome.why, gaveUp: true };
  return { state: "failed", why: JSON.stringify(outcome.body) };
}

/** Milliseconds after which a buyer who sends the same bytes stops: long after its payment has expired. */
const PATIENCE_MS = 3_600_000;

/** What ends a call although nothing was paid: to ask again would bring the same answer. */
const FINAL = ["payment_rejected", "payment_refused", "invalid_input", "protocol", "failed"];

/** What this project's client is made of. */
export interface ReplayOptions {
  readonly baseUrl: string;
  readonly fetch: Network;
  readonly calls: Calls;
  /** True: the client knows the terms of the resource before it buys. */
  readonly isAhead?: boolean;
  /** Milliseconds for one attempt. */
  readonly attemptMs?: number;
  /** Between two clients, at most. In milliseconds. */
  readonly longestMs?: number;
  readonly signal?: AbortSignal;
}

/** This project's client. Every error is a crash: what goes on is a new client that has nothing but what was kept. */
export async function replay(
  { resource, key, buyer, item }: Omit<Purchase, "sent">,
  { baseUrl, fetch, calls, isAhead, attemptMs = 60_000, longestMs = 60_000, signal }: ReplayOptions,
): Promise<Outcome> {
  const startedAt = Date.now();
  let error: ResourceError | undefined;
  for (let attempt = 0; Date.now() - startedAt < PATIENCE_MS; attempt += 1) {
    if (attempt > 0) await sleep(Math.min(1_000 * 2 ** (attempt - 1), longestMs));
    signal?.throwIfAborted();
    const client = connect({
      baseUrl,
      payer: evmPayer(buyer),
      calls: isAhead ? withoutLesson(calls) : calls,
      fetch: (isAhead ? taught(fetch) : fetch) as typeof globalThis.fetch,
      retries: 2,
      attemptMs,
      payAhead: isAhead === true,
    });
    try {
      const pending = (await client.pending()).find(({ idempotencyKey }) => idempotencyKey === key);
      const definition = definitionOf(resource);
      const call = isJob(resource) ? client.jobResource(definition) : client.resource(definition);
      if (isAhead && !pending) await call({ item }, { idempotencyKey: LESSON }).catch(() => {});
      const output = pending ? await pending.resume() : await call({ item }, { idempotencyKey: key });
      return { state: "delivered", output };
    } catch (thrown) {
      if (!isResourceError(thrown)) throw thrown;
      error = thrown;
      // A call that has ended stays stored until its payment can no longer settle.
      const over = !(await client.pending()).some(({ idempotencyKey }) => idempotencyKey === key);
      if (over && (error.charged !== "no" || FINAL.includes(error.code))) break;
    }
  }
  if (!error) return { state: "failed", why: "out of patience" };
  return { state: "failed", why: `${error.code}: ${error.message}`, charged: error.charged };
}

/** The key of a call that teaches a client the terms: its payment reaches no server. */
const LESSON = "lesson-of-the-terms-0001";

function taught(fetch: Network): Network {
  return async (input, init) => {
    const headers = input instanceof Request ? input.headers : new Headers(init?.headers);
    const isLesson = headers.get("idempotency-key")?.includes(LESSON) === true;
    const payment = decodeHeader(headers.get("payment-signature") ?? "") as PaymentPayload | undefined;
    if (!isLesson || !payment) return fetch(input, init);
    const { network } = payment.accepted;
    const settled = { success: true, transaction: `0x${"1e".repeat(32)}`, network };
    return Response.json({}, { headers: { "payment-response": encodeHeader(settled) } });
  };
}

/** A lesson buys nothing, and is kept nowhere. */
function withoutLesson(calls: Calls): Calls {
  return {
    ...calls,
    add: async (call) => (call.idempotencyKey === LESSON ? call : calls.add(call)),
    replace: async (was, call) => (call.idempotencyKey === LESSON ? call : calls.replace(was, call)),
  };
}

/** Signs once, and sends the same bytes until there is an answer that ends it. */
async function resend(purchase: Purchase, network: Network): Promise<Outcome> {
  const url = BASE_URL + PATHS[purchase.resource];
  const headers: Record<string, string> = { "content-type": "application/json" };
  const body = JSON.stringify({ item: purchase.item });
  const startedAt = Date.now();
  let signed: string | undefined;
  let why = "";
  for (let attempt = 0; Date.now() - startedAt < PATIENCE_MS; attempt += 1) {
    if (attempt > 0) await sleep(Math.min(1_000 * 2 ** (attempt - 1), 60_000));
    try {
      const answer = await network(url, {
        method: "POST",
        headers: { ...headers, ...(signed ? { "payment-signature": signed } : {}) },
        body,
        signal: AbortSignal.timeout(120_000),
      });
      const text = await answer.text();
      if (answer.status === 402 && !signed) {
        const required = decodeHeader(answer.headers.get("payment-required") ?? "");
        signed = encodeHeader(await evmPayer(purchase.buyer).createPaymentPayload(required));
        attempt = -1;
        continue;
      }
      why = `${answer.status} ${text.slice(0, 200)}`;
      if (answer.status === 200) return { state: "delivered", output: JSON.parse(text) };
      if (answer.status === 202)
        return await poll(network, (JSON.parse(text) as { statusUrl: string }).statusUrl);
      const { paymentState, retryable } = parse(text);
      if (paymentState === "unused" && retryable !== true) return { state: "failed", why, charged: "no" };
      if (paymentState === "refund_owed" || paymentState === "refunded")
        return { state: "failed", why, charged: paymentState === "refunded" ? "refunded" : "yes" };
    } catch (error) {
      why = String(error);
    }
  }
  return { state: "failed", why };
}

async function poll(network: Network, statusUrl: string): Promise<Outcome> {
  let why = "the job does not end";
  for (let look = 0; look < 500; look += 1) {
    try {
      const answer = await network(statusUrl, { signal: AbortSignal.timeout(60_000) });
      const text = await answer.text();
      const document = parse(text);
      if (document.state === "succeeded") return { state: "delivered", output: document.result };
      if (document.state === "failed") return { state: "failed", why: text };
      if (answer.status === 410) return { state: "failed", why: text };
    } catch (error) {
      why = String(error);
    }
    await sleep(2_000);
  }
  return { state: "failed", why };
}

function parse(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return {};
  }
}
