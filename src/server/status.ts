import { LRUCache } from "lru-cache";
import type { Jobs } from "../jobs/jobs.ts";
import { NO_PAYMENT } from "../ledger/idempotency.ts";
import { hash } from "../ledger/payment.ts";
import { HEADERS, type JobAccepted, TERMINAL } from "../protocol/index.ts";
import { type Phase, paymentStateOf, statusOf } from "../store/state.ts";
import type { JobRecord, Store, StoredAnswer } from "../store/store.ts";
import { type Answer, json, problem } from "./answer.ts";
import { comeBack, EVENT_STREAM_HEADERS, eventStream } from "./events.ts";

/** Final documents kept ready-made, so that who comes back for one costs no look-up: so many, and so many bytes. */
const KEPT = 10_000;
const KEPT_BYTES = 64 * 1024 * 1024;
/** The longest that a request is held open by `Prefer: wait=N` (RFC 7240 §4.3). */
const MAX_WAIT_SECONDS = 25;
/** How soon a listener comes back for the one word that may still change after the end: `refund_owed`. */
const REFUND_RETRY_MS = 15_000;
/** Phases of an ended job whose money may still move. */
const OPEN: readonly Phase[] = ["owed", "submitted"];

export interface StatusOptions {
  readonly store: Pick<Store, "job">;
  readonly jobs: Pick<Jobs, "when" | "cancel" | "document">;
  /** Absolute URL of a path of this API, as the caller of `request` sees it. */
  readonly url: (request: Request, path: string) => string;
}

/** Answers who asks for a job. Who knows the id may ask: it is a capability of 128 random bits. */
export interface Status {
  get(jobId: string, request: Request): Promise<StoredAnswer>;
  /** The same documents as server-sent events, until the job has ended. */
  events(jobId: string, request: Request): Promise<Answer>;
  cancel(jobId: string, request: Request): Promise<StoredAnswer>;
  /**
   * The answer to the call that has started a job: held until the job has ended, when the caller prefers to wait
   * (RFC 7240 §4.3). The stored response stays unchanged.
   */
  accepted(answer: StoredAnswer, request: Request): Promise<StoredAnswer>;
  /** Ends all waiting requests, so that clients reconnect to another server. No request waits until it is opened again. */
  close(): void;
  open(): void;
}

/** The document of a job. `etag` is without quotes. */
interface Shown {
  readonly body: string;
  readonly etag: string;
  readonly ended: boolean;
  /** The job has ended, and its document no longer changes. */
  readonly final: boolean;
  readonly retryAfterSeconds: number;
  readonly expiresAt: number;
}

export function createStatus({ store, jobs, url }: StatusOptions): Status {
  const kept = new LRUCache<string, Shown>({
    max: KEPT,
    maxSize: KEPT_BYTES,
    // Two bytes a character at most, and something for the entry.
    sizeCalculation: ({ body }) => 2 * body.length + 500,
  });
  const waiting = new Set<() => void>();
  let closed = false;

  function show(job: JobRecord, request: Request): Shown {
    const known = kept.get(job.id);
    if (known) return known;
    const ended = TERMINAL.includes(statusOf(job));
    const document = jobs.document(job);
    const eventsUrl = ended ? {} : { eventsUrl: url(request, `/v1/jobs/${job.id}/events`) };
    const body = JSON.stringify({ ...document, ...eventsUrl });
    const shown = {
      body,
      etag: hash(body).slice(0, 32),
      ended,
      final: ended && !OPEN.includes(job.phase),
      retryAfterSeconds: document.retryAfterSeconds ?? 1,
      expiresAt: job.expiresAt ?? 0,
    };
    if (shown.final) kept.set(job.id, shown, { ttl: Math.max(1, shown.expiresAt - Date.now()) });
    return shown;
  }

  function answerOf({ body, etag, final, retryAfterSeconds, expiresAt }: Shown): StoredAnswer {
    const lifeSeconds = Math.max(0, Math.floor((expiresAt - Date.now()) / 1000));
    return json(200, body, {
      "referrer-policy": "no-referrer",
      etag: `"${etag}"`,
      ...(final
        ? { "cache-control": `private, max-age=${lifeSeconds}, immutable` }
        : { "cache-control": "no-store", [HEADERS.retryAfter]: String(retryAfterSeconds) }),
    });
  }

  async function read(jobId: string): Promise<JobRecord | "gone" | undefined> {
    return unexpired(await store.job(jobId));
  }

  /** `jobs.when`, that ends as well when the caller has gone or this server stops. */
  async function wait(
    jobId: string,
    ms: number,
    gone: AbortSignal,
    reached: (job: JobRecord) => boolean,
  ): Promise<JobRecord | "gone" | undefined> {
    if (closed || gone.aborted) return read(jobId);
    const over = new AbortController();
    const leave = (): void => over.abort();
    gone.addEventListener("abort", leave);
    waiting.add(leave);
    try {
      return unexpired(await jobs.when(jobId, ms, reached, over.signal));
    } finally {
      gone.removeEventListener("abort", leave);
      waiting.delete(leave);
    }
  }

  return {
    async get(jobId, request) {
      const seconds = waitOf(request);
      const seen = request.headers.get("if-none-match");
      let shown = kept.get(jobId);
      if (!shown) {
        const job =
          seconds === undefined
            ? await read(jobId)
            : // A caller who has seen one state waits for another; one who has not waits for the end.
              await wait(
                jobId,
                seconds * 1000,
                request.signal,
                (job) => seen !== null && !names(seen, show(job, request).etag),
              );
        if (!found(job)) return absent(job);
        shown = show(job, request);
      }
      const answer = preferred(answerOf(shown), seconds);
      return seen !== null && names(seen, shown.etag) ? { ...answer, status: 304, body: "" } : answer;
    },

    async events(jobId, request) {
      const job = await read(jobId);
      if (!found(job)) return absent(job);
      const seen =
        request.headers.get("last-event-id") ??
        new URL(request.url).searchParams.get("lastEventId") ??
        undefined;
      const now = show(job, request);
      if (now.ended && now.etag === seen) {
        // Who reads "no content" does not come back (WHATWG HTML §9.2.3).
        return now.final
          ? { status: 204, headers: { "cache-control": "no-store" }, body: "" }
          : { status: 200, headers: EVENT_STREAM_HEADERS, body: comeBack(REFUND_RETRY_MS) };
      }
      const body = eventStream(seen, async (sent, ms, gone) => {
        const job = await wait(jobId, ms, gone, (job) => show(job, request).etag !== sent);
        if (!found(job)) return undefined;
        const { etag, body, ended } = show(job, request);
        if (etag !== sent) return { id: etag, data: body };
        return ended || closed ? undefined : "same";
      });
      return { status: 200, headers: EVENT_STREAM_HEADERS, body };
    },

    async cancel(jobId, request) {
      const cancelled = await jobs.cancel(jobId);
      if (cancelled !== undefined && cancelled !== "forbidden") return answerOf(show(cancelled, request));
      const job = await read(jobId);
      if (!found(job)) return absent(job);
      const status = statusOf(job);
      const paymentState = paymentStateOf(job, job.payer !== undefined) ?? NO_PAYMENT;
      if (TERMINAL.includes(status)) {
        const detail = `The job has already ended: ${status}.`;
        return problem("job_ended", crypto.randomUUID(), { detail, paymentState });
      }
      if (cancelled === "forbidden") {
        const detail = "The seller does not let jobs of this resource be canceled. Wait for its end.";
        return problem("cancel_forbidden", crypto.randomUUID(), { detail, paymentState });
      }
      const detail = "The work is done and its payment is being settled. The job can no longer be canceled.";
      return problem("job_ended", crypto.randomUUID(), { detail, paymentState });
    },

    async accepted(answer, request) {
      const seconds = answer.status === 202 ? waitOf(request) : undefined;
      if (seconds === undefined) return answer;
      const { jobId, statusUrl } = JSON.parse(answer.body) as JobAccepted;
      // The call has been answered, whatever becomes of the wait.
      const job = await wait(jobId, seconds * 1000, request.signal, () => false).catch(() => undefined);
      const shown = found(job) ? show(job, request) : undefined;
      if (!shown?.ended) return preferred(answer, seconds);
      const { [HEADERS.retryAfter]: _, ...headers } = answer.headers;
      const ended = { ...headers, "content-location": statusUrl };
      return preferred({ status: 200, headers: ended, body: shown.body }, seconds);
    },

    close() {
      closed = true;
      for (const leave of waiting) leave();
    },

    open() {
      closed = false;
    },
  };
}

function preferred(answer: StoredAnswer, seconds: number | undefined): StoredAnswer {
  if (seconds === undefined) return answer;
  const headers = { ...answer.headers, "preference-applied": `wait=${seconds}`, vary: "prefer" };
  return { ...answer, headers };
}

function found(job: JobRecord | "gone" | undefined): job is JobRecord {
  return job !== undefined && job !== "gone";
}

/** What is kept longer than was said, until it is swept, is not shown any longer. A refund that is owed is. */
function unexpired(job: JobRecord | "gone" | undefined): JobRecord | "gone" | undefined {
  if (!found(job) || job.expiresAt === undefined || OPEN.includes(job.phase)) return job;
  return job.expiresAt <= Date.now() ? "gone" : job;
}

/** The response has no payment state: a deleted job may have been paid, refunded or free. */
function absent(job: "gone" | undefined): StoredAnswer {
  const [code, detail] =
    job === "gone"
      ? (["gone", "The job has ended and its result has been deleted."] as const)
      : (["not_found", "There is no such job."] as const);
  return problem(code, crypto.randomUUID(), { detail, paymentState: "unknown" });
}

/** Whether `If-None-Match` names this version. Proxies that compress make a tag weak (RFC 9110 §13.1.2). */
function names(ifNoneMatch: string, etag: string): boolean {
  return ifNoneMatch.split(",").some((one) => one.trim().replace(/^W\//, "") === `"${etag}"`);
}

/** Seconds of `Prefer: wait=N`, capped; `undefined` when the caller does not want to wait. */
function waitOf(request: Request): number | undefined {
  const match = /(?:^|[,;\s])wait="?(\d{1,6})"?/i.exec(request.headers.get("prefer") ?? "");
  if (!match) return undefined;
  const seconds = Math.min(Number(match[1]), MAX_WAIT_SECONDS);
  return seconds > 0 ? seconds : undefined;
}
