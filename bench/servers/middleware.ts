import { serve } from "@hono/node-server";
import { ExactEvmScheme } from "@x402/evm/exact/server";
import { paymentMiddleware, x402ResourceServer } from "@x402/hono";
import { Hono } from "hono";
import { stubFacilitator } from "./facilitator.ts";
import { report } from "./report.ts";
import { NETWORK, OUTPUT, PATH, PAY_TO, PRICE, SUMMARY } from "./route.ts";

interface Told {
  readonly extra?: Record<string, unknown>;
  readonly extensions?: Record<string, unknown>;
}

/** The route behind the official middleware, as in the README of @x402/hono; with what its challenge tells besides. */
export function sellOfficially({ extra, extensions }: Told = {}): void {
  const resourceServer = new x402ResourceServer(stubFacilitator).register(NETWORK, new ExactEvmScheme());
  const accepts = {
    scheme: "exact",
    price: `$${PRICE}`,
    network: NETWORK,
    payTo: PAY_TO,
    ...(extra && { extra }),
  } as const;
  const routes = {
    [`POST ${PATH}`]: {
      accepts,
      description: SUMMARY,
      mimeType: "application/json",
      ...(extensions && { extensions }),
    },
  };
  const app = new Hono();
  app.use(paymentMiddleware(routes, resourceServer));
  app.post(PATH, (c) => c.json(OUTPUT));
  serve({ fetch: app.fetch, hostname: "127.0.0.1", port: 0 }, ({ port }) => report(port));
}
