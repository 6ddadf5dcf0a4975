import { randomBytes } from "node:crypto";
import type { FacilitatorClient } from "@x402/core/server";
import type { Duration, ResourceDefinition } from "resource402";
import type { ClientOptions } from "resource402/client";
import { evmPayer } from "resource402/evm";
import {
  type Logger,
  memoryStore,
  type PaymentOptions,
  type Server,
  type ServerOptions,
  type Store,
} from "resource402/server";
import { startWorld, type World } from "resource402/testing";
import type { LocalAccount } from "viem";
import { decodeHeader, encodeHeader, type PaymentRequired } from "../../src/protocol/index.ts";
import { signTransfer } from "../../src/protocol/transfer.ts";
import { type Client, createClient } from "../fixtures/shop/client.gen.ts";
import api from "../fixtures/shop/resources.ts";
import { createServer, type Handlers, type Quotes } from "../fixtures/shop/server.gen.ts";

export const BASE_URL = "http://shop.test";

/** The generated pair of the shop fixture in one process, over a `fetch` that is watched and can be tampered with. */
export interface Shop {
  readonly world: World;
  readonly server: Server;
  readonly store: Store;
  /** What the handlers do; replace one to make it fail. */
  readonly handlers: { -readonly [Name in keyof Handlers]: Handlers[Name] };
  readonly quotes: { -readonly [Name in keyof Quotes]: Quotes[Name] };
  /** How often each handler has been started. */
  readonly runs: Record<string, number>;
  /** Verify and settle calls that reached the facilitator; replace one to make it misbehave. */
  readonly facilitator: { verify: FacilitatorClient["verify"]; settle: FacilitatorClient["settle"] };
  readonly asked: { verify: number; settle: number };
  /** Every request that a client sent, in order. */
  readonly requests: Request[];
  /** The way from client to server; replace it to lose or change answers. */
  network: (request: Request) => Promise<Response>;
  readonly logged: { level: string; fields: Record<string, unknown>; message: string }[];
  client(options?: Partial<ClientOptions>): Client;
  fetch(path: string, init?: RequestInit): Promise<Response>;
  /** Atomic units that have left the buyer, and that have reached the seller. */
  moved(): Promise<{ paid: bigint; received: bigint }>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface ShopOptions extends Partial<Omit<ServerOptions<Handlers>, "payments">> {
  /** A real chain in a child process, or a ledger in memory. @default false */
  readonly chain?: boolean;
  /** Whether the server may look at the chain's own record. @default false: it has the facilitator's word alone */
  readonly evidence?: boolean;
  /** The world of another shop, whose buyers and money this one shares. */
  readonly world?: World;
  readonly payments?: Partial<PaymentOptions>;
  /** For a test that waits for a time-out: how long a call may take, a job or not. @default as the definition says */
  readonly timeout?: Duration;
}

export async function openShop(options: ShopOptions = {}): Promise<Shop> {
  const { chain = false, evidence = false, world: shared, payments, timeout, ...serverOptions } = options;
  const world = shared ?? (await startWorld({ chain }));
  const start = await world.balanceOf(world.buyer.address);
  const store = serverOptions.store ?? memoryStore({ completeSince: 0 });
  const runs: Record<string, number> = {};
  const asked = { verify: 0, settle: 0 };
  const facilitator = {
    verify: world.facilitator.verify.bind(world.facilitator),
    settle: world.facilitator.settle.bind(world.facilitator),
  };
  const handlers: Shop["handlers"] = {
    echo: ({ text, tone }) => ({ text: tone === "loud" ? text.toUpperCase() : text }),
    render: async ({ prompt, size }, ctx) => {
      await ctx.steps([() => {}, { title: "colouring", run: () => {} }]);
      return { url: `https://pictures.test/${size}`, note: prompt };
    },
    translate: ({ words }) => ({ count: words.length }),
    estimate: () => ({ done: true }),
    quoteOf: (input) => input,
    brew: ({ cup }) => ({ coffee: `coffee for ${cup}` }),
    bake: ({ loaf }) => ({ bread: loaf }),
    forecast: ({ town, days }) => ({ weather: `${days} days of sun in ${town}` }),
    rate: ({ currency }) => ({ rate: `1.1 ${currency}` }),
    headline: ({ paper }) => ({ headline: `Man bites dog, says ${paper}` }),
    ping: () => ({ open: true }),
  };
  const quotes: Shop["quotes"] = { estimate: ({ load }) => String(load / 100) };
  const counted = Object.fromEntries(
    Object.keys(handlers).map((name) => [
      name,
      (input: never, ctx: never) => {
        runs[name] = (runs[name] ?? 0) + 1;
        return (handlers[name as keyof Handlers] as (input: never, ctx: never) => unknown)(input, ctx);
      },
    ]),
  ) as unknown as Handlers;
  const logged: Shop["logged"] = [];
  const line =
    (level: string): Logger["info"] =>
    (fields, message) => {
      logged.push({ level, fields: fields as Record<string, unknown>, message });
    };
  const restore = timeout === undefined ? undefined : limit(timeout);
  // A changed definition is refused, but not under `dev`.
  const mark = Symbol.for("resource402.dev");
  if (restore) Reflect.set(globalThis, mark, true);
  const server = createServer({
    handlers: counted,
    quotes: { estimate: (input) => quotes.estimate(input) },
    payments: {
      accepts: [
        {
          network: world.network,
          payTo: world.seller.address,
          ...(evidence && world.rpcUrl !== undefined ? { rpcUrl: world.rpcUrl } : {}),
        },
      ],
      ...(evidence && world.chain !== undefined ? { chain: world.chain } : {}),
      facilitator: {
        getSupported: () => world.facilitator.getSupported(),
        verify: (...args) => {
          asked.verify += 1;
          return facilitator.verify(...args);
        },
        settle: (...args) => {
          asked.settle += 1;
          return facilitator.settle(...args);
        },
      },
      ...payments,
    },
    log: { debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") },
    ...serverOptions,
    store,
  });
  restore?.();
  Reflect.deleteProperty(globalThis, mark);
  const requests: Request[] = [];
  const shop: Shop = {
    world,
    server,
    store,
    handlers,
    quotes,
    runs,
    facilitator,
    asked,
    requests,
    logged,
    network: (request) => server.fetch(request),
    client: (more = {}) =>
      createClient({
        baseUrl: BASE_URL,
        payer: evmPayer(world.buyer),
        fetch: (input, init) => {
          const request = new Request(input, init);
          requests.push(request.clone());
          return untilAborted(request.signal, shop.network(request));
        },
        ...more,
      }),
    fetch: (path, init) => server.fetch(new Request(BASE_URL + path, init)),
    async moved() {
      return {
        paid: start - (await world.balanceOf(world.buyer.address)),
        received: await world.balanceOf(world.seller.address),
      };
    },
    async [Symbol.asyncDispose]() {
      await server.stop(0);
      if (!shared) await world.stop();
    },
  };
  return shop;
}

/** Changes the definition, which a server reads once, when it is made; returns what changes it back. */
function limit(timeout: Duration): () => void {
  const resources = api.resources as Record<string, ResourceDefinition>;
  const before = { ...resources };
  for (const [name, { job, ...definition }] of Object.entries(before)) {
    resources[name] = job ? { ...definition, job: { ...job, timeout } } : { ...definition, timeout };
  }
  return () => void Object.assign(resources, before);
}

/** As a real network does it: an abort ends the wait, whatever becomes of the request. */
function untilAborted<T>(signal: AbortSignal, answer: Promise<T>): Promise<T> {
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
  return Promise.race([answer, aborted]);
}

export function post(body: unknown, headers: Record<string, string> = {}): RequestInit {
  return {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  };
}

/** The headers of a paid request that was signed but has not reached the server. */
export async function signedHeaders(
  shop: Shop,
  buy: (client: Client) => Promise<unknown>,
): Promise<Record<string, string>> {
  const through = shop.network;
  let paid: Headers | undefined;
  shop.network = async (request) => {
    if (!request.headers.has("payment-signature")) return through(request);
    paid = request.headers;
    return new Response(null, { status: 418 });
  };
  await buy(shop.client()).catch(() => {});
  shop.network = through;
  if (!paid) throw new Error("the client sent no payment");
  const names = ["payment-signature", "idempotency-key"];
  return Object.fromEntries(names.map((name) => [name, paid?.get(name) ?? ""]));
}

/** A promise with its key. */
export function latch(): { opened: Promise<void>; open: () => void } {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

/** A payment signed by hand, as a buyer with a client of its own does it: no client of ours takes part. */
export async function signedByHand(
  shop: Pick<Shop, "fetch" | "world">,
  path: string,
  body: unknown,
  by: {
    readonly account?: LocalAccount;
    readonly key?: string;
    readonly nonce?: `0x${string}`;
    /** Seconds from now until which it can be settled. @default as the offer says */
    readonly seconds?: number;
  } = {},
): Promise<{ headers: Record<string, string>; authorization: Record<string, string> }> {
  const asked = await shop.fetch(path, post(body));
  const required = decodeHeader(asked.headers.get("payment-required") ?? "") as PaymentRequired;
  const accepted = required.accepts[0];
  if (!accepted) throw new Error(`no offer for ${path}: ${asked.status}`);
  const { name, version } = accepted.extra as { name: string; version: string };
  const payload = await signTransfer(by.account ?? shop.world.buyer, {
    network: accepted.network,
    asset: accepted.asset,
    domain: { name, version },
    to: accepted.payTo,
    atomicAmount: accepted.amount,
    nonce: by.nonce ?? `0x${randomBytes(32).toString("hex")}`,
    validBefore: Math.floor(Date.now() / 1000) + (by.seconds ?? accepted.maxTimeoutSeconds),
  });
  const payment = { x402Version: 2, resource: required.resource, accepted, payload };
  return {
    headers: {
      "payment-signature": encodeHeader(payment),
      ...(by.key === undefined ? {} : { "idempotency-key": by.key }),
    },
    authorization: payload.authorization,
  };
}

/** Asks until `done` is true of the answer; at most half a minute, which a busy machine may need. */
export async function until<T>(ask: () => Promise<T>, done: (value: T) => boolean): Promise<T> {
  const end = performance.now() + 30_000;
  for (;;) {
    const value = await ask();
    if (done(value)) return value;
    if (performance.now() > end) throw new Error(`not within half a minute: ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
