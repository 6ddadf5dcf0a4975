// Generated from resources.ts by `resource402 generate`. Do not edit.
import { type Documents, type JobHandler, type Server, type ServerOptions, serve } from "resource402/server";
import api from "./resources.ts";
import type { CompleteArgs, CompleteResult } from "./types.gen.ts";

/** One function for each resource. */
export interface Handlers {
  /**
   * Write a text that follows a prompt.
   *
   * Runs as a job, for at most 2 minutes. Runs once it has been paid; when it fails, a refund is owed.
   */
  readonly complete: JobHandler<CompleteArgs, CompleteResult, "content_filtered">;
}

/** Serves Word Mill. The options say how it is paid and where calls are kept. */
export function createServer(options: ServerOptions<Handlers>): Server {
  return serve(api, documents, options, () => import("./published.gen.ts"), definitionHash);
}

const documents: Documents = {
  complete: { method: "POST", path: "/v1/complete", maxPrice: "0.05" },
};

/** Of the definition that this file was generated from. The server does not start with another one. */
const definitionHash = "791437a60c6c9680964100173d96fcfcab4520de85ee6eb7a3b30f4d857b2013";
