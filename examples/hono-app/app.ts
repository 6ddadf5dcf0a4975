import { Hono } from "hono";
import type { PaymentOptions, Server } from "resource402/server";
import { day } from "./handlers/day.ts";
import { createServer } from "./server.gen.ts";

/** The application, and the server of its paid routes: start it before the first request, stop it at the end. */
export interface App {
  readonly app: Hono;
  readonly archive: Server;
}

export function createApp(payments: PaymentOptions): App {
  // As it was before: free routes, a middleware and an error page of its own.
  const app = new Hono();
  app.use(async (c, next) => {
    await next();
    c.header("x-served-by", "weather");
  });
  app.get("/", (c) => c.text("Weather. The forecast is at /forecast, the archive at /archive/docs."));
  app.get("/forecast", (c) => c.json({ tomorrow: "rain", highCelsius: 8 }));
  app.notFound((c) => c.text("Weather knows no such page.", 404));

  // New: everything under /archive is paid, and describes itself at /archive/openapi.json.
  const archive = createServer({ handlers: { day }, payments, basePath: "/archive", log: "warn" });
  app.mount("/archive", (request) => archive.fetch(request));
  return { app, archive };
}
