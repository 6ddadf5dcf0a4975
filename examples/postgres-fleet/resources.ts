import { defineApi, price, resource } from "resource402";
import { z } from "zod";

export default defineApi({
  title: "Film Lab",
  version: "1.0.0",
  description: "Renders short films, paid per frame.",
  servers: [{ url: "https://api.filmlab.example", description: "Production." }],
  resources: {
    render: resource({
      summary: "Render a film.",
      input: z.object({
        title: z.string().min(1).max(100).describe("What the film shows."),
        frames: z.number().int().min(1).max(500).describe("How long the film is, in frames."),
      }),
      output: z.object({
        frames: z.number().int().describe("How many frames were rendered."),
        renderedBy: z.string().describe("The worker that rendered the last frame."),
        attempt: z.number().int().describe("1, or more when a worker was lost."),
      }),
      price: price.perUnit("frames", "0.001", { per: "frame" }),
      job: { timeout: "5m", retention: "24h" },
      errors: { too_dark: "The film cannot be rendered: its title is too dark." },
      examples: [
        {
          input: { title: "a lighthouse", frames: 24 },
          output: { frames: 24, renderedBy: "worker-1", attempt: 1 },
        },
      ],
    }),
  },
});
