import { env } from "node:process";
import { setTimeout as pause } from "node:timers/promises";
import type { Handlers } from "../server.gen.ts";

const { WORKER = "worker" } = env;

/** Render a film. */
export const render: Handlers["render"] = async ({ frames }, ctx) => {
  for (let frame = 1; frame <= frames; frame += 1) {
    // The work. A real one keeps its frames under `ctx.jobId`, and skips those that it finds.
    await pause(50, undefined, { signal: ctx.signal });
    ctx.progress((100 * frame) / frames, `frame ${frame} by ${WORKER}`);
  }
  return { frames, renderedBy: WORKER, attempt: ctx.attempt };
};
