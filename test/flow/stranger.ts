import { serve } from "@hono/node-server";
import { x402ResourceServer } from "@x402/core/server";
import { ExactEvmScheme } from "@x402/evm/exact/server";
import { paymentMiddleware } from "@x402/hono";
import { Hono } from "hono";
import { type ClientOptions, type Connection, connect } from "resource402/client";
import { evmPayer } from "resource402/evm";
import { startWorld, type World } from "resource402/testing";

/** A seller made with the official packages, on a port of this machine, and a buyer with our client. */
export interface Stranger {
  readonly world: World;
  readonly url: string;
  /** Requests that reached the seller's own code, by path. */
  readonly runs: Record<string, number>;
  connect(options?: Partial<ClientOptions>): Connection;
  /** Atomic units that have left the buyer. */
  paid(): Promise<bigint>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Everything below `/paid` costs $0.01; the rest is free. On a real chain, unless `chain` is false. */
export async function openStranger(
  build: (app: Hono) => void,
  { chain = true, maxTimeoutSeconds = 300 }: { chain?: boolean; maxTimeoutSeconds?: number } = {},
): Promise<Stranger> {
  const world = await startWorld({ chain });
  const start = await world.balanceOf(world.buyer.address);
  const core = new x402ResourceServer(world.facilitator).register("eip155:84532", new ExactEvmScheme());
  const accepts = {
    scheme: "exact",
    payTo: world.seller.address,
    price: "$0.01",
    network: "eip155:84532",
    maxTimeoutSeconds,
  } as const;
  const runs: Record<string, number> = {};
  const app = new Hono();
  app.use(paymentMiddleware({ "/paid/*": { accepts, description: "Something." } }, core));
  app.use(async (c, next) => {
    runs[c.req.path] = (runs[c.req.path] ?? 0) + 1;
    await next();
  });
  build(app);
  const server = serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" });
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as { port: number };
  const url = `http://127.0.0.1:${port}`;
  return {
    world,
    url,
    runs,
    connect: (options = {}) => connect({ baseUrl: url, payer: evmPayer(world.buyer), ...options }),
    paid: async () => start - (await world.balanceOf(world.buyer.address)),
    async [Symbol.asyncDispose]() {
      await new Promise((resolve) => server.close(resolve));
      await world.stop();
    },
  };
}

/** The definition of an operation of that seller. */
export function operation(name: string, more: object = {}) {
  const price = { kind: "fixed", usd: "0.01", per: "call" } as const;
  return { name, method: "POST", path: `/paid/${name}`, price, ...more } as const;
}
