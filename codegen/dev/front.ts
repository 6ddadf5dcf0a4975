import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { HEADERS } from "../../src/protocol/headers.ts";
import { PROBLEM_MEDIA_TYPE, PROBLEMS, type Problem, problemType } from "../../src/protocol/problem.ts";

/** The public port. It stays open while the seller's process behind it comes and goes, so that no request is refused. */
export interface Front {
  readonly port: number;
  /** Requests wait from now on, until `serve` or `release`. */
  hold(): void;
  /** Requests go to this port of 127.0.0.1, also those that wait. */
  serve(port: number): void;
  /** Requests go to where they went before; where that is nowhere, they are answered 503 with this text. */
  release(problem: string): void;
  /** The process behind it has ended: until the next `serve`, there is nowhere to go. */
  lose(): void;
  close(): Promise<void>;
}

export interface FrontOptions {
  /** Of 127.0.0.1; 0 takes a free one. */
  readonly port: number;
  /** Answers what is the front's own, and says so by `true`. */
  readonly own: (request: IncomingMessage, response: ServerResponse) => boolean;
  /** Changes a page of the documentation before it is sent on. */
  readonly page: (html: string) => string;
}

/** Headers that belong to one connection (RFC 9110 §7.6.1), and those that the front sets itself. */
const HOP_BY_HOP = /^(connection|keep-alive|proxy-connection|te|trailer|transfer-encoding|upgrade|expect)$/i;
const HTML = /^text\/html\b/i;
/** Pages that may be changed: the documentation. */
const PAGES = /^\/docs\/?$/;

/** @throws the error of the port (EADDRINUSE, …) */
export async function openFront({ port, own, page }: FrontOptions): Promise<Front> {
  let target: number | undefined;
  let problem = "The server is starting.";
  let held = true;
  let changed = (): void => {};
  /** Resolves at the next change of the above. */
  let change: Promise<void>;
  const renew = (): void => {
    changed();
    change = new Promise((resolve) => {
      changed = resolve;
    });
  };
  renew();

  async function answer(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    for (;;) {
      while (held) await change;
      if (outgoing.destroyed) return;
      if (target === undefined) {
        refuse(incoming, outgoing, problem);
        return;
      }
      const next = change;
      const to = target;
      if (await forward(to, incoming, outgoing, page)) return;
      // The process was gone before it took the request: the next one will take it.
      if (to === target && !held) await next;
    }
  }

  const server = createServer((incoming, outgoing) => {
    if (!own(incoming, outgoing)) void answer(incoming, outgoing);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen(port, "127.0.0.1", resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    hold() {
      held = true;
    },
    serve(to) {
      target = to;
      held = false;
      renew();
    },
    release(text) {
      problem = text;
      held = false;
      renew();
    },
    lose() {
      target = undefined;
      renew();
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/**
 * Sends a request on, and its answer back. False: the process has not taken it, so it may be sent to another one. That
 * is known exactly: nothing of the body is sent before the process has said `100 Continue` (RFC 9110 §10.1.1).
 */
function forward(
  port: number,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  page: FrontOptions["page"],
): Promise<boolean> {
  return new Promise((resolve) => {
    const { method = "GET", url = "/" } = incoming;
    const path = url.replace(/\?.*$/s, "");
    const isPage = method === "GET" && PAGES.test(path);
    const headers = Object.fromEntries(
      Object.entries(incoming.headers).filter(
        ([name]) =>
          !HOP_BY_HOP.test(name) &&
          !(isPage && /^(accept-encoding|if-none-match|if-modified-since)$/.test(name)),
      ),
    );
    let taken = false;
    let answered = false;
    const upstream = request({
      ...{ host: "127.0.0.1", port, method, path: url, agent: false },
      // A process that answers before it has read the whole body must not hang up on what is still on its way.
      headers: { ...headers, expect: "100-continue", connection: "keep-alive" },
    });
    upstream.once("continue", () => {
      taken = true;
      incoming.pipe(upstream);
    });
    upstream.once("response", (response) => {
      taken = true;
      answered = true;
      // What is left of the body belongs to no next request.
      incoming.unpipe(upstream);
      incoming.resume();
      const { statusCode = 502, statusMessage = "", rawHeaders } = response;
      if (isPage && statusCode === 200 && HTML.test(response.headers["content-type"] ?? "")) {
        sendPage(response, outgoing, page)
          .catch(() => outgoing.destroy())
          .finally(() => resolve(true));
        return;
      }
      outgoing.writeHead(statusCode, statusMessage, endToEnd(rawHeaders));
      // Events of a job are sent as they come, and so must their headers be.
      outgoing.flushHeaders();
      response.pipe(outgoing);
      response.once("error", () => outgoing.destroy());
      outgoing.once("close", () => resolve(true));
    });
    upstream.on("error", () => {
      // How the answer ends is told by the answer itself.
      if (answered) return;
      if (!taken && !outgoing.destroyed) return resolve(false);
      if (outgoing.headersSent) outgoing.destroy();
      else if (!outgoing.destroyed) refuse(incoming, outgoing, LOST);
      resolve(true);
    });
    outgoing.once("close", () => {
      if (!outgoing.writableFinished) upstream.destroy();
    });
  });
}

async function sendPage(
  response: IncomingMessage,
  outgoing: ServerResponse,
  change: FrontOptions["page"],
): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const html = Buffer.concat(chunks).toString("utf8");
  const { etag: _, "content-length": __, ...headers } = response.headers;
  outgoing.writeHead(200, { ...headers, "cache-control": "no-store" });
  outgoing.end(change(html));
}

function endToEnd(rawHeaders: readonly string[]): string[] {
  return rawHeaders.filter((_, index) => !HOP_BY_HOP.test(rawHeaders[index - (index % 2)] ?? ""));
}

const LOST = "The server has ended while it worked on this request.";
const RETRY_AFTER_SECONDS = "2";

/** What has become of a payment that came along is known by the next process alone, which reads the same store. */
function refuse({ headers }: IncomingMessage, outgoing: ServerResponse, detail: string): void {
  const isPaid = HEADERS.paymentSignature in headers || HEADERS.xPayment in headers;
  const [status, title, retryable] = PROBLEMS.unavailable;
  const document: Problem = {
    ...{ type: problemType("unavailable"), title, status, detail, error: detail, code: "unavailable" },
    ...{ retryable, paymentState: isPaid ? "in_flight" : "unused", requestId: crypto.randomUUID() },
  };
  outgoing.writeHead(status, {
    "content-type": PROBLEM_MEDIA_TYPE,
    "cache-control": "no-store",
    "retry-after": RETRY_AFTER_SECONDS,
  });
  outgoing.end(JSON.stringify(document));
}
