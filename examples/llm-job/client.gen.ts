// Generated from resources.ts by `resource402 generate`. Do not edit.
import {
  type ClientOptions,
  type Connection,
  connect,
  type JobResource,
  type PendingCall,
} from "resource402/client";
import type { CompleteInput, CompleteOutput } from "./types.gen.ts";

export type * from "./types.gen.ts";

/** Text from a language model, paid by model and by the tokens asked for. */
export interface Client {
  /**
   * Write a text that follows a prompt.
   *
   * Costs $0.001 when `model` is `small`, $0.01 when `model` is `large` (per text) plus $0.002 per 100 tokens. Runs as a job, for at most 2 minutes. Charged when it is accepted. If it ends without a result, or the buyer cancels it, a refund of the full price is owed to the payer.
   * Fails with `content_filtered`: The prompt was refused by moderation.
   */
  readonly complete: JobResource<CompleteInput, CompleteOutput>;

  /** Calls that were signed for and have not ended, to be resumed without signing again. */
  pending(): Promise<readonly PendingCall[]>;
  /** Where the money of this client is: spent, held by payments that may still settle, and free. */
  budget: Connection["budget"];
}

/** Connects to Word Mill. The options say where it is, who pays, and how much at most. */
export function createClient(options: ClientOptions): Client {
  const { budget, jobResource, pending } = connect(options);
  return {
    complete: jobResource({
      name: "complete",
      method: "POST",
      path: "/v1/complete",
      price: {
        kind: "sum",
        parts: [
          { kind: "byChoice", field: "model", table: { small: "0.001", large: "0.01" }, per: "text" },
          { kind: "perUnit", field: "maxTokens", usd: "0.002", unit: 100, per: "100 tokens" },
        ],
      },
      defaults: { model: "small" },
      timeoutMs: 120000,
    }),
    pending,
    budget,
  };
}
