// Written once by `resource402 generate`; yours to edit.
import { notImplemented } from "resource402/server";
import type { Handlers } from "../server.gen.ts";

/**
 * Draw a picture in four steps.
 *
 * Replace `notImplemented` by your function: `async (input, ctx) => ({ text: … })`.
 * Until then the server answers 501 and takes no payment.
 */
export const render: Handlers["render"] = notImplemented;
