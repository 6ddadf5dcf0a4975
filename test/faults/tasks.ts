import { ATTACKS } from "./attacks/catalog.ts";
import { attackOnChain, CHAIN_LIES } from "./attacks/on-chain.ts";
import { attack } from "./attacks/run.ts";
import type { Found } from "./counts.ts";
import { type Case, cases, nameOf, run } from "./matrix.ts";
import { POWER_CUTS } from "./power-cases.ts";
import { simulate } from "./simulation.ts";
import type { StoreKind } from "./stage.ts";

/** What a run is asked to do. */
export interface Order {
  readonly sellers: readonly Case["seller"][];
  readonly stores: readonly StoreKind[];
  readonly only?: string;
  /** Runs of the simulation, for each seller. */
  readonly runs: number;
  /** The first seed; the runs that follow count on from it. */
  readonly seed: number;
  /** Seeds of each attack, in memory and on SQLite. */
  readonly attacks: number;
}

/** One case, or one run of the simulation. */
export interface Task {
  readonly table: "faults" | "attacks";
  /** The line of the table that it counts for. */
  readonly row: string;
  /** What it is, and how to run it alone. */
  readonly name: string;
  /** Whether a violation is a mistake of ours. */
  readonly mustHold: boolean;
  run(): Promise<readonly Found[]>;
}

const KEYED = ["replay", "ahead", "resend", "resign"] as const;
const WHO = {
  replay: "resource402/client",
  ahead: "resource402/client, pays ahead",
  resend: "same bytes, no key",
  resign: "signs again, keeps its key",
  keyless: "signs again, no key",
} as const;
/** Of so many power cuts, one is made for each seed of the attacks. */
const POWER_CASES = 60;
const SELLERS = { ours: "resource402", stock: "@x402/hono" } as const;

/** Everything that is to be done, in the order of the table. */
export function tasks(order: Order): Task[] {
  const { only } = order;
  // The official middleware keeps its jobs in a map or a table of ours: nothing new would be learnt of it there.
  const storesOf = (seller: Case["seller"]) =>
    order.stores.filter((store) => seller === "ours" || store !== "postgres");
  const found: Task[] = [];
  const add = (one: Case, suffix = "", mustHold = true) =>
    found.push({
      table: "faults",
      row: `${SELLERS[one.seller]}: ${WHO[one.client]}${suffix}`,
      name: `${one.fault.number} ${nameOf(one)}${suffix}`,
      mustHold: mustHold && one.seller === "ours",
      run: async () => (await run(one)).violations,
    });
  for (const seller of order.sellers) {
    const some = { sellers: [seller], stores: storesOf(seller), ...(only === undefined ? {} : { only }) };
    for (const client of KEYED) for (const one of cases({ ...some, clients: [client] })) add(one);
    for (const one of cases({ ...some, clients: ["keyless"] })) add(one, "", false);
    if (seller === "stock") continue;
    for (const settings of [{ requireKey: true }, { duplicateWindow: "10m" }]) {
      const said = Object.entries(settings).map(([name, value]) => `, ${name}: ${value}`);
      for (const one of cases({ ...some, clients: ["keyless"], settings })) add(one, said.join(""));
    }
  }
  // On Postgres a run takes a hundred times as long, and the same seed not the same course.
  const stores = order.stores.filter((store) => store !== "postgres");
  for (const seller of stores.length > 0 ? order.sellers : []) {
    for (let index = 0; index < order.runs; index += 1) {
      const seed = order.seed + index;
      const store = stores[index % stores.length] ?? "memory";
      const name = `simulation of ${seller}, ${store}, seed ${seed}`;
      if (only !== undefined && !name.includes(only)) continue;
      found.push({
        table: "faults",
        row: `${SELLERS[seller]}: simulation`,
        name,
        mustHold: seller === "ours",
        run: async () => (await simulate({ seed, seller, store })).violations,
      });
    }
  }
  return order.sellers.includes("ours") ? [...found, ...attacks(order)] : found;
}

/** Every fourth seed on SQLite; one on Postgres, where a run takes a hundred times as long. */
function attacks({ stores, seed: first, attacks: count, only }: Order): Task[] {
  const local = stores.filter((store) => store !== "postgres");
  const storeOf = (index: number) =>
    local.includes("sqlite") && (index % 4 === 3 || local.length === 1) ? "sqlite" : "memory";
  const onChain = Object.entries(count > 0 && local.includes("memory") ? CHAIN_LIES : {}).map(
    ([name, lies]): Task => ({
      table: "attacks",
      row: "(ii) on a real chain, over real HTTP",
      name: `attack (ii) on a real chain: ${name}`,
      mustHold: true,
      run: () => attackOnChain(lies()),
    }),
  );
  const inMemory = ATTACKS.flatMap((one) => {
    const runs =
      local.length === 0
        ? []
        : Array.from({ length: count }, (_, index) => [storeOf(index), first + index] as const);
    const onPostgres = stores.includes("postgres") && count > 0 ? [["postgres", first] as const] : [];
    return [...runs, ...onPostgres].map(
      ([store, seed]): Task => ({
        table: "attacks",
        row: `(${one.part}) ${one.name}`,
        name: `attack (${one.part}) ${one.name}, ${store}, seed ${seed}`,
        mustHold: true,
        run: () => attack(one, seed, store),
      }),
    );
  });
  const cuts = local.length > 0 && count > 0 ? POWER_CUTS : [];
  const inPower = cuts.map(
    ({ name, run }): Task => ({
      table: "attacks",
      row: "(iv) the power fails",
      name: `attack (iv) the power fails during ${name}, seed ${first}`,
      mustHold: true,
      run: () => run(Math.max(1, Math.ceil(POWER_CASES / count)), first),
    }),
  );
  return [...inMemory, ...onChain, ...inPower].filter(
    ({ name }) => only === undefined || name.includes(only),
  );
}
