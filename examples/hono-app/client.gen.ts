// Generated from resources.ts by `resource402 generate`. Do not edit.
import {
  type ClientOptions,
  type Connection,
  connect,
  type PendingCall,
  type Resource,
} from "resource402/client";
import type { DayInput, DayOutput } from "./types.gen.ts";

export type * from "./types.gen.ts";

/** Measured weather of past days. The forecast is free, the archive is paid per day. */
export interface Client {
  /**
   * Get the measured weather of one day.
   *
   * Costs $0.002 per day. Charged only when it succeeds.
   * Fails with `not_measured`: The station has no measurements of this day.
   */
  readonly day: Resource<DayInput, DayOutput>;

  /** Calls that were signed for and have not ended, to be resumed without signing again. */
  pending(): Promise<readonly PendingCall[]>;
  /** Where the money of this client is: spent, held by payments that may still settle, and free. */
  budget: Connection["budget"];
}

/** Connects to Weather Archive. The options say where it is, who pays, and how much at most. */
export function createClient(options: ClientOptions): Client {
  const { budget, pending, resource } = connect(options);
  return {
    day: resource({
      name: "day",
      method: "GET",
      path: "/days/:date",
      price: { kind: "fixed", usd: "0.002", per: "day" },
      timeoutMs: 5000,
    }),
    pending,
    budget,
  };
}
