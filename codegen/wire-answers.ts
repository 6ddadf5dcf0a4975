import { HEADERS } from "../src/wire/headers.ts";
import { PROBLEM_MEDIA_TYPE, PROBLEMS } from "../src/wire/problem.ts";
import { pascalCase } from "./check/names.ts";
import { refTo } from "./model.ts";
import { JOB_LINKS } from "./openapi/jobs.ts";
import { ACCEPTED, CHALLENGE_BODY, CHALLENGE_HEADER, problemExamples } from "./openapi/wire-examples.ts";

/** What every resource answers alike, as components of openapi.json. Names and codes come from `src/wire`. */

export type Json = Readonly<Record<string, unknown>>;

/** One line for each code that the library answers with under a status. */
export function codesOf(status: number): string[] {
  return Object.entries(PROBLEMS)
    .filter(([code, [own]]) => own === status && code !== "job_ended")
    .map(([code, [, title]]) => `- \`${code}\`: ${title}.`);
}

export function problemResponse(description: string, ...names: readonly string[]): Json {
  return {
    description,
    headers: headers(...names),
    content: { [PROBLEM_MEDIA_TYPE]: { schema: { $ref: refTo("Problem") } } },
  };
}

const problemsOf = (status: number, ...names: readonly string[]): Json =>
  problemResponse(codesOf(status).join("\n"), ...names);

/** `payment-response` as documents write it: `PAYMENT-RESPONSE`; other headers as `Retry-After`. */
function headerName(name: string): string {
  if (name.startsWith("payment-")) return name.toUpperCase();
  return name.replace(/(^|-)[a-z]/g, (start) => start.toUpperCase());
}

export function headers(...names: readonly string[]): Json | undefined {
  if (names.length === 0) return undefined;
  const refs = names.map((name) => [headerName(name), { $ref: `#/components/headers/${pascalCase(name)}` }]);
  return Object.fromEntries(refs);
}

const header = (description: string, type = "string"): Json => ({ description, schema: { type } });

export const HEADER_COMPONENTS: Json = {
  ContentLocation: header("Where the same document can be fetched again."),
  Age: header("Seconds since the answer was made, when it is given again.", "integer"),
  IdempotentReplayed: header("`true` when this is the stored answer to an earlier call with the same key."),
  Location: header("Where to ask for the job."),
  PaymentRequired: header("The challenge of x402 version 2: base64 of JSON."),
  PreferenceApplied: header("`wait=N` when the answer was held."),
  PaymentResponse: header("The settlement: base64 of JSON."),
  RetryAfter: header("Seconds to wait before asking again.", "integer"),
};

export const PARAMETERS: Json = {
  CallbackUrl: {
    name: headerName(HEADERS.callbackUrl),
    in: "header",
    required: false,
    description:
      "An https address to which the job's document is posted once it has ended, signed with the `webhookSecret` of " +
      "the answer 202 as Standard Webhooks have it. It may come late, or more than once.",
    schema: { type: "string", format: "uri", maxLength: 2000 },
  },
  IdempotencyKey: {
    name: headerName(HEADERS.idempotencyKey),
    in: "header",
    required: false,
    description: "Names the call: the same key with the same input gets the same answer and is charged once.",
    schema: { type: "string", minLength: 1, maxLength: 255 },
  },
  JobId: {
    name: "jobId",
    in: "path",
    required: true,
    description: "The `jobId` of the answer 202.",
    schema: { type: "string" },
  },
  LastEventId: {
    name: "Last-Event-ID",
    in: "header",
    required: false,
    description: "The `id` of the last event that has been read.",
    schema: { type: "string" },
  },
  Prefer: {
    name: "Prefer",
    in: "header",
    required: false,
    description: "`wait=N` holds the answer until the job has ended, for up to N seconds.",
    schema: { type: "string" },
  },
};

export const RESPONSES: Json = {
  BadRequest: problemsOf(400),
  Conflict: problemsOf(409),
  Gone: problemsOf(410),
  InternalError: problemsOf(500),
  JobAccepted: {
    description: "The job has been accepted; ask for it at `statusUrl`.",
    headers: headers(HEADERS.paymentResponse, HEADERS.idempotentReplayed, "location", HEADERS.retryAfter),
    content: { "application/json": { schema: { $ref: refTo("JobAccepted") } } },
  },
  JobEndedInTime: {
    description: "The job, which has ended within the time that `Prefer: wait=N` gave it.",
    headers: headers(
      HEADERS.paymentResponse,
      HEADERS.idempotentReplayed,
      "content-location",
      "preference-applied",
    ),
    content: { "application/json": { schema: { $ref: refTo("JobDocument") } } },
  },
  JobEnded: problemResponse(`- \`job_ended\`: ${PROBLEMS.job_ended[1]}.`),
  NotFound: problemsOf(404),
  PaymentRequired: {
    description: "Not paid. Says how much, to whom, and how.",
    headers: headers(HEADERS.paymentRequired),
    content: { "application/json": { schema: { $ref: refTo("PaymentRequired") } } },
  },
  Timeout: problemsOf(504),
  TooLarge: problemsOf(413),
  TooMuchOutstanding: problemsOf(429, HEADERS.retryAfter),
  Unavailable: problemsOf(503, HEADERS.retryAfter),
  Unprocessable: problemsOf(422),
  UnsupportedMediaType: problemsOf(415),
};
