import { type Duration, milliseconds } from "../../schema/duration.ts";
import {
  HEADERS,
  isRecord,
  type JobAccepted,
  type JobDocument,
  type PaymentState,
  parseRetryAfter,
  type Receipt,
} from "../wire/index.ts";
import { chargedBy, type ErrorFacts, ResourceError, readProblem, withRefund } from "./errors.ts";
import type { HttpAnswer, Send } from "./http.ts";

/** What a job says of itself. `status` may be a word that this version does not know: it means keep waiting. */
export interface JobUpdate {
  readonly state: JobDocument["state"];
  readonly status: string;
  /** Whole percent, 0–100. */
  readonly progress: number;
  /** What the handler says of its progress. */
  readonly message?: string | undefined;
  /** Why the job failed: safe text and the seller's code. */
  readonly error?: string | undefined;
  readonly code?: string | undefined;
}

export interface WaitOptions {
  /** How long to wait. The job goes on when it has passed. @default until the job's own end at the latest */
  readonly timeout?: Duration;
  readonly signal?: AbortSignal;
  /** What it throws is ignored. */
  readonly onProgress?: (update: JobUpdate) => void;
}

/** What has to be kept to come back to a job: plain JSON. */
export interface SavedJob {
  readonly resource: string;
  readonly jobId: string;
  readonly statusUrl: string;
  readonly idempotencyKey: string;
  readonly receipt?: Receipt | undefined;
  readonly expiresAt?: string | undefined;
}

/** A job that has been accepted, and paid where it has a price. Iterate it to see its progress. */
export interface Job<Output> extends AsyncIterable<JobUpdate> {
  readonly id: string;
  readonly statusUrl: string;
  readonly idempotencyKey: string;
  /** Absent when the job is free, or while its payment has not been confirmed. */
  readonly receipt: Receipt | undefined;
  /** Waits for the end. @throws ResourceError `failed` when the job failed, `wait_timeout` when the time is up */
  result(options?: WaitOptions): Promise<Output>;
  /** Asks once. */
  status(options?: { readonly signal?: AbortSignal }): Promise<JobUpdate>;
  /**
   * Ends the job. False when it had ended before. Whether the payment is given back is for the seller to say: the error
   * of `result` says `refund_owed` or `refunded` in its `paymentState` when it is.
   */
  cancel(): Promise<boolean>;
  toJSON(): SavedJob;
}

/** How long the server is asked to hold a status request open. */
const HOLD_SECONDS = 20;
const FIRST_DELAY_MS = 1_000;
const LONGEST_DELAY_MS = 15_000;
/** Between two updates that a server is willing to send at once. */
const LEAST_DELAY_MS = 100;
/** A foreign server may need a moment until it knows a job that it has just accepted. */
const UNKNOWN_GRACE_MS = 60_000;
/** The wait for a job whose server does not say until when it lives. */
const LONGEST_WAIT_MS = 24 * 3_600_000;

/** Reads a 202; `undefined` when it names no job. */
export function readAccepted(body: unknown): JobAccepted | undefined {
  if (!isRecord(body) || typeof body.jobId !== "string" || typeof body.statusUrl !== "string")
    return undefined;
  return body as unknown as JobAccepted;
}

export interface JobHooks {
  /** True when a payment was signed for it. */
  readonly paid: boolean;
  readonly onUpdate: (update: JobUpdate) => void;
  /** Called when the end has been seen, before it is told. */
  readonly onEnd: (paymentState: PaymentState | undefined) => Promise<void>;
}

export function createJob<Output>(
  send: Send,
  saved: SavedJob,
  { paid, onUpdate, onEnd }: JobHooks,
): Job<Output> {
  let receipt = saved.receipt;
  const facts = (paymentState: PaymentState | undefined): ErrorFacts => ({
    resource: saved.resource,
    charged: chargedBy(paymentState, receipt),
    paymentState,
    jobId: saved.jobId,
    idempotencyKey: saved.idempotencyKey,
    receipt,
  });

  /** One look at the status. `undefined`: no usable answer this time, which says nothing about the job. */
  async function look(
    signal: AbortSignal | undefined,
    hold: boolean,
    etag: string | null,
    startedAt: number,
  ): Promise<{ answer: HttpAnswer; document: JobDocument | undefined } | undefined> {
    let answer: HttpAnswer;
    try {
      answer = await send({
        method: "GET",
        url: saved.statusUrl,
        headers: {
          accept: "application/json",
          ...(hold ? { prefer: `wait=${HOLD_SECONDS}` } : {}),
          ...(etag === null ? {} : { "if-none-match": etag }),
        },
        signal,
        once: true,
        attemptMs: (HOLD_SECONDS + 10) * 1000,
      });
    } catch (error) {
      if (signal?.aborted) throw error;
      return undefined;
    }
    const document = readDocument(answer.body);
    if (answer.status === 200 && document) {
      receipt = document.receipt ?? receipt;
      if (isEnd(document)) await onEnd(document.paymentState);
      return { answer, document };
    }
    if (answer.status === 304) return { answer, document: undefined };
    const { detail, code, paymentState } = readProblem(answer.body);
    // "not_found" is said by a server that knows its jobs at once.
    const waited = performance.now() - startedAt > UNKNOWN_GRACE_MS;
    const lost = answer.status === 404 ? code === "not_found" || waited : answer.status === 410;
    if (answer.tooLarge) {
      const message = "the job's status is larger than maxAnswerBytes";
      throw new ResourceError("protocol", message, { ...facts(undefined), reason: "too_large" });
    }
    if (!lost) return undefined;
    // Its result has been deleted: there is nothing left to come back for.
    if (answer.status === 410) await onEnd(paymentState);
    throw new ResourceError("http", detail ?? "the server does not know the job", {
      ...facts(paymentState),
      status: answer.status,
    });
  }

  /**
   * States until the terminal one: every change, or only what is seen on the way to the end. Lost answers,
   * server errors and unknown words mean waiting on.
   */
  async function* documents(
    signal: AbortSignal | undefined,
    everyChange: boolean,
  ): AsyncGenerator<JobDocument> {
    const startedAt = performance.now();
    let etag: string | null = null;
    let backoff = FIRST_DELAY_MS;
    for (;;) {
      signal?.throwIfAborted();
      // To be told of a change one must have seen a state; the end can be waited for at once.
      const hold = !everyChange || etag !== null;
      const seen = await look(signal, hold, everyChange ? etag : null, startedAt);
      if (seen?.document) {
        yield seen.document;
        if (isEnd(seen.document)) return;
        etag = seen.answer.headers.get("etag");
      }
      const held = seen?.answer.headers.has("preference-applied") ?? false;
      if (seen && (held || !hold)) {
        await sleep(LEAST_DELAY_MS, signal);
      } else {
        const asked = parseRetryAfter(seen?.answer.headers.get(HEADERS.retryAfter) ?? null, Date.now());
        // Never before the server has asked for it.
        await sleep(Math.max(asked ?? 0, jittered(backoff)), signal);
        backoff = Math.min(backoff * 1.5, LONGEST_DELAY_MS);
      }
    }
  }

  /** A server that says nothing of a payment for a job that was not paid for has taken none. */
  function stateOf(document: JobDocument | undefined): PaymentState | undefined {
    return document?.paymentState ?? (paid ? undefined : "unused");
  }

  async function* updates(signal?: AbortSignal): AsyncGenerator<JobUpdate> {
    for await (const document of documents(signal, true)) {
      const update = updateOf(document);
      onUpdate(update);
      yield update;
    }
  }

  return {
    id: saved.jobId,
    statusUrl: saved.statusUrl,
    idempotencyKey: saved.idempotencyKey,
    get receipt() {
      return receipt;
    },

    async result(options = {}) {
      const timeoutMs = options.timeout === undefined ? lifeOf(saved) : milliseconds(options.timeout);
      const timer = new AbortController();
      const timeout = setTimeout(() => timer.abort(), Math.min(timeoutMs, 2 ** 31 - 1));
      const signal = options.signal ? AbortSignal.any([options.signal, timer.signal]) : timer.signal;
      let last: JobDocument | undefined;
      try {
        for await (const document of documents(signal, options.onProgress !== undefined)) {
          last = document;
          const update = updateOf(document);
          onUpdate(update);
          tell(options.onProgress, update);
        }
      } catch (error) {
        if (options.signal?.aborted) throw options.signal.reason;
        if (!timer.signal.aborted) throw error;
        const message = "stopped waiting; the job goes on, come back to it by resume(jobId)";
        throw new ResourceError("wait_timeout", message, facts(stateOf(last)));
      } finally {
        clearTimeout(timeout);
      }
      if (last?.state === "succeeded") return last.result as Output;
      const state = stateOf(last);
      throw new ResourceError("failed", withRefund(last?.error ?? "the job failed", state), {
        ...facts(state),
        failure: last?.code,
      });
    },

    async status(options = {}) {
      const seen = await look(options.signal, false, null, Number.NEGATIVE_INFINITY);
      if (!seen?.document) {
        throw new ResourceError("network", "the status could not be read; this says nothing about the job", {
          ...facts(undefined),
        });
      }
      return updateOf(seen.document);
    },

    async cancel() {
      const url = saved.statusUrl;
      const { status, body } = await send({ method: "DELETE", url, headers: {} });
      if (status === 409) return false;
      if (status >= 200 && status < 300) {
        const document = readDocument(body);
        if (document && isEnd(document)) await onEnd(document.paymentState);
        return true;
      }
      const { detail, paymentState } = readProblem(body);
      throw new ResourceError("http", detail ?? `the server answered ${status}`, {
        ...facts(paymentState),
        status,
      });
    },

    toJSON: () => ({ ...saved, receipt }),

    [Symbol.asyncIterator]: () => updates(),
  };
}

function readDocument(body: unknown): JobDocument | undefined {
  if (!isRecord(body) || typeof body.state !== "string") return undefined;
  const progress = typeof body.progress === "number" ? body.progress : 0;
  const status = typeof body.status === "string" ? body.status : body.state;
  return { ...body, progress, status } as unknown as JobDocument;
}

function isEnd({ state }: JobDocument): boolean {
  return state === "succeeded" || state === "failed";
}

function updateOf({ state, status, progress, message, error, code }: JobDocument): JobUpdate {
  return { state, status, progress, message, error, code };
}

/** Calls the caller's own function. What it throws must not lose what has been paid for. */
export function tell<T>(listener: ((value: T) => void) | undefined, value: T): void {
  try {
    listener?.(value);
  } catch {}
}

function lifeOf(saved: SavedJob): number {
  const end = Date.parse(saved.expiresAt ?? "");
  return Number.isNaN(end) ? LONGEST_WAIT_MS : Math.max(LEAST_DELAY_MS, end - Date.now());
}

function jittered(ms: number): number {
  return ms * (0.75 + Math.random() * 0.5);
}

/** Ends early when `signal` is aborted. */
function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener("abort", end);
  });
}
