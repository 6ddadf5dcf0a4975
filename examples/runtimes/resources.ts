import { defineApi, price, resource } from "resource402";
import { z } from "zod";

const text = z.string().min(1).max(10_000).describe("Any text.");

export default defineApi({
  title: "Text Tools",
  version: "1.0.0",
  description: "Small tools for texts, paid per call.",
  servers: [{ url: "https://text.example", description: "Production." }],
  resources: {
    countWords: resource({
      summary: "Count the words of a text.",
      input: z.object({ text }),
      output: z.object({ words: z.number().int().describe("How many words the text has.") }),
      price: price.perUnit("text", "0.001", { unit: 1000, per: "1,000 characters" }),
      timeout: "5s",
      errors: { no_words: "The text has no words." },
      examples: [{ input: { text: "a calm harbor" }, output: { words: 3 } }],
    }),
    shorten: resource({
      summary: "Shorten a text to its first sentence.",
      input: z.object({ text }),
      output: z.object({ text: z.string().describe("The first sentence.") }),
      price: price.fixed("0.02", { per: "text" }),
      job: { timeout: "1m", retention: "24h" },
      errors: { no_sentence: "The text has no end of a sentence." },
      examples: [{ input: { text: "It rains. Stay in." }, output: { text: "It rains." } }],
    }),
  },
});
