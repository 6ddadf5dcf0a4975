import type { Heartbeat } from "../store/heartbeat.ts";
import type { CallRecord, Store, StoredAnswer } from "../store/store.ts";
import { pauseAfter } from "../time/retry.ts";
import { type ChainSource, lookUp } from "./evidence.ts";
import { eventOf, type Settling } from "./settle.ts";

export interface ReconcilingOptions extends ChainSource {
  readonly store: Store;
  /** Names this server in the store. */
  readonly heartbeat: Pick<Heartbeat, "owner">;
  readonly settling: Settling;
  /** Whether this process is working on a call now. */
  readonly isWorking: (callId: string) => boolean;
  /** The response of a charged call whose work was lost. */
  readonly lostAnswer: (call: CallRecord) => StoredAnswer;
}

/** How many calls one round looks at. */
const BATCH = 20;
/** A row that fails is left alone for a while, so that the others are reached. */
const FAILED_ROW = { firstMs: 5_000, maxMs: 3_600_000 };
/** Rows that fail are remembered up to this number. */
const MAX_SKIPPED = 1_000;

export interface Reconciling {
  /** Goes on with a call on which no server works; `undefined` when another server is faster, or it has moved on. */
  take(call: CallRecord): Promise<CallRecord | undefined>;
  /** One round: brings each call that is due one step further. One bad row never stops the others. */
  reconcile(): Promise<void>;
}

export function createReconciling(options: ReconcilingOptions): Reconciling {
  const { store, heartbeat, settling, isWorking, lostAnswer, time, log } = options;
  const skipped = new Map<string, { readonly until: number; readonly failures: number }>();

  async function take(call: CallRecord): Promise<CallRecord | undefined> {
    // What was handed back is known to the last word. What a dead server has left may be ahead of its record.
    const event = call.owner === undefined ? "claimed" : "taken-over";
    const { standing, changed } = await settling.apply(call, { event });
    return changed && standing !== "deleted" ? standing : undefined;
  }

  async function bringOn(call: CallRecord): Promise<void> {
    if (call.phase === "void") {
      const found = call.payment && (await lookUp(options, call.payment, call.createdAt));
      await settling.apply(call, eventOf(found ?? { evidence: "unclear", reason: "chain_unavailable" }));
      return;
    }
    if (call.phase === "open") {
      await settling.apply(call, { event: "abandoned" });
      return;
    }
    if (call.phase === "charged" && call.owner === undefined) {
      log.error({ requestId: call.id, resource: call.resource }, "the work of a charged call was lost");
      await settling.apply(call, { event: "abandoned", answer: lostAnswer(call) });
      return;
    }
    const taken = await take(call);
    if (!taken) return;
    const standing = taken.phase === "submitted" ? await settling.settle(taken) : taken;
    // The work of a sync call is for its buyer to come back for.
    if (typeof standing !== "string" && standing.phase === "charged" && standing.jobId === undefined) {
      await settling.apply(standing, { event: "handed-back" });
    }
  }

  return {
    take,
    async reconcile() {
      const now = time.now();
      for (const [id, { until }] of skipped) if (until <= now - FAILED_ROW.maxMs) skipped.delete(id);
      const isSkipped = (id: string): boolean => (skipped.get(id)?.until ?? 0) > now;
      const limit = BATCH + Math.min(skipped.size, MAX_SKIPPED);
      const due = await store.dueCalls({ limit, own: heartbeat.owner });
      const ready = due.filter(({ id }) => !isWorking(id) && !isSkipped(id)).slice(0, BATCH);
      await Promise.all(
        ready.map(async (call) => {
          try {
            await bringOn(call);
            skipped.delete(call.id);
          } catch (error) {
            const failures = (skipped.get(call.id)?.failures ?? 0) + 1;
            skipped.set(call.id, { until: now + pauseAfter(FAILED_ROW, failures), failures });
            const { id: requestId, resource } = call;
            log.error({ requestId, resource, error }, "a call could not be reconciled");
          }
        }),
      );
    },
  };
}
