import { defineApi, price, resource } from "resource402";
import { z } from "zod";

const text = z.string().max(200).describe("Any text.");

export default defineApi({
  title: "Places",
  version: "1.0.0",
  description: "What is sold in every place that resource402 runs in.",
  resources: {
    ping: resource({
      summary: "Say that the API is there.",
      method: "GET",
      input: z.object({}),
      output: z.object({ open: z.boolean().describe("Always true.") }),
      price: price.free(),
    }),
    caption: resource({
      summary: "Describe a picture.",
      input: z.object({ text }),
      output: z.object({ text }),
      price: price.fixed("0.01", { per: "picture" }),
    }),
    word: resource({
      summary: "Look up a word.",
      method: "GET",
      path: "/v1/words/:word",
      input: z.object({ word: text }),
      output: z.object({ word: text }),
      price: price.fixed("0.01", { per: "word" }),
    }),
    render: resource({
      summary: "Draw a picture in four steps.",
      input: z.object({
        text,
        stepMs: z.number().int().min(0).max(5_000).describe("Time of a step, in ms."),
      }),
      output: z.object({ text }),
      price: price.fixed("0.02", { per: "picture" }),
      job: { timeout: "60s", retention: "1h" },
      errors: { refused: "The text was refused." },
    }),
  },
});
