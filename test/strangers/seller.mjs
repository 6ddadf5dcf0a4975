// A seller made with an official package, of either version: `node seller.mjs <kind> <facilitator> <payTo>`. Prints its port.
import { listen, PATHS, sellWithExpress, sellWithHono } from "./goods.mjs";

const [kind = "", url = "", payTo = ""] = process.argv.slice(2);
const routes = (route) => Object.fromEntries(PATHS.map((path) => [`POST ${path}`, route]));
const version1 = routes({ price: "$0.01", network: "base-sepolia" });
const accepts = { scheme: "exact", price: "$0.01", network: "eip155:84532", payTo };

async function coreOf() {
  const [{ HTTPFacilitatorClient, x402ResourceServer }, { ExactEvmScheme }] = await Promise.all([
    import("@x402/core/server"),
    import("@x402/evm/exact/server"),
  ]);
  return new x402ResourceServer(new HTTPFacilitatorClient({ url })).register(
    "eip155:84532",
    new ExactEvmScheme(),
  );
}

async function withHono(middleware) {
  const [{ Hono }, { getRequestListener }] = await Promise.all([import("hono"), import("@hono/node-server")]);
  return getRequestListener(sellWithHono(new Hono(), middleware).fetch);
}

async function withExpress(middleware) {
  const { default: express } = await import("express");
  return sellWithExpress(express(), middleware);
}

const KINDS = {
  "@x402/hono": async () =>
    withHono((await import("@x402/hono")).paymentMiddleware(routes({ accepts }), await coreOf())),
  "@x402/express": async () =>
    withExpress((await import("@x402/express")).paymentMiddleware(routes({ accepts }), await coreOf())),
  "x402-hono": async () => withHono((await import("x402-hono")).paymentMiddleware(payTo, version1, { url })),
  "x402-express": async () =>
    withExpress((await import("x402-express")).paymentMiddleware(payTo, version1, { url })),
};

await listen(await KINDS[kind]());
