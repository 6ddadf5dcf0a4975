import { DEFAULT_RETENTION, DEFAULT_TIMEOUT } from "../../schema/api.ts";
import { milliseconds } from "../../schema/duration.ts";
import type { CallRecord, StoredAnswer } from "../store/store.ts";
import { problem, replayed } from "./answer.ts";
import type { CallDeps, RequestContext } from "./request-context.ts";
import { type ResponseContext, responseTo } from "./response.ts";
import type { Standings } from "./standing.ts";

/** The same request again: it gets the response of its call, without a new look at input and price. */
export interface Repeats {
  /**
   * The response to the very request of a recorded call; `undefined` when its work is still to be done, or when it takes a
   * new challenge. @throws StoreUnavailable
   */
  repeat(call: CallRecord, context: RequestContext): Promise<StoredAnswer | undefined>;
  /** How a recorded call stands now, without going on with it. @throws StoreUnavailable */
  standingOf(call: CallRecord, context: RequestContext): Promise<StoredAnswer | undefined>;
  /** As `repeat`, for a call whose resource is no longer there. */
  repeatElsewhere(call: CallRecord, request: Request): Promise<StoredAnswer | undefined>;
}

export function createRepeats(
  { store, ledger, working }: CallDeps,
  { exclusively, contextOf }: Standings,
): Repeats {
  async function stated(call: CallRecord, about: ResponseContext): Promise<StoredAnswer | undefined> {
    const job = call.jobId === undefined ? undefined : await store.job(call.jobId);
    const response = responseTo(call, job, about);
    return response && replayed(response);
  }

  async function repeat(call: CallRecord, about: ResponseContext): Promise<StoredAnswer | undefined> {
    const twin = working.get(call.id);
    if (twin) return replayed(await twin);
    const isSync = call.jobId === undefined;
    if (call.phase === "submitted" && !(isSync && call.charge === "before")) {
      // To settle takes neither the resource nor its handler.
      return exclusively(call.id, async () => {
        const taken = await ledger.take(call);
        const settled = taken && (await ledger.settle(taken));
        const now = typeof settled === "object" ? settled : await store.call(call.id);
        // Refused after all: the next request gets the new challenge.
        const again = { paymentState: "unknown", retryAfterSeconds: 1 } as const;
        return (now && (await stated(now, about))) ?? problem("in_progress", about.requestId, again);
      });
    }
    const takesWork = isSync && ["open", "submitted", "charged"].includes(call.phase);
    return takesWork ? undefined : stated(call, about);
  }

  return {
    repeat: (call, context) => repeat(call, contextOf(context, context.resource)),
    standingOf: (call, context) => stated(call, contextOf(context, context.resource)),
    async repeatElsewhere(call, request) {
      const about = contextOf(
        { request, requestId: crypto.randomUUID() },
        { timeoutMs: milliseconds(DEFAULT_TIMEOUT), retentionMs: milliseconds(DEFAULT_RETENTION) },
      );
      return (await repeat(call, about)) ?? stated((await store.call(call.id)) ?? call, about);
    },
  };
}
