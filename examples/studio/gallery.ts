import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The studio's colours, dark to light. */
export const PALETTES = {
  dusk: ["#1b1b3a", "#693668", "#a74482", "#ff8fb1"],
  meadow: ["#12372a", "#436850", "#adbc9f", "#fbfada"],
  ember: ["#2b0a0a", "#7a1e1e", "#d9541e", "#ffc857"],
} as const;

/** Keeps drawn images in a folder and hands them out by name. */
export interface Gallery {
  /** Says under which address the images are served. */
  publishAt(baseUrl: string): void;
  /** Stores an image and returns its address. */
  keep(prompt: string, png: Uint8Array): Promise<string>;
  /** The image at an address of this gallery, or `undefined`. */
  find(imageUrl: string): Promise<Uint8Array | undefined>;
  /** Answers requests for images; `undefined` for everything else. */
  serve(request: Request): Promise<Response | undefined>;
}

const PREFIX = "/images/";

function createGallery(folder: string): Gallery {
  let base = "";
  const read = (name: string): Promise<Uint8Array | undefined> =>
    /^[0-9a-f]{16}\.png$/.test(name)
      ? readFile(join(folder, name)).catch(() => undefined)
      : Promise.resolve(undefined);
  return {
    publishAt(baseUrl) {
      base = baseUrl + PREFIX;
    },
    async keep(prompt, png) {
      const name = `${createHash("sha256").update(prompt).update(png).digest("hex").slice(0, 16)}.png`;
      await mkdir(folder, { recursive: true });
      await writeFile(join(folder, name), png);
      return base + name;
    },
    async find(imageUrl) {
      return imageUrl.startsWith(base) ? read(imageUrl.slice(base.length)) : undefined;
    },
    async serve(request) {
      const { pathname } = new URL(request.url);
      if (request.method !== "GET" || !pathname.startsWith(PREFIX)) return undefined;
      const image = await read(pathname.slice(PREFIX.length));
      return image
        ? new Response(new Uint8Array(image), { headers: { "content-type": "image/png" } })
        : new Response("No such image.", { status: 404 });
    },
  };
}

/** The studio's own gallery. */
export const gallery = createGallery(fileURLToPath(new URL("./out/", import.meta.url)));
