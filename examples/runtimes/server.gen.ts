// Generated from resources.ts by `resource402 generate`. Do not edit.
import {
  type Documents,
  type Handler,
  type JobHandler,
  type Server,
  type ServerOptions,
  serve,
} from "resource402/server";
import api from "./resources.ts";
import type { CountWordsArgs, CountWordsResult, ShortenArgs, ShortenResult } from "./types.gen.ts";

/** One function for each resource. */
export interface Handlers {
  /**
   * Count the words of a text.
   *
   * Charged only when it returns.
   */
  readonly countWords: Handler<CountWordsArgs, CountWordsResult, "no_words">;

  /**
   * Shorten a text to its first sentence.
   *
   * Runs as a job, for at most 1 minute. Runs once it has been paid; when it fails, a refund is owed.
   */
  readonly shorten: JobHandler<ShortenArgs, ShortenResult, "no_sentence">;
}

/** Serves Text Tools. The options say how it is paid and where calls are kept. */
export function createServer(options: ServerOptions<Handlers>): Server {
  return serve(api, documents, options, () => import("./published.gen.ts"), definitionHash);
}

const documents: Documents = {
  countWords: { method: "POST", path: "/v1/count-words", maxPrice: "0.01" },
  shorten: { method: "POST", path: "/v1/shorten", maxPrice: "0.02" },
};

/** Of the definition that this file was generated from. The server does not start with another one. */
const definitionHash = "9ed4ee2571ffb65bca6f85ea79032c15b6f09149849acc4a0efd0c24e3c50ab2";
