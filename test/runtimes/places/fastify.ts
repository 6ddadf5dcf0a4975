import fastify from "fastify";
import { toNodeHandler } from "resource402/node";
import { makeServer } from "../api/server.ts";
import { port, setting } from "./setting.ts";

const app = fastify({ bodyLimit: 2 * 1024 * 1024 });
app.all("/*", toNodeHandler(makeServer(setting)));
await app.listen({ port, host: "127.0.0.1" });
