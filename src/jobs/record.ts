import type { CancelPolicy } from "../../schema/cancel.ts";
import type { Schema } from "../../schema/standard.ts";
import { type JobAccepted, type JobDocument, jobStateOf, TERMINAL } from "../protocol/index.ts";
import { paymentStateOf, statusOf } from "../store/state.ts";
import type { Callback, CallRecord, JobRecord } from "../store/store.ts";
import type { Runnable } from "./run.ts";

/** What is needed to run a resource's jobs. */
export interface ServedJob extends Runnable {
  readonly input: Schema;
  readonly retentionMs: number;
  readonly artifactUrl: string | undefined;
  readonly response: string | undefined;
  /** How often the handler is run again after it has thrown or timed out. */
  readonly retries: number;
  /** Before the first retry; doubled for each next. */
  readonly backoffMs: number;
  /** How long a job may wait for its first start. */
  readonly startWithinMs: number | undefined;
  /** How many run at a time in one server. */
  readonly concurrency: number | undefined;
  /** Kept with each call that is bought, so that a later definition does not change what its buyer was promised. */
  readonly cancel: CancelPolicy;
  /** Input fields that may appear in the log. */
  readonly loggable: readonly string[];
  /** With so many waiting, no more are taken. */
  readonly maxQueued: number | undefined;
}

/** How soon a poller should ask again. */
const RETRY_AFTER_SECONDS = 1;

/** The id is a capability: 128 random bits. */
export function newJobId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `job_${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

/** The record of a call's job, before its payment is settled; `undefined` when the call has none. */
export function newJob(
  call: CallRecord,
  input: unknown,
  extras: {
    readonly startWithinMs: number | undefined;
    readonly callback: Callback | undefined;
    readonly trace: string | undefined;
  },
): JobRecord | undefined {
  if (call.jobId === undefined) return undefined;
  return {
    id: call.jobId,
    resource: call.resource,
    callId: call.id,
    payer: call.payment ? call.identity.payer : undefined,
    input,
    phase: call.phase,
    work: "waiting",
    progress: 0,
    message: undefined,
    result: undefined,
    failure: undefined,
    receipt: undefined,
    owner: undefined,
    attempt: 0,
    claim: undefined,
    failures: 0,
    // At once, whatever the clocks of store and server say.
    runAt: 0,
    startBy: extras.startWithinMs === undefined ? undefined : call.createdAt + extras.startWithinMs,
    callback: extras.callback,
    trace: extras.trace,
    createdAt: call.createdAt,
    updatedAt: call.createdAt,
    startedAt: undefined,
    endedAt: undefined,
    expiresAt: undefined,
  };
}

/** The body of the 202. What it says about money is computed when it is sent. */
export function acceptedJob(
  call: CallRecord,
  job: JobRecord,
  statusUrl: string,
  resource: Pick<ServedJob, "timeoutMs" | "retentionMs">,
): JobAccepted {
  const isPaid = call.payment !== undefined;
  const isUpfront = isPaid && call.charge === "before";
  const paymentState = paymentStateOf(call, isPaid);
  return {
    success: true,
    jobId: job.id,
    statusUrl,
    eventsUrl: `${statusUrl}/events`,
    state: "processing",
    status: isUpfront && call.phase === "submitted" ? "awaiting_payment" : "queued",
    retryAfterSeconds: RETRY_AFTER_SECONDS,
    expiresAt: new Date(call.createdAt + resource.timeoutMs + resource.retentionMs).toISOString(),
    ...(paymentState === undefined ? {} : { paymentState }),
    ...(isUpfront && call.receipt ? { receipt: call.receipt } : {}),
    ...(job.callback ? { webhookSecret: job.callback.secret } : {}),
  };
}

/** What the status of a job says. */
export function jobDocument(
  job: JobRecord,
  resource: Pick<ServedJob, "artifactUrl" | "response"> | undefined,
): JobDocument {
  const status = statusOf(job);
  const paymentState = paymentStateOf(job, job.payer !== undefined);
  // An output is shown once its payment is settled.
  const shown = status === "succeeded" ? job.result : undefined;
  const result = shown === undefined ? undefined : (JSON.parse(shown) as Record<string, unknown>);
  const field = (name: string | undefined): string | undefined => {
    const value = name === undefined ? undefined : result?.[name];
    return typeof value === "string" ? value : undefined;
  };
  const artifactUrl = field(resource?.artifactUrl);
  const response = field(resource?.response);
  return {
    jobId: job.id,
    resource: job.resource,
    state: jobStateOf(status),
    status,
    progress: job.progress,
    ...(job.message === undefined ? {} : { message: job.message }),
    ...(result === undefined ? {} : { result }),
    ...(artifactUrl === undefined ? {} : { artifactUrl }),
    ...(response === undefined ? {} : { response }),
    ...(job.failure === undefined ? {} : job.failure),
    ...(TERMINAL.includes(status) ? {} : { retryAfterSeconds: RETRY_AFTER_SECONDS }),
    createdAt: new Date(job.createdAt).toISOString(),
    updatedAt: new Date(job.updatedAt).toISOString(),
    ...(job.expiresAt === undefined ? {} : { expiresAt: new Date(job.expiresAt).toISOString() }),
    ...(paymentState === undefined ? {} : { paymentState }),
    ...(job.receipt === undefined ? {} : { receipt: job.receipt }),
  };
}
