import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { report } from "./report.ts";
import { OUTPUT, PATH } from "./route.ts";

const app = new Hono();
app.post(PATH, (c) => c.json(OUTPUT));

serve({ fetch: app.fetch, hostname: "127.0.0.1", port: 0 }, ({ port }) => report(port));
