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
  LookUpInput,
  LookUpOutput,
  NamesInput,
  NamesOutput,
  ScheduleInput,
  ScheduleOutput,
  ShapesInput,
  ShapesOutput,
} from "./types.gen.ts";

export type * from "./types.gen.ts";

/** Ends a comment *\/ early, quotes `code`, and ${interpolates} nothing | \. */
export interface Client {
  /**
   * Read a page of a book.
   *
   * Free of charge. A response is shared by all callers that send the same input, and may be up to 10 minutes old.
   */
  readonly lookUp: Resource<LookUpInput, LookUpOutput>;

  /**
   * Take fields with names that are no identifiers.
   *
   * Two lines,
   * of which one | has a bar.
   *
   * Costs $0.01 when `content-type` is `a"b`, $0.02 when `content-type` is `c`d`, $0.001 when `content-type` is `e|f` (per name). Charged only when it succeeds.
   * Fails with `too_odd`: The name is odd, *\/ even here.
   */
  readonly names: Resource<NamesInput, NamesOutput>;

  /**
   * Do something later.
   *
   * Costs between $0.01 and $0.50 per task, as quoted in the 402. Charged only when it succeeds.
   *
   * @deprecated Use shapes instead.
   */
  readonly schedule: Resource<ScheduleInput, ScheduleOutput>;

  /**
   * Take values of every shape.
   *
   * Costs $0.02 when `scale` is `2`, $0.05 when `scale` is `4` (per picture) plus $0.001 per pair of labels, at most $0.002. Runs as a job, in up to 3 attempts of at most 90 seconds each, with pauses of about 1 second and longer between them. A job that has not started within 5 minutes ends as expired, and a refund of its price is owed. Charged when it is accepted. If it ends without a result, a refund of the full price is owed to the payer. The job cannot be canceled.
   * Fails with `no_room`: It does not fit.
   */
  readonly shapes: JobResource<ShapesInput, ShapesOutput>;

  /** Calls that were signed for and have not ended, to be resumed without signing again. */
  pending(): Promise<readonly PendingCall[]>;
  /** Where the money of this client is: spent, held by payments that may still settle, and free. */
  budget: Connection["budget"];
}

/** Connects to Awkward *\/ `API`. The options say where it is, who pays, and how much at most. */
export function createClient(options: ClientOptions): Client {
  const { budget, jobResource, pending, resource } = connect(options);
  return {
    lookUp: resource({ name: "lookUp", method: "GET", path: "/v1/books/:isbn", price: { kind: "free" } }),
    names: resource({
      name: "names",
      method: "POST",
      path: "/v1/names",
      price: {
        kind: "byChoice",
        field: "content-type",
        table: { "a\"b": "0.01", "c`d": "0.02", "e|f": "0.001" },
        per: "name",
      },
      defaults: { "content-type": "a\"b" },
      timeoutMs: 20000,
    }),
    schedule: resource({
      name: "schedule",
      method: "POST",
      path: "/v1/schedules/:queue",
      price: { kind: "quoted", min: "0.01", max: "0.50", per: "task" },
      timeoutMs: 5000,
    }),
    shapes: jobResource({
      name: "shapes",
      method: "POST",
      path: "/v1/shapes",
      price: {
        kind: "sum",
        parts: [
          { kind: "byChoice", field: "scale", table: { "2": "0.02", "4": "0.05" }, per: "picture" },
          { kind: "perUnit", field: "labels", usd: "0.001", unit: 2, per: "pair of labels", max: "0.002" },
        ],
      },
      timeoutMs: 390000,
    }),
    pending,
    budget,
  };
}
