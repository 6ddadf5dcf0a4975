// Generated from resources.ts by `resource402 generate`. Do not edit.

/** What the handler of `countWords` is given: validated, with defaults filled in. */
export type CountWordsArgs = CountWordsInput;

/** What `countWords` asks for. */
export interface CountWordsInput {
  /** Any text. 1 to 10,000 characters. */
  text: string;
}

/** What `countWords` answers. */
export interface CountWordsOutput {
  /** How many words the text has. */
  words: number;
}

/** What the handler of `countWords` returns. */
export type CountWordsResult = CountWordsOutput;

/** What the handler of `shorten` is given: validated, with defaults filled in. */
export type ShortenArgs = ShortenInput;

/** What `shorten` asks for. */
export interface ShortenInput {
  /** Any text. 1 to 10,000 characters. */
  text: string;
}

/** What `shorten` answers. */
export interface ShortenOutput {
  /** The first sentence. */
  text: string;
}

/** What the handler of `shorten` returns. */
export type ShortenResult = ShortenOutput;
