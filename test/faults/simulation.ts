import { FAULT_POINTS, type FacilitatorRule, type NetworkRule } from "../../src/testing/index.ts";
import { isJob, RESOURCES, type ResourceName } from "./api.ts";
import { buy, type ClientKind } from "./clients.ts";
import { Stuck } from "./clock.ts";
import type { Ended } from "./invariants.ts";
import { conclude, type Ran } from "./matrix.ts";
import { ours, stock } from "./sellers.ts";
import { type Behaviour, openStage, type Plan, type Stage, type StoreKind, sleep } from "./stage.ts";

/** Random numbers that are the same every time. */
export interface Dice {
  /** From 0, below 1. */
  roll(): number;
  /** A whole number from `least` to `most`. */
  between(least: number, most: number): number;
  one<T>(of: readonly T[]): T;
  /** True this often. */
  chance(share: number): boolean;
  /** Between `least` and `most` of what `make` makes. */
  some<T>(least: number, most: number, make: () => T): T[];
}

/** mulberry32. */
export function dice(seed: number): Dice {
  let state = seed >>> 0;
  const roll = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  const between = (least: number, most: number) => least + Math.floor(roll() * (most - least + 1));
  return {
    roll,
    between,
    one: (of) => of[between(0, of.length - 1)] as (typeof of)[number],
    chance: (share) => roll() < share,
    some: (least, most, make) => Array.from({ length: between(least, most) }, make),
  };
}

/**
 * Without `refused` and `verify_refused`: a payment that is refused now and good a second later, while a copy of it is
 * still on its way, is charged after the seller has said that it was not. Instead, buyers lose all their money.
 */
const FACILITATOR: readonly FacilitatorRule["mode"][] = [
  "cut_before",
  "cut_after",
  "timeout_before",
  "timeout_after",
  "silent_before",
  "silent_after",
  "bad_gateway_before",
  "bad_gateway_after",
  "html_after",
  "rate_limited",
  "pending",
  "pending_error",
  "pending_never",
  "slow",
  "verify_cut",
  "verify_rate_limited",
  "verify_error",
  "verify_silent",
  "verify_slow",
];
const NETWORK: readonly NetworkRule["mode"][] = [
  "request_lost",
  "answer_lost",
  "answer_never",
  "delivered_late",
  "duplicated",
  "delayed",
  "bad_gateway_before",
  "bad_gateway_after",
  "cut_body",
  "rate_limited",
  "unavailable",
];
const STORE = ["findCall", "begin", "change", "attend", "dueCalls", "claimJobs", "call", "job"] as const;
const BEHAVIOURS: readonly Behaviour[] = [
  "works",
  "works",
  "works",
  "works",
  "works",
  "throws",
  "hangs",
  "botches",
];
/** Who keeps its key or its payment. The matrix counts what becomes of the others. */
const KEYED: readonly ClientKind[] = ["replay", "ahead", "resend", "resign"];

export interface Simulation {
  readonly seed: number;
  readonly seller: "ours" | "stock";
  readonly store: StoreKind;
}

/** Everything that goes wrong in the run of a seed. */
function planOf(random: Dice): Plan {
  const calls = (most: number) => random.some(1, 3, () => random.between(1, most));
  return {
    servers: random.chance(0.25) ? 2 : 1,
    crashes: random.some(0, 3, () => ({ point: random.one(FAULT_POINTS), nth: random.between(1, 6) })),
    facilitator: [
      ...random.some(0, 3, (): FacilitatorRule => ({ mode: random.one(FACILITATOR), calls: calls(10) })),
      ...(random.chance(0.3) ? [{ mode: random.one(["strict", "idempotent"] as const) }] : []),
    ],
    network: random.some(0, 2, (): NetworkRule => ({ mode: random.one(NETWORK), calls: calls(6) })),
    store: random.chance(0.3)
      ? random.some(1, 2, () => ({
          method: random.one(STORE),
          calls: calls(12),
          ...(random.chance(0.5) ? { after: true as const } : {}),
        }))
      : [],
  };
}

/**
 * One run with several buyers, servers that die and come back, and whatever else the seed has in store. The same seed
 * takes the same course.
 */
export async function simulate({ seed, seller, store }: Simulation): Promise<Ran> {
  const random = dice(seed);
  const plan = planOf(random);
  if (process.env.FAULTS_LOG) console.error(JSON.stringify(plan));
  using _ = seeded(dice(seed ^ 0x5eed));
  const stage = await openStage({
    seller: seller === "ours" ? ours : stock,
    store,
    plan,
    buyers: random.between(1, 3),
  });
  try {
    await stage.clock.until(stage.boot());
    const buying = random.some(1, 5, () => {
      const resource = random.one(RESOURCES);
      const client = random.one(KEYED);
      return buyer(stage, random, resource, client);
    });
    const unrest = random.some(0, 3, () => disturb(stage, random));
    const ended: Ended[] = [];
    try {
      await stage.clock.until(
        Promise.all([...buying.map(async (one) => ended.push(await one.end)), ...unrest]),
        6 * 3_600_000,
      );
    } catch (error) {
      if (!(error instanceof Stuck)) throw error;
    }
    for (const { purchase, client } of buying) {
      if (!ended.some((one) => one.purchase === purchase))
        ended.push({ purchase, client, outcome: undefined });
    }
    return { violations: await conclude(stage, ended), passed: stage.passed };
  } finally {
    await stage.close();
  }
}

function buyer(stage: Stage, random: Dice, resource: ResourceName, client: ClientKind) {
  const purchase = stage.purchase(resource, random.between(0, stage.buyers.length - 1));
  const startsAfter = random.between(0, 8_000);
  const twin = random.chance(0.2);
  const cancelsAfter = isJob(resource) && random.chance(0.2) ? random.between(0, 4_000) : undefined;
  const way = stage.network(purchase);
  const network = async (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
    const request = new Request(input, init);
    const paid = request.headers.has("payment-signature");
    if (paid && twin) void way(request.clone()).catch(() => {});
    const answer = await way(request);
    if (answer.status === 202 && cancelsAfter !== undefined) {
      const { statusUrl } = (await answer
        .clone()
        .json()
        .catch(() => ({}))) as { statusUrl?: string };
      setTimeout(() => {
        if (statusUrl) void stage.answer(new Request(statusUrl, { method: "DELETE" })).catch(() => {});
      }, cancelsAfter);
    }
    return answer;
  };
  const end = sleep(startsAfter)
    .then(() => buy(stage, purchase, client, network))
    .then((outcome): Ended => ({ purchase, client, outcome }));
  return { purchase, client, end };
}

/** Something else, at a time of its own. */
async function disturb(stage: Stage, random: Dice): Promise<void> {
  const what = random.one(["kill", "behaviour", "replay", "clock", "poverty"] as const);
  const behaviour = random.one(BEHAVIOURS);
  const lasts = random.between(100, 20_000);
  const jump = random.between(-30_000, 30_000);
  await sleep(random.between(0, 15_000));
  if (what === "kill") stage.servers[0]?.life.kill();
  if (what === "clock") stage.clock.set(jump);
  if (what === "poverty") {
    for (const { address } of stage.buyers)
      await stage.ledger.mint(address, -(await stage.ledger.balanceOf(address)));
  }
  if (what === "behaviour") {
    stage.behaviour = behaviour;
    await sleep(lasts);
    stage.behaviour = "works";
  }
  if (what === "replay") {
    for (const { sent } of stage.purchases) {
      const last = sent.at(-1);
      if (last) await stage.answer(last.request.clone()).catch(() => {});
    }
  }
}

/** Keys, nonces and ids come from the dice, too: what is sorted by them would else differ from run to run. */
export function seeded(random: Dice): Disposable {
  const { crypto } = globalThis;
  const real = { random: Math.random, values: crypto.getRandomValues, uuid: crypto.randomUUID };
  const values = <T extends ArrayBufferView | null>(array: T): T => {
    if (array === null) return array;
    const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    for (let index = 0; index < bytes.length; index += 1) bytes[index] = random.between(0, 255);
    return array;
  };
  Math.random = random.roll;
  crypto.getRandomValues = values as typeof crypto.getRandomValues;
  crypto.randomUUID = () => {
    const digits = Array.from(values(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join(
      "",
    );
    return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5") as ReturnType<
      typeof real.uuid
    >;
  };
  return {
    [Symbol.dispose]() {
      Math.random = real.random;
      crypto.getRandomValues = real.values;
      crypto.randomUUID = real.uuid;
    },
  };
}
