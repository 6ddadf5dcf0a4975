// Written once by `resource402 generate`; yours to edit.
import { notImplemented } from "resource402/server";
import type { Handlers } from "../server.gen.ts";

/**
 * Describe a picture.
 *
 * Replace `notImplemented` by your function: `async (input, ctx) => ({ text: … })`.
 * Until then the server answers 501 and takes no payment.
 */
export const caption: Handlers["caption"] = notImplemented;
