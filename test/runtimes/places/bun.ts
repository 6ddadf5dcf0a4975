import { sqliteStore } from "resource402/sqlite";
import { makeServer } from "../api/server.ts";
import { port, setting } from "./setting.ts";

declare const Bun: { serve(options: object): unknown };

const server = makeServer(setting, { store: sqliteStore(":memory:") });
await server.start();
// The default ends a held request after 10 seconds of silence.
Bun.serve({
  port,
  hostname: "127.0.0.1",
  idleTimeout: 60,
  fetch: (request: Request) => server.fetch(request),
});
