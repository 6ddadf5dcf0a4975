// Generated from resources.ts by `resource402 generate`. Do not edit.
import { type Documents, type JobHandler, type Server, type ServerOptions, serve } from "resource402/server";
import api from "./resources.ts";
import type { RenderArgs, RenderResult } from "./types.gen.ts";

/** One function for each resource. */
export interface Handlers {
  /**
   * Render a film.
   *
   * Runs as a job, for at most 5 minutes. Runs once it has been paid; when it fails, a refund is owed.
   */
  readonly render: JobHandler<RenderArgs, RenderResult, "too_dark">;
}

/** Serves Film Lab. The options say how it is paid and where calls are kept. */
export function createServer(options: ServerOptions<Handlers>): Server {
  return serve(api, documents, options, () => import("./published.gen.ts"), definitionHash);
}

const documents: Documents = {
  render: { method: "POST", path: "/v1/render", maxPrice: "0.50" },
};

/** Of the definition that this file was generated from. The server does not start with another one. */
const definitionHash = "54d3a02f7975e2e0867d09451d9091fdf5873108bd235808b1f5740500d09abf";
