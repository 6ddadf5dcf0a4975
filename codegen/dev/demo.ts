import type { IncomingMessage, ServerResponse } from "node:http";
import type { Bought, PurchaseProgress } from "./wallet.ts";

export interface DemoOptions {
  /** Buys with the demo wallet. `tell` is told how far a job is. */
  readonly buy: (
    resource: string,
    input: object,
    tell: (progress: PurchaseProgress) => void,
  ) => Promise<Bought>;
  /** What `GET /_dev` answers. */
  readonly state: () => Promise<object>;
}

/** Where the documentation's page buys. */
const DEMO_CALL = "/_dev/call";
const DEMO_STATE = "/_dev";
const MAX_BODY_BYTES = 1024 * 1024;
/** Names that no other machine can answer to: a foreign page that has its own name point here is turned away. */
const OWN_HOST = /^(localhost|127\.0\.0\.1)(:\d+)?$/i;

/** Answers what only `dev` has: the demo wallet, to the pages of this server alone. True when it was asked for. */
export function answerDemo(
  request: IncomingMessage,
  response: ServerResponse,
  { buy, state }: DemoOptions,
): boolean {
  const { method, url = "/" } = request;
  const path = url.replace(/\?.*$/s, "");
  if (path !== DEMO_CALL && path !== DEMO_STATE) return false;
  const send = (status: number, document: object): void => {
    response.writeHead(status, { "content-type": "application/json", "cache-control": "no-store" });
    response.end(JSON.stringify(document));
  };
  const wanted = path === DEMO_CALL ? "POST" : "GET";
  if (!isOwn(request)) {
    send(403, { error: "The demo wallet buys for pages of this server only.", code: "forbidden" });
  } else if (method !== wanted) {
    response.setHeader("allow", wanted);
    send(405, { error: `Use ${wanted}.`, code: "method_not_allowed" });
  } else if (wanted === "GET") {
    void state().then((document) => send(200, document));
  } else {
    void read(request).then(async (order) => {
      if (order === undefined) {
        send(400, { error: 'Send { "resource": "…", "input": { … } } as JSON.', code: "invalid_input" });
      } else {
        await stream(response, (line) => buy(order.resource, order.input, line));
      }
    });
  }
  return true;
}

/** Documents of JSON, one a line: how far it is, as long as it runs, and what came of it as the last one. */
async function stream(
  response: ServerResponse,
  work: (line: (progress: PurchaseProgress) => void) => Promise<Bought>,
): Promise<void> {
  response.writeHead(200, { "content-type": "application/x-ndjson", "cache-control": "no-store" });
  const line = (document: object): unknown => response.write(`${JSON.stringify(document)}\n`);
  line(await work(line));
  response.end();
}

/** Lets the page of the documentation buy with the demo wallet. */
export function withDemo(html: string): string {
  return html.replace(/<html lang="en"/, `<html lang="en" data-demo="${DEMO_CALL}"`);
}

/** Whether the request comes from the same origin. Browsers send its origin; other clients send none. */
function isOwn({ headers: { host = "", origin, "sec-fetch-site": site } }: IncomingMessage): boolean {
  if (!OWN_HOST.test(host)) return false;
  if (origin !== undefined && origin !== `http://${host}`) return false;
  return site === undefined || site === "same-origin" || site === "none";
}

async function read(
  request: IncomingMessage,
): Promise<{ readonly resource: string; readonly input: object } | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of request) {
      chunks.push(chunk as Buffer);
      size += (chunk as Buffer).length;
      if (size > MAX_BODY_BYTES) return undefined;
    }
    const document: unknown = JSON.parse(Buffer.concat(chunks).toString("utf8"));
    const { resource, input } = (document ?? {}) as Readonly<Record<string, unknown>>;
    const isObject = typeof input === "object" && input !== null && !Array.isArray(input);
    return typeof resource === "string" && isObject ? { resource, input } : undefined;
  } catch {
    return undefined;
  }
}
