import { LRUCache } from "lru-cache";
import type { Jobs } from "../jobs/jobs.ts";
import { hash } from "../payments/evidence.ts";
import type { JobRecord, Store, StoredAnswer } from "../store/store.ts";
import { HEADERS, TERMINAL } from "../wire/index.ts";
import { json, problem } from "./answer.ts";

/** Terminal answers kept ready-made; a poller that comes back costs no look-up. */
const KEPT = 1_000;
/** The longest that a request is held open by `Prefer: wait=N` (RFC 7240 §4.3). */
const LONGEST_WAIT_SECONDS = 25;

/** Answers `GET` and `DELETE` of a job. Who knows the id may ask: it is a capability of 128 random bits. */
export function createStatus(
  store: Store,
  jobs: Jobs,
): {
  get(jobId: string, request: Request): Promise<StoredAnswer>;
  cancel(jobId: string): Promise<StoredAnswer>;
} {
  const ended = new LRUCache<string, StoredAnswer>({ max: KEPT });

  function answerOf(job: JobRecord): StoredAnswer {
    const kept = ended.get(job.id);
    if (kept) return kept;
    const document = jobs.document(job);
    const body = JSON.stringify(document);
    // An end whose refund is on its way still changes in that one word.
    const terminal = TERMINAL.includes(job.status) && job.paymentState !== "refund_owed";
    const lifeSeconds = Math.max(0, Math.floor(((job.expiresAt ?? 0) - Date.now()) / 1000));
    const answer = json(200, body, {
      "referrer-policy": "no-referrer",
      etag: `"${hash(body).slice(0, 32)}"`,
      ...(terminal
        ? { "cache-control": `private, max-age=${lifeSeconds}, immutable` }
        : { "cache-control": "no-store", [HEADERS.retryAfter]: String(document.retryAfterSeconds ?? 1) }),
    });
    if (terminal) ended.set(job.id, answer, { ttl: Math.max(1, (job.expiresAt ?? 0) - Date.now()) });
    return answer;
  }

  return {
    async get(jobId, request) {
      const seconds = waitOf(request);
      // A caller who has seen one state waits for another; one who has not waits for the end.
      const seen = request.headers.get("if-none-match");
      const job =
        ended.has(jobId) || seconds === undefined
          ? await store.job(jobId)
          : await jobs.when(
              jobId,
              seconds * 1000,
              (job) => seen !== null && answerOf(job).headers.etag !== seen,
            );
      const answer = found(job) ? answerOf(job) : absent(job);
      if (answer.headers.etag !== undefined && answer.headers.etag === seen) {
        return { status: 304, headers: answer.headers, body: "" };
      }
      if (seconds === undefined) return answer;
      return {
        ...answer,
        headers: { ...answer.headers, "preference-applied": `wait=${seconds}`, vary: "prefer" },
      };
    },

    async cancel(jobId) {
      const cancelled = await jobs.cancel(jobId);
      if (cancelled) return answerOf(cancelled);
      const job = await store.job(jobId);
      if (!found(job)) return absent(job);
      const detail = TERMINAL.includes(job.status)
        ? `The job has ended already: ${job.status}.`
        : "The job cannot be cancelled while its payment is being settled.";
      return problem("job_ended", crypto.randomUUID(), {
        detail,
        paymentState: job.paymentState ?? "unused",
      });
    },
  };
}

function found(job: JobRecord | "gone" | undefined): job is JobRecord {
  return job !== undefined && job !== "gone";
}

function absent(job: "gone" | undefined): StoredAnswer {
  return job === "gone"
    ? problem("gone", crypto.randomUUID(), {
        detail: "The job has ended and its result has been deleted.",
        paymentState: "settled",
      })
    : problem("not_found", crypto.randomUUID(), { detail: "There is no such job." });
}

/** Seconds of `Prefer: wait=N`, capped; `undefined` when the caller does not want to wait. */
function waitOf(request: Request): number | undefined {
  const match = /(?:^|[,;\s])wait="?(\d{1,6})"?/i.exec(request.headers.get("prefer") ?? "");
  if (!match) return undefined;
  const seconds = Math.min(Number(match[1]), LONGEST_WAIT_SECONDS);
  return seconds > 0 ? seconds : undefined;
}
