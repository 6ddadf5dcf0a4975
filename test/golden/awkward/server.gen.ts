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
  return serve(api, documents, options, () => import("./published.gen.ts"));
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
    bazaar: {
      info: {
        input: { type: "http", method: "POST", bodyType: "json", body: { class: "x'y", "2nd": 2 } },
        output: { type: "json", example: { ok: true } },
      },
      schema: {
        $schema: "https://json-schema.org/draft/2020-12/schema",
        type: "object",
        properties: {
          input: {
            type: "object",
            properties: {
              type: { type: "string", const: "http" },
              method: { type: "string", enum: ["POST"] },
              bodyType: { type: "string", enum: ["json"] },
              body: {
                type: "object",
                properties: {
                  class: { description: "A keyword */ of the language.", type: "string", maxLength: 10 },
                  "content-type": {
                    description: "Has a dash; `quoted`, ${not}.",
                    type: "string",
                    enum: ["a\"b", "c`d", "e|f"],
                    default: "a\"b",
                  },
                  "2nd": {
                    description: "Begins with a digit.",
                    type: "integer",
                    default: -1,
                    minimum: -1,
                    maximum: 1000000,
                  },
                  "größe": {
                    description: "Is no ASCII. 寸 */ and\r\nmore.",
                    type: "number",
                    minimum: 0,
                    maximum: 9.5,
                    multipleOf: 0.5,
                  },
                  $ref: { description: "Would be a reference.", type: "boolean", default: false },
                  old: {
                    description: "Not needed any more.",
                    deprecated: true,
                    type: "string",
                    maxLength: 5,
                  },
                },
                required: ["class"],
              },
            },
            required: ["type", "method", "bodyType", "body"],
            additionalProperties: false,
          },
          output: {
            type: "object",
            properties: {
              type: { type: "string" },
              example: {
                type: "object",
                properties: { ok: { description: "Whether it went well.", type: "boolean" } },
                required: ["ok"],
              },
            },
            required: ["type"],
          },
        },
        required: ["input"],
      },
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
    bazaar: {
      info: {
        input: {
          type: "http",
          method: "POST",
          bodyType: "json",
          body: { when: "2026-01-31T12:00:00Z", text: "…", to: { street: "…" } },
          pathParams: { queue: "…" },
        },
        output: {
          type: "json",
          example: { done: "2026-01-31T12:00:00Z", told: { street: "…", country: "de" } },
        },
      },
      routeTemplate: "/v1/schedules/:queue",
      schema: {
        $schema: "https://json-schema.org/draft/2020-12/schema",
        type: "object",
        properties: {
          input: {
            type: "object",
            properties: {
              type: { type: "string", const: "http" },
              method: { type: "string", enum: ["POST"] },
              bodyType: { type: "string", enum: ["json"] },
              body: {
                type: "object",
                properties: {
                  when: { description: "Not before.", type: "string", format: "date-time" },
                  text: { description: "What to do.", type: "string", minLength: 1, maxLength: 5000 },
                  to: {
                    description: "Who is told.",
                    type: "object",
                    properties: {
                      street: { description: "Street and number.", type: "string", maxLength: 80 },
                      country: {
                        description: "Where it is.",
                        type: "string",
                        enum: ["de", "jp"],
                        default: "de",
                      },
                    },
                    required: ["street"],
                  },
                },
                required: ["when", "text", "to"],
              },
              pathParams: {
                type: "object",
                properties: { queue: { description: "Which queue.", type: "string", maxLength: 20 } },
                required: ["queue"],
              },
            },
            required: ["type", "method", "bodyType", "body"],
            additionalProperties: false,
          },
          output: {
            type: "object",
            properties: {
              type: { type: "string" },
              example: {
                type: "object",
                properties: {
                  done: { description: "When it was done.", type: "string", format: "date-time" },
                  told: {
                    description: "Who was told.",
                    type: "object",
                    properties: {
                      street: { description: "Street and number.", type: "string", maxLength: 80 },
                      country: {
                        description: "Where it is.",
                        type: "string",
                        enum: ["de", "jp"],
                        default: "de",
                      },
                    },
                    required: ["street", "country"],
                  },
                },
                required: ["done", "told"],
              },
            },
            required: ["type"],
          },
        },
        required: ["input"],
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
    bazaar: {
      info: {
        input: {
          type: "http",
          method: "POST",
          bodyType: "json",
          body: {
            name: "…",
            children: [{ name: "…", children: [{ name: "…", children: [] }] }],
            shape: { kind: "circle", radius: 1 },
            labels: [{ text: "…" }],
            top: { text: "…" },
            scores: {},
            sizes: { s: 0, l: 0 },
            path: ["…"],
            scale: 2,
            either: "…",
            extra: { id: "123e4567-e89b-42d3-a456-426614174000" },
          },
        },
        output: { type: "json", example: { url: "https://example.com/", rest: null } },
      },
      schema: {
        $schema: "https://json-schema.org/draft/2020-12/schema",
        type: "object",
        properties: {
          input: {
            type: "object",
            properties: {
              type: { type: "string", const: "http" },
              method: { type: "string", enum: ["POST"] },
              bodyType: { type: "string", enum: ["json"] },
              body: {
                type: "object",
                properties: {
                  name: { description: "Of the node.", type: "string", maxLength: 20 },
                  children: {
                    description: "Nodes below it.",
                    type: "array",
                    maxItems: 5,
                    items: {
                      type: "object",
                      properties: {
                        name: { description: "Of the node.", type: "string", maxLength: 20 },
                        children: {},
                      },
                      required: ["name", "children"],
                    },
                  },
                  shape: {
                    description: "A circle or a line.",
                    oneOf: [
                      {
                        type: "object",
                        properties: {
                          kind: { description: "Round.", type: "string", const: "circle" },
                          radius: {
                            description: "In metres.",
                            type: "number",
                            exclusiveMinimum: 0,
                            maximum: 10,
                          },
                        },
                        required: ["kind", "radius"],
                      },
                      {
                        type: "object",
                        properties: {
                          kind: { description: "Straight.", type: "string", const: "line" },
                          to: {
                            type: "object",
                            properties: {
                              text: { description: "What it says.", type: "string", maxLength: 20 },
                            },
                            required: ["text"],
                            description: "Where it ends.",
                          },
                        },
                        required: ["kind", "to"],
                      },
                    ],
                  },
                  labels: {
                    description: "Labels on it.",
                    type: "array",
                    minItems: 1,
                    maxItems: 3,
                    items: {
                      type: "object",
                      properties: { text: { description: "What it says.", type: "string", maxLength: 20 } },
                      required: ["text"],
                    },
                  },
                  top: {
                    description: "Label above it; null for none.",
                    anyOf: [
                      {
                        type: "object",
                        properties: { text: { description: "What it says.", type: "string", maxLength: 20 } },
                        required: ["text"],
                      },
                      { type: "null" },
                    ],
                  },
                  scores: {
                    description: "By name.",
                    type: "object",
                    propertyNames: { type: "string" },
                    additionalProperties: { type: "number" },
                  },
                  sizes: {
                    description: "By size.",
                    type: "object",
                    properties: {
                      s: { description: "By size.", type: "integer", minimum: 0, maximum: 9 },
                      l: { description: "By size.", type: "integer", minimum: 0, maximum: 9 },
                    },
                    required: ["s", "l"],
                  },
                  path: {
                    description: "A name and any numbers.",
                    type: "array",
                    prefixItems: [{ type: "string", maxLength: 9 }],
                    items: { type: "number", minimum: 0, maximum: 9 },
                    minItems: 1,
                  },
                  scale: {
                    description: "Twice or four times.",
                    anyOf: [{ type: "number", const: 2 }, { type: "number", const: 4 }],
                  },
                  either: {
                    description: "A word or a number.",
                    anyOf: [{ type: "string", maxLength: 9 }, { type: "integer", minimum: 0, maximum: 9 }],
                  },
                  extra: {
                    description: "Anything besides.",
                    type: "object",
                    properties: { id: { description: "Names it.", type: "string", format: "uuid" } },
                    required: ["id"],
                    additionalProperties: {},
                  },
                },
                required: [
                  "name", "children", "shape", "labels", "top", "scores", "sizes", "path", "scale", "either",
                  "extra"
                ],
              },
            },
            required: ["type", "method", "bodyType", "body"],
            additionalProperties: false,
          },
          output: {
            type: "object",
            properties: {
              type: { type: "string" },
              example: {
                type: "object",
                properties: {
                  url: { description: "The picture.", type: "string", format: "uri" },
                  note: { description: "In words.", type: "string" },
                  rest: { description: "Whatever is left." },
                },
                required: ["url", "rest"],
              },
            },
            required: ["type"],
          },
        },
        required: ["input"],
      },
    },
  },
};
