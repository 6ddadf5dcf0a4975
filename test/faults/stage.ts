import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FacilitatorClient } from "@x402/core/server";
import type { Hex, LocalAccount } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { decodeHeader } from "../../src/protocol/headers.ts";
import {
  type Crashable,
  crashable,
  type FacilitatorRule,
  type FaultPoint,
  type HostileFacilitator,
  hostileFacilitator,
  hostileNetwork,
  type MemoryLedger,
  memoryLedger,
  type NetworkRule,
} from "../../src/testing/index.ts";
import { type Made, RESOURCES, type ResourceName } from "./api.ts";
import { type VirtualClock, virtualClock } from "./clock.ts";
import { type PostgresStores, postgresStores } from "./postgres.ts";
import { type Lose, loseAll } from "./power.ts";

export const BASE_URL = "http://seller.test";

export type StoreKind = "memory" | "sqlite" | "postgres";

type Role = "api" | "worker" | "both";
/** On Postgres those who take calls and those who work are not the same. */
const FLEET: readonly Role[] = ["api", "api", "worker", "worker"];

/** What a handler does. */
export type Behaviour =
  | "works"
  | "throws"
  | "fails"
  /** Never ends and does not listen to its signal. */
  | "hangs"
  /** Returns what the definition does not allow. */
  | "botches"
  /** Takes longer than a dead server's lease. */
  | "dawdles"
  /** Dawdles, and throws the first time. */
  | "stumbles";

/** A store's method that fails. */
interface StoreRule {
  readonly method: string;
  /** Counted from 1 over all servers. */
  readonly calls: readonly number[];
  /** After it has done its work: the writer cannot know. @default before */
  readonly after?: true;
}

/**
 * Who loses the power: the machine with all servers on it, or the database alone, as a Postgres that crashes and comes back
 * while its servers live.
 */
export type Power = "machine" | "database";

/** A loss of power, by the writes of all servers. */
interface PowerCut {
  /** It happens after this write, counted from 1. */
  readonly after: number;
  readonly power: Power;
  /** How many relaxed writes are lost at most. @default all since the last durable one */
  readonly lose?: number;
  /** The writer gets an error, although the write may be on the disk. Only while servers live. */
  readonly silent?: true;
}

/** What goes wrong in a run. */
export interface Plan {
  readonly cuts?: readonly PowerCut[];
  /** Whichever server is the first to pass the first of them dies there, then whichever passes the second, … */
  readonly crashes?: readonly { readonly point: FaultPoint; readonly nth?: number }[];
  readonly facilitator?: readonly FacilitatorRule[];
  readonly network?: readonly NetworkRule[];
  readonly store?: readonly StoreRule[];
  readonly behaviour?: Behaviour;
  /** How many servers run at the same time over the same store. @default 1; on Postgres, there are always four */
  readonly servers?: number;
}

export interface Settings {
  readonly requireKey?: boolean;
  readonly duplicateWindow?: string;
}

/** What a server is started with. */
interface BootOptions {
  readonly number: number;
  readonly role: Role;
  readonly life: Crashable;
  readonly stage: Stage;
  readonly facilitator: FacilitatorClient;
  readonly handlers: Readonly<
    Record<ResourceName, (input: { item: string }, ctx?: { signal?: AbortSignal }) => Promise<Made>>
  >;
}

/** The program of a seller, with what it keeps beyond the death of its servers. */
export interface Seller {
  readonly name: "ours" | "stock";
  /** Starts a server. */
  boot(options: BootOptions): Promise<{ fetch(request: Request): Promise<Response>; stop(): void }>;
  /** What is not at its end yet, in words. */
  unfinished(): Promise<readonly string[]>;
  /** What it has written down of the money. */
  book(): Promise<Book>;
  /** Undoes the last relaxed writes. Absent where nothing can be lost. */
  cut?(lose: Lose): void;
  close(): Promise<void>;
}

export interface Book {
  readonly entries: readonly {
    readonly nonce: string;
    readonly state: "unused" | "in_flight" | "settled";
    readonly atomic: bigint;
  }[];
  readonly refunds: readonly {
    readonly nonce: string | undefined;
    readonly to: string;
    readonly atomic: bigint;
    readonly state: "owed" | "paid";
  }[];
  /** Ends of jobs that came after another end. */
  readonly changedEnds: readonly string[];
}

/** One purchase. */
export interface Purchase {
  readonly item: string;
  readonly resource: ResourceName;
  readonly buyer: LocalAccount;
  readonly key: string;
  /** Requests with a payment that reached the seller. */
  readonly sent: Sent[];
}

export interface Sent {
  /** When it arrived. */
  readonly at: number;
  readonly nonce: Hex;
  readonly request: Request;
  /** The number of this event in the run. */
  readonly turn: number;
  answer?: { status: number; headers: Headers; body: string; answered: number };
}

/** A handler was started. */
export interface Start {
  readonly resource: ResourceName;
  readonly item: string;
  readonly server: number;
  readonly at: number;
  /** Payments for this item that had been transferred, and that a facilitator had called good, at that moment. */
  readonly transferred: number;
  readonly verified: number;
  endedAt?: number;
  readonly alive: () => boolean;
  output?: Made;
}

export interface Stage {
  readonly clock: VirtualClock;
  readonly ledger: MemoryLedger;
  readonly facilitator: HostileFacilitator;
  readonly account: LocalAccount;
  readonly buyers: readonly LocalAccount[];
  readonly seller: Seller;
  /** Where the store is Postgres. */
  readonly postgres: PostgresStores | undefined;
  readonly settings: Settings;
  readonly plan: Plan;
  readonly purchases: Purchase[];
  readonly starts: Start[];
  /** Points passed by any server. */
  readonly passed: Set<FaultPoint>;
  /** Servers that run. */
  readonly servers: {
    readonly life: Crashable;
    readonly number: number;
    readonly role: Role;
    fetch(request: Request): Promise<Response>;
  }[];
  readonly storeCalls: Map<string, number>;
  /** Whether the power may fail in this run. */
  readonly losesPower: boolean;
  readonly healed: boolean;
  /** The server whose signs of life are not written down. */
  muted: number | undefined;
  /** The next server that passes this point dies there. */
  fuse: FaultPoint | undefined;
  /** What the handlers do from now on. */
  behaviour: Behaviour;
  /** From now on no fault occurs, except that a dead server stays dead until it is started again. */
  heal(): void;
  /** The power fails, and relaxed writes are lost. */
  cut(power: Power, lose?: Lose): void;
  /** Whether the database has gone back while servers were alive. */
  readonly wentBack: boolean;
  purchase(resource: ResourceName, buyer?: number): Purchase;
  /** The way from a buyer to the seller, for one purchase. */
  network(
    purchase: Purchase,
    rules?: readonly NetworkRule[],
  ): (input: RequestInfo | URL, init?: RequestInit) => Promise<Response>;
  /** Numbers the events of the run in their order. */
  nextTurn(): number;
  /** The seller's answer, without a network between. */
  answer(request: Request): Promise<Response>;
  /** Starts what is missing of `plan.servers`. */
  boot(): Promise<void>;
  file(name: string): string;
  close(): Promise<void>;
}

export interface StageOptions {
  readonly seller: (stage: Stage, store: StoreKind) => Seller;
  readonly store: StoreKind;
  readonly plan?: Plan;
  readonly settings?: Settings;
  readonly buyers?: number;
  /** @default when the plan has cuts */
  readonly losesPower?: boolean;
}

/** A seller's server is started again after this long. */
const RESTART_MS = 1_000;
const WORK_MS = { sync: 50, job: 300 };
/** Longer than a lease. */
const DAWDLE_MS = 25_000;

const accounts = new Map<number, LocalAccount>();

/** The same account for the same number. */
export function accountOf(number: number): LocalAccount {
  const account = accounts.get(number) ?? privateKeyToAccount(`0x${number.toString(16).padStart(64, "0")}`);
  accounts.set(number, account);
  return account;
}

/** A seller, its buyers and the money between them, in a time of their own. */
export async function openStage(options: StageOptions): Promise<Stage> {
  const { plan = {}, settings = {} } = options;
  const onPostgres = options.store === "postgres" ? await postgresStores() : undefined;
  const clock = virtualClock();
  const ledger = memoryLedger();
  const account = accountOf(0x5e11e5);
  const buyers = Array.from({ length: options.buyers ?? 1 }, (_, index) => accountOf(0xb0b00 + index));
  const facilitator = hostileFacilitator(ledger, plan.facilitator ?? []);
  const itemsByNonce = new Map<string, string>();
  const verified = new Set<string>();
  const watched: FacilitatorClient = {
    getSupported: () => ledger.getSupported(),
    settle: (payment, requirements) => facilitator.settle(payment, requirements),
    async verify(payment, requirements) {
      const verdict = await facilitator.verify(payment, requirements);
      if (verdict.isValid) verified.add((payment.payload.authorization as { nonce: string }).nonce);
      return verdict;
    },
  };
  let folder: string | undefined;
  const crashes = [...(plan.crashes ?? [])];
  /** How often the point of the next crash has been passed. */
  let passes = 0;
  const roles = onPostgres ? FLEET : Array.from({ length: plan.servers ?? 1 }, (): Role => "both");
  let booting: Promise<void> | undefined;
  let healed = false;
  let wentBack = false;
  /** Also those that are still starting. */
  const lives = new Set<Crashable>();
  let booted = 0;
  let serial = 0;
  let closed = false;
  let turn = 0;
  let events = 0;
  const itemOf = (nonces: Iterable<string>, item: string) =>
    Array.from(nonces).filter((nonce) => itemsByNonce.get(nonce) === item).length;

  async function bootOne(): Promise<void> {
    const number = booted;
    booted += 1;
    const missing = [...roles];
    for (const one of stage.servers) missing.splice(missing.indexOf(one.role), 1);
    const [role = "both"] = missing;
    const life: Crashable = crashable({
      onPass: (point) => {
        stage.passed.add(point);
        if (healed) return;
        if (point === stage.fuse) {
          stage.fuse = undefined;
          life.kill();
        }
        if (point !== crashes[0]?.point) return;
        passes += 1;
        if (passes < (crashes[0].nth ?? 1)) return;
        passes = 0;
        crashes.shift();
        life.kill();
      },
    });
    lives.add(life);
    void life.death.then(() => lives.delete(life));
    const handlers = Object.fromEntries(
      RESOURCES.map((resource) => [
        resource,
        async ({ item }: { item: string }, ctx?: { signal?: AbortSignal }): Promise<Made> => {
          const start: Start = {
            resource,
            item,
            server: number,
            at: clock.elapsed,
            transferred: itemOf(
              ledger.transfers.map(({ nonce }) => nonce),
              item,
            ),
            verified: itemOf(verified, item),
            alive: () => life.alive,
          };
          stage.starts.push(start);
          const { behaviour } = stage;
          await sleep(
            behaviour === "dawdles" || behaviour === "stumbles"
              ? DAWDLE_MS
              : resource.startsWith("job")
                ? WORK_MS.job
                : WORK_MS.sync,
          );
          // Whoever gives it up has to do without it from then on.
          ctx?.signal?.addEventListener("abort", () => {
            start.endedAt ??= clock.elapsed;
          });
          if (behaviour === "hangs") await new Promise(() => {});
          if (life.alive) start.endedAt ??= clock.elapsed;
          const first = stage.starts.find((one) => one.item === item) === start;
          if (behaviour === "throws" || (behaviour === "stumbles" && first))
            throw new Error("the machine is broken");
          serial += 1;
          start.output = { item, serial };
          return behaviour === "botches" ? ({ item: 42 } as never) : start.output;
        },
      ]),
    ) as unknown as BootOptions["handlers"];
    const started = stage.seller.boot({
      ...{ number, role, life, stage, facilitator: life.guard(watched), handlers: life.guard(handlers) },
    });
    // A server that dies while it starts does so without a word.
    const died = life.death.then(() => Promise.reject(new Error("died while it started")));
    const server = await Promise.race([started, died]).catch((error: unknown) => {
      life.kill();
      throw error;
    });
    died.catch(() => undefined);
    const running = { life, number, role, fetch: life.fetch((request) => server.fetch(request)) };
    stage.servers.push(running);
    void life.death.then(() => {
      stage.servers.splice(stage.servers.indexOf(running), 1);
      server.stop();
      if (closed) return;
      setTimeout(() => void stage.boot(), RESTART_MS);
    });
  }

  async function bootAll(): Promise<void> {
    while (!closed && stage.servers.length < roles.length) {
      try {
        await bootOne();
      } catch (error) {
        if (process.env.FAULTS_LOG) console.error("a server could not start", error);
        await sleep(RESTART_MS);
      }
    }
  }

  const stage: Stage = {
    postgres: onPostgres?.(clock),
    clock,
    ledger,
    facilitator,
    account,
    buyers,
    settings,
    plan,
    purchases: [],
    starts: [],
    passed: new Set(),
    servers: [],
    storeCalls: new Map(),
    losesPower: options.losesPower ?? plan.cuts !== undefined,
    muted: undefined,
    fuse: undefined,
    get healed() {
      return healed;
    },
    behaviour: plan.behaviour ?? "works",
    seller: undefined as unknown as Seller,
    get wentBack() {
      return wentBack;
    },
    cut(power, lose = loseAll) {
      if (healed) return;
      if (power === "machine") for (const life of lives) life.kill();
      else wentBack = true;
      stage.seller.cut?.(lose);
    },
    heal() {
      healed = true;
      stage.muted = undefined;
      facilitator.rules = facilitator.rules.filter(({ mode }) => mode === "strict" || mode === "idempotent");
    },
    purchase(resource, buyer = 0) {
      const number = stage.purchases.length + 1;
      const purchase: Purchase = {
        item: `item-${number}`,
        resource,
        buyer: buyers[buyer] as LocalAccount,
        key: `purchase-key-0000000${number}`,
        sent: [],
      };
      stage.purchases.push(purchase);
      return purchase;
    },
    network(purchase, rules = plan.network ?? []) {
      return hostileNetwork(async (request) => {
        const nonce = nonceOf(request);
        if (!nonce) return stage.answer(request);
        itemsByNonce.set(nonce, purchase.item);
        const sent: Sent = { at: clock.elapsed, nonce, request: request.clone(), turn: stage.nextTurn() };
        purchase.sent.push(sent);
        const answer = await stage.answer(request);
        const body = await answer.text();
        const { status, headers } = answer;
        sent.answer = { status, headers, body, answered: stage.nextTurn() };
        return new Response(body, { status, headers });
      }, rules);
    },
    nextTurn: () => {
      events += 1;
      return events;
    },
    async answer(request) {
      turn += 1;
      const taking = stage.servers.filter(({ role }) => role !== "worker");
      const server = taking[turn % Math.max(1, taking.length)];
      if (!server) throw new TypeError("fetch failed", { cause: new Error("no server listens") });
      return server.fetch(request);
    },
    boot() {
      // Two who do so at once would start one too many.
      booting ??= bootAll().finally(() => {
        booting = undefined;
      });
      return booting;
    },
    file(name) {
      folder ??= mkdtempSync(join(tmpdir(), "resource402-faults-"));
      return join(folder, name);
    },
    async close() {
      closed = true;
      for (const { life } of [...stage.servers]) life.kill();
      await stage.seller.close();
      clock[Symbol.dispose]();
      if (folder) rmSync(folder, { recursive: true, force: true });
    },
  };
  Object.assign(stage, { seller: options.seller(stage, options.store) });
  await Promise.all([account, ...buyers].map(({ address }) => ledger.mint(address, 100_000_000n)));
  return stage;
}

/** The nonce of the payment that a request carries. */
function nonceOf(request: Request): Hex | undefined {
  const header = request.headers.get("payment-signature") ?? request.headers.get("x-payment");
  if (!header) return undefined;
  const payment = decodeHeader(header) as { payload?: { authorization?: { nonce?: Hex } } } | undefined;
  return payment?.payload?.authorization?.nonce;
}

export const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
