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
   * `running`: a job that has not ended. `succeeded`: `resume()` returns the output. `failed`: `resume()` throws the error.
   * `open`: not known, or the seller was not asked.
   */
  readonly state: "open" | "running" | "succeeded" | "failed";
  /** The seller's word for the state of the payment, where it says one. */
  readonly paymentState: PaymentState | undefined;
  /** Proof that the payment settled. */
  readonly receipt: Receipt | undefined;
  /** The status of the job, when the call has become one and its seller answers. */
  readonly job: JobUpdate | undefined;
  /** RFC 3339: until then the signature may still settle. Absent once it has settled, or no longer can. */
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
  /** The job that the call has become. */
  readonly job: Job<unknown> | undefined;
}

/**
 * Looks at a stored call, and changes neither it nor the budget. Nothing is signed. The payment is sent again only when it
 * can no longer settle: before that, the same request would buy what has never reached the seller.
 */
export async function check(
  saved: SavedCall,
  { send, held, job }: CheckDeps,
  signal: AbortSignal | undefined,
): Promise<CallCheck> {
  const isOver = expiryOf(saved) <= Date.now();
  const told = job ? await askJob(job, signal) : isOver ? await askAgain(saved, send, signal) : {};
  const receipt = told.receipt ?? saved.receipt;
  const said = told.charged ?? chargedBy(true, told.paymentState, receipt);
  const charged = await proven(saved, held, chargedFor(saved.payment, said));
  return {
    charged,
    state: told.state ?? "open",
    paymentState: told.paymentState,
    receipt,
    job: told.job,
    retryAt:
      isOver || charged === "yes" || charged === "refunded"
        ? undefined
        : new Date(expiryOf(saved)).toISOString(),
  };
}

/** The chain's proof comes before the seller's word that it did not charge. */
async function proven(saved: SavedCall, held: Held, said: Charged): Promise<Charged> {
  if (said === "yes" || said === "refunded") return said;
  const payments = paymentsOf(saved);
  if ((await Promise.all(payments.map(held.isUsed))).some(Boolean)) return "yes";
  return (await Promise.all(payments.map(held.hasLapsed))).every(Boolean) ? "no" : said;
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
async function askAgain(saved: SavedCall, send: Send, signal: AbortSignal | undefined): Promise<Told> {
  const { request, payment } = saved;
  if (!request) return {};
  const name = payment.version === 1 ? HEADERS.xPayment : HEADERS.paymentSignature;
  const headers = { ...request.headers, [name]: payment.header };
  let answer: HttpAnswer;
  try {
    answer = await send({ ...request, headers, signal, once: true });
  } catch {
    throwIfAborted(signal);
    return {};
  }
  await drop(answer.body);
  const receipt = receiptOf(answer, payment);
  if (answer.isOutput) {
    const isJob = request.expected?.isJob === true && answer.status === 202;
    return { receipt, state: isJob ? "running" : "succeeded" };
  }
  const { paymentState } = readProblem(answer.body);
  // Only a seller that speaks of the payment knows the call.
  const isKnown = paymentState !== undefined && paymentState !== "in_flight";
  return { receipt, paymentState, ...(isKnown ? { state: "failed" } : {}) };
}

/** Ends a stream of events that no reader is coming for. */
async function drop(body: unknown): Promise<void> {
  if (typeof body !== "object" || body === null || !(Symbol.asyncIterator in body)) return;
  await (body as AsyncIterable<unknown>)[Symbol.asyncIterator]().return?.();
}
