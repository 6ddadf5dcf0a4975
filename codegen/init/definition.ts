import { string } from "../print.ts";

/** Which samples a new project sells. */
export type SampleChoice = "answer" | "job" | "both";

/** The resources of a sample, in the order of the definition. */
export function resourcesOf(sample: SampleChoice): readonly ("summarise" | "drawPattern")[] {
  if (sample === "both") return ["summarise", "drawPattern"];
  return sample === "answer" ? ["summarise"] : ["drawPattern"];
}

/** `resources.ts` of a new project. */
export function sampleDefinition(title: string, sample: SampleChoice): string {
  const description = {
    answer: "Summaries of texts, paid per 1,000 characters.",
    job: "Patterns drawn on demand, paid per pattern.",
    both: "Summaries of texts and patterns on demand, paid per use.",
  }[sample];
  const resources = resourcesOf(sample).map((name) => TEXTS[name]);
  return `import { defineApi, price, resource } from "resource402";
import { z } from "zod";

/** What is for sale, and for how much. After a change: \`npm run generate\`; \`npm run dev\` does it by itself. */
export default defineApi({
  title: ${string(title)},
  version: "0.1.0",
  description: ${string(description)},
  resources: {
${resources.join("")}  },
});
`;
}

const TEXTS = {
  summarise: `    // A synchronous resource. It is charged only when it succeeds.
    summarise: resource({
      summary: "Summarise a text in its own most telling sentences.",
      description: "Sentences are chosen by the words that the text uses most, and stay in their order.",
      input: z.object({
        text: z.string().min(1).max(20_000).describe("The text, in any language."),
        sentences: z.number().int().min(1).max(10).default(3).describe("How many sentences to keep at most."),
      }),
      output: z.object({
        summary: z.string().describe("The sentences that were kept."),
        sentences: z.number().int().describe("How many sentences the text has."),
        words: z.number().int().describe("How many words the text has."),
      }),
      price: price.perUnit("text", "0.002", { unit: 1000, per: "1,000 characters" }),
      timeout: "10s",
      errors: { no_sentence: "The text holds no sentence." },
      examples: [
        {
          input: { text: "Bees make honey. Bees live in hives, and bees dance. It rained.", sentences: 1 },
          output: { summary: "Bees live in hives, and bees dance.", sentences: 3, words: 12 },
        },
      ],
      tags: ["Texts"],
    }),
`,
  drawPattern: `    // Runs as a job: accepted and paid at once, then done in the background while the buyer sees its progress.
    drawPattern: resource({
      summary: "Draw a pattern of circles as SVG.",
      description: "The same words and colours always give the same pattern.",
      input: z.object({
        words: z.string().min(1).max(200).describe("Words that the pattern is made from."),
        size: z
          .enum(["small", "medium", "large"])
          .default("medium")
          .describe("How many circles: 64, 256 or 1,024."),
        colours: z.enum(["dusk", "meadow", "ember"]).default("dusk").describe("Name of the colours to use."),
      }),
      output: z.object({
        svg: z.string().describe("The pattern as an SVG document."),
        circles: z.number().int().describe("How many circles were drawn."),
      }),
      price: price.byChoice("size", { small: "0.01", medium: "0.02", large: "0.05" }, { per: "pattern" }),
      job: { timeout: "1m", retention: "24h" },
      errors: { no_letter: "The words hold no letter to draw from." },
      examples: [
        {
          input: { words: "rain on the roof", size: "small", colours: "meadow" },
          output: {
            svg: '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100"><circle cx="50" cy="50" r="9"/></svg>',
            circles: 64,
          },
        },
      ],
      tags: ["Patterns"],
    }),
`,
} as const;
