/** What can be handled: the server that the generated `createServer` returns. */
export interface Handleable {
  readonly fetch: (request: Request, context?: Context) => Promise<Response>;
  start(): Promise<void>;
  stop(graceMs?: number): Promise<void>;
}

interface Context {
  readonly waitUntil?: (promise: Promise<unknown>) => void;
  readonly basePath?: string;
  readonly origin?: string;
}

/** Options of `toNextHandlers`. */
export interface NextHandlerOptions {
  /** `after` of `next/server`: where functions are stopped after a response, jobs run within it. */
  readonly after?: (promise: Promise<unknown>) => void;
  /** Tells several APIs of one Next application apart. @default "default" */
  readonly name?: string;
}

/** As Next calls a route handler. The parameter of a catch-all segment tells where the API is mounted. */
export type NextHandler = (
  request: Request,
  context: { readonly params: Promise<Readonly<Record<string, string | string[] | undefined>>> },
) => Promise<Response>;

/** The route handlers of one Next route, by method. */
export interface NextHandlers {
  readonly GET: NextHandler;
  readonly HEAD: NextHandler;
  readonly POST: NextHandler;
  readonly DELETE: NextHandler;
  readonly OPTIONS: NextHandler;
}

/** The server of this process, which outlives a reload of the module that has made it. */
interface Slot {
  server?: Promise<Handleable> | undefined;
}

/**
 * An API as the handlers of a Next route: `app/api/[...path]/route.ts` with
 * `export const { GET, HEAD, POST, DELETE, OPTIONS } = toNextHandlers(() => createServer({ … }))`. The server is made and
 * started by the first request, so that `next build` opens nothing, and the one before is stopped when the module is
 * loaded again. Behind a proxy that does not forward the host, write `publicUrl` in `createServer`.
 */
export function toNextHandlers(
  make: () => Handleable | Promise<Handleable>,
  { after, name = "default" }: NextHandlerOptions = {},
): NextHandlers {
  const slot = slotOf(name);
  const before = slot.server;
  slot.server = undefined;
  before?.then((server) => server.stop(0)).catch(warn);
  let own: Promise<Handleable> | undefined;

  function server(): Promise<Handleable> {
    // A module that was loaded again has a server of its own: this one is not to come back.
    own ??= Promise.resolve(make()).then(async (made) => {
      // What does not start answers 503, and says why here.
      await made.start().catch(warn);
      return made;
    });
    slot.server ??= own;
    own.catch(() => {
      own = undefined;
      slot.server = undefined;
    });
    return own;
  }

  const handle: NextHandler = async (request, { params }) => {
    const made = await server();
    const basePath = baseOf(new URL(request.url).pathname, await params);
    const origin = originOf(request);
    return made.fetch(request, { basePath, origin, ...(after && { waitUntil: after }) });
  };
  return { GET: handle, HEAD: handle, POST: handle, DELETE: handle, OPTIONS: handle };
}

function slotOf(name: string): Slot {
  const key = Symbol.for(`resource402.next.${name}`);
  const slots = globalThis as unknown as Record<symbol, Slot | undefined>;
  const slot = slots[key] ?? {};
  slots[key] = slot;
  return slot;
}

/** What stands before the segments of the catch-all parameter: `/api` of `/api/v1/echo` with `["v1", "echo"]`. */
function baseOf(pathname: string, params: Awaited<Parameters<NextHandler>[1]["params"]>): string {
  const segments = pathname.split("/").filter(Boolean);
  const caught = Object.values(params ?? {}).find(Array.isArray) ?? [];
  const prefix = segments.slice(0, segments.length - caught.length);
  return prefix.length === 0 ? "" : `/${prefix.join("/")}`;
}

/** `next start` says `localhost` in the URL. It sets these headers itself where no proxy has. */
function originOf({ url, headers }: Request): string {
  const { protocol, host } = new URL(url);
  const first = (name: string): string | undefined => headers.get(name)?.split(",", 1)[0]?.trim();
  const proto = first("x-forwarded-proto") ?? protocol.slice(0, -1);
  const named = first("x-forwarded-host") ?? first("host") ?? host;
  const isUsable = /^https?$/.test(proto) && /^[\w.:[\]-]{1,255}$/.test(named);
  return isUsable ? `${proto}://${named}` : `${protocol}//${host}`;
}

function warn(error: unknown): void {
  process.emitWarning(`resource402: ${error instanceof Error ? error.message : String(error)}`);
}
