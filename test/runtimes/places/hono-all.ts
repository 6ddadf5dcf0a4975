import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { makeServer } from "../api/server.ts";
import { port, setting } from "./setting.ts";

const server = makeServer(setting, { basePath: "/api" });
await server.start();
const app = new Hono();
app.all("/api/*", (c) => server.fetch(c.req.raw));
serve({ fetch: app.fetch, port, hostname: "127.0.0.1" });
