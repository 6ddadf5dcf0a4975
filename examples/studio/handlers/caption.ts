import { gallery } from "../gallery.ts";
import type { Handlers } from "../server.gen.js";

/** Describe an image in one sentence. */
export const caption: Handlers["caption"] = async ({ imageUrl, tone }, ctx) => {
  const png = await gallery.find(imageUrl);
  if (!png) return ctx.fail("unknown_image");
  // The width and height of a PNG stand behind its signature and the head of its first chunk (PNG §11.2.1).
  const head = new DataView(png.buffer, png.byteOffset + 16, 8);
  const size = `${head.getUint32(0)} by ${head.getUint32(4)} pixels`;
  return tone === "plain"
    ? { caption: `A symmetrical pattern of ${size}.` }
    : {
        caption: `A pattern of ${size} that is the same whichever way you turn it, unlike its owner's mood.`,
      };
};
