import { HEADERS } from "../../src/protocol/headers.ts";
import { type Json, type JsonSchema, type ResourceModel, refTo } from "../model.ts";
import { headers } from "../wire-answers.ts";

export const JOB_TAG = "jobs";

const ref = (name: string): Json => ({ $ref: `#/components/responses/${name}` });

/**
 * What marks an operation whose result comes later. `x-ms-long-running-operation` is the only mark that tools share;
 * where to ask is in the `links` of the answer 202, and where the end is posted to in `callbacks`.
 */
export const LONG_RUNNING: Json = {
  "x-ms-long-running-operation": true,
  callbacks: { jobEnded: { $ref: "#/components/callbacks/JobEnded" } },
};

/** The answers to a call that starts a job. `isOnly`: no other job could be meant, so its result has one type. */
export function jobAnswers({ typeName }: ResourceModel, isOnly: boolean, succeeded: Json | undefined): Json {
  const result = { type: "object", properties: { result: { $ref: refTo(`${typeName}Output`) } } };
  const schema: JsonSchema = isOnly
    ? { $ref: refTo("JobDocument") }
    : { allOf: [{ $ref: refTo("JobDocument") }, result] };
  const examples = succeeded && { succeeded: { value: succeeded } };
  const names = [
    HEADERS.paymentResponse,
    HEADERS.idempotentReplayed,
    "content-location",
    "preference-applied",
  ];
  return {
    200: {
      description: "The job, which has ended within the time that `Prefer: wait=N` gave it.",
      headers: headers(...names),
      content: { "application/json": { schema, examples } },
    },
    202: ref("JobAccepted"),
  };
}

const EXAMPLES = {
  running: { $ref: "#/components/examples/JobRunning" },
  failed: { $ref: "#/components/examples/JobFailed" },
};

/** The operations on jobs. They cost nothing and ask for no key: `security` says so to whoever looks there. */
export function jobOperations(): Json {
  const ok = (description: string, more: readonly string[], examples: Json): Json => ({
    description,
    headers: headers(...more),
    content: { "application/json": { schema: { $ref: refTo("JobDocument") }, examples } },
  });
  const absent = { 404: ref("NotFound"), 410: ref("Gone"), 500: ref("InternalError") };
  return {
    parameters: [{ $ref: "#/components/parameters/JobId" }],
    get: {
      operationId: "getJob",
      summary: "Ask how a job stands, and for its result.",
      description:
        "Free of charge. Always 200 while the job is known. `Prefer: wait=20` holds the answer until the job has changed.",
      tags: [JOB_TAG],
      security: [],
      parameters: [{ $ref: "#/components/parameters/Prefer" }],
      responses: { 200: ok("The job.", [HEADERS.retryAfter], EXAMPLES), ...absent },
    },
    delete: {
      operationId: "cancelJob",
      summary: "Cancel a job.",
      description:
        "Free of charge. Stops a job that has not ended. The operation that started it says whether its price is then " +
        "refunded, or that the job cannot be canceled.",
      tags: [JOB_TAG],
      security: [],
      responses: {
        200: ok("The job, cancelled.", [], { failed: EXAMPLES.failed }),
        ...absent,
        409: ref("NotCanceled"),
      },
    },
  };
}

export function jobEvents(): Json {
  return {
    parameters: [{ $ref: "#/components/parameters/JobId" }],
    get: {
      operationId: "watchJob",
      summary: "Be told of every change of a job.",
      description:
        "Free of charge. Server-sent events: the `data` of each is the job as `getJob` answers it, the `id` its ETag. The " +
        "job as it stands comes at once, unless `Last-Event-ID` names it; the stream ends when the job has ended.",
      tags: [JOB_TAG],
      security: [],
      parameters: [{ $ref: "#/components/parameters/LastEventId" }],
      responses: {
        200: {
          description: "The job, again and again.",
          content: { "text/event-stream": { schema: { type: "string" } } },
        },
        204: {
          description: "The job has ended, and `Last-Event-ID` names its last state: do not come back.",
        },
        404: ref("NotFound"),
        410: ref("Gone"),
        500: ref("InternalError"),
      },
    },
  };
}

/** What is posted to the `Callback-Url` of a call. Source: Standard Webhooks, symmetric signatures. */
export const CALLBACKS: Json = callbacks();

function callbacks(): Json {
  const header = (name: string, description: string): Json => ({
    name,
    in: "header",
    required: true,
    description,
    schema: { type: "string" },
  });
  const post = {
    operationId: "jobEnded",
    summary: "Be told that the job has ended.",
    description: "Sent to the `Callback-Url` of the call. It may come late, or more than once.",
    tags: [JOB_TAG],
    security: [],
    parameters: [
      header("webhook-id", "The `jobId`: the same when it is posted again."),
      header("webhook-timestamp", "When it was posted, in seconds since 1970."),
      header(
        "webhook-signature",
        "`v1,` and the signature, made with the `webhookSecret` of the answer 202.",
      ),
    ],
    requestBody: {
      required: true,
      content: {
        "application/json": { schema: { $ref: refTo("JobDocument") }, examples: { failed: EXAMPLES.failed } },
      },
    },
    responses: {
      "2XX": { description: "It has been received." },
      410: { description: "It is not wanted any more." },
      "4XX": { description: "It has not been received; it is posted again later." },
    },
  };
  return { JobEnded: { "{$request.header.Callback-Url}": { post } } };
}
