import { type Duration, milliseconds } from "../../schema/duration.ts";
import { formatUsd } from "../../schema/money.ts";
import { type BudgetOptions, createBudget } from "./budget.ts";
import { type Calls, memoryCalls, type SavedCall } from "./calls.ts";
import { type CallDefinition, quote } from "./definition.ts";
import { type CallOptions, type ClientEvent, createExchange, type JobCallOptions } from "./exchange.ts";
import { createHttp, onHostOf } from "./http.ts";
import { createJob, type Job, readAccepted, type SavedJob, tell, type WaitOptions } from "./job.ts";
import { type Exchanged, refusal } from "./outcome.ts";
import type { Payer, TrustedAsset } from "./pay.ts";

export interface ClientOptions {
  /** Where the API is served: `https://api.example.com`. */
  readonly baseUrl: string;
  /** Signs payments: `evmPayer(account)`, or any `x402Client`. May be left out to call what is free. */
  readonly payer?: Payer;
  /** Ceilings in US dollars, checked before anything is signed. */
  readonly budget?: BudgetOptions;
  /**
   * Where calls are kept from the moment their payment is signed until their end is known, so that they can be resumed
   * after a crash: `fileCalls(directory)` of `resource402/node`, `storageCalls(localStorage)`.
   * @default memoryCalls()
   */
  readonly calls?: Calls;
  /** Dollar tokens to trust beside those that are known. */
  readonly assets?: readonly TrustedAsset[];
  /** Told of every step that has to do with money or waiting. What it throws is ignored: it must not lose a purchase. */
  readonly onEvent?: (event: ClientEvent) => void;
  /** @default the global fetch */
  readonly fetch?: typeof globalThis.fetch;
  /** Milliseconds until an attempt without a whole answer is given up. @default 60000 */
  readonly attemptMs?: number;
  /** How often a request is sent again, always with the same key and the same signature. @default 4 */
  readonly retries?: number;
  /**
   * Milliseconds for which a call goes on being sent again, whatever `retries` says, while the server answers that it
   * is in progress, or its payment in flight: another server may need a while to take over from one that has crashed.
   * @default 60000
   */
  readonly patienceMs?: number;
  /** The most that is read of an answer, in bytes; of an error 1 MiB at most. @default 33554432 (32 MiB) */
  readonly maxAnswerBytes?: number;
}

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
    options?: JobCallOptions & WaitOptions & { readonly onAbort?: "detach" | "cancel" },
  ): Promise<Output>;
  /** The exact price in US dollars, computed here; `undefined` when only the server can tell. */
  quote(input: Input): string | undefined;
  /** Starts and pays, and returns as soon as the job is accepted. */
  start(input: Input, options?: JobCallOptions): Promise<Job<Output>>;
  /** Comes back to a job by its id, or by what `toJSON` gave. Sends nothing. */
  resume(saved: string | SavedJob): Job<Output>;
}

/** A call whose payment was signed, and whose end is not known yet. When it was never sent, resuming it pays. */
export interface PendingCall {
  readonly resource: string;
  readonly idempotencyKey: string;
  /** What was signed: US dollars as a decimal, paid in `currency`. */
  readonly usd: string;
  readonly currency: string;
  /** RFC 3339. */
  readonly createdAt: string;
  /** Present when the server has accepted the call as a job. */
  readonly jobId: string | undefined;
  /**
   * Brings the call to its end and returns its output: sends the same bytes again, or waits for the job. It is not paid
   * a second time. @throws ResourceError as the call itself does, or the reason of an aborted `signal`
   */
  resume(options?: { readonly signal?: AbortSignal; readonly timeout?: Duration }): Promise<unknown>;
  /** Stops listing the call. It neither undoes its payment nor ends its job. */
  forget(): Promise<void>;
}

export interface Connection {
  resource<Input extends object, Output>(definition: CallDefinition): Resource<Input, Output>;
  jobResource<Input extends object, Output>(definition: CallDefinition): JobResource<Input, Output>;
  /**
   * Calls that were signed for and have not ended: those that an earlier run has left in `calls`, and those that are still
   * being made, here or by whoever shares `calls`. To resume one of these as well does no harm. @throws what `calls` throws
   */
  pending(): Promise<readonly PendingCall[]>;
  /** What may still be signed of `budget.total`, in US dollars, not below 0; `undefined` without such a ceiling. */
  left(): string | undefined;
}

/**
 * Connects generated calls with a server. A call goes: send → 402 → every rule that could refuse →
 * sign once → store → send the same bytes until they are answered → output or job.
 */
export function connect(options: ClientOptions): Connection {
  const baseUrl = String(options.baseUrl).replace(/\/+$/, "");
  if (!/^https?:\/\/./.test(baseUrl) || !URL.canParse(baseUrl)) {
    throw new TypeError(`baseUrl "${baseUrl}" is no http address such as "https://api.example.com"`);
  }
  const http = createHttp({
    fetch: options.fetch,
    attemptMs: options.attemptMs ?? 60_000,
    retries: options.retries ?? 4,
    patienceMs: options.patienceMs ?? 60_000,
    maxAnswerBytes: options.maxAnswerBytes ?? 32 * 1024 * 1024,
  });
  const calls = options.calls ?? memoryCalls();
  const budget = createBudget(options.budget);
  const emit = (event: ClientEvent): void => tell(options.onEvent, event);
  const exchange = createExchange({
    baseUrl,
    send: http.send,
    calls,
    budget,
    payer: options.payer,
    trusted: options.assets ?? [],
    emit,
  });

  function outputOf<Output>(exchanged: Exchanged): Output {
    const { answer } = exchanged;
    if (answer.status === 200 && !answer.tooLarge) return answer.body as Output;
    throw refusal(exchanged);
  }

  async function jobOf<Output>(exchanged: Exchanged): Promise<Job<Output>> {
    const { resource, idempotencyKey, answer, saved } = exchanged;
    const accepted = answer.status === 202 ? readAccepted(answer.body) : undefined;
    if (!accepted) throw refusal(exchanged);
    const { jobId, eventsUrl, expiresAt, webhookSecret } = accepted;
    const receipt = accepted.receipt ?? exchanged.receipt;
    const statusUrl = onHostOf(accepted.statusUrl, baseUrl);
    if (statusUrl === undefined) throw refusal(exchanged, accepted.statusUrl);
    const links = { statusUrl, eventsUrl, receipt, expiresAt, webhookSecret };
    const job: SavedJob = { resource, jobId, idempotencyKey, ...links };
    // Not stored, it would be asked for again by the same bytes.
    if (saved) await calls.replace(saved, { ...saved, job }).catch(() => {});
    emit({ type: "accepted", resource, jobId, statusUrl });
    return handle(job, saved);
  }

  function handle<Output>(job: SavedJob, saved: SavedCall | undefined): Job<Output> {
    const { resource, jobId, idempotencyKey } = job;
    return createJob(http, job, {
      paid: saved !== undefined,
      onUpdate: (update) => emit({ type: "progress", resource, jobId, update }),
      async onEnd(paymentState) {
        const known =
          saved ?? (await calls.find({ baseUrl, resource, idempotencyKey }).catch(() => undefined));
        if (known) await exchange.end(known, paymentState === "unused" ? "unused" : "made");
      },
    });
  }

  return {
    resource: <Input extends object, Output>(definition: CallDefinition): Resource<Input, Output> =>
      Object.assign(
        async (input: Input, call: CallOptions = {}) =>
          outputOf<Output>(await exchange.call(definition, input, call)),
        { quote: (input: Input) => quote(definition, input) },
      ),

    jobResource: <Input extends object, Output>(definition: CallDefinition): JobResource<Input, Output> => {
      const start = async (input: Input, call: JobCallOptions = {}) =>
        jobOf<Output>(await exchange.call(definition, input, call));
      const run: (...args: Parameters<JobResource<Input, Output>>) => Promise<Output> = async (
        input,
        call = {},
      ) => {
        // What makes no sense is refused before it costs anything.
        if (call.timeout !== undefined) milliseconds(call.timeout);
        const job = await start(input, call);
        try {
          return await job.result(call);
        } catch (error) {
          if (call.signal?.aborted && call.onAbort === "cancel") await job.cancel().catch(() => false);
          throw error;
        }
      };
      return Object.assign(run, {
        quote: (input: Input) => quote(definition, input),
        start,
        resume: (saved: string | SavedJob) =>
          handle<Output>(typeof saved === "string" ? savedById(definition.name, saved) : saved, undefined),
      });
    },

    async pending() {
      return (await exchange.pending()).map((saved): PendingCall => {
        const { resource, idempotencyKey, createdAt, payment, job } = saved;
        return {
          ...{ resource, idempotencyKey, createdAt, usd: payment.usd, currency: payment.currency },
          jobId: job?.jobId,
          async resume(wait = {}) {
            if (job) return handle(job, saved).result(wait);
            const exchanged = await exchange.deliver(saved, wait.signal);
            return exchanged.answer.status === 202
              ? (await jobOf(exchanged)).result(wait)
              : outputOf(exchanged);
          },
          forget: () => calls.remove(saved),
        };
      });
    },

    left() {
      const left = budget.left();
      return left === undefined ? undefined : formatUsd(left > 0n ? left : 0n);
    },
  };

  function savedById(resource: string, jobId: string): SavedJob {
    const statusUrl = `${baseUrl}/v1/jobs/${encodeURIComponent(jobId)}`;
    return { resource, jobId, statusUrl, idempotencyKey: "" };
  }
}
