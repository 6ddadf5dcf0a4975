// Generated from resources.ts by `resource402 generate`. Do not edit.

/** What the handler of `complete` is given: validated, with defaults filled in. */
export interface CompleteArgs {
  /** What to write about. 1 to 4,000 characters. */
  prompt: string;
  /**
   * The large model writes longer words.
   * @default "small"
   */
  model: "small" | "large";
  /** The text has at most this many tokens. 1 to 2,000. */
  maxTokens: number;
}

/** What `complete` asks for. */
export interface CompleteInput {
  /** What to write about. 1 to 4,000 characters. */
  prompt: string;
  /**
   * The large model writes longer words.
   * @default "small"
   */
  model?: "small" | "large";
  /** The text has at most this many tokens. 1 to 2,000. */
  maxTokens: number;
}

/** What `complete` answers. */
export interface CompleteOutput {
  /** The text. */
  text: string;
  /** How many tokens it has. */
  tokens: number;
}

/** What the handler of `complete` returns. */
export type CompleteResult = CompleteOutput;
