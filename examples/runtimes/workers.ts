import { env } from "cloudflare:workers";
import { openServer, type Settings } from "./server.ts";

// At the top of the module, where Workers allow nothing random, timed or opened.
const server = openServer(env as unknown as Settings);

export default {
  // Without waitUntil, jobs are refused before any money moves.
  fetch: (request: Request, _env: unknown, ctx: { waitUntil(promise: Promise<unknown>): void }) =>
    server.fetch(request, { waitUntil: (promise) => ctx.waitUntil(promise) }),
};
