// Generated from resources.ts by `resource402 generate`. Do not edit.
import {
  type ClientOptions,
  type Connection,
  connect,
  type JobResource,
  type PendingCall,
  type Resource,
} from "resource402/client";
import type {
  CaptionInput,
  CaptionOutput,
  GenerateImageInput,
  GenerateImageOutput,
  PaletteInput,
  PaletteOutput,
} from "./types.gen.ts";

export type * from "./types.gen.ts";

/** Pictures on demand, paid per picture. */
export interface Client {
  /**
   * Describe an image in one sentence.
   *
   * Costs $0.01 per caption. Charged only when it succeeds.
   * Fails with `unknown_image`: The address is not that of an image drawn by this studio.
   */
  readonly caption: Resource<CaptionInput, CaptionOutput>;

  /**
   * Draw an image from a text prompt.
   *
   * The same prompt and palette always give the same image.
   *
   * Costs $0.02 when `quality` is `draft`, $0.05 when `quality` is `standard`, $0.10 when `quality` is `high` (per image). Runs as a job, for at most 2 minutes. Charged when it is accepted. If it ends without a result, or the buyer cancels it, a refund of the full price is owed to the payer.
   * Fails with `content_filtered`: The prompt was refused by moderation.
   */
  readonly generateImage: JobResource<GenerateImageInput, GenerateImageOutput>;

  /**
   * List the colours of a palette.
   *
   * Free of charge.
   */
  readonly palette: Resource<PaletteInput, PaletteOutput>;

  /** Calls that were signed for and have not ended, to be resumed without signing again. */
  pending(): Promise<readonly PendingCall[]>;
  /** Where the money of this client is: spent, held by payments that may still settle, and free. */
  budget: Connection["budget"];
}

/** Connects to Pixel Studio. The options say where it is, who pays, and how much at most. */
export function createClient(options: ClientOptions): Client {
  const { budget, jobResource, pending, resource } = connect(options);
  return {
    caption: resource({
      name: "caption",
      method: "POST",
      path: "/v1/caption",
      price: { kind: "fixed", usd: "0.01", per: "caption" },
      timeoutMs: 20000,
    }),
    generateImage: jobResource({
      name: "generateImage",
      method: "POST",
      path: "/v1/generate-image",
      price: {
        kind: "byChoice",
        field: "quality",
        table: { draft: "0.02", standard: "0.05", high: "0.10" },
        per: "image",
      },
      defaults: { quality: "standard" },
      timeoutMs: 120000,
    }),
    palette: resource({
      name: "palette",
      method: "GET",
      path: "/v1/palettes/:name",
      price: { kind: "free" },
    }),
    pending,
    budget,
  };
}
