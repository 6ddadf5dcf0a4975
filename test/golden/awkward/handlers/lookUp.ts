// Written once by `resource402 generate`; yours to edit.
import { notImplemented } from "resource402/server";
import type { Handlers } from "../server.gen.ts";

/**
 * Read a page of a book.
 *
 * Replace `notImplemented` by your function: `async (input, ctx) => ({ text: … })`.
 * Until then the server answers 501.
 */
export const lookUp: Handlers["lookUp"] = notImplemented;
