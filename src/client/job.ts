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
import { type Charged, type ErrorFacts, ResourceError, readProblem } from "./errors.ts";
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
  /** Ends the job. False when it had ended before. A payment is not given back by this. */
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

export function createJob<Output>(
  send: Send,
  saved: SavedJob,
  onUpdate: (update: JobUpdate) => void,
): Job<Output> {
  let receipt = saved.receipt;
  const facts = (charged: Charged): ErrorFacts => ({
    resource: saved.resource,
    charged,
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
        body: undefined,
        signal,
        retries: 0,
        attemptMs: (HOLD_SECONDS + 10) * 1000,
      });
    } catch (error) {
      if (signal?.aborted) throw error;
      return undefined;
    }
    const document = readDocument(answer.body);
    if (answer.status === 200 && document) {
      receipt = document.receipt ?? receipt;
      return { answer, document };
    }
    if (answer.status === 304) return { answer, document: undefined };
    const { detail, code } = readProblem(answer.body);
    // "not_found" is said by a server that knows its jobs at once.
    const waited = performance.now() - startedAt > UNKNOWN_GRACE_MS;
    const lost = answer.status === 404 ? code === "not_found" || waited : answer.status === 410;
    if (!lost) return undefined;
    throw new ResourceError("http", detail ?? "the server does not know the job", {
      ...facts(receipt ? "yes" : "unknown"),
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
        if (seen.document.state === "succeeded" || seen.document.state === "failed") return;
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
        throw new ResourceError("wait_timeout", message, facts(chargedBy(last?.paymentState, receipt)));
      } finally {
        clearTimeout(timeout);
      }
      if (last?.state === "succeeded") return last.result as Output;
      throw new ResourceError("failed", last?.error ?? "the job failed", {
        ...facts(chargedBy(last?.paymentState, receipt)),
        failure: last?.code,
      });
    },

    async status(options = {}) {
      const seen = await look(options.signal, false, null, Number.NEGATIVE_INFINITY);
      if (!seen?.document) {
        throw new ResourceError("network", "the status could not be read; this says nothing about the job", {
          ...facts(receipt ? "yes" : "unknown"),
        });
      }
      return updateOf(seen.document);
    },

    async cancel() {
      const url = saved.statusUrl;
      const answer = await send({ method: "DELETE", url, headers: {}, body: undefined, signal: undefined });
      if (answer.status === 409) return false;
      if (answer.status >= 200 && answer.status < 300) return true;
      const { detail } = readProblem(answer.body);
      throw new ResourceError("http", detail ?? `the server answered ${answer.status}`, {
        ...facts(receipt ? "yes" : "unknown"),
        status: answer.status,
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

function updateOf({ state, status, progress, message, error, code }: JobDocument): JobUpdate {
  return { state, status, progress, message, error, code };
}

/** Calls the caller's own function. What it throws must not lose what has been paid for. */
export function tell<T>(listener: ((value: T) => void) | undefined, value: T): void {
  try {
    listener?.(value);
  } catch {}
}

function chargedBy(state: PaymentState | undefined, receipt: Receipt | undefined): Charged {
  if (receipt || state === "settled") return "yes";
  return state === undefined || state === "unused" ? "no" : "unknown";
}

function lifeOf(saved: SavedJob): number {
  const end = Date.parse(saved.expiresAt ?? "");
  return Number.isNaN(end) ? LONGEST_WAIT_MS : Math.max(LEAST_DELAY_MS, end - Date.now());
}

function jittered(ms: number): number {
  return ms * (0.75 + Math.random() * 0.5);
}

function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", stop);
    };
    const stop = (): void => {
      end();
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      end();
      resolve();
    }, ms);
    signal?.addEventListener("abort", stop, { once: true });
  });
}
