// What every seller here answers, and how it listens. Imports no package: each seller has versions of its own.
import { once } from "node:events";
import { createServer } from "node:http";
import { json } from "node:stream/consumers";

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

export const PATHS = Object.keys(ANSWERS);

/** Adds the answers to a Hono application. */
export function sellWithHono(app, middleware) {
  app.use("*", (c, next) => (c.req.method === "POST" ? middleware(c, next) : next()));
  for (const [path, [status, type, body]] of Object.entries(ANSWERS)) {
    app.post(path, (c) => c.body(body, status, { "content-type": type }));
  }
  app.get("/jobs/1", (c) => c.body(STATUS, 200, { "content-type": "application/json" }));
  return app;
}

/** Adds the answers to an Express application. */
export function sellWithExpress(app, middleware) {
  for (const [path, [status, type, body]] of Object.entries(ANSWERS)) {
    app.post(
      path,
      middleware,
      (_, response) => void response.status(status).set("content-type", type).end(body),
    );
  }
  app.get("/jobs/1", (_, response) => void response.type("json").end(STATUS));
  return app;
}

/** Listens on loopback; the port. */
async function opened(handler) {
  const server = createServer(handler);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server.address().port;
}

/** Listens on loopback and prints the port. */
export async function listen(handler) {
  console.log(await opened(handler));
}

/** The facilitator as some packages expect it. `asked` changes what is sent to it, `said` its answers; returns its URL. */
export async function facilitatorBehind(url, { asked = (body) => body, said = (_, answer) => answer }) {
  const port = await opened(async (request, response) => {
    const body = request.method === "POST" ? asked(await json(request)) : undefined;
    const init = { method: request.method, headers: { "content-type": "application/json" } };
    const answer = await fetch(url + request.url, body ? { ...init, body: JSON.stringify(body) } : init);
    const document = said(request.url, await answer.json().catch(() => ({})), body);
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(document));
  });
  return `http://127.0.0.1:${port}`;
}
