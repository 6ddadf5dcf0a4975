import { type Duration, milliseconds } from "../../schema/duration.ts";
import type { JobDocument, PaymentState, Receipt } from "../protocol/index.ts";
import { chargedFor, type SavedCall, type SavedJob } from "./calls.ts";
import {
  type Charged,
  chargedBy,
  type ErrorFacts,
  oneLine,
  ResourceError,
  readProblem,
  withRefund,
} from "./errors.ts";
import type { HeldOutcome } from "./held.ts";
import type { Http, HttpAnswer } from "./http.ts";
import { readForeignJob } from "./job-format.ts";
import { lost, responseOf, retryAtOf } from "./outcome.ts";
import { readReceipt } from "./receipt.ts";
import { createWatch, isEnd, readJobDocument } from "./watch.ts";

/** The status document of a job. Treat a `status` that this version does not know as "still running". */
export interface JobUpdate {
  readonly state: JobDocument["state"];
  readonly status: string;
  /** Whole percent, 0–100. */
  readonly progress: number;
  /** The handler's message about its progress. */
  readonly message?: string | undefined;
  /** Why the job failed: safe text and the seller's code. */
  readonly error?: string | undefined;
  readonly code?: string | undefined;
  /** What has become of the payment, once the job has ended; absent where the server does not say. */
  readonly paymentState?: PaymentState | undefined;
}

/** Options of `job.result`. */
export interface WaitOptions {
  /** How long to wait. The job goes on when it has passed. @default until the job's own end at the latest */
  readonly timeout?: Duration;
  readonly signal?: AbortSignal;
  /** What it throws is ignored. */
  readonly onProgress?: (update: JobUpdate) => void;
}

/** A job that has been accepted, and paid where it has a price. Iterate it to see its progress. */
export interface Job<Output> extends AsyncIterable<JobUpdate> {
  readonly id: string;
  readonly statusUrl: string;
  readonly idempotencyKey: string;
  /** Absent when the job is free, or while its payment has not been confirmed. */
  readonly receipt: Receipt | undefined;
  /** The key that signs what is posted to `callbackUrl`: `whsec_…`. Absent without one, and when resumed by the id. */
  readonly webhookSecret: string | undefined;
  /** Waits for the end. @throws ResourceError `failed` when the job failed, `wait_timeout` when the time is up */
  result(options?: WaitOptions): Promise<Output>;
  /** Asks once. */
  status(options?: { readonly signal?: AbortSignal }): Promise<JobUpdate>;
  /**
   * Ends the job. False when it had ended before. The policy that the seller publishes with the price says what follows:
   * `refund` gives the payment back (the error of `result` says `refund_owed` or `refunded` in its `paymentState`), `keep`
   * does not, and `forbid` lets the job go on.
   * @throws ResourceError `http` with `failure: "cancel_forbidden"` under the policy `forbid`; `network` when the seller does
   * not answer, and then the job may have ended or not
   */
  cancel(): Promise<boolean>;
  toJSON(): SavedJob;
}

/** A foreign server may need a moment until it knows a job that it has just accepted. */
const UNKNOWN_GRACE_MS = 60_000;
/** The wait for a job whose server does not say until when it lives. */
const MAX_WAIT_MS = 24 * 3_600_000;
/** How long a status may go on saying what this client does not understand. */
const MAX_STRANGE_MS = 5 * 60_000;

export interface JobHooks {
  /** False when it is certain that no payment was signed for the job. */
  readonly isSigned: boolean;
  /** The call that started the job, where it is stored. */
  readonly find: () => Promise<SavedCall | undefined>;
  readonly onUpdate: (update: JobUpdate) => void;
  /** Called when the end of a stored call has been seen, before it is told. */
  readonly onEnd: (call: SavedCall, outcome: HeldOutcome) => Promise<void>;
}

export function createJob<Output>(
  http: Http,
  saved: SavedJob,
  { isSigned, find, onUpdate, onEnd }: JobHooks,
): Job<Output> {
  let receipt = saved.receipt;
  let call: SavedCall | undefined;
  /** Since when the status has said nothing that is understood, in milliseconds of `performance.now()`. */
  let strangeMs: number | undefined;

  const chargedIn = (state: PaymentState | undefined): Charged => {
    const said = chargedBy(isSigned, state, receipt);
    return call ? chargedFor(call.payment, said) : said;
  };

  const facts = (paymentState: PaymentState | undefined): ErrorFacts => ({
    resource: saved.resource,
    charged: chargedIn(paymentState),
    retryAt: call && retryAtOf(call, chargedIn(paymentState)),
    paymentState,
    jobId: saved.jobId,
    idempotencyKey: saved.idempotencyKey,
    receipt,
  });

  async function ended(paymentState: PaymentState | undefined, isDelivered: boolean): Promise<void> {
    if (call) await onEnd(call, { charged: chargedIn(paymentState), isDelivered, receipt });
  }

  async function onDocument(document: JobDocument): Promise<void> {
    call ??= await find();
    receipt = readReceipt(document.receipt, call?.payment) ?? receipt;
    if (isEnd(document)) await ended(document.paymentState, document.state === "succeeded");
  }

  /** Stops the wait when a status stays incomprehensible. */
  function endure(answer: HttpAnswer, code: "protocol" | "http", reason: string, message: string): void {
    strangeMs ??= performance.now();
    if (performance.now() - strangeMs < MAX_STRANGE_MS) return;
    const { status } = answer;
    const response = responseOf(answer);
    throw new ResourceError(code, message, { ...facts(undefined), status, response, reason });
  }

  const { look, documents } = createWatch({
    http,
    read(answer) {
      const { format } = saved;
      if (!format) return answer.status === 200 ? readJobDocument(answer.body) : undefined;
      if (answer.status < 200 || answer.status > 299) return undefined;
      const { document, word } = readForeignJob(answer, format);
      if (document && word === undefined) strangeMs = undefined;
      else {
        const said = word ? `"${oneLine(word)}"` : "nothing that is a state";
        endure(answer, "protocol", "unknown_state", `the job's status says ${said}, which is not understood`);
      }
      return document;
    },
    statusUrl: saved.statusUrl,
    eventsUrl: saved.eventsUrl,
    onDocument,

    async onOther(answer, waitedMs) {
      const { status, body, tooLarge } = answer;
      const { detail, code, paymentState } = readProblem(body);
      // "not_found" is said by a server that knows its jobs at once.
      const unknown = status === 404 && (code === "not_found" || waitedMs > UNKNOWN_GRACE_MS);
      if (tooLarge) {
        const message = "the job's status is larger than maxAnswerBytes";
        throw new ResourceError("protocol", message, { ...facts(undefined), reason: "too_large" });
      }
      if (!unknown && status !== 410) {
        const isRefusal = status >= 400 && status < 500 && ![404, 408, 425, 429].includes(status);
        const said = detail ?? `the server answered ${status} to the request for the job's status`;
        if (isRefusal) endure(answer, "http", "no_status", said);
        return;
      }
      call ??= await find();
      // Its result has been deleted: there is nothing left to come back for.
      if (status === 410) await ended(paymentState, false);
      throw new ResourceError("http", detail ?? "the server does not know the job", {
        // Who does not know a job does not know what became of its payment.
        ...facts(status === 410 ? paymentState : undefined),
        status,
      });
    },
  });

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
    webhookSecret: saved.webhookSecret,
    get receipt() {
      return receipt;
    },

    async result(options = {}) {
      const timeoutMs = options.timeout === undefined ? lifeOf(saved) : milliseconds(options.timeout);
      const timer = new AbortController();
      const timeout = setTimeout(() => timer.abort(), Math.min(timeoutMs, 2 ** 31 - 1));
      const { signal } = timer;
      // `AbortSignal.any` is missing in older browsers and in React Native.
      const abort = (): void => timer.abort();
      options.signal?.addEventListener("abort", abort);
      if (options.signal?.aborted) abort();
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
        throw new ResourceError("wait_timeout", message, facts(last?.paymentState));
      } finally {
        clearTimeout(timeout);
        options.signal?.removeEventListener("abort", abort);
      }
      if (last?.state === "succeeded") return last.result as Output;
      const state = last?.paymentState;
      throw new ResourceError("failed", withRefund(last?.error ?? "the job failed", state), {
        ...facts(state),
        failure: last?.code,
      });
    },

    async status(options = {}) {
      const document = await look(options.signal);
      if (document) return updateOf(document);
      const message = "the status could not be read; this says nothing about the job";
      throw new ResourceError("network", message, facts(undefined));
    },

    async cancel() {
      const url = saved.statusUrl;
      const { status, body } = await http
        .send({ method: "DELETE", url, headers: {} })
        .catch((cause: unknown): HttpAnswer => {
          throw lost(cause, undefined, facts(undefined));
        });
      const { detail, code, paymentState, requestId } = readProblem(body);
      if (status === 409 && code !== "cancel_forbidden") return false;
      if (status >= 200 && status < 300) {
        const document = readJobDocument(body);
        if (document) await onDocument(document);
        return true;
      }
      throw new ResourceError("http", detail ?? `the server answered ${status}`, {
        ...facts(status === 404 ? undefined : paymentState),
        ...{ status, failure: code, requestId },
      });
    },

    toJSON: () => ({ ...saved, receipt }),

    [Symbol.asyncIterator]: () => updates(),
  };
}

function updateOf({ state, status, progress, message, error, code, paymentState }: JobDocument): JobUpdate {
  return { state, status, progress, message, error, code, paymentState };
}

/** Calls the caller's own function. What it throws must not lose what has been paid for. */
export function tell<T>(listener: ((value: T) => void) | undefined, value: T): void {
  try {
    listener?.(value);
  } catch {}
}

function lifeOf(saved: SavedJob): number {
  const end = Date.parse(saved.expiresAt ?? "");
  return Number.isNaN(end) ? MAX_WAIT_MS : Math.max(0, end - Date.now());
}
