import { encodeHeader } from "../../src/protocol/headers.ts";
import type { PaymentState } from "../../src/protocol/payment.ts";
import { DECLARED_FAILURE_STATUS, PROBLEMS, problemType } from "../../src/protocol/problem.ts";
import type { Json, ResourceModel } from "../model.ts";

/** Examples of the documents of the wire. What they name is made up; the shapes are held to the schemas by a test. */

const RECEIVER = "0x1111111111111111111111111111111111111111";
const ASSET = "0x036CbD53842c5426634e7929541eC2318f3dCF7e";
const HOST = "https://api.example.com";

const pricing = { amount: "0.01", currency: "USDC", description: "$0.01 per call" };
const extra = { name: "USDC", version: "2", pricing };

/** A challenge for one cent, as the body says it (x402 version 1). */
export const CHALLENGE_BODY: Json = {
  x402Version: 1,
  error: "Payment required",
  accepts: [
    {
      scheme: "exact",
      network: "base-sepolia",
      maxAmountRequired: "10000",
      resource: `${HOST}/v1/example`,
      description: "What is paid for.",
      mimeType: "application/json",
      payTo: RECEIVER,
      maxTimeoutSeconds: 120,
      asset: ASSET,
      extra,
    },
  ],
  paymentState: "unused",
};

/** The same challenge as the header says it (x402 version 2). */
export const CHALLENGE_HEADER: string = encodeHeader({
  x402Version: 2,
  error: "Payment required",
  resource: { url: `${HOST}/v1/example`, description: "What is paid for.", mimeType: "application/json" },
  accepts: [
    {
      scheme: "exact",
      network: "eip155:84532",
      asset: ASSET,
      amount: "10000",
      payTo: RECEIVER,
      maxTimeoutSeconds: 120,
      extra,
    },
  ],
});

/** The payment state in the example of each code; `unused` for all others. */
const STATES: Readonly<Partial<Record<string, PaymentState | undefined>>> = {
  not_found: undefined,
  gone: undefined,
  payment_already_used: undefined,
  in_progress: "in_flight",
  settlement_unknown: "in_flight",
};

/** A problem with a code of this library or, with a `text`, with a declared error code of a resource. */
export function problemExample(code: string, text?: string): Json {
  const [status, title, retryable]: ProblemFacts = Object.hasOwn(PROBLEMS, code)
    ? PROBLEMS[code as keyof typeof PROBLEMS]
    : [DECLARED_FAILURE_STATUS, "The request was refused", false];
  const detail = text ?? `${title}.`;
  const paymentState = Object.hasOwn(STATES, code) ? STATES[code] : "unused";
  const value = {
    type: problemType(code),
    title,
    status,
    detail,
    error: detail,
    code,
    ...(code === "invalid_input" ? { details: [{ path: "text", message: "Required" }] } : {}),
    retryable,
    ...(paymentState === undefined ? {} : { paymentState }),
    requestId: "req_example",
  };
  return { [code]: { value } };
}

type ProblemFacts = readonly [status: number, title: string, retryable: boolean];

const JOB_ID = "job_example";
const STATUS_URL = `${HOST}/v1/jobs/${JOB_ID}`;
const TIMES = { createdAt: "2026-01-31T12:00:00.000Z", expiresAt: "2026-02-01T12:00:00.000Z" };

export const ACCEPTED: Json = {
  success: true,
  jobId: JOB_ID,
  statusUrl: STATUS_URL,
  eventsUrl: `${STATUS_URL}/events`,
  state: "processing",
  status: "queued",
  retryAfterSeconds: 2,
  expiresAt: TIMES.expiresAt,
};

const since = { createdAt: TIMES.createdAt, expiresAt: TIMES.expiresAt };

const running = (resource: string): Json => ({
  jobId: JOB_ID,
  resource,
  state: "processing",
  status: "running",
  progress: 40,
  retryAfterSeconds: 2,
  eventsUrl: `${STATUS_URL}/events`,
  ...since,
  updatedAt: "2026-01-31T12:00:04.000Z",
});

const failed = (resource: string): Json => ({
  jobId: JOB_ID,
  resource,
  state: "failed",
  status: "failed",
  progress: 40,
  error: "Timed out.",
  code: "timeout",
  ...since,
  updatedAt: "2026-01-31T12:00:09.000Z",
});

/** A succeeded job; `undefined` when no example of its result is known. */
export function succeededJob({ name, job }: ResourceModel, result: unknown): Json | undefined {
  if (result === undefined) return undefined;
  const member = (field: string | undefined): unknown =>
    field !== undefined && typeof result === "object" && result !== null && Object.hasOwn(result, field)
      ? (result as Json)[field]
      : undefined;
  return {
    jobId: JOB_ID,
    resource: name,
    state: "succeeded",
    status: "succeeded",
    progress: 100,
    result,
    artifactUrl: member(job?.artifactUrl),
    response: member(job?.response),
    ...since,
    updatedAt: "2026-01-31T12:00:09.000Z",
  };
}

/** As components: `JobRunning`, `JobFailed`, and `JobSucceeded` when it is known what a result looks like. */
export function jobExamples(resource: ResourceModel, result: unknown): Json {
  const succeeded = succeededJob(resource, result);
  return {
    JobRunning: { summary: "It runs.", value: running(resource.name) },
    JobFailed: { summary: "It has failed.", value: failed(resource.name) },
    ...(succeeded === undefined ? {} : { JobSucceeded: { summary: "It has succeeded.", value: succeeded } }),
  };
}
