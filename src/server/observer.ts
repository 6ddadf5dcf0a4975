import { carriesPayment } from "../ledger/payment.ts";
import { HEADERS, isRecord } from "../protocol/index.ts";
import { hasEnded, statusOf } from "../store/state.ts";
import type { Step, Stepped, Store, StoredAnswer } from "../store/store.ts";
import { childLogger, type Logger } from "../telemetry/log.ts";
import type { CallOutcome, Telemetry } from "../telemetry/telemetry.ts";
import type { Trace } from "../telemetry/trace.ts";
import type { ServedResource } from "./resource.ts";

/** What is watched of one call. */
export interface Watched {
  readonly resource: ServedResource;
  readonly request: Request;
  readonly log: Logger;
  readonly trace: Trace;
  /** The part of its input that may be logged, once that is known. */
  shown: object | undefined;
}

/** How many were asked to pay, and how many have paid, since this process began. */
interface Funnel {
  readonly challenged: number;
  readonly paid: number;
}

/** Sees calls and jobs end, and says so: one line in the log for each, and what is to be counted. */
export interface Observer {
  /** The same store. What a step has written has happened, once, whoever asked for it: that is what is told. */
  watching(store: Store): Store;
  /** A call has been answered, `ms` after it came. */
  answered(call: Watched, answer: StoredAnswer, ms: number): void;
  /** By name of the resource. */
  readonly funnels: ReadonlyMap<string, Funnel>;
  /** Calls that were answered by an error, since this process began. */
  errors(): readonly { readonly resource: string; readonly code: string; readonly calls: number }[];
}

export function createObserver(log: Logger, telemetry: Telemetry): Observer {
  const funnels = new Map<string, Funnel>();
  const errors = new Map<string, { resource: string; code: string; calls: number }>();

  function into(resource: string, step: keyof Funnel): void {
    const funnel = funnels.get(resource) ?? { challenged: 0, paid: 0 };
    funnels.set(resource, { ...funnel, [step]: funnel[step] + 1 });
  }

  function count(resource: string, code: string): void {
    const name = `${resource} ${code}`;
    const error = errors.get(name) ?? { resource, code, calls: 0 };
    errors.set(name, { ...error, calls: error.calls + 1 });
  }

  function paid({ resource, value, receipt }: NonNullable<Stepped["call"]>): void {
    into(resource, "paid");
    const { network = "", currency = "" } = receipt ?? {};
    telemetry.earned({ resource, network, currency, usd: value / 1e6 });
  }

  function started({
    resource,
    attempt,
    createdAt,
    startedAt = createdAt,
  }: NonNullable<Stepped["job"]>): void {
    if (attempt === 1) telemetry.started(resource, startedAt - createdAt);
  }

  function ended(job: NonNullable<Stepped["job"]>): void {
    const { id: jobId, callId: requestId, resource, attempt, createdAt, startedAt } = job;
    const status = statusOf(job);
    const endedAt = job.endedAt ?? job.updatedAt;
    const code = job.failure?.code;
    telemetry.delivered(resource, status, code);
    childLogger(log, { requestId, resource, jobId, attempt }).info(
      {
        outcome: status,
        ...(code === undefined ? {} : { code }),
        ...(startedAt === undefined ? {} : { durationMs: endedAt - startedAt }),
        waitedMs: (startedAt ?? endedAt) - createdAt,
      },
      "job ended",
    );
  }

  function tell({ call, job, refund }: Step, now: Stepped): void {
    if (now.call && call && call.set !== "forget" && call.set.receipt !== undefined) paid(now.call);
    if (now.job && job && job.set !== "forget" && job.set.work !== undefined && hasEnded(now.job)) {
      // A refund that is paid later does not count as a second end.
      if (job.set.expiresAt !== undefined) ended(now.job);
    }
    if (!now.refund || !refund) return;
    if (!("add" in refund) && refund.set.state !== "paid") return;
    const { resource, currency, amount } = now.refund;
    const state = now.refund.state === "paid" ? "paid" : "owed";
    telemetry.refunded({ resource, state, currency, value: Number(amount) });
  }

  return {
    funnels,
    errors: () => [...errors.values()],

    watching(store) {
      return {
        ...store,
        get completeSince() {
          return store.completeSince;
        },
        async change(step) {
          const stepped = await store.change(step);
          if (stepped) tell(step, stepped);
          return stepped;
        },
        async claimJobs(options) {
          const claimed = await store.claimJobs(options);
          for (const { job } of claimed) started(job);
          return claimed;
        },
      };
    },

    answered({ resource, request, log, trace, shown }, answer, ms) {
      const { status } = answer;
      const outcome = outcomeOf(answer, request);
      const code = outcome === "failed" ? codeOf(answer) : undefined;
      trace.step("answer", () => {
        if (outcome === "challenged") into(resource.name, "challenged");
        if (code !== undefined) count(resource.name, code);
        telemetry.called({ resource: resource.name, outcome, code });
        log.info(
          {
            status,
            outcome,
            ...(code === undefined ? {} : { code }),
            durationMs: Math.round(ms * 10) / 10,
            ...(shown && { input: shown }),
          },
          "call answered",
        );
      });
      const attributes = {
        "http.response.status_code": status,
        "resource402.resource": resource.name,
        "resource402.outcome": outcome,
        ...(code === undefined ? {} : { "resource402.code": code }),
      };
      trace.end(attributes, status >= 500 ? (code ?? String(status)) : undefined);
    },
  };
}

function outcomeOf({ status, headers }: StoredAnswer, { headers: sent }: Request): CallOutcome {
  if (headers[HEADERS.idempotentReplayed] === "true") return "replayed";
  if (status === 402) {
    return carriesPayment(sent) ? "refused" : "challenged";
  }
  if (status >= 400) return "failed";
  return status === 202 ? "accepted" : "succeeded";
}

/** The code of an error. Errors are few, so their bodies may be parsed again. */
function codeOf({ status, body }: StoredAnswer): string {
  try {
    const document: unknown = JSON.parse(body);
    if (isRecord(document) && typeof document.code === "string") return document.code;
  } catch {
    // Not one of our documents.
  }
  return String(status);
}
