import type { IncomingMessage, ServerResponse } from "node:http";
import { getRequestListener } from "@hono/node-server";
import { onEndingSignal } from "./signals.ts";

/** What can be handled: the server that the generated `createServer` returns. */
export interface NodeHandleable {
  readonly fetch: (request: Request, context?: { readonly basePath?: string }) => Promise<Response>;
  start(): Promise<void>;
  stop(graceMs?: number, drainMs?: number): Promise<void>;
}

/** Options of `toNodeHandler`. */
export interface NodeHandlerOptions {
  /**
   * On SIGTERM and SIGINT, stop the server before the process ends: its jobs go back to the store. A process that listens
   * to the signal itself is not ended. @default true
   */
  readonly signals?: boolean;
  /** How long running jobs may go on then, in milliseconds. @default 10000 */
  readonly graceMs?: number;
}

/**
 * Handles requests of node:http, Express (`app.use("/api", handler)`), Fastify (`app.all("/*", handler)`) and Koa
 * (`app.use(handler)`).
 */
export interface NodeHandler {
  (first: unknown, second?: unknown, third?: unknown): Promise<void>;
  /** Stops the server: its jobs go back to the store. */
  stop(graceMs?: number): Promise<void>;
}

type Incoming = IncomingMessage & {
  readonly originalUrl?: string;
  readonly baseUrl?: string;
  readonly body?: unknown;
};

/** One request, wherever it comes from. */
interface Pair {
  readonly incoming: Incoming;
  readonly outgoing: ServerResponse;
  /** What a parser has made of the body. */
  readonly body: unknown;
}

/**
 * An API as a handler for other servers of Node. The first request starts the server. It does not matter whether a body
 * parser came before: a body that was read is taken from `req.body`. Under Express, the path at which the handler is
 * mounted is known; elsewhere write `basePath` in `createServer`.
 */
export function toNodeHandler(server: NodeHandleable, options: NodeHandlerOptions = {}): NodeHandler {
  const { signals = true, graceMs = 10_000 } = options;
  const bodies = new WeakMap<object, unknown>();
  let starting: Promise<void> | undefined;
  let forget = (): void => {};

  function start(): Promise<void> {
    starting ??= server.start().then(
      () => {
        if (signals) forget = onEndingSignal(() => server.stop(graceMs));
      },
      (error: unknown) => {
        starting = undefined;
        throw error;
      },
    );
    return starting;
  }

  const listener = getRequestListener(
    async (request, { incoming }) => {
      await start();
      const { baseUrl } = incoming as Incoming;
      return server.fetch(parsed(request, incoming as Incoming, bodies.get(incoming)), {
        ...(typeof baseUrl === "string" && { basePath: baseUrl }),
      });
    },
    { overrideGlobalObjects: false },
  );

  const handle = async (first: unknown, second?: unknown): Promise<void> => {
    const { incoming, outgoing, body } = pairOf(first, second);
    bodies.set(incoming, body);
    // Express cuts off the path at which a handler is mounted, and buyers do not.
    if (incoming.originalUrl !== undefined) incoming.url = incoming.originalUrl;
    await listener(incoming, outgoing);
  };
  return Object.assign(handle, {
    async stop(grace = graceMs) {
      forget();
      starting = undefined;
      await server.stop(grace);
    },
  });
}

function pairOf(first: unknown, second: unknown): Pair {
  const one = first as Record<string, unknown>;
  // Koa's context.
  if (isObject(one.req) && isObject(one.res) && isObject(one.request)) {
    one.respond = false;
    const incoming = Object.assign(one.req, { originalUrl: one.originalUrl }) as unknown as Incoming;
    return { incoming, outgoing: one.res as unknown as ServerResponse, body: one.request.body };
  }
  const other = second as Record<string, unknown>;
  // Fastify's request and reply.
  if (isObject(one.raw) && isObject(other.raw)) {
    if (typeof other.hijack === "function") other.hijack();
    const [incoming, outgoing] = [one.raw as unknown as Incoming, other.raw as unknown as ServerResponse];
    return { incoming, outgoing, body: one.body };
  }
  const incoming = first as Incoming;
  return { incoming, outgoing: second as ServerResponse, body: incoming.body };
}

/** The same request, with the body from the parser where that has read it. */
function parsed(request: Request, incoming: Incoming, body: unknown): Request {
  if (!incoming.readableDidRead || request.method === "GET" || request.method === "HEAD") return request;
  const { method, headers, signal, url } = request;
  return new Request(url, { method, headers: new Headers(headers), signal, body: textOf(body, incoming) });
}

function textOf(body: unknown, { headers }: Incoming): string | Uint8Array<ArrayBuffer> {
  const isEmpty = headers["transfer-encoding"] === undefined && Number(headers["content-length"] ?? 0) === 0;
  if (isEmpty) return "";
  if (typeof body === "string") return body;
  if (body instanceof Uint8Array) return new Uint8Array(body);
  if (body === undefined) {
    throw new Error(
      "toNodeHandler: another handler has read the body and left none in req.body; mount toNodeHandler before it",
    );
  }
  // A form that a parser has understood is not JSON: the text is refused as the form would be.
  return /json/i.test(headers["content-type"] ?? "json") ? JSON.stringify(body) : "a form";
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
