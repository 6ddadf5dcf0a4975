import type { ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Address, LocalAccount } from "viem";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { fileCalls } from "../../src/runtime/calls.ts";
import { sqliteStore } from "../../src/store/sqlite-store.ts";
import type { Phase } from "../../src/store/state.ts";
import type { Store } from "../../src/store/store.ts";
import { FAULT_POINTS, type FaultPoint, startWorld, type World } from "../../src/testing/index.ts";
import { atomicPrice, chargeOf, isJob, RESOURCES, type ResourceName } from "./api.ts";
import { type Outcome, replay } from "./clients.ts";
import { againWhilePortIsTaken, end, forkServer } from "./process.ts";
import type { ServerOrder } from "./server.ts";
import { dice } from "./simulation.ts";

export interface KillOptions {
  readonly purchases: number;
  /** @default 1 */
  readonly seed?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (text: string) => void;
}

export interface KillReport {
  /** What is not as it should be, in words. */
  readonly wrong: readonly string[];
  /** Points at which a server was killed. */
  readonly points: ReadonlySet<FaultPoint>;
  readonly text: string;
  readonly ok: boolean;
}

/** A purchase, and its result. */
export interface Bought {
  readonly item: string;
  readonly resource: ResourceName;
  readonly key: string;
  readonly buyer: LocalAccount;
  outcome?: Outcome;
}

const BUYERS = 4;
const AT_ONCE = 12;
/** Every so many purchases are of something that cannot be made, so that there is something to give back. */
const BROKEN_EVERY = 5;
/** A server that has not come to its point by then is killed where it is. In milliseconds. */
const MAX_LIFE_MS = 4_000;
const LEASE_MS = 900;
const EVERY_MS = 150;
const AT_REST_MS = 60_000;

/**
 * `kill -9` of a server in a process of its own, at every named point in turn, while buyers with calls on disk buy from
 * it: on SQLite, a real chain, and a facilitator over HTTP. When all is over, every call was delivered or refunded, and
 * the token's balances are the ledger's sums. Nothing outlives it.
 */
export async function kill({
  purchases,
  seed = 1,
  signal,
  onProgress = () => {},
}: KillOptions): Promise<KillReport> {
  const startedAt = performance.now();
  /** With few purchases, there is one death at each point. */
  const small = purchases < 200;
  const folder = mkdtempSync(join(tmpdir(), "resource402-kill-"));
  const random = dice(seed);
  const sellerKey = generatePrivateKey();
  const seller = privateKeyToAccount(sellerKey);
  const world = await startWorld();
  const facilitator = await world.startFacilitatorServer();
  const points = new Set<FaultPoint>();
  const all: Bought[] = [];
  const buyers: LocalAccount[] = [];
  let kills = 0;
  let over = false;
  /** Where the server that runs is going to die. */
  let target: FaultPoint | undefined;
  let child: ChildProcess | undefined;
  let port = 0;

  /** Starts a server; resolves when it listens, or has died before it did. */
  async function boot(dieAt: string): Promise<void> {
    const order: ServerOrder = {
      store: join(folder, "calls.db"),
      facilitator: facilitator.url,
      rpcUrl: world.rpcUrl ?? "",
      sellerKey,
      port,
      dieAt,
      everyMs: EVERY_MS,
      leaseMs: LEASE_MS,
    };
    await againWhilePortIsTaken(async () => {
      const { child: started, listening } = forkServer(order);
      child = started;
      port = (await listening) ?? port;
    });
  }

  /** Lets one server after the other die, each at the next point, until all is bought. */
  async function reign(): Promise<void> {
    const missed: FaultPoint[] = [];
    for (let turn = 0; !over; turn += 1) {
      const point =
        missed.length > 0 && turn % 2 === 1 ? missed.shift() : FAULT_POINTS[turn % FAULT_POINTS.length];
      if (!point) continue;
      if (small && points.size === FAULT_POINTS.length) return boot("");
      target = point;
      const nth = small ? 1 : random.between(1, point.startsWith("refund") ? 3 : 25);
      await boot(`${point}:${nth}`);
      const server = child;
      if (!server) continue;
      const died = await within(MAX_LIFE_MS, server);
      if (over) return;
      kills += 1;
      if (died) points.add(point);
      else {
        if (!points.has(point)) missed.push(point);
        await end(server);
      }
    }
  }

  /** The next purchase; more than were ordered while there are points at which no server was killed. */
  function next(): Bought | undefined {
    const missing = all.length < purchases * 2 + 100 && FAULT_POINTS.some((point) => !points.has(point));
    if (signal?.aborted || (all.length >= purchases && !missing)) return undefined;
    const index = all.length;
    // Two of three are of any kind; the third one is of a kind that comes by the point at which the server dies.
    const some = index % 3 === 2 ? comingBy(target) : RESOURCES;
    const broken = index % BROKEN_EVERY === 3 || (some !== RESOURCES && target?.startsWith("refund"));
    const purchase: Bought = {
      item: `item-${index}${broken ? "-broken" : ""}`,
      resource: some[Math.floor(index / 3) % some.length] as ResourceName,
      key: `kill-test-key-${String(index).padStart(6, "0")}`,
      buyer: buyers[index % BUYERS] as LocalAccount,
    };
    all.push(purchase);
    return purchase;
  }

  async function buyAll(): Promise<void> {
    for (let purchase = next(); purchase; purchase = next()) {
      purchase.outcome = await replay(purchase, {
        baseUrl: `http://127.0.0.1:${port}`,
        fetch: globalThis.fetch,
        calls: fileCalls(join(folder, "calls", purchase.key)),
        isAhead: all.length % 2 === 0,
        attemptMs: 5_000,
        longestMs: 1_000,
        ...(signal ? { signal } : {}),
      });
      const done = all.filter(({ outcome }) => outcome !== undefined).length;
      onProgress(`${done} of ${purchases} bought, ${kills} servers killed`);
    }
  }

  try {
    buyers.push(
      ...(await Promise.all(Array.from({ length: BUYERS }, () => world.account({ usdc: "1000" })))),
    );
    await world.fund(seller.address, "100");
    const before = await world.balanceOf(seller.address);
    // The first one only finds a port: all that follow listen there.
    await boot("");
    if (child) await end(child);
    const reigning = reign();
    const buying = Promise.all(Array.from({ length: AT_ONCE }, buyAll));
    await Promise.race([buying, reigning.then(() => buying)]);
    over = true;
    if (child) await end(child);
    await reigning;
    signal?.throwIfAborted();

    await boot("");
    const store = sqliteStore(join(folder, "calls.db"));
    let wrong: string[];
    try {
      wrong = await verify(world, store, seller.address, before, all);
    } finally {
      await store.close();
    }
    const never = FAULT_POINTS.filter((point) => !points.has(point));
    if (never.length > 0) wrong.push(`no server was killed at ${never.join(", ")}`);
    const delivered = all.filter(({ outcome }) => outcome?.state === "delivered").length;
    const text = [
      `kill -9: ${all.length} purchases, ${kills} servers killed at ${points.size} points in ${Math.round((performance.now() - startedAt) / 1000)} s: ` +
        `${delivered} delivered, ${all.length - delivered} not; ${wrong.length === 0 ? "every one of these refunded or never charged, and the balances are the ledger's sums" : "WRONG"}`,
      ...wrong.map((one) => `    ${one}`),
    ].join("\n");
    return { wrong, points, text, ok: wrong.length === 0 };
  } catch (error) {
    if (!signal?.aborted) throw error;
    return { wrong: [], points, text: "the kill test was stopped", ok: true };
  } finally {
    over = true;
    if (child) await end(child);
    await world.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The resources whose calls pass a point; of those that give back money, the ones that take it first. */
function comingBy(point: FaultPoint | undefined): readonly ResourceName[] {
  const here = (name: ResourceName): boolean => {
    if (point === "call.concluding") return name === "syncBefore";
    if (point === "call.ran") return !isJob(name);
    if (point?.startsWith("refund")) return chargeOf(name) === "before";
    return point?.startsWith("job") ? isJob(name) : true;
  };
  return RESOURCES.filter(here);
}

/** Phases in which no money has moved. */
const UNPAID: readonly Phase[] = ["open", "submitted", "void"];

/** Compares what buyers, ledger and chain say when nothing is left to be done. */
export async function verify(
  world: World,
  store: Store,
  seller: Address,
  before: bigint,
  all: readonly Bought[],
): Promise<string[]> {
  const deadline = performance.now() + AT_REST_MS;
  for (;;) {
    const wrong = await look();
    if (wrong.length === 0 || performance.now() > deadline) return wrong;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }

  async function look(): Promise<string[]> {
    const wrong: string[] = [];
    const transfers = await world.transfers();
    const paid = new Map<string, string[]>();
    let received = 0n;
    let booked = 0n;
    for (const { from, to, value, nonce } of transfers) {
      if (to.toLowerCase() !== seller.toLowerCase()) continue;
      received += value;
      const call = await find(from, nonce);
      if (!call) wrong.push(`${nonce} was transferred, and no call knows of it`);
      else if (UNPAID.includes(call.phase)) wrong.push(`${call.id} was transferred and is ${call.phase}`);
      else booked += BigInt(call.value);
      const key = call?.key ?? nonce;
      paid.set(key, [...(paid.get(key) ?? []), nonce]);
    }
    if (booked !== received) wrong.push(`${received} received, ${booked} in the ledger`);
    for (const [key, nonces] of paid)
      if (nonces.length > 1) wrong.push(`${key} was charged ${nonces.length} times`);

    const refunds = await store.refunds({ limit: 1_000_000 });
    const repaid = refunds.reduce((sum, { atomicAmount }) => sum + BigInt(atomicAmount), 0n);
    const sent = transfers
      .filter(({ from }) => from.toLowerCase() === seller.toLowerCase())
      .reduce((sum, { value }) => sum + value, 0n);
    for (const { id, state } of refunds) if (state !== "paid") wrong.push(`${id} is still ${state}`);
    if (sent !== repaid) wrong.push(`${sent} sent back, ${repaid} in the ledger`);
    const balance = await world.balanceOf(seller);
    if (balance !== before + received - sent) wrong.push(`the seller has ${balance}`);

    const refunded = new Set(refunds.map(({ callId }) => callId));
    for (const { key, outcome, resource, buyer } of all) {
      const nonce = paid.get(key)?.[0] as `0x${string}` | undefined;
      const call = nonce && (await find(buyer.address, nonce));
      const back = call !== undefined && refunded.has(call.id);
      if (!outcome) wrong.push(`${key} has no end`);
      else if (outcome.state === "delivered" && (!nonce || back)) wrong.push(`${key} was given away`);
      else if (outcome.state === "failed" && nonce && !back)
        wrong.push(
          `${key} (${resource}, ${atomicPrice(resource)}) was paid, and neither delivered nor refunded: ${outcome.why}`,
        );
    }
    return wrong;
  }

  function find(payer: Address, nonce: string) {
    const identity = {
      network: world.network,
      payer: payer.toLowerCase(),
      nonce: nonce.toLowerCase(),
      bytesHash: "",
      validBefore: 0,
    };
    return store.findCall({ resource: "", identity, key: undefined });
  }
}

/** True when it has died within that time. */
function within(ms: number, server: ChildProcess): Promise<boolean> {
  return new Promise((resolve) => {
    if (server.exitCode !== null || server.signalCode !== null) return resolve(true);
    const timer = setTimeout(() => resolve(false), ms);
    server.once("exit", () => {
      clearTimeout(timer);
      resolve(true);
    });
  });
}
