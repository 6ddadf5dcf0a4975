import type { Faults } from "../observe/fault.ts";
import type { Logger } from "../observe/log.ts";
import type { Presence } from "../store/presence.ts";
import { StoreUnavailable, Uncertain } from "../store/steady.ts";
import type {
  Begun,
  CallChange,
  CallRecord,
  JobEnd,
  JobRecord,
  Limits,
  RefundRecord,
  Step,
  Store,
  StoredAnswer,
} from "../store/store.ts";
import type { JobStatus } from "../wire/index.ts";
import type { ChainRecord } from "./chain.ts";
import type { Facilitator } from "./charge.ts";
import { type Closing, createCollection, withReceipt } from "./collect.ts";
import type { Offers } from "./offer.ts";
import { type Refunds, refundOf } from "./refund.ts";

/** The only writer of payments and of the ends that they depend on. Each step is stored before the next one begins. */
export interface Ledger {
  /** Names this server in the store. */
  readonly owner: string;
  /** Writes the intent, before anything runs or moves. */
  begin(call: CallRecord, job: JobRecord | undefined, limits?: Limits): Promise<Begun>;
  /** Takes over a call on which nobody works any more; `undefined` when somebody does, or it has moved on. */
  take(call: CallRecord): Promise<CallRecord | undefined>;
  /**
   * Settles a call whose intent says that its money may move. `fresh`: its signed bytes have never been sent before,
   * so that a definite refusal is believed; later only evidence is.
   */
  collect(call: CallRecord, fresh: boolean): Promise<Closing>;
  /** Keeps the answer of a call that is charged after its work, and settles it; what is free is closed by the answer. */
  close(call: CallRecord, answer: StoredAnswer): Promise<Closing>;
  /** Keeps the answer of a call that was charged before its work. A failure owes a refund. */
  conclude(call: CallRecord, answer: StoredAnswer, failure: string | undefined): Promise<Closing>;
  /**
   * Lets go of a call for which no money was asked: its key is free again. With the `answer` of a failure the payment
   * stays bound to it, since a copy of the request that is still on its way must not buy what its sender was told was
   * not sold. `lost` when another server has taken it over by now, `unknown` when the store cannot tell: only what has
   * been released is not charged.
   */
  release(call: CallRecord, answer?: StoredAnswer): Promise<"released" | "lost" | "unknown">;
  /** Ends a job: its result, its charge or its refund in one transaction. `undefined` when it had ended before. */
  end(
    job: JobRecord,
    from: readonly JobStatus[],
    end: JobEnd,
    retentionMs: number,
  ): Promise<JobRecord | undefined>;
  /** Once: calls in doubt, calls that a dead server has left, refunds that are owed. */
  recover(): Promise<void>;
}

export interface LedgerOptions {
  readonly store: Store;
  readonly presence: Presence;
  /** Absent when everything is free. */
  readonly facilitator: Facilitator | undefined;
  readonly chain: ChainRecord | undefined;
  /** Absent when no account is given: refunds stay owed. */
  readonly refunds: Refunds | undefined;
  readonly offers: Offers | undefined;
  readonly log: Logger;
  readonly faults: Faults | undefined;
  /** What a call answers that was charged and whose work has been lost. */
  readonly lostAnswer: (call: CallRecord) => StoredAnswer;
  /** How long a buyer whose work was lost after the charge may come back for it, before it is refunded; milliseconds. */
  readonly comeBackMs: number;
  /** How long a job of this resource is kept after its end, in milliseconds. */
  readonly retentionMs: (resource: string) => number;
}

/** How many records one recovery looks at. */
const BATCH = 20;

export function createLedger(options: LedgerOptions): Ledger {
  const { store, presence, facilitator, chain, refunds, offers, log, faults } = options;
  const { owner } = presence;
  /** Calls that we own and could not hand back, since the store failed. */
  const left = new Set<string>();
  const { collect, recorded } = createCollection({
    ...{ store, owner, facilitator, chain, offers, log, faults },
    retentionMs: options.retentionMs,
    leave: (callId) => left.add(callId),
  });

  /** A change by which a call becomes or stays ours: when it cannot be told whether it was written, it is handed back. */
  async function owning<T>(callId: string, work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      left.add(callId);
      throw error;
    }
  }

  function sayOwed(owed: RefundRecord): void {
    const { id: refund, callId: requestId, jobId, resource, reason, amount, currency, to } = owed;
    const how = refunds ? "a refund is owed" : "a refund is owed, and no account is given that pays it";
    const job = jobId === undefined ? {} : { jobId };
    log.warn({ requestId, ...job, resource, refund, reason, amount, currency, to }, how);
  }

  /** Lets go of a call on which we do not work any more; a store that fails is asked again at the next recovery. */
  async function handBack(callId: string, set: CallChange = {}): Promise<void> {
    try {
      await store.change({
        durable: true,
        call: { id: callId, when: { owner }, set: { ...set, owner: undefined } },
      });
      left.delete(callId);
    } catch {
      left.add(callId);
    }
  }

  /** Brings one call that nobody works on a step further. */
  async function reopen(open: CallRecord): Promise<void> {
    const call = await ledger.take(open);
    if (!call) return;
    const waiting = { tries: 1, retryAt: Date.now() + options.comeBackMs };
    if (call.paymentState === "in_flight") {
      const closing = await collect(call, false);
      const unworked = closing.outcome === "settled" && closing.call.answer === undefined;
      if (unworked) await handBack(call.id, waiting);
    } else if (call.answer !== undefined) {
      await handBack(call.id);
    } else if (call.paymentState === "unused") {
      await ledger.release(call);
    } else if (call.tries === 0) {
      await handBack(call.id, waiting);
    } else {
      log.error({ requestId: call.id, resource: call.resource }, "the work of a charged call was lost");
      await ledger.conclude(call, options.lostAnswer(call), "interrupted");
    }
  }

  const ledger: Ledger = {
    owner,

    async begin(call, job, limits) {
      await presence.ensure();
      const begun = await store
        .begin(call, job, { durable: true, ...limits })
        .catch(async (error: unknown): Promise<Begun> => {
          // The answer may have been lost after the write: only what is known not to stand there is not used.
          const written = await owning(
            call.id,
            store
              .call(call.id)
              .catch(() => Promise.reject(new Uncertain("whether a call has begun", { cause: error }))),
          );
          if (!written) throw error;
          return { begun: true };
        });
      if (begun.begun && faults) await faults.reach("call.begun");
      return begun;
    },

    async take(call) {
      await presence.ensure();
      // What has been answered since is closed, whoever it was.
      const unanswered = call.paymentState === "in_flight" ? {} : ({ unanswered: true } as const);
      const when = { orphaned: true, paymentState: [call.paymentState], ...unanswered } as const;
      const taken = (
        await owning(call.id, store.change({ durable: true, call: { id: call.id, when, set: { owner } } }))
      )?.call;
      if (taken) left.delete(call.id);
      return taken;
    },

    collect,

    async close(call, answer) {
      const when = { owner, paymentState: ["unused"] } as const;
      const set = call.payment
        ? ({ paymentState: "in_flight", answer } as const)
        : ({ answer, owner: undefined } as const);
      const stepped = await owning(
        call.id,
        store.change({ durable: true, call: { id: call.id, when, set } }),
      ).catch(async (error: unknown): Promise<undefined | "uncertain"> => {
        // What may have been written will be settled; only what is known not to have been is not used.
        const now = await store.call(call.id).catch(() => undefined);
        if (now?.paymentState === "unused" && now.answer === undefined) throw error;
        return "uncertain";
      });
      if (stepped === "uncertain") return { outcome: "unknown", reason: "store_unavailable" };
      if (!stepped?.call) return recorded(call).catch(() => ({ outcome: "lost" }));
      return collect(stepped.call, true);
    },

    async conclude(call, answer, failure) {
      const final = call.receipt ? withReceipt(call, answer, call.receipt) : answer;
      const owed = failure === undefined ? undefined : refundOf(call, failure);
      if (faults) await faults.reach("call.concluding");
      try {
        const set = { answer: final, owner: undefined };
        const when = { owner, paymentState: [call.paymentState] };
        const refund = owed ? { refund: { add: owed } } : {};
        const stepped = await store.change({ durable: true, call: { id: call.id, when, set }, ...refund });
        if (stepped && owed) sayOwed(owed);
        return stepped?.call ? { outcome: "settled", call: stepped.call } : recorded(call);
      } catch (error) {
        if (!(error instanceof StoreUnavailable)) throw error;
        log.error({ requestId: call.id, resource: call.resource, error }, "an answer could not be written");
        left.add(call.id);
        return { outcome: "unknown", reason: "store_unavailable" };
      }
    },

    async release(call, answer) {
      try {
        const when = { owner, paymentState: ["unused"] } as const;
        const failed = { answer, key: undefined, owner: undefined };
        const set = answer && call.payment ? failed : "forget";
        const stepped = await store.change({ durable: true, call: { id: call.id, when, set } });
        return stepped ? "released" : "lost";
      } catch (error) {
        if (!(error instanceof StoreUnavailable)) throw error;
        left.add(call.id);
        return "unknown";
      }
    },

    async end(job, from, end, retentionMs) {
      const call = await store.call(job.callId);
      if (!call) throw new Error(`job ${job.id} has no call`);
      const when = { status: from, claim: job.claim };
      const expiresAt = Date.now() + retentionMs;

      if (end.ok && call.payment && call.charge === "after") {
        await presence.ensure();
        const submitted = {
          status: "awaiting_payment",
          paymentState: "in_flight",
          result: end.result,
          owner: undefined,
        } as const;
        const stepped = await owning(
          call.id,
          store.change({
            durable: true,
            // The job holds the call until here; from here the money may move.
            call: {
              id: call.id,
              when: { orphaned: true, paymentState: ["unused"] },
              set: { paymentState: "in_flight", owner },
            },
            job: { id: job.id, when, set: submitted },
          }),
        );
        if (!stepped?.call) return undefined;
        await collect(stepped.call, true);
        const now = await store.job(job.id);
        return now === "gone" ? undefined : now;
      }

      if (end.ok) {
        const set = {
          status: "succeeded",
          progress: 100,
          result: end.result,
          owner: undefined,
          expiresAt,
        } as const;
        return (await store.change({ durable: true, job: { id: job.id, when, set } }))?.job;
      }
      const owed = refundOf(call, end.failure.code);
      const paymentState = owed ? "refund_owed" : call.payment ? "unused" : undefined;
      const set = {
        status: end.status,
        failure: end.failure,
        owner: undefined,
        paymentState,
        expiresAt,
      } as const;
      const step: Step = {
        durable: true,
        job: { id: job.id, when, set },
        ...(owed ? { refund: { add: owed } } : {}),
      };
      const stepped = await store.change(step);
      if (stepped && owed) sayOwed(owed);
      return stepped?.job;
    },

    async recover() {
      for (const id of left) await handBack(id);
      await Promise.all((await store.openCalls(BATCH)).map(reopen));
      if (!refunds) return;
      const due = await store.refunds({ state: "owed", dueAt: Date.now(), limit: BATCH });
      await Promise.all(due.map((refund) => refunds.pay(refund)));
    },
  };
  return ledger;
}
