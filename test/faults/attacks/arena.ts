import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Hex, LocalAccount } from "viem";
import {
  type FaultPoint,
  fetchFrom,
  type HostileNode,
  hostileNode,
  ledgerNode,
  type MemoryLedger,
  memoryLedger,
  type NodeLies,
  type ScriptedFacilitator,
  scriptedFacilitator,
} from "../../../src/testing/index.ts";
import type { Dice } from "../simulation.ts";
import { accountOf, type StoreKind } from "../stage.ts";
import { type Kind, schemaHook } from "./api.ts";
import { parse } from "./buyers.ts";
import type { Rule } from "./judge.ts";
import { SECRET } from "./replies.ts";
import { ADMIN_TOKEN, type Running, startSeller, storesOf } from "./seller.ts";
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
  readonly leaves: boolean;
  /** The version of x402 that is spoken by hand. */
  readonly version: 1 | 2;
  readonly told: Told[];
  /** What the client reported about the money. */
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
  /** The account that pays refunds cannot sign one for these deals. */
  readonly unsignableRefunds?: readonly number[];
  /** The schema throws at this deal's input, once its money has moved, for good. */
  readonly poisonedInput?: number;
  /** The buyer of this deal leaves after its first paid request, whatever the response. */
  readonly leaves?: number;
  /** @default "20s" */
  readonly facilitatorTimeout?: string;
  /** Between the first requests of two deals. @default 0, and up to three seconds by chance */
  readonly apartMs?: number;
  /** Deals, by kind. */
  readonly kinds: readonly Kind[];
}

export interface Arena {
  readonly setup: Setup;
  readonly clock: SkewedClock;
  readonly ledger: MemoryLedger;
  readonly facilitator: ScriptedFacilitator;
  readonly node: HostileNode;
  readonly seller: LocalAccount;
  readonly till: LocalAccount;
  readonly deals: readonly Deal[];
  readonly starts: Start[];
  readonly found: { readonly rule: Rule; readonly item: string; readonly detail: string }[];
  /** Stops the buyers. */
  readonly stop: AbortController;
  readonly healed: boolean;
  /** Why the last server did not start. */
  lastBootError: unknown;
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

const RESTART_MS = 1_000;
/** Accounts by their private keys. */
export const SELLER = 0x5e11e5;
const TILL = 0x7111;
const BUYERS = 0xb0b00;

/** A seller, a facilitator, a node and buyers, in a time of their own. Everything between them is HTTP. */
export async function openArena(setup: Setup, random: Dice): Promise<Arena> {
  const openStores = await storesOf(setup.store);
  const clock = skewedClock();
  const ledger = memoryLedger({ now: () => clock.now() });
  const facilitator = scriptedFacilitator(ledger);
  const node = hostileNode(ledgerNode(ledger, { now: () => clock.now() }), { ...setup.lies });
  const folder = mkdtempSync(join(tmpdir(), "resource402-attacks-"));
  const stores = openStores(clock, folder);
  const deals = dealsOf(setup, random);
  const found: Arena["found"] = [];
  const crashes = [...(setup.crashes ?? [])];
  let passes = 0;
  let healed = false;
  let closed = false;
  let running: Running | undefined;
  let booting: Promise<void> | undefined;

  schemaHook.onValidate = (item) => {
    const deal = setup.poisonedInput === undefined ? undefined : deals[setup.poisonedInput];
    if (deal?.item === item && arena.moved(deal).length > 0)
      throw new TypeError("cannot read properties of undefined (reading 'map')");
  };
  const globalFetch = globalThis.fetch;
  globalThis.fetch = ((input: RequestInfo | URL, init?: RequestInit) => {
    const { hostname } = new URL(input instanceof Request ? input.url : input);
    const handler = { "facilitator.test": facilitator.handler, "node.test": node.handler }[hostname];
    if (handler) return clock.skewed(0, () => fetchFrom(handler, input, init));
    const cause = Object.assign(new Error(`getaddrinfo ENOTFOUND ${hostname}`), { code: "ENOTFOUND" });
    return Promise.reject(new TypeError("fetch failed", { cause }));
  }) as typeof fetch;

  async function bootOne(): Promise<void> {
    const started = await startSeller(arena, stores, (point, life) => {
      if (healed || point !== crashes[0]?.point) return;
      passes += 1;
      if (passes < crashes[0].nth) return;
      passes = 0;
      crashes.shift();
      life.kill();
    });
    running = started;
    void started.life.death.then(() => {
      running = undefined;
      started.stop();
      if (!closed) setTimeout(() => void arena.boot(), RESTART_MS);
    });
  }

  async function bootAll(): Promise<void> {
    while (!closed && !running) {
      await bootOne().catch(async (error: unknown) => {
        arena.lastBootError = error;
        await new Promise((resolve) => setTimeout(resolve, RESTART_MS));
      });
    }
  }

  const arena: Arena = {
    ...{ setup, clock, ledger, facilitator, node, deals, found },
    seller: accountOf(SELLER),
    till: accountOf(TILL),
    starts: [],
    stop: new AbortController(),
    lastBootError: undefined,
    get healed() {
      return healed;
    },
    say: (rule, deal, detail) =>
      found.push({ rule, item: deal ? `${deal.item} (${deal.kind}, ${deal.who})` : "", detail }),
    moved(deal) {
      return ledger.uses
        .filter(({ nonce, transfer }) => transfer && deal.nonces.has(nonce.toLowerCase()))
        .map(({ at, nonce }) => ({ at, nonce: nonce.toLowerCase() }));
    },
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
        if (life.alive) arena.say("raw error", deal, `the server threw ${String(error)}`);
        throw error;
      });
      const response = await Promise.race([answering, aborted]);
      const body = await response.text();
      const { status, headers } = response;
      deal.told.push({ sentAt, at: clock.now(), method, url, nonce, status, headers, body });
      return new Response([204, 304].includes(status) ? null : body, {
        status,
        headers: new Headers(headers),
      });
    },
    boot() {
      booting ??= bootAll().finally(() => {
        booting = undefined;
      });
      return booting;
    },
    async admin() {
      const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
      const response = await running?.fetch(new Request("http://seller.test/admin/data", { headers }));
      const text = (await response?.text()) ?? "";
      if (text.includes(SECRET)) arena.say("secret in a response", undefined, "the operator's page has it");
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
      await stores.close();
      globalThis.fetch = globalFetch;
      schemaHook.onValidate = () => {};
      clock[Symbol.dispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  const funded = [arena.till, ...deals.map(({ account }) => account)];
  await Promise.all(funded.map(({ address }) => ledger.mint(address, 100_000_000n)));
  return arena;
}

function dealsOf({ kinds, conducts, leaves }: Setup, random: Dice): Deal[] {
  return kinds.map((kind, index) => {
    const serial = `${index}-${random.between(0, 999_999)}`;
    return {
      item: `item-${serial}`,
      kind,
      key: `attack-key-of-deal-${serial}`,
      who: random.chance(0.5) && leaves !== index ? "client" : "hand",
      leaves: leaves === index,
      version: random.chance(0.3) ? 1 : 2,
      account: accountOf(BUYERS + index),
      conduct: conducts?.[index] ?? "works",
      told: [],
      client: [],
      nonces: new Set(),
    };
  });
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
