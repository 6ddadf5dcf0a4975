import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Hex, LocalAccount } from "viem";
import { serve } from "../../../src/server/index.ts";
import { memoryStore } from "../../../src/store/memory.ts";
import { sqliteStore } from "../../../src/store/sqlite.ts";
import {
  type FaultPoint,
  fetchFrom,
  type HostileNode,
  hostileNode,
  type Ledger,
  ledgerNode,
  type Mortal,
  memoryLedger,
  mortal,
  type NodeLies,
  type ScriptedFacilitator,
  scriptedFacilitator,
} from "../../../src/testing/index.ts";
import type { Dice } from "../simulation.ts";
import { accountOf, type StoreKind } from "../stage.ts";
import { api, documents, type Kind, schemaHook } from "./api.ts";
import { parse } from "./buyers.ts";
import type { Rule } from "./judge.ts";
import { SECRET } from "./replies.ts";
import { type SkewedClock, skewedClock } from "./skewed-clock.ts";

/** What a handler does with one item. */
export type Conduct = "works" | "fails" | "throws" | "throws oddly" | "returns nonsense" | "dawdles";

/** A response that a buyer got. */
export interface Told {
  readonly sentAt: number;
  readonly at: number;
  readonly method: string;
  readonly url: string;
  /** Of the payment that the request carried. */
  readonly nonce: string | undefined;
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

/** One thing that one buyer wants to buy once, with an account of its own. */
export interface Deal {
  readonly item: string;
  readonly kind: Kind;
  readonly key: string;
  readonly who: "client" | "hand";
  readonly account: LocalAccount;
  readonly conduct: Conduct;
  readonly told: Told[];
  /** What the client said of the money. */
  readonly client: { readonly at: number; readonly charged: string; readonly why: string }[];
  /** Nonces of all payments that were sent. */
  readonly nonces: Set<string>;
  /** The last request with a payment. */
  paid?: Request;
  outcome?: { readonly state: "delivered" | "failed"; readonly output?: unknown; readonly why?: string };
}

/** A handler was started. */
interface Start {
  readonly item: string;
  readonly transferred: boolean;
  readonly verified: boolean;
  readonly saidSettled: boolean;
}

/** What is wrong from the beginning until the arena is healed. */
export interface Setup {
  /** Whether the server knows a node. */
  readonly node: boolean;
  readonly store: StoreKind;
  readonly lies?: NodeLies;
  /** Milliseconds by which clocks are wrong. */
  readonly skew?: { readonly server?: number; readonly buyer?: number };
  readonly conducts?: readonly Conduct[];
  /** Points at which servers die, one after the other. */
  readonly crashes?: readonly { readonly point: FaultPoint; readonly nth: number }[];
  /** The store fails at everything that has to do with this deal, once its money has moved. */
  readonly poisonedRow?: number;
  /** The account that pays refunds cannot sign one for this deal. */
  readonly unsignableRefund?: number;
  /** The schema throws at this deal's input, once its money has moved, for good. */
  readonly poisonedInput?: number;
  /** Deals, by kind. */
  readonly kinds: readonly Kind[];
}

export interface Arena {
  readonly setup: Setup;
  readonly clock: SkewedClock;
  readonly ledger: Ledger;
  readonly facilitator: ScriptedFacilitator;
  readonly node: HostileNode;
  readonly seller: LocalAccount;
  readonly till: LocalAccount;
  readonly deals: readonly Deal[];
  readonly starts: readonly Start[];
  readonly found: { readonly rule: Rule; readonly item: string; readonly detail: string }[];
  /** Stops the buyers. */
  readonly stop: AbortController;
  readonly healed: boolean;
  say(rule: Rule, deal: Deal | undefined, detail: string): void;
  /** The way from a buyer to the seller. */
  network(deal: Deal, input: RequestInfo | URL, init?: RequestInit): Promise<Response>;
  /** Starts a server where none runs. */
  boot(): Promise<void>;
  /** What the operator is shown. */
  admin(): Promise<Record<string, unknown>>;
  /** From now on facilitator, node, store and keys are sound; clocks stay wrong. */
  heal(): void;
  moved(deal: Deal): readonly { readonly at: number; readonly nonce: string }[];
  close(): Promise<void>;
}

const ADMIN_TOKEN = "a-token-of-an-operator";
const RESTART_MS = 1_000;

/** A seller, a facilitator, a node and buyers, in a time of their own. Everything between them is HTTP. */
export async function openArena(setup: Setup, random: Dice): Promise<Arena> {
  const clock = skewedClock();
  const ledger = memoryLedger({ now: () => clock.now() });
  const seller = accountOf(0x5e11e5);
  const till = accountOf(0x7111);
  const facilitator = scriptedFacilitator(ledger);
  const node = hostileNode(ledgerNode(ledger, { now: () => clock.now() }), setup.lies);
  const found: Arena["found"] = [];
  const starts: Start[] = [];
  const crashes = [...(setup.crashes ?? [])];
  let passes = 0;
  let healed = false;
  let closed = false;
  let running:
    | { readonly life: Mortal; fetch(request: Request): Promise<Response>; stop(): void }
    | undefined;
  let booting: Promise<void> | undefined;

  const folder = mkdtempSync(join(tmpdir(), "resource402-attacks-"));
  const shared = setup.store === "memory" ? memoryStore() : undefined;
  const stores: { close?(): Promise<void> }[] = [];

  const deals = setup.kinds.map((kind, index): Deal => {
    const serial = `${index}-${random.between(0, 999_999)}`;
    return {
      item: `item-${serial}`,
      kind,
      key: `attack-key-of-deal-${serial}`,
      who: random.chance(0.5) ? "client" : "hand",
      account: accountOf(0xb0b00 + index),
      conduct: setup.conducts?.[index] ?? "works",
      told: [],
      client: [],
      nonces: new Set(),
    };
  });
  const dealOf = (item: string) => deals.find((deal) => deal.item === item);

  function moved(deal: Deal): { at: number; nonce: string }[] {
    const own = (nonce: string) => deal.nonces.has(nonce.toLowerCase());
    return ledger.uses
      .filter(({ nonce, transfer }) => transfer && own(nonce))
      .map(({ at, nonce }) => ({ at, nonce: nonce.toLowerCase() }));
  }

  const say: Arena["say"] = (rule, deal, detail) =>
    found.push({ rule, item: deal ? `${deal.item} (${deal.kind}, ${deal.who})` : "", detail });

  schemaHook.onValidate = (item) => {
    const deal = setup.poisonedInput === undefined ? undefined : deals[setup.poisonedInput];
    if (deal?.item === item && moved(deal).length > 0)
      throw new TypeError("cannot read properties of undefined (reading 'map')");
  };

  const log = (fields: object, message: string): void => {
    const line = `${message} ${JSON.stringify(fields, plain)}`;
    if (line.includes(SECRET)) say("secret in the log", undefined, line.slice(0, 300));
    if (process.env.FAULTS_LOG) console.error("  log", line.slice(0, 600));
  };

  const handler =
    (kind: Kind) =>
    async ({ item }: { item: string }, ctx: { fail(code: string): never }): Promise<unknown> => {
      const deal = dealOf(item);
      const nonces = deal ? [...deal.nonces] : [];
      starts.push({
        item,
        transferred: deal !== undefined && moved(deal).length > 0,
        verified: nonces.some((nonce) => facilitator.verified.has(nonce)),
        saidSettled: facilitator.settlements.some(
          ({ nonce, reply }) =>
            nonces.includes(nonce.toLowerCase()) &&
            typeof reply === "object" &&
            /"success":true/.test(reply.body) &&
            /"transaction":"0x[0-9a-f]{64}"/.test(reply.body) &&
            /"network":"eip155:84532"/.test(reply.body),
        ),
      });
      const conduct = deal?.conduct ?? "works";
      await new Promise((resolve) => setTimeout(resolve, conduct === "dawdles" ? 8_000 : 50));
      if (conduct === "fails") return ctx.fail("sold_out");
      if (conduct === "throws") throw new Error(`the machine is broken (${kind})`);
      if (conduct === "throws oddly")
        throw [
          null,
          undefined,
          "text",
          {
            get message() {
              throw new Error();
            },
          },
        ][item.length % 4];
      if (conduct === "returns nonsense") return { item: 42n };
      return { item };
    };

  async function bootOne(): Promise<void> {
    const life: Mortal = mortal({
      onPass: (point) => {
        if (healed || point !== crashes[0]?.point) return;
        passes += 1;
        if (passes < crashes[0].nth) return;
        passes = 0;
        crashes.shift();
        life.kill();
      },
    });
    const store = shared ?? sqliteStore(join(folder, "calls.db"));
    stores.push(store as { close?(): Promise<void> });
    const refundAccount = {
      address: till.address,
      signTypedData: async (data: { message: { to: string } }) => {
        const bad = setup.unsignableRefund === undefined ? undefined : deals[setup.unsignableRefund];
        if (!healed && bad?.account.address.toLowerCase() === String(data.message.to).toLowerCase())
          throw new Error("the key's guard refused to sign");
        return till.signTypedData(data as never);
      },
    };
    const server = await clock.skewed(setup.skew?.server ?? 0, async () => {
      const made = serve(
        api,
        documents as never,
        {
          handlers: life.guard(
            Object.fromEntries(
              setup.kinds
                .map((kind) => [kind, handler(kind)])
                .concat(
                  (["free", "syncAfter", "syncBefore", "jobAfter", "jobBefore"] as const).map((kind) => [
                    kind,
                    handler(kind),
                  ]),
                ),
            ),
          ),
          payments: {
            accepts: [
              {
                network: ledger.network,
                payTo: seller.address,
                ...(setup.node ? { rpcUrl: `http://node.test/v2/${SECRET}` } : {}),
              },
            ],
            facilitator: `http://facilitator.test/${SECRET}`,
            facilitatorTimeout: "20s",
            refunds: { account: refundAccount },
          },
          store: life.guard(poisoned(store)),
          log: { debug: log, info: log, warn: log, error: log },
          faults: life.faults,
          admin: { token: ADMIN_TOKEN },
          recovery: { everyMs: 5_000 },
        } as never,
      );
      await made.start();
      return made;
    });
    const stop = (): void => void server.stop(0).catch(() => {});
    const fetch = (request: Request) =>
      clock.skewed(setup.skew?.server ?? 0, () => life.fetch((one) => server.fetch(one))(request));
    running = { life, fetch, stop };
    void life.death.then(() => {
      running = undefined;
      stop();
      if (!closed) setTimeout(() => void arena.boot(), RESTART_MS);
    });
  }

  /** Ids of rows that belong to the poisoned deal, as far as they have been seen. */
  const poisonedIds = new Set<string>();

  /** The store, which fails at everything that has to do with the poisoned deal. */
  function poisoned<S extends object>(store: S): S {
    if (setup.poisonedRow === undefined) return store;
    const deal = deals[setup.poisonedRow] as Deal;
    const marks = () => [deal.item, deal.key, ...deal.nonces, ...poisonedIds];
    const isAbout = (value: unknown) => {
      const text = JSON.stringify(value, plain)?.toLowerCase() ?? "";
      return marks().some((mark) => text.includes(mark.toLowerCase()));
    };
    const learn = (value: unknown): void => {
      if (typeof value !== "object" || value === null) return;
      const { id, callId, jobId } = value as Record<string, unknown>;
      if (isAbout(value))
        for (const one of [id, callId, jobId]) if (typeof one === "string") poisonedIds.add(one);
      for (const member of Object.values(value)) learn(member);
    };
    return new Proxy(store, {
      get(target, name) {
        const member: unknown = Reflect.get(target, name, target);
        if (typeof member !== "function") return member;
        return (...args: unknown[]) => {
          learn(args);
          if (!healed && moved(deal).length > 0 && isAbout(args))
            return Promise.reject(new Error("the row cannot be read: checksum mismatch"));
          const result: unknown = member.apply(target, args);
          if (result instanceof Promise) result.then(learn, () => {});
          return result;
        };
      },
    });
  }

  const globalFetch = globalThis.fetch;
  globalThis.fetch = ((input: RequestInfo | URL, init?: RequestInit) => {
    const { hostname } = new URL(input instanceof Request ? input.url : input);
    if (hostname === "facilitator.test")
      return clock.skewed(0, () => fetchFrom(facilitator.handler, input, init));
    if (hostname === "node.test") return clock.skewed(0, () => fetchFrom(node.handler, input, init));
    throw new TypeError("fetch failed", {
      cause: Object.assign(new Error("ENOTFOUND"), { code: "ENOTFOUND" }),
    });
  }) as typeof fetch;

  const arena: Arena = {
    setup,
    clock,
    ledger,
    facilitator,
    node,
    seller,
    till,
    deals,
    starts,
    found,
    stop: new AbortController(),
    get healed() {
      return healed;
    },
    say,
    moved,
    async network(deal, input, init) {
      const request = new Request(input, { ...init, signal: null });
      const signal = init?.signal ?? (input instanceof Request ? input.signal : undefined);
      const nonce = nonceOf(request);
      if (nonce) {
        deal.nonces.add(nonce);
        deal.paid = request.clone();
      }
      const sentAt = clock.now();
      if (!running) throw new TypeError("fetch failed", { cause: new Error("connection refused") });
      const { method, url } = request;
      const aborted = new Promise<never>((_, reject) => {
        signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
      });
      aborted.catch(() => {});
      const { life } = running;
      const answering = running.fetch(request).catch((error: unknown) => {
        if (life.alive) say("raw error", deal, `the server threw ${String(error)}`);
        throw error;
      });
      const response = await Promise.race([answering, aborted]);
      const body = await response.text();
      const { status, headers } = response;
      deal.told.push({ sentAt, at: clock.now(), method, url, nonce, status, headers, body });
      const copy = new Headers(headers);
      return new Response([204, 304].includes(status) ? null : body, { status, headers: copy });
    },
    boot() {
      booting ??= (async () => {
        while (!closed && !running) {
          await bootOne().catch(async (error: unknown) => {
            log({ error }, "the server does not start");
            await new Promise((resolve) => setTimeout(resolve, RESTART_MS));
          });
        }
      })().finally(() => {
        booting = undefined;
      });
      return booting;
    },
    async admin() {
      const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
      const response = await running?.fetch(new Request("http://seller.test/admin/data", { headers }));
      const text = (await response?.text()) ?? "";
      if (text.includes(SECRET)) say("secret in a response", undefined, "the operator's page has it");
      return parse(text);
    },
    heal() {
      healed = true;
      facilitator.script = {};
      for (const name of Object.keys(node.lies)) delete node.lies[name as keyof NodeLies];
    },
    async close() {
      closed = true;
      arena.stop.abort();
      running?.life.kill();
      await Promise.allSettled(stores.map((store) => store.close?.()));
      globalThis.fetch = globalFetch;
      schemaHook.onValidate = () => {};
      clock[Symbol.dispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  await Promise.all(
    [till, ...deals.map(({ account }) => account)].map(({ address }) => ledger.mint(address, 100_000_000n)),
  );
  return arena;
}

/** The nonce of the payment that a request carries. */
function nonceOf(request: Request): string | undefined {
  const header = request.headers.get("payment-signature") ?? request.headers.get("x-payment");
  if (!header) return undefined;
  const payment = parse(Buffer.from(header, "base64").toString("utf8")) as {
    payload?: { authorization?: { nonce?: Hex } };
  };
  return payment.payload?.authorization?.nonce?.toLowerCase();
}

/** For `JSON.stringify`: errors with everything that a logger would print of them. */
function plain(_: string, value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  if (value instanceof Map) return [...value];
  if (!(value instanceof Error)) return value;
  const { message, stack, cause } = value;
  return { ...value, message, stack, cause };
}
