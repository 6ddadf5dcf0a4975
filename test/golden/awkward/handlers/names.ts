// Written once by `resource402 generate`; yours to edit.
import { notImplemented } from "resource402/server";
import type { Handlers } from "../server.gen.ts";

/**
 * Take fields with names that are no identifiers.
 *
 * Replace `notImplemented` by your function: `async (input, ctx) => ({ ok: … })`.
 * Until then the server answers 501 and takes no payment.
 */
export const names: Handlers["names"] = notImplemented;
