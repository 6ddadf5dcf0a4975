import { env } from "node:process";
import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { openServer } from "../api/server.ts";

const server = openServer(env);
await server.start();
const app = new Hono();
app.all("*", (c) => server.fetch(c.req.raw));
serve({ fetch: app.fetch, port: Number(env.PORT), hostname: "127.0.0.1" });
