// Generated from resources.ts by `resource402 generate`. Do not edit.
import type { InputOf, OutputOf } from "resource402";
import {
  type Documents,
  type Handler,
  type JobHandler,
  type Quote,
  type Server,
  type ServerOptions,
  serve,
} from "resource402/server";
import api from "./resources.ts";
import type {
  LookUpArgs,
  LookUpResult,
  NamesArgs,
  NamesResult,
  ShapesArgs,
  ShapesResult,
} from "./types.gen.ts";

/** What the handler of `schedule` is given: validated, with defaults filled in. */
export type ScheduleArgs = OutputOf<(typeof api)["resources"]["schedule"]["input"]>;

/** What the handler of `schedule` returns. */
export type ScheduleResult = InputOf<(typeof api)["resources"]["schedule"]["output"]>;

/** One function for each resource. */
export interface Handlers {
  /**
   * Read a page of a book.
   *
   * Free of charge.
   */
  readonly lookUp: Handler<LookUpArgs, LookUpResult>;

  /**
   * Take fields with names that are no identifiers.
   *
   * Charged only when it returns.
   */
  readonly names: Handler<NamesArgs, NamesResult, "too_odd">;

  /**
   * Do something later.
   *
   * Charged only when it returns.
   *
   * @deprecated Use shapes instead.
   */
  readonly schedule: Handler<ScheduleArgs, ScheduleResult>;

  /**
   * Take values of every shape.
   *
   * Runs as a job, in up to 3 attempts of at most 90 seconds each, with pauses of about 1 second and longer between them. Runs once it has been paid; when it fails, a refund is owed. The job cannot be canceled.
   */
  readonly shapes: JobHandler<ShapesArgs, ShapesResult, "no_room">;
}

/** One function for each price that the server computes. */
export interface Quotes {
  /** Computes the price in US dollars, held inside $0.01 to $0.50. */
  readonly schedule: Quote<ScheduleArgs>;
}

/** Serves Awkward *\/ `API`. The options say how it is paid and where calls are kept. */
export function createServer(options: ServerOptions<Handlers> & { readonly quotes: Quotes }): Server {
  return serve(api, documents, options, () => import("./published.gen.ts"), definitionHash);
}

const documents: Documents = {
  lookUp: {
    method: "GET",
    path: "/v1/books/:isbn",
    maxPrice: "0.00",
    fields: { isbn: "string", pages: "number[]", plain: "boolean" },
  },
  names: { method: "POST", path: "/v1/names", maxPrice: "0.02" },
  schedule: { method: "POST", path: "/v1/schedules/:queue", maxPrice: "0.50", fields: { queue: "string" } },
  shapes: { method: "POST", path: "/v1/shapes", maxPrice: "0.052" },
};

/** Of the definition that this file was generated from. The server does not start with another one. */
const definitionHash = "4c3977f30c214fffd01978adf577683637db858033899cc4a1e9259af4bdf271";
