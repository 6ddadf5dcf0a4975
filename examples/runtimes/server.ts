import type { Server, ServerOptions } from "resource402/server";
import { countWords } from "./handlers/countWords.ts";
import { shorten } from "./handlers/shorten.ts";
import { createServer, type Handlers } from "./server.gen.ts";

/**
 * The settings of every place, from environment variables or from the bindings of a Worker: `PAY_TO`, the address that is
 * paid, and `FACILITATOR_URL`.
 */
export type Settings = Readonly<Record<string, string | undefined>>;

/** The same API in every place. `more` is what one place needs besides. */
export function openServer(settings: Settings, more: Partial<ServerOptions<Handlers>> = {}): Server {
  const { PAY_TO = "", FACILITATOR_URL = "" } = settings;
  return createServer({
    handlers: { countWords, shorten },
    payments: { accepts: [{ network: "eip155:84532", payTo: PAY_TO }], facilitator: FACILITATOR_URL },
    log: "warn",
    ...more,
  });
}
