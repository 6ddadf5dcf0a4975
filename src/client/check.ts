import { HEADERS, type PaymentState, type Receipt } from "../protocol/index.ts";
import { chargedFor, expiryOf, paymentsOf, type SavedCall } from "./calls.ts";
import { type Charged, chargedBy, isResourceError, readProblem } from "./errors.ts";
import type { Held } from "./held.ts";
import { type HttpAnswer, type Send, throwIfAborted } from "./http.ts";
import type { Job, JobUpdate } from "./job.ts";
import { receiptOf } from "./receipt.ts";

/** What is known of a call at this moment. */
export interface CallCheck {
  /** Whether the call has cost money. `no` and `unknown` may still change until `retryAt`. */
  readonly charged: Charged;
  /**
   * `running`: the work has not ended. `succeeded`: `resume()` returns the output. `failed`: `resume()` throws the error.
   * `unknown`: the seller was not asked, or its answer does not tell.
   */
  readonly state: "unknown" | "running" | "succeeded" | "failed";
  /** The seller's word for the state of the payment, where it says one. */
  readonly paymentState: PaymentState | undefined;
  /** Proof that the payment settled. */
  readonly receipt: Receipt | undefined;
  /** The status of the job, when the call has become one and its seller answers. */
  readonly job: JobUpdate | undefined;
  /** RFC 3339: until then a signature of this call may still settle. Absent when none can. */
  readonly retryAt: string | undefined;
}

/** What the seller says. */
interface Told extends Partial<Pick<CallCheck, "state" | "paymentState" | "receipt" | "job">> {
  /** Where it follows from more than the members above. */
  readonly charged?: Charged;
}

export interface CheckDeps {
  readonly send: Send;
  readonly held: Held;
  /** The job that the call has become, or that an answer to it accepts. */
  readonly jobOf: (answer?: HttpAnswer) => Job<unknown> | undefined;
}

/** A clock that is fast by less is not noticed when a payment is signed. */
const FAST_CLOCK_MS = 3_600_000;

/**
 * Looks at a stored call, and changes neither it nor the budget. Nothing is signed. The payment is sent again only when it
 * can no longer settle: before that, the same request would buy what has never reached the seller.
 * @throws the reason of an aborted `signal`
 */
export async function check(saved: SavedCall, deps: CheckDeps, signal?: AbortSignal): Promise<CallCheck> {
  throwIfAborted(signal);
  const { held, jobOf } = deps;
  const payments = paymentsOf(saved);
  const used = await Promise.all(payments.map(held.isUsed));
  const lapsed = await Promise.all(payments.map(held.hasLapsed));
  const isLapsed = lapsed.every(Boolean);
  const expiryMs = expiryOf(saved);
  const job = jobOf();
  const maySend = isLapsed || expiryMs + FAST_CLOCK_MS <= Date.now();
  const told = job ? await askJob(job, signal) : maySend ? await askAgain(saved, deps, signal) : {};
  const receipt = told.receipt ?? saved.receipt;
  const said = chargedFor(saved.payment, told.charged ?? chargedBy(true, told.paymentState, receipt));
  const areOthersUnused = payments.every((one, at) => at === 0 || one.isUnused || lapsed[at]);
  const isPaid = said === "yes" || said === "refunded";
  // The chain's proof comes before the seller's word that it did not charge, which is about the last payment only.
  const unpaid = used.includes(true) ? "yes" : isLapsed ? "no" : areOthersUnused ? said : "unknown";
  const charged = isPaid ? said : unpaid;
  const isSettled = payments.length === 1 && (charged === "yes" || charged === "refunded");
  return {
    charged,
    state: told.state ?? "unknown",
    paymentState: told.paymentState,
    receipt,
    job: told.job,
    retryAt: isLapsed || isSettled || expiryMs <= Date.now() ? undefined : new Date(expiryMs).toISOString(),
  };
}

async function askJob(job: Job<unknown>, signal: AbortSignal | undefined): Promise<Told> {
  try {
    const update = await job.status(signal ? { signal } : {});
    const { state, paymentState } = update;
    const { receipt } = job;
    return { state: state === "processing" ? "running" : state, paymentState, receipt, job: update };
  } catch (error) {
    throwIfAborted(signal);
    if (!isResourceError(error)) throw error;
    const { charged, paymentState, receipt, status } = error;
    // Its record has been deleted: there is no output to come back for.
    return { charged, paymentState, receipt, ...(status === 410 ? { state: "failed" } : {}) };
  }
}

/** Sends the same bytes once. A seller that keeps its answers gives the recorded one. */
async function askAgain(saved: SavedCall, { send, jobOf }: CheckDeps, signal?: AbortSignal): Promise<Told> {
  const { request, payment } = saved;
  if (!request) return {};
  const name = payment.version === 1 ? HEADERS.xPayment : HEADERS.paymentSignature;
  const headers = { ...request.headers, [name]: payment.header };
  const stop = new AbortController();
  const abort = (): void => stop.abort(signal?.reason);
  signal?.addEventListener("abort", abort);
  try {
    const answer = await send({ ...request, headers, signal: stop.signal, once: true });
    // The call became a job, and its 202 was lost.
    const job = jobOf(answer);
    return job ? await askJob(job, signal) : readAnswer(answer, receiptOf(answer, payment));
  } catch {
    throwIfAborted(signal);
    return {};
  } finally {
    signal?.removeEventListener("abort", abort);
    // Ends an output that would arrive as a stream of events.
    stop.abort();
  }
}

/** The work may go on, or may be paid for again. */
const UNDECIDED: readonly number[] = [402, 409, 429, 503];

function readAnswer(answer: HttpAnswer, receipt: Receipt | undefined): Told {
  if (answer.isOutput) return { receipt, state: "succeeded" };
  const { code, paymentState } = readProblem(answer.body);
  if (code === "in_progress") return { receipt, paymentState, state: "running" };
  // Only a seller that speaks of the payment knows the call.
  const isOpen = paymentState === undefined || paymentState === "in_flight";
  return {
    receipt,
    paymentState,
    ...(isOpen || UNDECIDED.includes(answer.status) ? {} : { state: "failed" }),
  };
}
