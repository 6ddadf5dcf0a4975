import { HEADERS } from "../src/protocol/headers.ts";
import { PROBLEM_MEDIA_TYPE, PROBLEMS, type ProblemCode } from "../src/protocol/problem.ts";
import { pascalCase } from "./check/names.ts";
import { type Json, refTo } from "./model.ts";
import { ACCEPTED, CHALLENGE_BODY, CHALLENGE_HEADER, problemExample } from "./openapi/wire-examples.ts";

/** The shared responses of all resources, as components of openapi.json. */

/** Codes of the request that cancels a job. No call to a resource is answered with them. */
const OF_CANCELING: readonly ProblemCode[] = ["job_ended", "cancel_forbidden"];

/** The codes that the library answers a call with under a status. */
export function codesOf(status: number): ProblemCode[] {
  const codes = Object.keys(PROBLEMS) as ProblemCode[];
  return codes.filter((code) => PROBLEMS[code][0] === status && !OF_CANCELING.includes(code));
}

/** The response for an error status, with one line for each code: reserved codes and those of `declared`. */
export function problemResponse(
  codes: readonly ProblemCode[],
  {
    declared = [],
    names = [],
  }: { readonly declared?: readonly Declared[]; readonly names?: readonly string[] } = {},
): Json {
  const titles = codes.map((code) => ({ code, text: `${PROBLEMS[code][1]}.` }));
  const [own] = declared;
  const [first] = codes;
  const examples = own
    ? problemExample(own.code, own.text)
    : first === undefined
      ? undefined
      : problemExample(first);
  return {
    description: [...titles, ...declared].map(({ code, text }) => `- \`${code}\`: ${text}`).join("\n"),
    headers: headers(...names),
    content: { [PROBLEM_MEDIA_TYPE]: { schema: { $ref: refTo("Problem") }, examples } },
  };
}

/** A code of a handler's own. */
interface Declared {
  readonly code: string;
  readonly text: string;
}

const problemsOf = (status: number, ...names: readonly string[]): Json =>
  problemResponse(codesOf(status), { names });

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
  ContentLocation: header("URL of the same document."),
  Age: header("Age of a cached response in seconds.", "integer"),
  IdempotentReplayed: header("`true` when this is the stored response to an earlier call with the same key."),
  Location: header("URL of the job's status."),
  PaymentRequired: {
    ...header("The challenge of x402 version 2: base64 of JSON."),
    example: CHALLENGE_HEADER,
  },
  PreferenceApplied: header("`wait=N` when the server waited."),
  PaymentResponse: header("The settlement: base64 of JSON."),
  RetryAfter: header("Seconds to wait before the next request.", "integer"),
};

export const PARAMETERS: Json = {
  CallbackUrl: {
    name: headerName(HEADERS.callbackUrl),
    in: "header",
    required: false,
    description:
      "An https URL. The server posts the job there when it has ended, signed as in Standard Webhooks with the " +
      "`webhookSecret` of the 202 response. The webhook can arrive late, or more than once.",
    schema: { type: "string", format: "uri", maxLength: 2000 },
  },
  IdempotencyKey: {
    name: headerName(HEADERS.idempotencyKey),
    in: "header",
    required: false,
    description: "Calls with the same key and the same input get the same response and are charged once.",
    schema: { type: "string", minLength: 1, maxLength: 255 },
  },
  JobId: {
    name: "jobId",
    in: "path",
    required: true,
    description: "The `jobId` of the 202 response.",
    schema: { type: "string" },
  },
  LastEventId: {
    name: "Last-Event-ID",
    in: "header",
    required: false,
    description: "The `id` of the last event that the client received.",
    schema: { type: "string" },
  },
  PaymentSignature: {
    name: headerName(HEADERS.paymentSignature),
    in: "header",
    required: false,
    description:
      "The payment: base64 of JSON. Sign one of the `accepts` of the 402 response (x402 version 2; version 1 uses " +
      "`X-PAYMENT`). Omit it to get the price.",
    schema: { type: "string" },
  },
  Prefer: {
    name: "Prefer",
    in: "header",
    required: false,
    description: "With `wait=N`, the server waits up to N seconds for the job to end before it answers.",
    schema: { type: "string" },
  },
};

/** Where an answer 202 leads. */
const JOB_LINKS: Json = Object.fromEntries(
  [
    ["status", "getJob", "The status and the result of the job. Free of charge."],
    ["events", "watchJob", "Every change of the job in real time. Free of charge."],
    ["cancel", "cancelJob", "Cancels the job."],
  ].map(([name = "", operationId, description]) => [
    name,
    { operationId, parameters: { jobId: "$response.body#/jobId" }, description },
  ]),
);

export const RESPONSES: Json = {
  BadRequest: problemsOf(400),
  Conflict: problemsOf(409),
  Gone: problemsOf(410),
  InternalError: problemsOf(500),
  JobAccepted: {
    description: "The job has been accepted. Its status is at `statusUrl`.",
    headers: headers(HEADERS.paymentResponse, HEADERS.idempotentReplayed, "location", HEADERS.retryAfter),
    content: {
      "application/json": {
        schema: { $ref: refTo("JobAccepted") },
        examples: { accepted: { value: ACCEPTED } },
      },
    },
    links: JOB_LINKS,
  },
  NotCanceled: problemResponse(OF_CANCELING),
  NotFound: problemsOf(404),
  PaymentRequired: {
    description: "Payment required. States the price, the recipient and the ways to pay.",
    headers: headers(HEADERS.paymentRequired),
    content: {
      "application/json": {
        schema: { $ref: refTo("PaymentRequired") },
        examples: { unpaid: { value: CHALLENGE_BODY } },
      },
    },
  },
  Timeout: problemsOf(504),
  TooLarge: problemsOf(413),
  TooMuchOutstanding: problemsOf(429, HEADERS.retryAfter),
  Unavailable: problemsOf(503, HEADERS.retryAfter),
  Unprocessable: problemsOf(422),
  UnsupportedMediaType: problemsOf(415),
};
