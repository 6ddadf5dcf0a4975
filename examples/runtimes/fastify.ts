import { env } from "node:process";
import fastify from "fastify";
import { toNodeHandler } from "resource402/node";
import { openServer } from "./server.ts";

// Fastify reads the body first: its limit must be at least that of the API (1 MiB unless `maxBodyBytes` is set).
const app = fastify({ bodyLimit: 2 * 1024 * 1024 });
app.get("/about", () => "A Fastify app.");
app.all("/*", toNodeHandler(openServer(env)));
await app.listen({ port: Number(env.PORT), host: "127.0.0.1" });
