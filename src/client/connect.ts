import { milliseconds } from "../../schema/duration.ts";
import { formatUsd } from "../../schema/money.ts";
import { sleep, systemTime } from "../time/time.ts";
import { createKnownTerms } from "./ahead.ts";
import { createBudget } from "./budget.ts";
import { memoryCalls, type SavedCall, type SavedJob } from "./calls.ts";
import { check } from "./check.ts";
import type { Connection, JobResource, PendingCall, Resource } from "./connection.ts";
import { type CallDefinition, quote } from "./definition.ts";
import { acceptedBy } from "./delivery.ts";
import { chargedBy, type ErrorFacts } from "./errors.ts";
import type { ServerSentEvent } from "./event-stream.ts";
import { createExchange } from "./exchange.ts";
import { missingHeader, withHeaders } from "./headers.ts";
import { createHeld } from "./held.ts";
import { createHttp, type HttpAnswer, onHostOf, parseUrl, timers } from "./http.ts";
import { createJob, type Job, tell } from "./job.ts";
import { type Accepted, pathOf } from "./job-format.ts";
import type { CallOptions, ClientEvent, ClientOptions, JobCallOptions } from "./options.ts";
import { type Exchanged, lost, refusal } from "./outcome.ts";
import { readReceipt } from "./receipt.ts";

/** How long `budget()` waits for the chain. */
const REVIEW_MS = 5_000;

/**
 * Connects generated calls with a server. A call goes: send → 402 → every rule that could refuse →
 * sign once → store → send the same bytes until they are answered → output or job.
 */
export function connect(options: ClientOptions): Connection {
  const baseUrl = String(options.baseUrl).replace(/\/+$/, "");
  if (!/^https?:\/\/./.test(baseUrl) || !parseUrl(baseUrl)) {
    throw new TypeError(`baseUrl "${baseUrl}" is not a valid http address such as "https://api.example.com"`);
  }
  const http = createHttp({
    fetch: withHeaders(options.fetch, options.headers),
    attemptMs: options.attemptMs ?? 60_000,
    retries: options.retries ?? 4,
    patienceMs: options.patienceMs ?? 60_000,
    maxAnswerBytes: options.maxAnswerBytes ?? 32 * 1024 * 1024,
    hosts: options.resourceHosts ?? [],
  });
  const calls = options.calls ?? memoryCalls();
  const budget = createBudget(options.budget);
  const held = createHeld(calls, budget, options.payer, systemTime);
  const maxValidityMs = options.maxValidity === undefined ? undefined : milliseconds(options.maxValidity);
  const emit = (event: ClientEvent): void => tell(options.onEvent, event);
  const exchange = createExchange({
    baseUrl,
    send: http.send,
    calls,
    budget,
    held,
    maxValidityMs,
    payer: options.payer,
    trusted: options.assets ?? [],
    missing: (definition) => missingHeader(definition, options.headers),
    hosts: http.hosts,
    networks: options.networks,
    terms: options.payAhead && options.payer?.replace ? createKnownTerms(systemTime) : undefined,
    emit,
  });

  function outputOf<Output>(exchanged: Exchanged, signal: AbortSignal | undefined): Output {
    const { answer, saved, receipt, resource, idempotencyKey } = exchanged;
    if (!answer.isOutput) throw refusal(exchanged);
    if (!isEvents(answer.body)) return answer.body as Output;
    const charged = chargedBy(saved !== undefined, undefined, receipt);
    return whole(answer.body, signal, { resource, charged, idempotencyKey, receipt }) as Output;
  }

  /** The job that an answer accepts; `undefined` when its status is on a host that is not followed. */
  function savedJob(
    {
      resource,
      idempotencyKey,
      saved,
      answer,
      receipt: settled,
    }: Pick<Exchanged, "resource" | "idempotencyKey" | "saved" | "answer" | "receipt">,
    accepted: Accepted,
  ): SavedJob | undefined {
    const { jobId, eventsUrl, expiresAt, webhookSecret, format } = accepted;
    const receipt = readReceipt(accepted.receipt, saved?.payment) ?? settled;
    const statusUrl = onHostOf(accepted.statusUrl, answer.url, http.hosts);
    if (statusUrl === undefined) return undefined;
    const links = { statusUrl, eventsUrl, receipt, expiresAt, webhookSecret, format };
    return { resource, jobId, idempotencyKey, ...links };
  }

  async function jobOf<Output>(exchanged: Exchanged): Promise<Job<Output>> {
    const { resource, saved, accepted } = exchanged;
    if (!accepted) throw refusal(exchanged);
    const job = savedJob(exchanged, accepted);
    if (!job) throw refusal(exchanged, accepted.statusUrl);
    const { jobId, statusUrl, receipt } = job;
    const call = saved && { ...saved, job, receipt: saved.payment.isUnused ? undefined : receipt };
    // Not stored, it would be asked for again by the same bytes.
    if (call) await calls.replace(call, call).catch(() => {});
    emit({ type: "accepted", resource, jobId, statusUrl });
    return handle(job, async () => call, call !== undefined);
  }

  function handle<Output>(
    job: SavedJob,
    find: () => Promise<SavedCall | undefined>,
    isSigned: boolean,
  ): Job<Output> {
    const { resource, jobId } = job;
    return createJob(http, job, {
      isSigned,
      find,
      onUpdate: (update) => emit({ type: "progress", resource, jobId, update }),
      onEnd: (call, outcome) => held.end(call, outcome),
    });
  }

  return {
    resource: <Input extends object, Output>(definition: CallDefinition): Resource<Input, Output> =>
      Object.assign(
        async (input: Input, call: CallOptions = {}) =>
          outputOf<Output>(await exchange.call(definition, input, call, false), call.signal),
        { quote: (input: Input) => quote(definition, input) },
      ),

    jobResource: <Input extends object, Output>(definition: CallDefinition): JobResource<Input, Output> => {
      const start = async (input: Input, call: JobCallOptions = {}) =>
        jobOf<Output>(await exchange.call(definition, input, call, true));
      const run: (...args: Parameters<JobResource<Input, Output>>) => Promise<Output> = async (
        input,
        call = {},
      ) => {
        // What makes no sense is refused before it costs anything.
        if (call.timeout !== undefined) milliseconds(call.timeout);
        const exchanged = await exchange.call(definition, input, call, true);
        // A seller of another make may have the result at once.
        const isResult = definition.job !== undefined && exchanged.answer.status !== 202;
        if (isResult && !exchanged.accepted) return outputOf<Output>(exchanged, call.signal);
        const job = await jobOf<Output>(exchanged);
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
        resume: (saved: string | SavedJob) => {
          const job = typeof saved === "string" ? savedById(definition, saved) : saved;
          const { resource, idempotencyKey } = job;
          const find = () => calls.find({ baseUrl, resource, idempotencyKey }).catch(() => undefined);
          // Another process may have signed for it.
          return handle<Output>(job, find, definition.price.kind !== "free");
        },
      });
    },

    async pending() {
      return (await exchange.pending()).map((saved): PendingCall => {
        const { resource, idempotencyKey, createdAt, payment, job } = saved;
        return {
          ...{ resource, idempotencyKey, createdAt, usd: payment.usd, currency: payment.currency },
          jobId: job?.jobId,
          async resume(wait = {}) {
            if (job) return handle(job, async () => saved, true).result(wait);
            const exchanged = await exchange.deliver(saved, wait.signal);
            return exchanged.accepted
              ? (await jobOf(exchanged)).result(wait)
              : outputOf(exchanged, wait.signal);
          },
          async check({ signal } = {}) {
            const quiet = {
              isSigned: true,
              find: async () => saved,
              onUpdate: () => {},
              onEnd: async () => {},
            };
            const accepted = (answer: HttpAnswer): SavedJob | undefined => {
              const found = saved.request && acceptedBy(answer, saved.request);
              const { resource, idempotencyKey, receipt } = saved;
              return found && savedJob({ resource, idempotencyKey, saved, answer, receipt }, found);
            };
            const checked = (answer?: HttpAnswer) => {
              const one = answer ? accepted(answer) : job;
              return one && createJob(http, one, quiet);
            };
            return check(saved, { send: http.send, held, jobOf: checked }, signal);
          },
          forget: () => calls.remove(saved),
        };
      });
    },

    async budget() {
      await exchange.pending();
      const late = new AbortController();
      await Promise.race([held.review(), sleep(timers, REVIEW_MS, late.signal)]);
      late.abort();
      const { spent, held: open, free } = budget.amounts();
      return {
        spent: formatUsd(spent),
        held: formatUsd(open),
        free: free === undefined ? undefined : formatUsd(free > 0n ? free : 0n),
      };
    },
  };

  function savedById({ name, job: format }: CallDefinition, jobId: string): SavedJob {
    const statusUrl = baseUrl + pathOf(format?.statusPath ?? "/v1/jobs/:id", jobId);
    return { resource: name, jobId, statusUrl, idempotencyKey: "", format };
  }
}

function isEvents(body: unknown): body is AsyncIterable<ServerSentEvent> {
  return typeof body === "object" && body !== null && Symbol.asyncIterator in body;
}

/** The events, and a {@link ResourceError} when the connection breaks before their end. */
async function* whole(
  events: AsyncIterable<ServerSentEvent>,
  signal: AbortSignal | undefined,
  facts: ErrorFacts,
): AsyncGenerator<ServerSentEvent> {
  try {
    yield* events;
  } catch (cause) {
    throw lost(cause, signal, facts);
  }
}
