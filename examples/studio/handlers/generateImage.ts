import { setTimeout as pause } from "node:timers/promises";
import { toPng } from "jdenticon";
import { gallery, PALETTES } from "../gallery.ts";
import type { Handlers } from "../server.gen.js";

const WIDTHS = { draft: 128, standard: 512, high: 1024 } as const;
/** Drawing is quick; this is what a real model would make the buyer wait. */
const STEP_MS = 400;

/** Draw an image from a text prompt. */
export const generateImage: Handlers["generateImage"] = async ({ prompt, quality, palette }, ctx) => {
  if (/\bforbidden\b/i.test(prompt)) return ctx.fail("content_filtered");
  const width = WIDTHS[quality];
  let png: Uint8Array = new Uint8Array();
  let imageUrl = "";
  await ctx.steps([
    { title: "reading the prompt", run: () => pause(STEP_MS, undefined, { signal: ctx.signal }) },
    { title: "sketching", run: () => pause(STEP_MS, undefined, { signal: ctx.signal }) },
    {
      title: "colouring",
      run: async () => {
        png = toPng(`${palette}: ${prompt}`, width, {
          backColor: PALETTES[palette][3],
          hues: palette === "dusk" ? [300] : palette === "meadow" ? [130] : [20],
        });
        await pause(STEP_MS, undefined, { signal: ctx.signal });
      },
    },
    {
      title: "hanging it up",
      run: async () => {
        imageUrl = await gallery.keep(prompt, png);
        await pause(STEP_MS, undefined, { signal: ctx.signal });
      },
    },
  ]);
  return { imageUrl, width };
};
