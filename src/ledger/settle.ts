import type { CallRecord, JobRecord, RefundRecord, SignedPayment, Store } from "../store/store.ts";
import { StoreUnavailable } from "../store/store-errors.ts";
import type { Faults } from "../telemetry/fault.ts";
import { type ChainSource, type Evidence, lookUp } from "./evidence.ts";
import type { Facilitator } from "./facilitator.ts";
import { type Event, FACTS, type Facts, stepOf } from "./step.ts";

/** A call as it stands after a step. `unreadable`: the store failed, and no server can tell what it has written. */
export type Standing = CallRecord | "deleted" | "unreadable";

export interface Settling {
  /**
   * Records an event, and returns the call as it stands then. An event that has no place in the call's state, or comes from a
   * server that has lost the call, changes nothing.
   * @param job Its claim guards the step. Default: the call's job as it stands in the store.
   * @throws StoreUnavailable
   */
  apply(call: CallRecord, event: Event, job?: JobRecord): Promise<Applied>;
  /** Submits a payment, and records the evidence that comes back. Never throws. */
  settle(call: CallRecord): Promise<Standing>;
}

interface Applied {
  readonly standing: CallRecord | "deleted";
  readonly job: JobRecord | undefined;
  /** False when the event changed nothing. */
  readonly changed: boolean;
}

export interface SettlingOptions extends ChainSource {
  readonly store: Store;
  readonly facilitator: Facilitator | undefined;
  readonly facts: () => Facts;
  readonly faults: Faults | undefined;
}

/** How often a step is computed again because the call has moved on meanwhile. */
const MAX_TRIES = 5;
/** A buyer who was refused waits for the chain's word this long; then the refusal stands. */
const REFUSED_LOOK_UP_MS = 2_000;

/** Submits the payment of a call or a refund. Returns what the facilitator proves, or else the chain. */
export async function submit(
  payment: SignedPayment,
  {
    resource,
    createdAt,
    ambiguous,
    tries,
  }: Pick<CallRecord, "resource" | "createdAt" | "ambiguous" | "tries">,
  { facilitator, ...source }: ChainSource & { readonly facilitator: Facilitator },
): Promise<Evidence> {
  const reply = await facilitator.settle(payment, resource);
  if (reply.evidence === "settled" || (reply.evidence === "not-sent" && tries === 0 && !ambiguous))
    return reply;
  const isBelieved = reply.evidence === "refused" && !ambiguous;
  const found = await lookUp(source, payment, createdAt, isBelieved ? REFUSED_LOOK_UP_MS : undefined);
  return found && found.evidence !== "unused-yet" ? found : reply;
}

export function createSettling(options: SettlingOptions): Settling {
  const { store, facilitator, chain, facts, time, log, faults } = options;
  /** Settlements that the store could not record yet: evidence that may not come a second time. */
  const unrecorded = new Map<string, Evidence>();

  async function apply(call: CallRecord, event: Event, given?: JobRecord): Promise<Applied> {
    let now = call;
    for (let tries = 0; ; tries += 1) {
      const job = given ?? (await jobOf(now));
      const step = stepOf(now, job, event, facts());
      if (!step || tries === MAX_TRIES) return { standing: now, job, changed: false };
      const stepped = await store.change(step);
      if (stepped) {
        if (step.refund && "add" in step.refund) log.warn(whatIsOwed(step.refund.add), "a refund is owed");
        const standing = step.call?.set === "forget" ? "deleted" : (stepped.call ?? now);
        return { standing, job: stepped.job ?? job, changed: true };
      }
      const found = await store.call(call.id);
      if (!found) return { standing: "deleted", job, changed: false };
      // Where only the job has moved on (a cancellation was remembered), what the owner has found still holds.
      const isSame = given === undefined && found.phase === now.phase && found.owner === now.owner;
      if (!FACTS.includes(event.event) && !isSame) return { standing: found, job, changed: false };
      now = found;
    }
  }

  async function jobOf({ jobId }: CallRecord): Promise<JobRecord | undefined> {
    const job = jobId === undefined ? undefined : await store.job(jobId);
    return job === "gone" ? undefined : job;
  }

  async function evidenceOn(call: CallRecord): Promise<Evidence> {
    if (!call.payment || !facilitator) return { evidence: "not-sent", reason: "no_facilitator" };
    return submit(call.payment, call, { facilitator, chain, log, time });
  }

  return {
    apply,

    async settle(call) {
      const started = time.elapsed();
      if (faults) await faults.reach("settle.before");
      const evidence = unrecorded.get(call.id) ?? (await evidenceOn(call));
      if (faults) await faults.reach("settle.after");
      const { id: requestId, resource, jobId } = call;
      const durationMs = Math.round(time.elapsed() - started);
      const fields = { requestId, resource, ...(jobId ? { jobId } : {}), durationMs, ...evidence };
      if (evidence.evidence === "settled") unrecorded.set(call.id, evidence);
      try {
        const { standing } = await apply(call, eventOf(evidence));
        unrecorded.delete(call.id);
        if (faults) await faults.reach("settle.recorded");
        if (evidence.evidence === "settled") log.info(fields, "payment settled");
        else if (evidence.evidence === "refused") log.warn(fields, "payment refused");
        else log.error(fields, "settlement not confirmed");
        return standing;
      } catch (error) {
        if (!(error instanceof StoreUnavailable)) throw error;
        log.error({ ...fields, error }, "the outcome of a settlement could not be written");
        return "unreadable";
      }
    },
  };
}

function whatIsOwed({ id, callId, jobId, resource, reason, amount, currency, to }: RefundRecord): object {
  return { requestId: callId, jobId, resource, refund: id, reason, amount, currency, to };
}

/** The event that evidence amounts to. */
export function eventOf(evidence: Evidence): Event {
  if (evidence.evidence === "settled") return { event: "settled", transaction: evidence.transaction };
  if (evidence.evidence === "lapsed") return { event: "lapsed", reason: "authorization_lapsed" };
  if (evidence.evidence === "spent-elsewhere")
    return { event: "spent-elsewhere", reason: "authorization_spent" };
  if (evidence.evidence === "unused-yet") return { event: "unclear", reason: "not_settled_yet" };
  return { event: evidence.evidence, reason: evidence.reason };
}
