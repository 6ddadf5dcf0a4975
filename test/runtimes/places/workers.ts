import { makeServer, type Setting } from "../api/server.ts";

declare const SETTING: Setting;

// At the top of the module, where Workers allow nothing random, timed or opened.
const server = makeServer(SETTING);

export default {
  fetch: (request: Request, _env: unknown, ctx: { waitUntil(promise: Promise<unknown>): void }) =>
    server.fetch(request, { waitUntil: (promise) => ctx.waitUntil(promise) }),
};
