import { type Listening, listen } from "resource402/node";
import type { PaymentOptions } from "resource402/server";
import { complete } from "./handlers/complete.ts";
import { createServer } from "./server.gen.ts";

export interface MillOptions {
  readonly payments: PaymentOptions;
  readonly port?: number;
  /** True only on one machine: in production, callbacks go to public https addresses only. */
  readonly isLocal?: boolean;
}

/** Serves the API. Refunds of failed jobs are paid when `payments.refunds` names an account. */
export function openMill({ payments, port = 0, isLocal = false }: MillOptions): Promise<Listening> {
  const server = createServer({
    handlers: { complete },
    payments,
    callbacks: { allowPrivate: isLocal },
    log: "warn",
  });
  return listen(server, { port, hostname: "127.0.0.1" });
}
