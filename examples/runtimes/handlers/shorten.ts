import type { Handlers } from "../server.gen.ts";

/** Shorten a text to its first sentence. */
export const shorten: Handlers["shorten"] = ({ text }, ctx) => {
  const [sentence] = /^[^.!?]*[.!?]/.exec(text) ?? [];
  return sentence === undefined ? ctx.fail("no_sentence") : { text: sentence };
};
