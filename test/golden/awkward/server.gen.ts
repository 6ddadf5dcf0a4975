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
} from "./types.gen.js";

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
   * Runs as a job, for at most 90 seconds. Runs once it has been paid; when it fails, a refund is owed.
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
  return serve(api, documents, options);
}

const documents: Documents = {
  lookUp: {
    method: "GET",
    path: "/v1/books/:isbn",
    maxPrice: "0.00",
    fields: { isbn: "string", pages: "number[]", plain: "boolean" },
    outputSchema: {
      input: {
        type: "http",
        method: "GET",
        pathParams: { isbn: { type: "string", required: true, description: "Of the book." } },
        queryParams: {
          pages: { type: "array", required: false, description: "Only these pages." },
          plain: { type: "boolean", required: false, description: "Without markup.", default: true },
        },
      },
      output: { text: { type: "string", description: "Of the page." } },
    },
  },
  names: {
    method: "POST",
    path: "/v1/names",
    maxPrice: "0.02",
    outputSchema: {
      input: {
        type: "http",
        method: "POST",
        bodyType: "json",
        bodyFields: {
          class: { type: "string", required: true, description: "A keyword */ of the language." },
          "content-type": {
            type: "string",
            required: false,
            description: "Has a dash; `quoted`, ${not}.",
            default: "a\"b",
            enum: ["a\"b", "c`d", "e|f"],
          },
          "2nd": { type: "integer", required: false, description: "Begins with a digit.", default: -1 },
          "größe": { type: "number", required: false, description: "Is no ASCII. 寸 */ and\r\nmore." },
          $ref: { type: "boolean", required: false, description: "Would be a reference.", default: false },
          old: { type: "string", required: false, description: "Not needed any more." },
        },
      },
      output: { ok: { type: "boolean", description: "Whether it went well." } },
    },
  },
  schedule: {
    method: "POST",
    path: "/v1/schedules/:queue",
    maxPrice: "0.50",
    fields: { queue: "string" },
    outputSchema: {
      input: {
        type: "http",
        method: "POST",
        pathParams: { queue: { type: "string", required: true, description: "Which queue." } },
        bodyType: "json",
        bodyFields: {
          when: { type: "string", required: true, description: "Not before." },
          text: { type: "string", required: true, description: "What to do." },
          to: { type: "object", required: true, description: "Who is told." },
        },
      },
      output: {
        done: { type: "string", description: "When it was done." },
        told: { type: "object", description: "Who was told." },
      },
    },
  },
  shapes: {
    method: "POST",
    path: "/v1/shapes",
    maxPrice: "0.052",
    outputSchema: {
      input: {
        type: "http",
        method: "POST",
        bodyType: "json",
        bodyFields: {
          name: { type: "string", required: true, description: "Of the node." },
          children: { type: "array", required: true, description: "Nodes below it." },
          shape: { type: "object", required: true, description: "A circle or a line." },
          labels: { type: "array", required: true, description: "Labels on it." },
          top: { type: "object", required: true, description: "Label above it; null for none." },
          scores: { type: "object", required: true, description: "By name." },
          sizes: { type: "object", required: true, description: "By size." },
          path: { type: "array", required: true, description: "A name and any numbers." },
          scale: { type: "number", required: true, description: "Twice or four times.", enum: [2, 4] },
          either: { type: "string", required: true, description: "A word or a number." },
          extra: { type: "object", required: true, description: "Anything besides." },
        },
      },
      output: {
        url: { type: "string", description: "The picture." },
        note: { type: "string", description: "In words." },
        rest: { type: "object", description: "Whatever is left." },
      },
    },
  },
};
