// Written once by `resource402 generate`; yours to edit.
import { notImplemented } from "resource402/server";
import type { Handlers } from "../server.gen.ts";

/**
 * Look up a word.
 *
 * Replace `notImplemented` by your function: `async (input, ctx) => ({ word: … })`.
 * Until then the server answers 501 and takes no payment.
 */
export const word: Handlers["word"] = notImplemented;
