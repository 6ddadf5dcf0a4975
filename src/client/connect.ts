import { formatAtomic, formatUsd, type Money, parseUsd, type Usd } from "../../schema/money.ts";
import { type Price, priceOf } from "../../schema/price.ts";
import {
  decodeHeader,
  findAsset,
  HEADERS,
  isRecord,
  type PaymentRequirements,
  quoteKey,
  type Receipt,
  readSettleResponse,
} from "../wire/index.ts";
import { type BudgetOptions, createBudget } from "./budget.ts";
import { type Charged, type ErrorFacts, ResourceError, readProblem } from "./errors.ts";
import { createSend, type HttpAnswer } from "./http.ts";
import { createJob, type Job, type JobUpdate, readAccepted, type SavedJob, type WaitOptions } from "./job.ts";
import { type Payer, pay, type Signed, type TrustedAsset } from "./pay.ts";

export interface ClientOptions {
  /** Where the API is served: `https://api.example.com`. */
  readonly baseUrl: string;
  /** Signs payments: `evmPayer(account)`, or any `x402Client`. May be left out to call what is free. */
  readonly payer?: Payer;
  /** Ceilings in US dollars, checked before anything is signed. */
  readonly budget?: BudgetOptions;
  /** Dollar tokens to trust beside those that are known. */
  readonly assets?: readonly TrustedAsset[];
  /** Told of every step that has to do with money or waiting. */
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

/** What the generated client says of a resource. */
export interface CallDefinition {
  readonly name: string;
  readonly method: "GET" | "POST";
  /** With `:name` for path parameters. */
  readonly path: string;
  readonly price: Price;
  /** Defaults of the fields that the price looks at. */
  readonly defaults?: Readonly<Record<string, unknown>>;
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
  const send = createSend({
    fetch: options.fetch,
    attemptMs: options.attemptMs ?? 60_000,
    retries: options.retries ?? 4,
  });
  const budget = createBudget(options.budget);
  const emit = (event: ClientEvent): void => options.onEvent?.(event);

  /** One paid exchange: the answer to the paid request, with what is known of the money. */
  async function exchange(definition: CallDefinition, input: object, call: CallOptions): Promise<Exchanged> {
    const resource = definition.name;
    const idempotencyKey = call.idempotencyKey ?? newKey();
    const request = {
      ...requestOf(baseUrl, definition, input),
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
      maxPrice: call.maxPrice === undefined ? undefined : parseUsd(call.maxPrice),
      trusted: options.assets ?? [],
      onChallenge: (offer, usd, currency) => emit({ type: "challenged", resource, offer, usd, currency }),
    });
    emit({ type: "signed", resource, usd: signed.usd, currency: signed.currency, idempotencyKey });
    const paid = { ...request, headers: { ...headers, [HEADERS.paymentSignature]: signed.header } };
    const answer = await send(paid).catch((cause: unknown) => {
      throw lost(cause, call.signal, { resource, idempotencyKey, charged: "unknown" });
    });
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
    throw refusal(definition, exchanged);
  }

  async function start<Output>(
    definition: CallDefinition,
    input: object,
    call: CallOptions,
  ): Promise<Job<Output>> {
    const exchanged = await exchange(definition, input, call);
    const accepted = exchanged.answer.status === 202 ? readAccepted(exchanged.answer.body) : undefined;
    if (!accepted) throw refusal(definition, exchanged);
    const { jobId } = accepted;
    const statusUrl = new URL(accepted.statusUrl, `${baseUrl}/`).href;
    emit({ type: "accepted", resource: definition.name, jobId, statusUrl });
    const receipt = accepted.receipt ?? exchanged.receipt;
    return handle(definition, {
      resource: definition.name,
      jobId,
      statusUrl,
      idempotencyKey: exchanged.idempotencyKey,
      ...(receipt === undefined ? {} : { receipt }),
      ...(accepted.expiresAt === undefined ? {} : { expiresAt: accepted.expiresAt }),
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

interface Exchanged {
  readonly answer: HttpAnswer;
  readonly idempotencyKey: string;
  readonly signed: Signed | undefined;
  readonly receipt: Receipt | undefined;
}

/** The exact price, or `undefined` when it is quoted by the server. */
function priced(definition: CallDefinition, input: object): Money | undefined {
  const given = Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined));
  return priceOf(definition.price, { ...definition.defaults, ...given });
}

function quote(definition: CallDefinition, input: object): string | undefined {
  const amount = priced(definition, input);
  return amount === undefined ? undefined : formatUsd(amount);
}

/** The most that the published price allows for this input. An input without a price is left to the server to refuse. */
function priceCeiling(definition: CallDefinition, input: object): Money | undefined {
  const { price } = definition;
  if (price.kind === "quoted") return parseUsd(price.max);
  try {
    return priced(definition, input);
  } catch {
    return 0n;
  }
}

function requestOf(
  baseUrl: string,
  { method, path }: CallDefinition,
  input: object,
): { url: string; headers: Record<string, string>; body: string | undefined } {
  const rest: Record<string, unknown> = { ...input };
  const filled = path.replace(/:([A-Za-z0-9_]+)/g, (_, name: string) => {
    const value = rest[name];
    delete rest[name];
    return encodeURIComponent(String(value));
  });
  const headers = { accept: "application/json" };
  if (method === "POST") {
    const body = JSON.stringify(rest);
    return { url: baseUrl + filled, headers: { ...headers, "content-type": "application/json" }, body };
  }
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(rest)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== undefined) query.append(name, typeof one === "object" ? JSON.stringify(one) : String(one));
    }
  }
  const text = query.toString();
  return { url: baseUrl + filled + (text === "" ? "" : `?${text}`), headers, body: undefined };
}

/** An answer that is neither output nor job, as an error that says what happened to the money. */
function refusal(
  definition: CallDefinition,
  { answer, idempotencyKey, signed, receipt }: Exchanged,
): ResourceError {
  const problem = readProblem(answer.body);
  const charged = chargedOf(problem.paymentState, signed, receipt);
  if (charged === "no") signed?.release();
  const facts: ErrorFacts = {
    resource: definition.name,
    charged,
    idempotencyKey,
    status: answer.status,
    ...(receipt === undefined ? {} : { receipt }),
    ...(problem.requestId === undefined ? {} : { requestId: problem.requestId }),
  };
  const detail = problem.detail ?? `the server answered ${answer.status}`;
  if (answer.status === 402) {
    const reason = rejectionOf(answer) ?? detail;
    return new ResourceError("payment_rejected", `the seller did not take the payment: ${reason}`, {
      ...facts,
      reason,
    });
  }
  if (answer.status >= 200 && answer.status < 400) {
    return new ResourceError(
      "protocol",
      `the server answered ${answer.status}, which is neither output nor job`,
      facts,
    );
  }
  if (problem.code === "invalid_input" || answer.status === 400) {
    const issues = problem.details ?? [];
    return new ResourceError("invalid_input", detail, { ...facts, issues });
  }
  if (
    problem.code !== undefined &&
    (answer.status === 422 || answer.status === 500 || answer.status === 504)
  ) {
    if (problem.code === "key_mismatch") return new ResourceError("http", detail, facts);
    return new ResourceError("failed", detail, { ...facts, failure: problem.code });
  }
  return new ResourceError("http", detail, facts);
}

function chargedOf(
  state: string | undefined,
  signed: Signed | undefined,
  receipt: Receipt | undefined,
): Charged {
  if (!signed) return "no";
  if (receipt || state === "settled") return "yes";
  return state === "unused" ? "no" : "unknown";
}

/** The word with which a payment was turned down: from the v2 challenge, the receipt header, or the body. */
function rejectionOf(answer: HttpAnswer): string | undefined {
  for (const name of [HEADERS.paymentRequired, HEADERS.paymentResponse]) {
    const document = decodeHeader(answer.headers.get(name) ?? "");
    if (!isRecord(document)) continue;
    if (typeof document.error === "string") return document.error;
    if (typeof document.errorReason === "string") return document.errorReason;
  }
  return undefined;
}

function receiptOf(answer: HttpAnswer, signed: Signed): Receipt | undefined {
  const settled = readSettleResponse(decodeHeader(answer.headers.get(HEADERS.paymentResponse) ?? ""));
  if (!settled?.success) return undefined;
  const { offer } = signed;
  const decimals = findAsset(offer.network, offer.asset)?.decimals;
  return {
    amount: decimals === undefined ? signed.usd : formatAtomic(BigInt(offer.amount), decimals),
    currency: signed.currency,
    atomicAmount: offer.amount,
    asset: offer.asset,
    network: offer.network,
    transaction: settled.transaction,
    payer: settled.payer ?? "",
    payTo: offer.payTo,
    settledAt: new Date().toISOString(),
  };
}

function lost(cause: unknown, signal: AbortSignal | undefined, facts: ErrorFacts): unknown {
  if (signal?.aborted) return signal.reason;
  const message =
    facts.charged === "no" ? "the server could not be reached" : "the paid request was not answered";
  return new ResourceError("network", message, { ...facts, cause });
}

/** Fits an idempotency key and the `payment-identifier` extension alike. */
function newKey(): string {
  return `pay_${crypto.randomUUID().replaceAll("-", "")}`;
}
