import { isPublic, literalOf } from "./address.ts";

/** The addresses of a name. */
export type Resolve = (hostname: string) => Promise<readonly string[]>;

export interface PostOptions {
  readonly timeoutMs: number;
  /** Also to addresses that are not public. */
  readonly allowPrivate: boolean;
  /** @default the system's */
  readonly resolve: Resolve | undefined;
}

interface Message {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Of a name with several addresses each try takes the next. */
  readonly turn: number;
}

/** Sends a message and returns the status of the answer, of which nothing else is read. @throws when there is none */
export type Post = (message: Message) => Promise<number>;

/**
 * Posts to addresses that strangers have named. A name is looked up once, all that it stands for must be public, and
 * one of these very addresses is connected to: between the look and the connection the name is not asked again.
 * Redirects are not followed. `undefined` where the runtime does not let us choose the address.
 */
export function createPost({ timeoutMs, allowPrivate, resolve }: PostOptions): Post | undefined {
  const [http, https, dns] = [builtin("node:http"), builtin("node:https"), builtin("node:dns")];
  if (!http || !https || !dns) return undefined;
  const lookUp: Resolve =
    resolve ??
    (async (hostname) =>
      (await dns.promises.lookup(hostname, { all: true, order: "ipv4first" })).map(({ address }) => address));

  async function addressesOf(hostname: string): Promise<readonly string[]> {
    const literal = literalOf(hostname);
    const addresses = literal === undefined ? await lookUp(hostname) : [literal];
    const foreign = allowPrivate ? undefined : addresses.find((address) => !isPublic(address));
    if (foreign !== undefined) throw new Error(`${hostname} is ${foreign}, which is not public`);
    return addresses;
  }

  return async ({ url, headers, body, turn }) => {
    const { protocol, hostname, host, port, pathname, search } = new URL(url);
    const signal = AbortSignal.timeout(timeoutMs);
    const addresses = await before(signal, addressesOf(hostname));
    const address = addresses[turn % addresses.length];
    if (address === undefined) throw new Error(`${hostname} has no address`);
    const { request } = protocol === "https:" ? https : http;
    return before(
      signal,
      new Promise<number>((done, failed) => {
        const sent = request({
          method: "POST",
          host: address,
          port,
          path: pathname + search,
          // Names the certificate that is wanted; an address has none but itself.
          servername: literalOf(hostname) === undefined ? hostname : "",
          headers: { ...headers, host, "content-length": String(new TextEncoder().encode(body).length) },
          // A connection of its own: none that was opened for another name.
          agent: false,
          signal,
        });
        sent.on("error", failed);
        sent.on("response", (answer) => {
          answer.on("error", () => {});
          answer.destroy();
          done(answer.statusCode ?? 0);
        });
        sent.end(body);
      }),
    );
  };
}

/** Workers have these modules, and connect to names of their own accord. */
function builtin<Name extends "node:http" | "node:https" | "node:dns">(name: Name) {
  if (typeof process === "undefined" || typeof process.getBuiltinModule !== "function") return undefined;
  if (globalThis.navigator?.userAgent === "Cloudflare-Workers") return undefined;
  return process.getBuiltinModule(name);
}

/** The outcome of `work`, unless time is up first. */
function before<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    if (signal.aborted) return abort();
    signal.addEventListener("abort", abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
