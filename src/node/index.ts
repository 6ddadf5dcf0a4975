import { serve as serveNode } from "@hono/node-server";

export { type FileCallsOptions, fileCalls } from "./calls.ts";

/** What can be listened with: the server that the generated `createServer` returns. */
export interface Listenable {
  readonly fetch: (request: Request) => Promise<Response>;
  start(): Promise<void>;
  stop(graceMs?: number): Promise<void>;
}

export interface ListenOptions {
  /** 0 takes a free port. @default 3000 */
  readonly port?: number;
  /** @default "0.0.0.0" */
  readonly hostname?: string;
}

export interface Listening {
  readonly url: string;
  readonly port: number;
  /** Stops taking requests, lets running ones and jobs finish for `graceMs`, then stops the server. */
  close(graceMs?: number): Promise<void>;
}

/** Serves an API over HTTP on Node. @throws when the port is taken, or the facilitator cannot be reached. */
export async function listen(server: Listenable, options: ListenOptions = {}): Promise<Listening> {
  const hostname = options.hostname ?? "0.0.0.0";
  try {
    await server.start();
    const { node, port } = await bind(server.fetch, hostname, options.port ?? 3000);
    const host = hostname === "0.0.0.0" || hostname === "::" ? "localhost" : hostname;
    return {
      url: `http://${host}:${port}`,
      port,
      async close(graceMs = 10_000) {
        const closed = new Promise<void>((resolve) => node.close(() => resolve()));
        const force = setTimeout(() => {
          if ("closeAllConnections" in node) node.closeAllConnections();
        }, graceMs);
        await Promise.all([closed, server.stop(graceMs)]);
        clearTimeout(force);
      },
    };
  } catch (error) {
    await server.stop(0);
    throw error;
  }
}

function bind(
  fetch: Listenable["fetch"],
  hostname: string,
  port: number,
): Promise<{ node: ReturnType<typeof serveNode>; port: number }> {
  return new Promise((resolve, reject) => {
    const node = serveNode({ fetch, hostname, port }, (info) => resolve({ node, port: info.port }));
    node.once("error", reject);
  });
}
