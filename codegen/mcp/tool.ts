import type { CallDefinition } from "../../src/client/definition.ts";

/** A schema whose root is an object, as the Model Context Protocol wants it. */
export interface ObjectSchema {
  readonly type: "object";
  readonly [keyword: string]: unknown;
}

/** A resource as a tool: plain data, made by the compiler. */
export interface Tool {
  readonly name: string;
  readonly title: string;
  /** What it does, what it costs, the most that it costs, and whether it runs as a job. */
  readonly description: string;
  readonly inputSchema: ObjectSchema;
  /** What each name stands for that the API does not know. Absent when there is none. */
  readonly names?: Readonly<Record<string, string>>;
  /** Absent when the output is not an object. */
  readonly outputSchema?: ObjectSchema;
  readonly isReadOnly: boolean;
  readonly isJob: boolean;
  readonly call: CallDefinition;
}

/** What one call is given besides its input. */
export interface ToolCall {
  readonly input: Readonly<Record<string, unknown>>;
  /** Names the call, so that it is charged once however often it is made. @default a new random key */
  readonly idempotencyKey?: string | undefined;
  /** Ends the wait. */
  readonly signal: AbortSignal;
  /** True when the result is no longer wanted after `signal` aborts. Its job is then canceled. */
  readonly isUnwanted: () => boolean;
  /** Told whenever a job has moved: whole percent, and what it says. */
  readonly onProgress?: ((percent: number, message: string) => void) | undefined;
}

/** A part of a result. Bytes are in base64. */
export type Content =
  | { type: "text"; text: string }
  | { type: "image" | "audio"; data: string; mimeType: string }
  | { type: "resource"; resource: { uri: string; mimeType: string; blob: string } };

/** What a call came to, in the words of the protocol. */
export interface ToolResult {
  /** An array that may be changed, as the SDK declares it. */
  content: Content[];
  structuredContent?: Record<string, unknown>;
  isError?: boolean;
  /** What has become of the money, under the keys of {@link META}. */
  _meta: Record<string, unknown>;
}

/** Keys of `_meta` in a result. In a request, `idempotencyKey` names the key that is to be used. */
export const META = {
  idempotencyKey: "resource402/idempotencyKey",
  /** The receipt of the payment, once it has been settled. */
  receipt: "resource402/receipt",
  jobId: "resource402/jobId",
  /** Of errors: `no`, `yes`, `unknown` or `refunded`. */
  charged: "resource402/charged",
  /** For errors: the seller's word for the state of the payment, such as `refund_owed`. */
  paymentState: "resource402/paymentState",
  /** Of errors: the word to switch on, such as `invalid_input`, `payment_refused` or `failed`. */
  code: "resource402/code",
  /** Of errors: the rule that kept the payment from being signed, such as `over_budget`. */
  reason: "resource402/reason",
  /** How a result differs from what the tool's schema says. The result is given unchanged. */
  warning: "resource402/warning",
  /** Of errors: the seller's own code. */
  failure: "resource402/failure",
  /** Of errors: what the seller answered, with `status`, `headers` and `body`. What was paid for may be in it. */
  response: "resource402/response",
} as const;
