import { defineApi, price, resource } from "resource402";
import { z } from "zod";

export default defineApi({
  title: "Word Mill",
  version: "1.0.0",
  description: "Text from a language model, paid by model and by the tokens asked for.",
  servers: [{ url: "https://api.wordmill.example", description: "Production." }],
  resources: {
    complete: resource({
      summary: "Write a text that follows a prompt.",
      input: z.object({
        prompt: z.string().min(1).max(4000).describe("What to write about."),
        model: z.enum(["small", "large"]).default("small").describe("The large model writes longer words."),
        maxTokens: z.number().int().min(1).max(2000).describe("The text has at most this many tokens."),
      }),
      output: z.object({
        text: z.string().describe("The text."),
        tokens: z.number().int().describe("How many tokens it has."),
      }),
      price: price.sum(
        price.byChoice("model", { small: "0.001", large: "0.01" }, { per: "text" }),
        price.perUnit("maxTokens", "0.002", { unit: 100, per: "100 tokens" }),
      ),
      job: { timeout: "2m", retention: "24h" },
      errors: { content_filtered: "The prompt was refused by moderation." },
      examples: [
        {
          input: { prompt: "a lighthouse", model: "large", maxTokens: 300 },
          output: { text: "A lighthouse is patient.", tokens: 4 },
        },
      ],
    }),
  },
});
