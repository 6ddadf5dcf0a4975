import { TERMINAL } from "../src/protocol/job.ts";
import { PROBLEMS } from "../src/protocol/problem.ts";
import type { JsonSchema, Schemas } from "./model.ts";
import { refTo } from "./model.ts";

/**
 * The documents of `src/wire` as JSON Schema, for openapi.json. A test holds them equal to the types there.
 */

const text = (description: string, more: JsonSchema = {}): JsonSchema => ({
  description,
  type: "string",
  ...more,
});

const count = (description: string, more: JsonSchema = {}): JsonSchema => ({
  description,
  type: "integer",
  minimum: 0,
  ...more,
});

const list = (description: string, items: JsonSchema): JsonSchema => ({ description, type: "array", items });

const object = (
  description: string,
  properties: Readonly<Record<string, JsonSchema>>,
  optional: readonly string[] = [],
): JsonSchema => ({
  description,
  type: "object",
  properties,
  required: Object.keys(properties).filter((name) => !optional.includes(name)),
});

const oneOf = (description: string, options: readonly JsonSchema[]): JsonSchema => ({
  description,
  ...(options.length === 1 ? options[0] : { anyOf: options }),
});

const time = (description: string): JsonSchema => text(description, { format: "date-time" });

const paymentState = (description: string): JsonSchema =>
  text(description, { enum: ["unused", "in_flight", "settled", "refund_owed", "refunded"] });

const status = text("More detail than `state`. Treat an unknown value as: keep waiting.", {
  enum: ["awaiting_payment", "queued", "running", ...TERMINAL],
});

/** All wire components. `codes` are the error codes that handlers declare, `results` the outputs of jobs. */
export function wireSchemas(codes: readonly string[], results: readonly JsonSchema[]): Schemas {
  return {
    JobAccepted: object(
      "An accepted job. Its payment is settled or being settled.",
      {
        success: { type: "boolean", const: true },
        jobId: text("Id of the job. Anyone who knows it can read the result."),
        statusUrl: text("URL of the job's status.", { format: "uri" }),
        eventsUrl: text("URL of the server-sent events for every change of the job.", { format: "uri" }),
        state: text("The job has not ended.", { const: "processing" }),
        status,
        retryAfterSeconds: count("Seconds to wait before polling."),
        expiresAt: time("Latest time at which the result can be fetched."),
        webhookSecret: text("The secret that signs webhooks to the `Callback-Url` of the call.", {
          pattern: "^whsec_",
        }),
        paymentState: paymentState("The state of the payment."),
        receipt: { $ref: refTo("Receipt") },
      },
      ["webhookSecret", "paymentState", "receipt"],
    ),
    JobDocument: object(
      "A job with its current state.",
      {
        jobId: text("Id of the job. Anyone who knows it can read the result."),
        resource: text("The operation that started the job."),
        state: text("Whether the job has ended, and how.", { enum: ["processing", "succeeded", "failed"] }),
        status,
        progress: count("Progress in percent. It never decreases.", { maximum: 100 }),
        message: text("The current step."),
        result: oneOf("The output, once the job has succeeded.", results),
        artifactUrl: text("URL of the result, once the job has succeeded.", { format: "uri" }),
        response: text("The result as text, once the job has succeeded."),
        error: text("What went wrong, when the job has failed."),
        code: text("Stable error code."),
        retryAfterSeconds: count("Seconds to wait before polling again."),
        eventsUrl: text("URL of the server-sent events for every change of the job, until it has ended.", {
          format: "uri",
        }),
        createdAt: time("When the job was accepted."),
        updatedAt: time("When the job last changed."),
        expiresAt: time("When the server deletes this job."),
        paymentState: paymentState("The state of the payment."),
        receipt: { $ref: refTo("Receipt") },
      },
      "message result artifactUrl response error code retryAfterSeconds eventsUrl expiresAt paymentState receipt".split(
        " ",
      ),
    ),
    PaymentRequired: object(
      "The challenge of x402 version 1. Version 2 is in the header `PAYMENT-REQUIRED`.",
      {
        x402Version: { type: "integer", const: 1 },
        error: text("Why the call was not executed."),
        accepts: list("The accepted ways to pay. Use one of them.", { $ref: refTo("PaymentRequirements") }),
        paymentState: text(
          "`unused`: the payment of this call has not been and will not be settled. `in_flight`: the payment may have been " +
            "used, and it is not known for which call. Absent when the payment has expired, because its records may have " +
            "been deleted.",
          { enum: ["unused", "in_flight"] },
        ),
      },
      ["paymentState"],
    ),
    PaymentRequirements: object(
      "One way to pay.",
      {
        scheme: text("The payment scheme: `exact`."),
        network: text("The chain, by name."),
        maxAmountRequired: text("The price in the asset's smallest units.", { pattern: "^[0-9]+$" }),
        resource: text("URL of the resource.", { format: "uri" }),
        description: text("Description of the resource."),
        mimeType: text("Media type of the response."),
        outputSchema: { description: "Input and output of the resource." },
        payTo: text("Address of the recipient."),
        maxTimeoutSeconds: count("Required validity of the signed payment, in seconds."),
        asset: text("Address of the token."),
        extra: {
          description: "Details of the scheme. `extra.pricing` is the readable price.",
          type: "object",
          additionalProperties: true,
        },
      },
      ["outputSchema"],
    ),
    Problem: object(
      "A problem document (RFC 9457).",
      {
        type: text("URI of the problem type.", { format: "uri" }),
        title: text("Title of the problem type."),
        status: count("The HTTP status.", { minimum: 400, maximum: 599 }),
        detail: text("Explanation of this problem."),
        error: text("The same as `detail`."),
        code: text("Stable code of the problem type.", {
          enum: [...Object.keys(PROBLEMS), ...codes],
        }),
        details: list(
          "The invalid fields of the input.",
          object("One invalid field.", {
            path: text("Dotted path of the field. Empty for the whole input."),
            message: text("What is wrong with the field."),
          }),
        ),
        retryable: { description: "Whether the same call may succeed later.", type: "boolean" },
        paymentState: paymentState(
          "The state of the payment of this call. Absent when the server cannot know it.",
        ),
        requestId: text("Id of the request in the seller's log."),
      },
      ["details", "paymentState"],
    ),
    Receipt: object("Proof of a settled payment.", {
      amount: text("The paid amount in `currency`."),
      currency: text("Currency of `amount`."),
      atomicAmount: text("The amount in the asset's smallest units.", { pattern: "^[0-9]+$" }),
      asset: text("Address of the token."),
      network: text("CAIP-2 id of the chain."),
      transaction: text("Transaction hash of the transfer."),
      payer: text("Address of the buyer."),
      payTo: text("Address of the seller."),
      settledAt: time("When the payment was settled."),
    }),
  };
}
