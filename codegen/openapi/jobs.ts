import { HEADERS } from "../../src/protocol/headers.ts";
import { type Json, type JsonSchema, type ResourceModel, refTo } from "../model.ts";
import { headers } from "../wire-answers.ts";

export const JOB_TAG = "jobs";

const ref = (name: string): Json => ({ $ref: `#/components/responses/${name}` });

/**
 * Marks an operation whose result comes later. `x-ms-long-running-operation` is the only mark that tools share. The
 * `links` of the 202 response lead to the status, and `callbacks` describes the webhook.
 */
export const LONG_RUNNING: Json = {
  "x-ms-long-running-operation": true,
  callbacks: { jobEnded: { $ref: "#/components/callbacks/JobEnded" } },
};

/** The responses to a call that starts a job. `isOnly`: the API has no other job, so the result has one type. */
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
      description: "The job, when it has ended within the time of `Prefer: wait=N`.",
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

/** The operations on jobs. They are free and need no key, which `security` declares. */
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
      summary: "Get the status and the result of a job.",
      description:
        "Free of charge. Always 200 while the job exists. With `Prefer: wait=20`, the server waits until the job changes.",
      tags: [JOB_TAG],
      security: [],
      parameters: [{ $ref: "#/components/parameters/Prefer" }],
      responses: { 200: ok("The job.", [HEADERS.retryAfter], EXAMPLES), ...absent },
    },
    delete: {
      operationId: "cancelJob",
      summary: "Cancel a job.",
      description:
        "Free of charge. Stops a job that has not ended. The operation that started it states whether canceled jobs are " +
        "refunded, or cannot be canceled.",
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
      summary: "Watch every change of a job.",
      description:
        "Free of charge. Server-sent events: the `data` of each is the job as in `getJob`, the `id` its ETag. The server " +
        "sends the current job first, unless `Last-Event-ID` names it. The stream ends when the job has ended.",
      tags: [JOB_TAG],
      security: [],
      parameters: [{ $ref: "#/components/parameters/LastEventId" }],
      responses: {
        200: {
          description: "One event for each change of the job.",
          content: { "text/event-stream": { schema: { type: "string" } } },
        },
        204: {
          description: "The job has ended, and `Last-Event-ID` names its last state: do not reconnect.",
        },
        404: ref("NotFound"),
        410: ref("Gone"),
        500: ref("InternalError"),
      },
    },
  };
}

/** The webhook that the server posts to the `Callback-Url` of a call. Source: Standard Webhooks, symmetric signatures. */
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
    summary: "Notify the buyer that the job has ended.",
    description:
      "The server posts this to the `Callback-Url` of the call. It can arrive late, or more than once.",
    tags: [JOB_TAG],
    security: [],
    parameters: [
      header("webhook-id", "The `jobId`. It is the same for every retry."),
      header("webhook-timestamp", "Time of the post, in seconds since 1970."),
      header(
        "webhook-signature",
        "`v1,` and the signature, computed with the `webhookSecret` of the 202 response.",
      ),
    ],
    requestBody: {
      required: true,
      content: {
        "application/json": { schema: { $ref: refTo("JobDocument") }, examples: { failed: EXAMPLES.failed } },
      },
    },
    responses: {
      "2XX": { description: "Received." },
      410: { description: "The receiver no longer wants webhooks for this job." },
      "4XX": { description: "Not received. The server posts it again later." },
    },
  };
  return { JobEnded: { "{$request.header.Callback-Url}": { post } } };
}
