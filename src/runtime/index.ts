import type { ServerOptions } from "node:http";
import { serve as serveNode } from "@hono/node-server";
import { onEndingSignal } from "./signals.ts";

export { type FileCallsOptions, fileCalls } from "./calls.ts";
export {
  type NodeHandleable,
  type NodeHandler,
  type NodeHandlerOptions,
  toNodeHandler,
} from "./node-handler.ts";

/** What can be listened with: the server that the generated `createServer` returns. */
export interface Listenable {
  readonly fetch: (request: Request) => Promise<Response>;
  start(): Promise<void>;
  stop(graceMs?: number, drainMs?: number): Promise<void>;
}

/** Options of `listen`: address, signals, grace period and limits of connections. */
export interface ListenOptions {
  /** 0 takes a free port. @default 3000 */
  readonly port?: number;
  /** @default "0.0.0.0" */
  readonly hostname?: string;
  /**
   * On SIGTERM and SIGINT: take no more jobs and, after `drainMs`, no more requests, let running ones finish for
   * `graceMs`, hand the other jobs back to the store, and end the process by that signal, as its supervisor expects
   * (status 143 or 130 in a shell). A second signal ends it at once. A process that listens to the signal itself is not
   * ended. @default true
   */
  readonly signals?: boolean;
  /**
   * How long new requests are still answered after SIGTERM, in milliseconds, while `/readyz` says 503 already: until
   * load balancers have noticed and send them elsewhere. It is a part of `graceMs`, never more. SIGINT is a person at a
   * terminal, who does not wait for that; a process with `role: "worker"` takes no calls, and does not either. 0 where
   * nothing stands in front. @default 5000
   */
  readonly drainMs?: number;
  /**
   * How long requests and jobs may go on once the process is told to end, in milliseconds; handlers have two seconds
   * more to respect their signal. Keep it below what the supervisor waits before it kills. @default 10000
   */
  readonly graceMs?: number;
  /** A connection that does not send all headers of a request in this time is closed. In milliseconds. @default 10000 */
  readonly headersTimeoutMs?: number;
  /** A connection that does not send a whole request in this time is closed. In milliseconds. @default 30000 */
  readonly requestTimeoutMs?: number;
  /** How many connections may be open at a time; further ones are closed. @default 10000 */
  readonly maxConnections?: number;
}

/** A server that listens. */
export interface Listening {
  readonly url: string;
  readonly port: number;
  /**
   * Stops taking requests, after `drainMs` (default: at once), lets running ones and jobs finish for `graceMs` (default:
   * that of {@link ListenOptions}), then stops the server. Signals have their usual effect again.
   */
  close(graceMs?: number, drainMs?: number): Promise<void>;
}

const CLOSE_IDLE_EVERY_MS = 50;
/** How often connections are looked at that are slow. */
const CHECK_EVERY_MS = 1_000;

/**
 * Serves an API over HTTP on Node, until the process is told to end.
 * @throws when the port is taken, or store or facilitator cannot be reached.
 */
export async function listen(server: Listenable, options: ListenOptions = {}): Promise<Listening> {
  const { hostname = "0.0.0.0", port: wanted = 3000, signals = true } = options;
  const { graceMs: grace = 10_000, drainMs: drain = 5_000 } = options;
  const { headersTimeoutMs = 10_000, requestTimeoutMs = 30_000, maxConnections = 10_000 } = options;
  if (!Number.isInteger(wanted) || wanted < 0 || wanted > 65_535) {
    throw new Error(`listen: port is ${wanted}; write a number from 0 to 65535 (0 takes a free one)`);
  }
  try {
    await server.start();
    const { node, port } = await bind(server.fetch, hostname, wanted, {
      headersTimeout: headersTimeoutMs,
      requestTimeout: requestTimeoutMs,
      connectionsCheckingInterval: Math.min(CHECK_EVERY_MS, headersTimeoutMs, requestTimeoutMs),
    });
    node.maxConnections = maxConnections;
    const host = hostname === "0.0.0.0" || hostname === "::" ? "localhost" : hostname;
    async function stop(graceMs: number, drainMs: number): Promise<void> {
      const forced = performance.now() + graceMs;
      const stopped = server.stop(graceMs, drainMs);
      if (drainMs > 0) await over(stopped, Math.min(drainMs, graceMs));
      const closed = new Promise<void>((resolve) => node.close(() => resolve()));
      // A connection whose last answer is sent after this moment would be kept open until its client closes it.
      const idle = setInterval(() => {
        if ("closeIdleConnections" in node) node.closeIdleConnections();
      }, CLOSE_IDLE_EVERY_MS);
      const force = setTimeout(
        () => {
          if ("closeAllConnections" in node) node.closeAllConnections();
        },
        Math.max(0, forced - performance.now()),
      );
      await Promise.all([closed, stopped]);
      clearInterval(idle);
      clearTimeout(force);
    }
    const forget = signals
      ? onEndingSignal((signal) => stop(grace, signal === "SIGTERM" ? drain : 0))
      : () => {};
    return {
      url: `http://${host}:${port}`,
      port,
      async close(graceMs = grace, drainMs = 0) {
        forget();
        await stop(graceMs, drainMs);
      },
    };
  } catch (error) {
    await server.stop(0);
    throw error;
  }
}

/** When a server has stopped, or `ms` have passed. */
async function over(stopped: Promise<void>, ms: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const passed = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  // Whatever it fails with is told to who waits for it to stop.
  await Promise.race([stopped.catch(() => {}), passed]);
  clearTimeout(timer);
}

function bind(
  fetch: Listenable["fetch"],
  hostname: string,
  port: number,
  serverOptions: ServerOptions,
): Promise<{ node: ReturnType<typeof serveNode>; port: number }> {
  return new Promise((resolve, reject) => {
    // Not the second argument of the callback, which is not what a server knows of a request.
    const own = { fetch: (request: Request) => fetch(request), hostname, port, serverOptions };
    const node = serveNode(own, (info) => resolve({ node, port: info.port }));
    node.once("error", (error) => reject(refusal(error, hostname, port)));
  });
}

/** The same error, with its code, in words that say what to do. */
function refusal(cause: NodeJS.ErrnoException, hostname: string, port: number): Error {
  const { code = "" } = cause;
  const why = WHY[code];
  if (why === undefined) return cause;
  const error = new Error(`listen: ${why(port, hostname)}`);
  // A sentence alone: neither a stack nor members, which would be printed after it.
  Object.defineProperty(error, "stack", { value: `Error: ${error.message}` });
  Object.defineProperty(error, "code", { value: code });
  return error;
}

const WHY: Readonly<Record<string, (port: number, hostname: string) => string>> = {
  EADDRINUSE: (port) =>
    `port ${port} is in use by another process; end that one, or write another port (0 takes a free one)`,
  EACCES: (port) => `this user may not open port ${port}; write one from 1024 up`,
  EADDRNOTAVAIL: (_, hostname) =>
    `this machine has no address ${hostname}; write "0.0.0.0" for all of its addresses`,
};
