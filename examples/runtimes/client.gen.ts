// Generated from resources.ts by `resource402 generate`. Do not edit.
import {
  type ClientOptions,
  type Connection,
  connect,
  type JobResource,
  type PendingCall,
  type Resource,
} from "resource402/client";
import type { CountWordsInput, CountWordsOutput, ShortenInput, ShortenOutput } from "./types.gen.ts";

export type * from "./types.gen.ts";

/** Small tools for texts, paid per call. */
export interface Client {
  /**
   * Count the words of a text.
   *
   * Costs $0.001 per 1,000 characters. Charged only when it succeeds.
   * Fails with `no_words`: The text has no words.
   */
  readonly countWords: Resource<CountWordsInput, CountWordsOutput>;

  /**
   * Shorten a text to its first sentence.
   *
   * Costs $0.02 per text. Runs as a job, for at most 1 minute. Charged when it is accepted. If it ends without a result, or the buyer cancels it, a refund of the full price is owed to the payer.
   * Fails with `no_sentence`: The text has no end of a sentence.
   */
  readonly shorten: JobResource<ShortenInput, ShortenOutput>;

  /** Calls that were signed for and have not ended, to be resumed without signing again. */
  pending(): Promise<readonly PendingCall[]>;
  /** Where the money of this client is: spent, held by payments that may still settle, and free. */
  budget: Connection["budget"];
}

/** Connects to Text Tools. The options say where it is, who pays, and how much at most. */
export function createClient(options: ClientOptions): Client {
  const { budget, jobResource, pending, resource } = connect(options);
  return {
    countWords: resource({
      name: "countWords",
      method: "POST",
      path: "/v1/count-words",
      price: { kind: "perUnit", field: "text", usd: "0.001", unit: 1000, per: "1,000 characters" },
      timeoutMs: 5000,
    }),
    shorten: jobResource({
      name: "shorten",
      method: "POST",
      path: "/v1/shorten",
      price: { kind: "fixed", usd: "0.02", per: "text" },
      timeoutMs: 60000,
    }),
    pending,
    budget,
  };
}
