import { milliseconds } from "../../schema/duration.ts";
import { parseUsd, type Usd } from "../../schema/money.ts";
import { HEADERS, type PaymentRequirements, quoteKey, type Receipt } from "../wire/index.ts";
import { type BudgetOptions, createBudget } from "./budget.ts";
import { type CallDefinition, priceCeiling, quote, requestOf } from "./definition.ts";
import { createSend } from "./http.ts";
import {
  createJob,
  type Job,
  type JobUpdate,
  readAccepted,
  type SavedJob,
  tell,
  type WaitOptions,
} from "./job.ts";
import { type Exchanged, lost, receiptOf, refusal } from "./outcome.ts";
import { type Payer, pay, type TrustedAsset } from "./pay.ts";

export interface ClientOptions {
  /** Where the API is served: `https://api.example.com`. */
  readonly baseUrl: string;
  /** Signs payments: `evmPayer(account)`, or any `x402Client`. May be left out to call what is free. */
  readonly payer?: Payer;
  /** Ceilings in US dollars, checked before anything is signed. */
  readonly budget?: BudgetOptions;
  /** Dollar tokens to trust beside those that are known. */
  readonly assets?: readonly TrustedAsset[];
  /** Told of every step that has to do with money or waiting. What it throws is ignored: it must not lose a purchase. */
  readonly onEvent?: (event: ClientEvent) => void;
  /** @default the global fetch */
  readonly fetch?: typeof globalThis.fetch;
  /** Milliseconds until an attempt without an answer is given up. @default 60000 */
  readonly attemptMs?: number;
  /** How often a request is sent again, always with the same key and the same signature. @default 4 */
  readonly retries?: number;
}

export interface CallOptions {
  /** Stops the call. It does not undo a payment, and a job goes on. */
  readonly signal?: AbortSignal;
  /** Names the call: sent again with the same input, it is not charged again. @default a new random key */
  readonly idempotencyKey?: string;
  /** The most that this call may cost, in US dollars. */
  readonly maxPrice?: Usd;
}

export type ClientEvent =
  /** A 402 came. Amounts are decimal: `usd` dollars, paid in `currency`. */
  | {
      readonly type: "challenged";
      readonly resource: string;
      readonly usd: string;
      readonly currency: string;
      readonly offer: PaymentRequirements;
    }
  /** The payment was signed; it has not been sent yet. */
  | {
      readonly type: "signed";
      readonly resource: string;
      readonly usd: string;
      readonly currency: string;
      readonly idempotencyKey: string;
    }
  | { readonly type: "settled"; readonly resource: string; readonly receipt: Receipt }
  | {
      readonly type: "accepted";
      readonly resource: string;
      readonly jobId: string;
      readonly statusUrl: string;
    }
  | {
      readonly type: "progress";
      readonly resource: string;
      readonly jobId: string;
      readonly update: JobUpdate;
    };

/** A resource that answers in the same request. */
export interface Resource<Input, Output> {
  /** Calls, pays and returns the output. @throws ResourceError, or the reason of an aborted `signal` */
  (input: Input, options?: CallOptions): Promise<Output>;
  /** The exact price in US dollars, computed here; `undefined` when only the server can tell. */
  quote(input: Input): string | undefined;
}

/** A resource that is answered by a job. */
export interface JobResource<Input, Output> {
  /** Starts, pays, waits and returns the output. @throws ResourceError, or the reason of an aborted `signal` */
  (
    input: Input,
    options?: CallOptions & WaitOptions & { readonly onAbort?: "detach" | "cancel" },
  ): Promise<Output>;
  /** The exact price in US dollars, computed here; `undefined` when only the server can tell. */
  quote(input: Input): string | undefined;
  /** Starts and pays, and returns as soon as the job is accepted. */
  start(input: Input, options?: CallOptions): Promise<Job<Output>>;
  /** Comes back to a job by its id, or by what `toJSON` gave. Sends nothing. */
  resume(saved: string | SavedJob): Job<Output>;
}

export interface Connection {
  resource<Input extends object, Output>(definition: CallDefinition): Resource<Input, Output>;
  jobResource<Input extends object, Output>(definition: CallDefinition): JobResource<Input, Output>;
}

/**
 * Connects generated calls with a server. A call goes: send → 402 → every rule that could refuse →
 * sign once → send the same bytes until they are answered → output or job.
 */
export function connect(options: ClientOptions): Connection {
  const baseUrl = options.baseUrl.replace(/\/+$/, "");
  if (!/^https?:\/\/./.test(baseUrl)) {
    throw new TypeError(`baseUrl "${baseUrl}" is no http address such as "https://api.example.com"`);
  }
  const send = createSend({
    fetch: options.fetch,
    attemptMs: options.attemptMs ?? 60_000,
    retries: options.retries ?? 4,
  });
  const budget = createBudget(options.budget);
  const emit = (event: ClientEvent): void => tell(options.onEvent, event);

  /** One paid exchange: the answer to the paid request, with what is known of the money. */
  async function exchange(definition: CallDefinition, input: object, call: CallOptions): Promise<Exchanged> {
    const resource = definition.name;
    const idempotencyKey = call.idempotencyKey ?? newKey();
    const maxPrice = call.maxPrice === undefined ? undefined : parseUsd(call.maxPrice);
    const request = {
      ...requestOf(baseUrl, definition, input, idempotencyKey),
      method: definition.method,
      signal: call.signal,
    };
    const headers = { ...request.headers, [HEADERS.idempotencyKey]: quoteKey(idempotencyKey) };
    const unpaid = await send({ ...request, headers }).catch((cause: unknown) => {
      throw lost(cause, call.signal, { resource, idempotencyKey, charged: "no" });
    });
    if (unpaid.status !== 402)
      return { answer: unpaid, idempotencyKey, signed: undefined, receipt: undefined };

    const signed = await pay({
      resource,
      idempotencyKey,
      url: request.url,
      headers: unpaid.headers,
      payer: options.payer,
      budget,
      price: priceCeiling(definition, input),
      maxPrice,
      trusted: options.assets ?? [],
      onChallenge: (offer, usd, currency) => emit({ type: "challenged", resource, offer, usd, currency }),
    });
    emit({ type: "signed", resource, usd: signed.usd, currency: signed.currency, idempotencyKey });
    const paid = { ...request, headers: { ...headers, [HEADERS.paymentSignature]: signed.header } };
    const answer = await send(paid).catch((cause: unknown) => {
      throw lost(cause, call.signal, { resource, idempotencyKey, charged: "unknown" });
    });
    // The stored answer to an earlier call under this key: what was signed now has not been used.
    const replayed = answer.headers.get(HEADERS.idempotentReplayed) === "true" && answer.attempts === 1;
    if (replayed) signed.reservation.release();
    const receipt = receiptOf(answer, signed);
    if (receipt) emit({ type: "settled", resource, receipt });
    return { answer, idempotencyKey, signed, receipt };
  }

  async function output<Output>(
    definition: CallDefinition,
    input: object,
    call: CallOptions,
  ): Promise<Output> {
    const exchanged = await exchange(definition, input, call);
    if (exchanged.answer.status === 200) return exchanged.answer.body as Output;
    throw refusal(definition.name, exchanged);
  }

  async function start<Output>(
    definition: CallDefinition,
    input: object,
    call: CallOptions,
  ): Promise<Job<Output>> {
    const exchanged = await exchange(definition, input, call);
    const accepted = exchanged.answer.status === 202 ? readAccepted(exchanged.answer.body) : undefined;
    if (!accepted) throw refusal(definition.name, exchanged);
    const { jobId } = accepted;
    const statusUrl = new URL(accepted.statusUrl, `${baseUrl}/`).href;
    emit({ type: "accepted", resource: definition.name, jobId, statusUrl });
    return handle(definition, {
      resource: definition.name,
      jobId,
      statusUrl,
      idempotencyKey: exchanged.idempotencyKey,
      receipt: accepted.receipt ?? exchanged.receipt,
      expiresAt: accepted.expiresAt,
    });
  }

  function handle<Output>(definition: CallDefinition, saved: SavedJob): Job<Output> {
    return createJob(send, saved, (update) =>
      emit({ type: "progress", resource: definition.name, jobId: saved.jobId, update }),
    );
  }

  return {
    resource: <Input extends object, Output>(definition: CallDefinition): Resource<Input, Output> =>
      Object.assign((input: Input, call: CallOptions = {}) => output<Output>(definition, input, call), {
        quote: (input: Input) => quote(definition, input),
      }),

    jobResource: <Input extends object, Output>(definition: CallDefinition): JobResource<Input, Output> => {
      const run: (...args: Parameters<JobResource<Input, Output>>) => Promise<Output> = async (
        input,
        call = {},
      ) => {
        // What makes no sense is refused before it costs anything.
        if (call.timeout !== undefined) milliseconds(call.timeout);
        const job = await start<Output>(definition, input, call);
        try {
          return await job.result(call);
        } catch (error) {
          if (call.signal?.aborted && call.onAbort === "cancel") await job.cancel().catch(() => false);
          throw error;
        }
      };
      return Object.assign(run, {
        quote: (input: Input) => quote(definition, input),
        start: (input: Input, call: CallOptions = {}) => start<Output>(definition, input, call),
        resume: (saved: string | SavedJob) =>
          handle<Output>(definition, typeof saved === "string" ? savedById(definition, saved) : saved),
      });
    },
  };

  function savedById(definition: CallDefinition, jobId: string): SavedJob {
    const statusUrl = `${baseUrl}/v1/jobs/${encodeURIComponent(jobId)}`;
    return { resource: definition.name, jobId, statusUrl, idempotencyKey: "" };
  }
}

/** Fits an idempotency key and the `payment-identifier` extension alike. */
function newKey(): string {
  return `pay_${crypto.randomUUID().replaceAll("-", "")}`;
}
