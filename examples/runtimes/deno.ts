import { env } from "node:process";
import { sqliteStore } from "resource402/sqlite";
import { openServer } from "./server.ts";

// Deno declares itself in its own editor support.
declare const Deno: { serve(options: object, fetch: (request: Request) => Promise<Response>): unknown };

const server = openServer(env, { store: sqliteStore(env.DATABASE ?? "./api.db") });
await server.start();
Deno.serve({ port: Number(env.PORT), hostname: "127.0.0.1" }, (request) => server.fetch(request));
