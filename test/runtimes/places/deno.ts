import { sqliteStore } from "resource402/sqlite";
import { makeServer } from "../api/server.ts";
import { port, setting } from "./setting.ts";

declare const Deno: { serve(options: object, fetch: (request: Request) => Promise<Response>): unknown };

const server = makeServer(setting, { store: sqliteStore(":memory:") });
await server.start();
Deno.serve({ port, hostname: "127.0.0.1" }, (request) => server.fetch(request));
