import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** The studio's colours, dark to light. */
export const PALETTES = {
  dusk: ["#1b1b3a", "#693668", "#a74482", "#ff8fb1"],
  meadow: ["#12372a", "#436850", "#adbc9f", "#fbfada"],
  ember: ["#2b0a0a", "#7a1e1e", "#d9541e", "#ffc857"],
} as const;

/** Keeps drawn images in a folder and hands them out by name. */
export interface Gallery {
  /** Stores an image and returns its address. */
  keep(prompt: string, png: Uint8Array): Promise<string>;
  /** The image at an address of this gallery, or `undefined`. */
  find(imageUrl: string): Promise<Uint8Array | undefined>;
  /** Answers requests for images; `undefined` for everything else. */
  serve(request: Request): Promise<Response | undefined>;
}

export function createGallery(folder: string, baseUrl: () => string): Gallery {
  const prefix = "/images/";
  const read = (name: string): Promise<Uint8Array | undefined> =>
    /^[0-9a-f]{16}\.png$/.test(name)
      ? readFile(join(folder, name)).catch(() => undefined)
      : Promise.resolve(undefined);
  return {
    async keep(prompt, png) {
      const name = `${createHash("sha256").update(prompt).update(png).digest("hex").slice(0, 16)}.png`;
      await mkdir(folder, { recursive: true });
      await writeFile(join(folder, name), png);
      return `${baseUrl()}${prefix}${name}`;
    },
    async find(imageUrl) {
      const start = `${baseUrl()}${prefix}`;
      return imageUrl.startsWith(start) ? read(imageUrl.slice(start.length)) : undefined;
    },
    async serve(request) {
      const { pathname } = new URL(request.url);
      if (request.method !== "GET" || !pathname.startsWith(prefix)) return undefined;
      const image = await read(pathname.slice(prefix.length));
      return image
        ? new Response(new Uint8Array(image), { headers: { "content-type": "image/png" } })
        : new Response("No such image.", { status: 404 });
    },
  };
}
