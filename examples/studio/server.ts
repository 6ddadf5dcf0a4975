import { type Listening, listen } from "resource402/node";
import type { PaymentOptions } from "resource402/server";
import { sqliteStore } from "resource402/sqlite";
import { gallery } from "./gallery.ts";
import { caption } from "./handlers/caption.ts";
import { generateImage } from "./handlers/generateImage.ts";
import { palette } from "./handlers/palette.ts";
import { createServer } from "./server.gen.ts";

/** Serves the studio and its images, with its ledger in the file `ledger`. Port 0 takes a free one. */
export async function openStudio(payments: PaymentOptions, ledger: string, port = 0): Promise<Listening> {
  const server = createServer({
    handlers: { caption, generateImage, palette },
    payments,
    store: sqliteStore(ledger),
    log: process.env.LOG === "info" ? "info" : "warn",
  });
  const fetch = async (request: Request) => (await gallery.serve(request)) ?? server.fetch(request);
  const listening = await listen({ ...server, fetch }, { port, hostname: "127.0.0.1" });
  gallery.publishAt(listening.url);
  return listening;
}
