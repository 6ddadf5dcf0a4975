// Generated from resources.ts by `resource402 generate`. Do not edit.
import {
  type ClientOptions,
  type Connection,
  connect,
  type JobResource,
  type PendingCall,
} from "resource402/client";
import type { RenderInput, RenderOutput } from "./types.gen.ts";

export type * from "./types.gen.ts";

/** Renders short films, paid per frame. */
export interface Client {
  /**
   * Render a film.
   *
   * Costs $0.001 per frame. Runs as a job, for at most 5 minutes. Charged when it is accepted. If it ends without a result, or the buyer cancels it, a refund of the full price is owed to the payer.
   * Fails with `too_dark`: The film cannot be rendered: its title is too dark.
   */
  readonly render: JobResource<RenderInput, RenderOutput>;

  /** Calls that were signed for and have not ended, to be resumed without signing again. */
  pending(): Promise<readonly PendingCall[]>;
  /** Where the money of this client is: spent, held by payments that may still settle, and free. */
  budget: Connection["budget"];
}

/** Connects to Film Lab. The options say where it is, who pays, and how much at most. */
export function createClient(options: ClientOptions): Client {
  const { budget, jobResource, pending } = connect(options);
  return {
    render: jobResource({
      name: "render",
      method: "POST",
      path: "/v1/render",
      price: { kind: "perUnit", field: "frames", usd: "0.001", unit: 1, per: "frame" },
      timeoutMs: 300000,
    }),
    pending,
    budget,
  };
}
