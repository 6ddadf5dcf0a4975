import type { EvmAccount } from "../protocol/transfer.ts";
import type { Heartbeat } from "../store/heartbeat.ts";
import type { Begun, CallRecord, JobEnd, JobRecord, Limits, Store, StoredAnswer } from "../store/store.ts";
import { StoreUnavailable, Uncertain } from "../store/store-errors.ts";
import type { Faults } from "../telemetry/fault.ts";
import type { Logger } from "../telemetry/log.ts";
import type { Time } from "../time/time.ts";
import type { ChainRecord } from "./evidence.ts";
import type { Facilitator } from "./facilitator.ts";
import { createReconciling } from "./reconcile.ts";
import { createRefunds } from "./refund.ts";
import { createSettling, type Standing } from "./settle.ts";
import type { Event, Facts } from "./step.ts";

/** The only writer of phases, payments and refunds. Each step is stored before the next one begins. */
export interface Ledger {
  /** Names this server in the store. */
  readonly owner: string;
  /** Writes the intent, before anything runs or moves. @throws StoreUnavailable */
  begin(call: CallRecord, job: JobRecord | undefined, limits: Limits): Promise<Begun>;
  /** Goes on with a call on which no server works; `undefined` when another server does. @throws StoreUnavailable */
  take(call: CallRecord): Promise<CallRecord | undefined>;
  /** Submits the payment of a submitted call. */
  settle(call: CallRecord): Promise<Standing>;
  /** Ends the work of a sync call with its output, and settles it if it is charged after the work. */
  output(call: CallRecord, answer: StoredAnswer): Promise<Standing>;
  /** Ends the work of a sync call without an output. */
  fail(call: CallRecord, code: string, answer: StoredAnswer): Promise<Standing>;
  /** Ends an attempt of a job. `undefined` when the job has moved on. @throws StoreUnavailable */
  endAttempt(job: JobRecord, attempted: Attempted): Promise<JobRecord | undefined>;
  /** Cancels a job, or expires one that has waited too long. `undefined` when it has ended. @throws StoreUnavailable */
  endEarly(job: JobRecord, event: "cancel" | "expired"): Promise<JobRecord | undefined>;
  /** One round over the calls on which no server works. */
  reconcile(): Promise<void>;
  /** One round over the refunds that are due. */
  payRefunds(): Promise<void>;
}

/** What an attempt comes to: the end of its job, or another attempt. */
type Attempted = JobEnd | { readonly requeue: { readonly failures?: number; readonly runAt?: number } };

export interface LedgerOptions extends Omit<Facts, "now" | "owner" | "hasNode"> {
  readonly store: Store;
  readonly heartbeat: Heartbeat;
  /** Absent when everything is free. */
  readonly facilitator: Facilitator | undefined;
  readonly chain: ChainRecord | undefined;
  /** Pays refunds. Absent: refunds stay owed until an operator pays them. */
  readonly account: EvmAccount | undefined;
  readonly time: Time;
  readonly log: Logger;
  readonly faults: Faults | undefined;
  /** Whether this process is working on a call now. */
  readonly isWorking: (callId: string) => boolean;
  /** The response of a charged call whose work was lost. */
  readonly lostAnswer: (call: CallRecord) => StoredAnswer;
}

/** How many refunds one round looks at. */
const BATCH = 20;

export function createLedger(options: LedgerOptions): Ledger {
  const { store, heartbeat, facilitator, chain, account, time, log, faults } = options;
  const { retentionMs, comeBackMs } = options;
  const hasNode = (network: string): boolean => chain !== undefined && (chain.covers?.(network) ?? true);
  const facts = (): Facts => ({ now: time.now(), owner: heartbeat.owner, hasNode, retentionMs, comeBackMs });
  const refunds =
    account && facilitator && createRefunds({ store, facilitator, account, chain, facts, time, log, faults });
  /** Calls that are being settled here, besides those that the server is working on. */
  const settlingNow = new Set<string>();
  const isWorking = (callId: string): boolean => settlingNow.has(callId) || options.isWorking(callId);
  const settling = createSettling({ store, facilitator, chain, facts, time, log, faults });
  const { take, reconcile } = createReconciling({ ...options, settling, isWorking });

  /** After a failure the state in the store is unknown. The next round reads it and continues from there. */
  async function ended(call: CallRecord, event: Event): Promise<Standing> {
    try {
      return (await settling.apply(call, event)).standing;
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error;
      log.error(
        { requestId: call.id, resource: call.resource, error },
        "the end of a call could not be written",
      );
      return "unreadable";
    }
  }

  return {
    get owner() {
      return heartbeat.owner;
    },

    async begin(call, job, limits) {
      await heartbeat.ensure();
      // What is acknowledged with a 202, or may be settled next, must survive a power cut.
      const durable = job !== undefined || call.phase === "submitted";
      const begun = await store.begin(call, job, { ...limits, durable }).catch(async (error: unknown) => {
        const written = await store.call(call.id).catch((cause: unknown) => {
          throw new Uncertain("whether a call has begun", { cause });
        });
        if (!written) throw error;
        return { begun: true } as const;
      });
      if (begun.begun && faults) await faults.reach("call.begun");
      return begun;
    },

    async take(call) {
      await heartbeat.ensure();
      return take(call);
    },

    settle: settling.settle,

    async output(call, answer) {
      if (call.payment === undefined || call.phase === "charged") {
        if (faults) await faults.reach("call.concluding");
        return ended(call, { event: "output", answer });
      }
      const standing = await ended(call, { event: "submit", answer });
      const isOurs =
        typeof standing !== "string" && standing.phase === "submitted" && standing.owner === heartbeat.owner;
      return isOurs ? settling.settle(standing) : standing;
    },

    async fail(call, code, answer) {
      if (faults && call.phase === "charged") await faults.reach("call.concluding");
      return ended(call, { event: "failure", failure: { code, error: "" }, answer });
    },

    async endAttempt(job, attempted) {
      const call = await store.call(job.callId);
      if (!call) throw new Error(`job ${job.id} has no call`);
      const submits =
        "ok" in attempted && attempted.ok && call.payment !== undefined && call.phase === "open";
      if (submits) await heartbeat.ensure();
      // From the submission on the call is ours, and no round of this server may take it.
      settlingNow.add(call.id);
      try {
        const { standing, job: now, changed } = await settling.apply(call, eventOf(attempted, submits), job);
        if (!changed) return undefined;
        if (!submits || standing === "deleted") return now;
        await settling.settle(standing);
        const settled = await store.job(job.id);
        return settled === "gone" ? undefined : settled;
      } finally {
        settlingNow.delete(call.id);
      }
    },

    async endEarly(job, event) {
      const call = await store.call(job.callId);
      if (!call) throw new Error(`job ${job.id} has no call`);
      const { job: now, changed } = await settling.apply(call, { event });
      return changed ? now : undefined;
    },

    reconcile,

    async payRefunds() {
      if (!refunds) return;
      const due = await store.refunds({ dueAt: time.now(), limit: BATCH });
      // Each handles its own failures: one that cannot be paid never stops the others.
      await Promise.all(due.map((refund) => refunds.pay(refund)));
    },
  };
}

function eventOf(attempted: Attempted, submits: boolean): Event {
  if ("requeue" in attempted) {
    const { requeue } = attempted;
    return { event: requeue.failures === undefined ? "handed-back" : "attempt-failed", ...requeue };
  }
  if (attempted.ok) return { event: submits ? "submit" : "output", result: attempted.result };
  return { event: "failure", failure: attempted.failure };
}
