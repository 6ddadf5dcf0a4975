// Written once by `resource402 generate`; yours to edit.
import { notImplemented } from "resource402/server";
import type { Handlers } from "../server.gen.ts";

/**
 * Say that the API is there.
 *
 * Replace `notImplemented` by your function: `async (input, ctx) => ({ open: … })`.
 * Until then the server answers 501.
 */
export const ping: Handlers["ping"] = notImplemented;
