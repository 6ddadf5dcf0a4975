// Written once by `resource402 generate`; yours to edit.
import { notImplemented } from "resource402/server";
import type { Handlers } from "../server.gen.ts";

/**
 * Do something later.
 *
 * Replace `notImplemented` by your function: `async (input, ctx) => ({ done: …, told: … })`.
 * Until then the server answers 501 and takes no payment.
 */
export const schedule: Handlers["schedule"] = notImplemented;
