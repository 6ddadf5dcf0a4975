import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** One response of a test endpoint, or what it does in place of a response. */
export type HttpReply =
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body: string }
  /** The connection breaks before a response. */
  | "reset"
  /** The connection stays open, and no response ever comes. */
  | "silence";

/** Answers one request of a test endpoint. */
export type HttpHandler = (request: {
  readonly method: string;
  readonly path: string;
  readonly body: string;
}) => Promise<HttpReply>;

/** A test endpoint that listens on 127.0.0.1. */
export interface HttpEndpoint {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  /** Breaks all connections. May be called again. */
  close(): Promise<void>;
}

/** Serves a handler on a free port of 127.0.0.1. A handler that throws breaks its connection. */
export async function listenWith(handler: HttpHandler): Promise<HttpEndpoint> {
  const respond = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    try {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const body = Buffer.concat(chunks).toString("utf8");
      const reply = await handler({ method: request.method ?? "GET", path: request.url ?? "/", body });
      if (reply === "silence") return;
      if (reply === "reset") return void request.socket.resetAndDestroy();
      response.writeHead(reply.status, reply.headers).end(reply.body);
    } catch {
      request.socket.destroy();
    }
  };
  const server = createServer((request, response) => void respond(request, response));
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen(0, "127.0.0.1", resolve);
  });
  let closed: Promise<void> | undefined;
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      closed ??= new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
      return closed;
    },
  };
}

/**
 * Calls a handler as `fetch` would, without a network: a broken connection rejects with a TypeError, and an abort ends the
 * wait. For tests with a clock of their own.
 */
export async function fetchFrom(
  handler: HttpHandler,
  input: RequestInfo | URL,
  init?: RequestInit,
): Promise<Response> {
  const signal = init?.signal ?? (input instanceof Request ? input.signal : undefined);
  signal?.throwIfAborted();
  const request = new Request(input, { ...init, signal: null });
  const { pathname, search } = new URL(request.url);
  const body = request.method === "GET" ? "" : await request.text();
  const aborted = new Promise<never>((_, reject) => {
    signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
  aborted.catch(() => {});
  const reply = await Promise.race([
    handler({ method: request.method, path: pathname + search, body }),
    aborted,
  ]);
  if (reply === "silence") return aborted;
  if (reply === "reset") {
    const cause = Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });
    throw new TypeError("fetch failed", { cause });
  }
  const empty = [204, 205, 304].includes(reply.status);
  return new Response(empty ? null : reply.body, { status: reply.status, headers: reply.headers ?? {} });
}
