import type { HttpSession } from "./protocol.ts";

export interface McpHttpOptions {
  /** Names under which the server may be reached beside those of this machine: `mcp.example.com`. */
  readonly hosts: readonly string[];
  /** Whether the sender of a request may call tools. @default every sender may */
  readonly admits?: (request: Request) => Promise<boolean>;
  /** Opens a session; `onOpen` is to be told its id, `onEnd` that it has ended. */
  readonly open: (events: {
    readonly onOpen: (id: string) => void;
    readonly onEnd: () => void;
  }) => Promise<HttpSession>;
}

/** What `listen` of resource402/node serves. */
export interface McpHttp {
  fetch(request: Request): Promise<Response>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

export const MCP_PATH = "/mcp";
const LOOPBACK = ["localhost", "127.0.0.1", "[::1]"];
const SESSION_HEADER = "mcp-session-id";
/** Maximum number of sessions. When a new client connects, the session that has been idle longest ends. */
const MAX_SESSIONS = 100;

/**
 * Streamable HTTP (MCP 2025-11-25, "Transports"). A web page that has its own name resolve to this machine ("DNS
 * rebinding") is refused by the name it calls us, and any other page by its origin.
 */
export function createMcpHttp({ hosts, admits, open }: McpHttpOptions): McpHttp {
  const sessions = new Map<string, HttpSession>();
  const names = new Set([...LOOPBACK, ...hosts.map((host) => host.toLowerCase())]);

  async function refusal(request: Request): Promise<Response | undefined> {
    const called = `http://${request.headers.get("host") ?? new URL(request.url).host}`;
    const { host, hostname } = URL.canParse(called) ? new URL(called) : { host: "", hostname: "" };
    if (!names.has(hostname)) return problem(403, `This server is not known as "${hostname}".`);
    const origin = request.headers.get("origin");
    const isOwn = origin === null || (URL.canParse(origin) && new URL(origin).host === host);
    if (!isOwn) return problem(403, "Pages of other origins may not call this server.");
    if (new URL(request.url).pathname !== MCP_PATH) return problem(404, `The endpoint is ${MCP_PATH}.`);
    // With every request, as the specification asks: a session's id proves nothing.
    if (admits && !(await admits(request))) {
      return problem(401, "Send the server's token: Authorization: Bearer <token>.", {
        "www-authenticate": 'Bearer realm="mcp"',
        "cache-control": "no-store",
      });
    }
    return undefined;
  }

  async function begin(request: Request): Promise<Response> {
    let id: string | undefined;
    const session = await open({
      onOpen: (given) => {
        id = given;
      },
      onEnd: () => {
        if (id !== undefined) sessions.delete(id);
      },
    });
    const answer = await session.handle(request);
    if (id === undefined) await session.close();
    else sessions.set(id, session);
    const [silent] = sessions;
    if (sessions.size > MAX_SESSIONS && silent) await silent[1].close();
    return answer;
  }

  return {
    async fetch(request) {
      const refused = await refusal(request);
      if (refused) return refused;
      const id = request.headers.get(SESSION_HEADER);
      if (id === null) return begin(request);
      const session = sessions.get(id);
      if (!session) return problem(404, "There is no such session: begin a new one.");
      // The one that was heard last stands last.
      sessions.delete(id);
      sessions.set(id, session);
      return session.handle(request);
    },
    async start() {},
    async stop() {
      await Promise.all(Array.from(sessions.values(), (session) => session.close()));
    },
  };
}

/** An error as JSON-RPC has it, for a request that could not be read as one. */
function problem(status: number, message: string, headers: Record<string, string> = {}): Response {
  return Response.json({ jsonrpc: "2.0", error: { code: -32_000, message }, id: null }, { status, headers });
}
