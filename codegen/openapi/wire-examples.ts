import { encodeHeader } from "../../src/wire/headers.ts";
import { PROBLEMS, problemType } from "../../src/wire/problem.ts";
import type { ResourceModel } from "../model.ts";
import type { Json } from "../wire-answers.ts";

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

/** One example for each code, by code. */
export function problemExamples(codes: readonly string[], status: number): Json {
  const examples = codes.map((code): [string, Json] => {
    const [, title, retryable] = (PROBLEMS as Readonly<Record<string, (typeof PROBLEMS)["gone"] | undefined>>)[
      code
    ] ?? [status, "The call failed", false];
    const value = {
      type: problemType(code),
      title,
      status,
      detail: `${title}.`,
      error: `${title}.`,
      code,
      ...(code === "invalid_input" ? { details: [{ path: "text", message: "Required" }] } : {}),
      retryable,
      paymentState: UNKNOWN.has(code) ? "in_flight" : "unused",
      requestId: "req_example",
    };
    return [code, { value }];
  });
  return Object.fromEntries(examples);
}

// The payment may have gone through; nobody can say yet.
const UNKNOWN = new Set(["settlement_unknown", "in_progress"]);

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

const running = (resource: string): Json => ({
  jobId: JOB_ID,
  resource,
  state: "processing",
  status: "running",
  progress: 40,
  retryAfterSeconds: 2,
  eventsUrl: `${STATUS_URL}/events`,
  createdAt: TIMES.createdAt,
  updatedAt: "2026-01-31T12:00:04.000Z",
  expiresAt: TIMES.expiresAt,
});

/** A job while it runs, and how it may end; without a success when nobody knows what its result looks like. */
export function jobExamples({ name, job }: ResourceModel, result: unknown, hasEnded = false): Json {
  const { retryAfterSeconds, eventsUrl, ...ended } = running(name);
  const updatedAt = "2026-01-31T12:00:09.000Z";
  const member = (field: string | undefined): unknown =>
    field === undefined ? undefined : (result as Json | undefined)?.[field];
  const succeeded = {
    ...ended,
    state: "succeeded",
    status: "succeeded",
    progress: 100,
    result,
    artifactUrl: member(job?.artifactUrl),
    response: member(job?.response),
    updatedAt,
  };
  const failed = {
    ...ended,
    state: "failed",
    status: "failed",
    error: "Timed out.",
    code: "timeout",
    updatedAt,
  };
  return {
    ...(hasEnded ? {} : { running: { value: running(name) } }),
    ...(result === undefined ? {} : { succeeded: { value: succeeded } }),
    failed: { value: failed },
  };
}
