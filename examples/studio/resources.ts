import { defineApi, price, resource } from "resource402";
import { z } from "zod";

export default defineApi({
  title: "Pixel Studio",
  version: "1.0.0",
  description: "Pictures on demand, paid per picture.",
  contact: { name: "Pixel Studio", url: "https://pixel.example", email: "hello@pixel.example" },
  license: { name: "Terms of use", url: "https://pixel.example/terms" },
  servers: [{ url: "https://api.pixel.example", description: "Production." }],
  resources: {
    generateImage: resource({
      summary: "Draw an image from a text prompt.",
      description: "The same prompt and palette always give the same image.",
      input: z.object({
        prompt: z
          .string()
          .min(1)
          .max(1000)
          .describe("What to draw. Be specific about style, colours and composition."),
        quality: z
          .enum(["draft", "standard", "high"])
          .default("standard")
          .describe("Higher quality is larger and takes longer."),
        palette: z.enum(["dusk", "meadow", "ember"]).default("dusk").describe("Name of the colours to use."),
      }),
      output: z.object({
        imageUrl: z.url().describe("Address of the PNG image, kept for 24 hours."),
        width: z.number().int().describe("Width and height of the image in pixels."),
      }),
      price: price.byChoice("quality", { draft: "0.02", standard: "0.05", high: "0.10" }, { per: "image" }),
      job: { timeout: "2m", retention: "24h", artifactUrl: "imageUrl" },
      errors: { content_filtered: "The prompt was refused by moderation." },
      costs: { compute: "0.008", storage: "0.001", margin: 0.3 },
      tags: ["Images"],
      examples: [
        {
          input: { prompt: "a lighthouse in a storm, woodcut", quality: "high", palette: "ember" },
          output: { imageUrl: "https://api.pixel.example/images/8aa9ce47daa3c285.png", width: 512 },
        },
      ],
    }),
    caption: resource({
      summary: "Describe an image in one sentence.",
      input: z.object({
        imageUrl: z.url().max(2000).describe("Address of an image drawn by this studio."),
        tone: z.enum(["plain", "witty"]).default("plain").describe("Style of the sentence."),
      }),
      output: z.object({ caption: z.string().describe("One sentence.") }),
      price: price.fixed("0.01", { per: "caption" }),
      timeout: "20s",
      errors: { unknown_image: "The address is not that of an image drawn by this studio." },
      tags: ["Images"],
      examples: [
        {
          input: { imageUrl: "https://api.pixel.example/images/8aa9ce47daa3c285.png", tone: "witty" },
          output: { caption: "A lighthouse that has seen worse storms, and says so." },
        },
      ],
    }),
    palette: resource({
      summary: "List the colours of a palette.",
      input: z.object({
        name: z.enum(["dusk", "meadow", "ember"]).describe("Name of the palette."),
      }),
      output: z.object({
        colours: z
          .array(z.string().max(7).describe("A colour as #rrggbb."))
          .max(8)
          .describe("The colours, dark to light."),
      }),
      price: price.free(),
      method: "GET",
      path: "/v1/palettes/:name",
      timeout: "5s",
      tags: ["Palettes"],
      examples: [
        { input: { name: "ember" }, output: { colours: ["#2b0a0a", "#7a1e1e", "#d9541e", "#ffc857"] } },
      ],
    }),
  },
});
