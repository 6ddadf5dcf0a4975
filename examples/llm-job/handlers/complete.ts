import { tokensOf } from "../model.ts";
import type { Handlers } from "../server.gen.ts";

/** How much of the text a progress message shows, in characters. */
const SHOWN = 80;

/** Write a text that follows a prompt. */
export const complete: Handlers["complete"] = async ({ prompt, model, maxTokens }, ctx) => {
  if (/\bforbidden\b/i.test(prompt)) return ctx.fail("content_filtered");
  const written: string[] = [];
  for await (const token of tokensOf(prompt, model, maxTokens, ctx.signal)) {
    written.push(token);
    // The buyer reads the text while it is written. Updates that come too fast are merged.
    ctx.progress((100 * written.length) / maxTokens, written.join(" ").slice(-SHOWN));
  }
  return { text: written.join(" "), tokens: written.length };
};
