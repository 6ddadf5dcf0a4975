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
} from "./types.gen.js";

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
  return serve(api, documents, options, () => import("./published.gen.ts"));
}

const documents: Documents = {
  caption: {
    method: "POST",
    path: "/v1/caption",
    maxPrice: "0.01",
    outputSchema: {
      input: {
        type: "http",
        method: "POST",
        bodyType: "json",
        bodyFields: {
          imageUrl: {
            type: "string",
            required: true,
            description: "Address of an image drawn by this studio.",
          },
          tone: {
            type: "string",
            required: false,
            description: "Style of the sentence.",
            default: "plain",
            enum: ["plain", "witty"],
          },
        },
      },
      output: { caption: { type: "string", description: "One sentence." } },
    },
    bazaar: {
      info: {
        input: {
          type: "http",
          method: "POST",
          bodyType: "json",
          body: { imageUrl: "https://api.pixel.example/images/8aa9ce47daa3c285.png", tone: "witty" },
        },
        output: {
          type: "json",
          example: { caption: "A lighthouse that has seen worse storms, and says so." },
        },
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
                  imageUrl: {
                    description: "Address of an image drawn by this studio.",
                    type: "string",
                    format: "uri",
                    maxLength: 2000,
                  },
                  tone: {
                    description: "Style of the sentence.",
                    type: "string",
                    enum: ["plain", "witty"],
                    default: "plain",
                  },
                },
                required: ["imageUrl"],
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
                properties: { caption: { description: "One sentence.", type: "string" } },
                required: ["caption"],
              },
            },
            required: ["type"],
          },
        },
        required: ["input"],
      },
    },
  },
  generateImage: {
    method: "POST",
    path: "/v1/generate-image",
    maxPrice: "0.10",
    outputSchema: {
      input: {
        type: "http",
        method: "POST",
        bodyType: "json",
        bodyFields: {
          prompt: {
            type: "string",
            required: true,
            description: "What to draw. Be specific about style, colours and composition.",
          },
          quality: {
            type: "string",
            required: false,
            description: "Higher quality is larger and takes longer.",
            default: "standard",
            enum: ["draft", "standard", "high"],
          },
          palette: {
            type: "string",
            required: false,
            description: "Name of the colours to use.",
            default: "dusk",
            enum: ["dusk", "meadow", "ember"],
          },
        },
      },
      output: {
        imageUrl: { type: "string", description: "Address of the PNG image, kept for 24 hours." },
        width: { type: "integer", description: "Width and height of the image in pixels." },
      },
    },
    bazaar: {
      info: {
        input: {
          type: "http",
          method: "POST",
          bodyType: "json",
          body: { prompt: "a lighthouse in a storm, woodcut", quality: "high", palette: "ember" },
        },
        output: {
          type: "json",
          example: { imageUrl: "https://api.pixel.example/images/8aa9ce47daa3c285.png", width: 512 },
        },
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
                  prompt: {
                    description: "What to draw. Be specific about style, colours and composition.",
                    type: "string",
                    minLength: 1,
                    maxLength: 1000,
                  },
                  quality: {
                    description: "Higher quality is larger and takes longer.",
                    type: "string",
                    enum: ["draft", "standard", "high"],
                    default: "standard",
                  },
                  palette: {
                    description: "Name of the colours to use.",
                    type: "string",
                    enum: ["dusk", "meadow", "ember"],
                    default: "dusk",
                  },
                },
                required: ["prompt"],
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
                  imageUrl: {
                    description: "Address of the PNG image, kept for 24 hours.",
                    type: "string",
                    format: "uri",
                  },
                  width: { description: "Width and height of the image in pixels.", type: "integer" },
                },
                required: ["imageUrl", "width"],
              },
            },
            required: ["type"],
          },
        },
        required: ["input"],
      },
    },
  },
  palette: {
    method: "GET",
    path: "/v1/palettes/:name",
    maxPrice: "0.00",
    fields: { name: "string" },
    outputSchema: {
      input: {
        type: "http",
        method: "GET",
        pathParams: {
          name: {
            type: "string",
            required: true,
            description: "Name of the palette.",
            enum: ["dusk", "meadow", "ember"],
          },
        },
      },
      output: { colours: { type: "array", description: "The colours, dark to light." } },
    },
  },
};
