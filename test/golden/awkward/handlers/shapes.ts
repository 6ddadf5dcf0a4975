// Written once by `resource402 generate`; yours to edit.
import { notImplemented } from "resource402/server";
import type { Handlers } from "../server.gen.ts";

/**
 * Take values of every shape.
 *
 * Replace `notImplemented` by your function: `async (input, ctx) => ({ url: …, rest: … })`.
 * Until then the server answers 501 and takes no payment.
 */
export const shapes: Handlers["shapes"] = notImplemented;
