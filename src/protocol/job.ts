import type { PaymentState, Receipt } from "./payment.ts";

/** The only three words that pollers of the field know; they loop on any other. */
export type JobState = "processing" | "succeeded" | "failed";

/** The finer word behind {@link JobState}. Clients treat a word they do not know as "keep waiting". */
export type JobStatus =
  | "awaiting_payment"
  | "queued"
  | "running"
  | "succeeded"
  | "failed"
  | "cancelled"
  | "expired";

export const TERMINAL: readonly JobStatus[] = ["succeeded", "failed", "cancelled", "expired"];

export function jobStateOf(status: JobStatus): JobState {
  if (status === "succeeded") return "succeeded";
  return TERMINAL.includes(status) ? "failed" : "processing";
}

/** The answer 202 to a job that has been accepted. Times are RFC 3339. */
export interface JobAccepted {
  readonly success: true;
  readonly jobId: string;
  /** Absolute; needs no header to be read. */
  readonly statusUrl: string;
  /** Absolute; the documents of `statusUrl` as server-sent events, each as soon as there is a new one. */
  readonly eventsUrl: string;
  readonly state: "processing";
  readonly status: JobStatus;
  readonly retryAfterSeconds: number;
  /** The end of the result's retention when the job took as long as it may. */
  readonly expiresAt: string;
  /** The key that signs what is posted to the `Callback-Url` of the call: `whsec_…`, for this job alone. */
  readonly webhookSecret?: string;
  readonly paymentState?: PaymentState;
  readonly receipt?: Receipt;
}

/** What `GET statusUrl` answers, always with 200 while the job is known. */
export interface JobDocument {
  readonly jobId: string;
  readonly resource: string;
  readonly state: JobState;
  readonly status: JobStatus;
  /** Whole percent, 0–100; never goes back. */
  readonly progress: number;
  /** The handler's message about its progress. */
  readonly message?: string;
  readonly result?: unknown;
  readonly artifactUrl?: string;
  readonly response?: string;
  /** Safe text, when the job has failed. */
  readonly error?: string;
  readonly code?: string;
  readonly retryAfterSeconds?: number;
  /** Absolute, like that of {@link JobAccepted}; while there is something to wait for. */
  readonly eventsUrl?: string;
  readonly createdAt: string;
  readonly updatedAt: string;
  /** When the terminal document is deleted. */
  readonly expiresAt?: string;
  readonly paymentState?: PaymentState;
  readonly receipt?: Receipt;
}
