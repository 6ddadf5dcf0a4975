import { env } from "node:process";
import { sqliteStore } from "resource402/sqlite";
import { openServer } from "./server.ts";

// Instead of @types/bun.
declare const Bun: { serve(options: object): unknown };

const server = openServer(env, { store: sqliteStore(env.DATABASE ?? "./api.db") });
await server.start();
Bun.serve({
  port: Number(env.PORT),
  hostname: "127.0.0.1",
  // Bun closes a held request after its default of 10 seconds.
  idleTimeout: 60,
  fetch: (request: Request) => server.fetch(request),
});
