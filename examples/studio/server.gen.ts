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
import type {
  CaptionArgs,
  CaptionResult,
  GenerateImageArgs,
  GenerateImageResult,
  PaletteArgs,
  PaletteResult,
} from "./types.gen.ts";

/** One function for each resource. */
export interface Handlers {
  /**
   * Describe an image in one sentence.
   *
   * Charged only when it returns.
   */
  readonly caption: Handler<CaptionArgs, CaptionResult, "unknown_image">;

  /**
   * Draw an image from a text prompt.
   *
   * Runs as a job, for at most 2 minutes. Runs once it has been paid; when it fails, a refund is owed.
   */
  readonly generateImage: JobHandler<GenerateImageArgs, GenerateImageResult, "content_filtered">;

  /**
   * List the colours of a palette.
   *
   * Free of charge.
   */
  readonly palette: Handler<PaletteArgs, PaletteResult>;
}

/** Serves Pixel Studio. The options say how it is paid and where calls are kept. */
export function createServer(options: ServerOptions<Handlers>): Server {
  return serve(api, documents, options, () => import("./published.gen.ts"), definitionHash);
}

const documents: Documents = {
  caption: { method: "POST", path: "/v1/caption", maxPrice: "0.01" },
  generateImage: { method: "POST", path: "/v1/generate-image", maxPrice: "0.10" },
  palette: { method: "GET", path: "/v1/palettes/:name", maxPrice: "0.00", fields: { name: "string" } },
};

/** Of the definition that this file was generated from. The server does not start with another one. */
const definitionHash = "dfaa0becdb93809681b9a4d243065b5575ccbecb8be9131e3f394cc03173908a";
