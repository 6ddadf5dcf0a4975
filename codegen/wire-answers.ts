import { HEADERS } from "../src/protocol/headers.ts";
import { PROBLEM_MEDIA_TYPE, PROBLEMS, type ProblemCode } from "../src/protocol/problem.ts";
import { pascalCase } from "./check/names.ts";
import { type Json, refTo } from "./model.ts";
import { ACCEPTED, CHALLENGE_BODY, CHALLENGE_HEADER, problemExample } from "./openapi/wire-examples.ts";

/** What every resource answers alike, as components of openapi.json. Names and codes come from `src/wire`. */

/** Codes of the request that cancels a job. No call to a resource is answered with them. */
const OF_CANCELING: readonly ProblemCode[] = ["job_ended", "cancel_forbidden"];

/** The codes that the library answers a call with under a status. */
export function codesOf(status: number): ProblemCode[] {
  const codes = Object.keys(PROBLEMS) as ProblemCode[];
  return codes.filter((code) => PROBLEMS[code][0] === status && !OF_CANCELING.includes(code));
}

/** The answer to what goes wrong: a line for each of its codes, the library's own and those of `declared`. */
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
  ContentLocation: header("Where the same document can be fetched again."),
  Age: header("Seconds since the answer was made, when it is given again.", "integer"),
  IdempotentReplayed: header("`true` when this is the stored answer to an earlier call with the same key."),
  Location: header("Where to ask for the job."),
  PaymentRequired: {
    ...header("The challenge of x402 version 2: base64 of JSON."),
    example: CHALLENGE_HEADER,
  },
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
  PaymentSignature: {
    name: headerName(HEADERS.paymentSignature),
    in: "header",
    required: false,
    description:
      "The payment: base64 of JSON, made by signing one of the `accepts` of the answer 402 (x402 version 2; version 1 goes " +
      "into `X-PAYMENT`). Left out to ask for the price.",
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

/** Where an answer 202 leads. */
const JOB_LINKS: Json = Object.fromEntries(
  [
    ["status", "getJob", "How the job stands, and its result. Free of charge."],
    ["events", "watchJob", "Every change of the job, as it happens. Free of charge."],
    ["cancel", "cancelJob", "Stops the job."],
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
    description: "The job has been accepted; ask for it at `statusUrl`.",
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
    description: "Not paid. Says how much, to whom, and how.",
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
