/** One resource of a large API, as source text of zod: fields in the order in which they are declared. */
export interface LargeResource {
  readonly name: string;
  readonly path: string;
  readonly summary: string;
  readonly input: string;
  readonly output: string;
  /** `price`, `job` or `timeout`, and `errors`: what is ours alone. */
  readonly terms: string;
  /** A call that names only what it must. */
  readonly call: string;
}

type Template = Omit<LargeResource, "name" | "path"> & { readonly stem: string };

/** Two jobs and two that answer at once, so that half of every API are jobs. */
const TEMPLATES: readonly Template[] = [
  {
    stem: "drawImage",
    summary: "Draw an image from a text prompt.",
    input: `z.object({
    prompt: z.string().min(1).max(1000).describe("What to draw. Be specific about style and composition."),
    quality: z.enum(["draft", "standard", "high"]).default("standard").describe("Higher quality takes longer."),
    aspect: z.enum(["square", "wide", "tall"]).default("square").describe("Shape of the image."),
    count: z.number().int().min(1).max(4).default(1).describe("How many variants to draw."),
    seed: z.number().int().min(0).max(4294967295).optional().describe("The same seed draws the same image."),
    style: z.string().max(200).optional().describe("Name of a style, such as watercolour."),
  })`,
    output: `z.object({
    imageUrl: z.url().describe("The image, kept for 24 hours."),
    width: z.number().int().describe("Width in pixels."),
    height: z.number().int().describe("Height in pixels."),
  })`,
    terms: `price: price.byChoice("quality", { draft: "0.02", standard: "0.05", high: "0.10" }, { per: "image" }),
    job: { timeout: "2m", retention: "24h" },
    errors: { content_filtered: "The prompt was refused by moderation." },`,
    call: `{ prompt: "a lighthouse" }`,
  },
  {
    stem: "captionImage",
    summary: "Describe an image in one sentence.",
    input: `z.object({
    imageUrl: z.url().max(2000).describe("Public address of the image."),
    tone: z.enum(["plain", "witty", "poetic"]).default("plain").describe("Style of the sentence."),
    language: z.enum(["en", "de", "fr", "es", "ja"]).default("en").describe("Language of the sentence."),
    words: z.number().int().min(3).max(60).default(20).describe("About how many words to write."),
    context: z.string().max(500).optional().describe("What the reader knows already."),
  })`,
    output: `z.object({
    caption: z.string().describe("One sentence."),
    confidence: z.number().min(0).max(1).describe("How sure the model is, from 0 to 1."),
  })`,
    terms: `price: price.fixed("0.01", { per: "caption" }),
    timeout: "20s",`,
    call: `{ imageUrl: "https://example.com/lighthouse.png" }`,
  },
  {
    stem: "transcribeAudio",
    summary: "Write down what is said in a recording.",
    input: `z.object({
    audioUrl: z.url().max(2000).describe("Public address of the recording."),
    minutes: z.number().min(0.1).max(240).describe("Length of the recording in minutes."),
    language: z.enum(["auto", "en", "de", "fr"]).default("auto").describe("Language that is spoken."),
    speakers: z.boolean().default(false).describe("Tell speakers apart."),
    vocabulary: z.array(z.string().max(60)).max(100).default([]).describe("Names and terms to listen for."),
    format: z.enum(["text", "srt", "vtt"]).default("text").describe("How the transcript is written."),
  })`,
    output: `z.object({
    transcript: z.string().describe("What was said."),
    segments: z.array(z.object({
      start: z.number().describe("Seconds from the beginning."),
      text: z.string().describe("What was said from here."),
    })).describe("The transcript in pieces."),
  })`,
    terms: `price: price.perUnit("minutes", "0.006", { per: "minute", max: "1.50" }),
    job: { timeout: "10m", retention: "24h" },
    errors: { unreadable_audio: "The recording could not be read." },`,
    call: `{ audioUrl: "https://example.com/talk.mp3", minutes: 12.5 }`,
  },
  {
    stem: "findCompanies",
    summary: "Find companies by name, place and trade.",
    input: `z.object({
    query: z.string().min(2).max(200).describe("Name, or part of a name."),
    country: z.enum(["any", "de", "us", "gb", "jp"]).default("any").describe("Where the company is registered."),
    founded: z.object({
      from: z.number().int().min(1600).max(2100).optional().describe("First year."),
      to: z.number().int().min(1600).max(2100).optional().describe("Last year."),
    }).optional().describe("When the company was founded."),
    active: z.boolean().default(true).describe("Leave out companies that have been dissolved."),
    limit: z.number().int().min(1).max(100).default(20).describe("How many to return at most."),
  })`,
    output: `z.object({
    companies: z.array(z.object({
      name: z.string().describe("Registered name."),
      country: z.string().describe("Country code."),
      status: z.enum(["active", "dissolved"]).describe("Whether it still exists."),
    })).describe("The best matches first."),
    total: z.number().int().describe("How many there are in all."),
  })`,
    terms: `price: price.fixed("0.002", { per: "search" }),
    timeout: "5s",`,
    call: `{ query: "lighthouse" }`,
  },
];

/** `count` resources. No two have the same name; all have five or six described fields. */
export function largeApi(count: number): readonly LargeResource[] {
  return Array.from({ length: count }, (_, index) => {
    const { stem, ...template } = TEMPLATES[index % TEMPLATES.length] as Template;
    const number = Math.floor(index / TEMPLATES.length) + 1;
    return { ...template, name: `${stem}${number}`, path: `/v1/${stem}-${number}` };
  });
}

/** The large API in our definition language: the text of `resources.ts`. */
export function definitionOf(resources: readonly LargeResource[]): string {
  const entries = resources.map(
    ({ name, path, summary, input, output, terms }) => `  ${name}: resource({
    summary: "${summary}",
    path: "${path}",
    input: ${input},
    output: ${output},
    ${terms}
  }),
`,
  );
  return `import { defineApi, price, resource } from "resource402";
import { z } from "zod";

export default defineApi({
  title: "Large",
  version: "1.0.0",
  description: "As large as an API gets.",
  resources: {
${entries.join("")}  },
});
`;
}
