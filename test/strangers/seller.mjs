// A seller made with a package of the ecosystem: `node seller.mjs <kind> <facilitator> <payTo>`. Prints its port.
import { once } from "node:events";
import { createServer } from "node:http";

const [kind = "", url = "", payTo = ""] = process.argv.slice(2);
const BYTES = Buffer.from([0x50, 0x4b, 3, 4, 0xff, 0xfe, 0x80, 0]);
/** What each path answers: status, media type, body. */
const ANSWERS = {
  "/json": [200, "application/json", JSON.stringify({ ok: true })],
  "/created": [201, "application/json", JSON.stringify({ orderId: "o1" })],
  "/job": [202, "application/json", JSON.stringify({ job_id: "1", status_url: "/jobs/1" })],
  "/bytes": [200, "application/zip", BYTES],
  "/text": [200, "text/plain", "42"],
};
const STATUS = JSON.stringify({ status: "COMPLETED", output: { ok: true } });
const paths = Object.keys(ANSWERS).map((path) => `POST ${path}`);
const routes = (route) => Object.fromEntries(paths.map((path) => [path, route]));
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
  const app = new Hono();
  app.use(middleware);
  for (const [path, [status, type, body]] of Object.entries(ANSWERS)) {
    app.post(path, (c) => c.body(body, status, { "content-type": type }));
  }
  app.get("/jobs/1", (c) => c.body(STATUS, 200, { "content-type": "application/json" }));
  return getRequestListener(app.fetch);
}

async function withExpress(middleware) {
  const { default: express } = await import("express");
  const app = express();
  app.use(middleware);
  for (const [path, [status, type, body]] of Object.entries(ANSWERS)) {
    app.post(path, (_, response) => void response.status(status).set("content-type", type).end(body));
  }
  app.get("/jobs/1", (_, response) => void response.type("json").end(STATUS));
  return app;
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

const server = createServer(await KINDS[kind]());
server.listen(0, "127.0.0.1");
await once(server, "listening");
console.log(server.address().port);
