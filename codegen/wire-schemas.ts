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

const status = text("The finer word behind `state`. A word that is not known means: keep waiting.", {
  enum: ["awaiting_payment", "queued", "running", ...TERMINAL],
});

/** All wire components. `codes` are the error codes that handlers declare, `results` the outputs of jobs. */
export function wireSchemas(codes: readonly string[], results: readonly JsonSchema[]): Schemas {
  return {
    JobAccepted: object(
      "A job that has been accepted and is, or is about to be, paid.",
      {
        success: { type: "boolean", const: true },
        jobId: text("Names the job; who knows it may see the result."),
        statusUrl: text("Where to ask for the job.", { format: "uri" }),
        eventsUrl: text("Where every change of the job is sent as a server-sent event.", { format: "uri" }),
        state: text("The job has not ended.", { const: "processing" }),
        status,
        retryAfterSeconds: count("How long to wait before asking."),
        expiresAt: time("Until when the result can be fetched, at the latest."),
        webhookSecret: text("The key that signs what is posted to the `Callback-Url` of the call.", {
          pattern: "^whsec_",
        }),
        paymentState: paymentState("What is known of the payment."),
        receipt: { $ref: refTo("Receipt") },
      },
      ["webhookSecret", "paymentState", "receipt"],
    ),
    JobDocument: object(
      "A job as it stands.",
      {
        jobId: text("Names the job; who knows it may see the result."),
        resource: text("The operation that started the job."),
        state: text("Whether the job has ended, and how.", { enum: ["processing", "succeeded", "failed"] }),
        status,
        progress: count("Percent that is done; never goes back.", { maximum: 100 }),
        message: text("What is being done."),
        result: oneOf("The output, once the job has succeeded.", results),
        artifactUrl: text("Address of the product, once the job has succeeded.", { format: "uri" }),
        response: text("The answer as text, once the job has succeeded."),
        error: text("What went wrong, when the job has failed."),
        code: text("What went wrong, as a word that stays the same."),
        retryAfterSeconds: count("How long to wait before asking again."),
        eventsUrl: text("Where every change of the job is sent as a server-sent event, until it has ended.", {
          format: "uri",
        }),
        createdAt: time("When the job was accepted."),
        updatedAt: time("When the job last changed."),
        expiresAt: time("When this document is deleted."),
        paymentState: paymentState("What is known of the payment."),
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
        error: text("Why nothing was done."),
        accepts: list("The ways to pay, of which one is enough.", { $ref: refTo("PaymentRequirements") }),
        paymentState: text(
          "`unused`: a payment that came with the call has not been and will not be settled. `in_flight`: it is said " +
            "to have been used, and it is not known for what. Absent when it has expired: what is known of it may have " +
            "been deleted.",
          { enum: ["unused", "in_flight"] },
        ),
      },
      ["paymentState"],
    ),
    PaymentRequirements: object(
      "One way to pay.",
      {
        scheme: text("How is paid: `exact`."),
        network: text("The chain, by its plain name."),
        maxAmountRequired: text("The price in the asset's smallest units.", { pattern: "^[0-9]+$" }),
        resource: text("Address of what is paid for.", { format: "uri" }),
        description: text("What is paid for."),
        mimeType: text("Media type of the answer."),
        outputSchema: { description: "What the resource asks for and answers." },
        payTo: text("Address of the receiver."),
        maxTimeoutSeconds: count("How long the signed payment has to stay valid."),
        asset: text("Address of the token."),
        extra: {
          description: "More on the scheme; `extra.pricing` is the price as a person reads it.",
          type: "object",
          additionalProperties: true,
        },
      },
      ["outputSchema"],
    ),
    Problem: object(
      "What went wrong, as RFC 9457 has it.",
      {
        type: text("Names the kind of problem.", { format: "uri" }),
        title: text("The kind of problem in words."),
        status: count("The HTTP status.", { minimum: 400, maximum: 599 }),
        detail: text("What went wrong here."),
        error: text("The same as `detail`."),
        code: text("The kind of problem as a word that stays the same.", {
          enum: [...Object.keys(PROBLEMS), ...codes],
        }),
        details: list(
          "What is wrong with the input, field by field.",
          object("One thing that is wrong.", {
            path: text("The field, dotted; empty for the input as a whole."),
            message: text("What is wrong with it."),
          }),
        ),
        retryable: { description: "Whether the same call may succeed later.", type: "boolean" },
        paymentState: paymentState(
          "What has become of the payment that came with the call; absent where the server cannot know.",
        ),
        requestId: text("Names the call in the seller's log."),
      },
      ["details", "paymentState"],
    ),
    Receipt: object("Proof of a settled payment.", {
      amount: text("The amount that was paid, in `currency`."),
      currency: text("What `amount` is counted in."),
      atomicAmount: text("The amount in the asset's smallest units.", { pattern: "^[0-9]+$" }),
      asset: text("Address of the token."),
      network: text("The chain, by CAIP-2."),
      transaction: text("Names the transfer on the chain."),
      payer: text("Address of the buyer."),
      payTo: text("Address of the seller."),
      settledAt: time("When the payment was settled."),
    }),
  };
}
