import type { Handlers } from "../server.gen.ts";

/** Count the words of a text. */
export const countWords: Handlers["countWords"] = ({ text }, ctx) => {
  const words = text.match(/\p{L}+/gu)?.length ?? 0;
  return words === 0 ? ctx.fail("no_words") : { words };
};
