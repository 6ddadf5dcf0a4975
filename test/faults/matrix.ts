import type { FaultPoint } from "../../src/testing/index.ts";
import { RESOURCES, type ResourceName } from "./api.ts";
import { buy, CLIENTS, type ClientKind } from "./clients.ts";
import { Stuck } from "./clock.ts";
import { FAULTS, type Fault } from "./faults.ts";
import { check, type Ended, type Violation } from "./invariants.ts";
import { ours, stock } from "./sellers.ts";
import { openStage, type Settings, type Stage, type StoreKind } from "./stage.ts";
import { oneBuys } from "./stories.ts";

export interface Case {
  readonly fault: Fault;
  readonly resource: ResourceName;
  readonly store: StoreKind;
  readonly client: ClientKind;
  readonly seller: "ours" | "stock";
  readonly settings?: Settings;
}

export interface Ran {
  readonly violations: readonly Violation[];
  readonly passed: ReadonlySet<FaultPoint>;
}

export const nameOf = ({ seller, fault, resource, store, client }: Case): string =>
  `${seller}, ${store}, ${resource}, ${client}: ${fault.name}`;

export interface Selection {
  readonly sellers?: readonly Case["seller"][];
  readonly stores?: readonly StoreKind[];
  readonly clients?: readonly ClientKind[];
  readonly settings?: Settings;
  readonly only?: string;
}

export function cases(selection: Selection = {}): Case[] {
  const {
    sellers = ["ours", "stock"],
    stores = ["memory", "sqlite"],
    clients = CLIENTS,
    settings,
    only,
  } = selection;
  return sellers
    .flatMap((seller) =>
      stores.flatMap((store) =>
        clients.flatMap((client) =>
          FAULTS.filter(({ of }) => of?.includes(client === "ahead" ? "replay" : client) ?? true).flatMap(
            (fault) =>
              RESOURCES.filter((resource) => fault.to?.(resource) ?? true).map(
                (resource): Case => ({
                  fault,
                  resource,
                  store,
                  client,
                  seller,
                  ...(settings ? { settings } : {}),
                }),
              ),
          ),
        ),
      ),
    )
    .filter((one) => only === undefined || `${one.fault.number} ${nameOf(one)}`.includes(only));
}

/** Runs one case until nothing is left to happen, and says what should not be. */
export async function run({ fault, resource, store, client, seller, settings }: Case): Promise<Ran> {
  const stage = await openStage({
    seller: seller === "ours" ? ours : stock,
    store,
    plan: fault.plan,
    ...(settings ? { settings } : {}),
  });
  try {
    await stage.clock.until(stage.boot());
    const purchase = stage.purchase(resource);
    const story = fault.story ?? oneBuys;
    let ended: Ended[];
    try {
      ended = await stage.clock.until(story(stage, purchase, client), 6 * 3_600_000);
    } catch (error) {
      if (!(error instanceof Stuck)) throw error;
      ended = [{ purchase, client, outcome: undefined }];
    }
    const found = await conclude(stage, ended);
    const violations = found.filter(({ kind }) => !fault.forgotten || kind !== "paid, no result");
    const missing =
      fault.delivers &&
      stage.starts.length > 0 &&
      ended.some(({ outcome }) => outcome?.state !== "delivered");
    if (missing && seller === "ours") {
      violations.push({
        kind: "paid, no result",
        item: purchase.item,
        detail: "an abandoned attempt has decided",
      });
    }
    return { violations, passed: stage.passed };
  } finally {
    await stage.close();
  }
}

/** Lets the servers come to rest, and checks. */
export async function conclude(stage: Stage, ended: readonly Ended[]): Promise<Violation[]> {
  stage.heal();
  await stage.clock.until(stage.boot());
  const open = await atRest(stage);
  const final: Ended[] = [];
  for (const one of ended) {
    // Who has a key comes back when the trouble is over.
    const gaveUp = one.outcome?.state === "failed" && one.outcome.gaveUp && one.client !== "keyless";
    const { purchase, client } = one;
    if (!gaveUp) final.push(one);
    else {
      const outcome = await stage.clock.until(buy(stage, purchase, client, stage.network(purchase, [])));
      final.push({ purchase, client, outcome });
    }
  }
  const found = await stage.clock.until(check(stage, final));
  return [...found, ...open.map((detail): Violation => ({ kind: "no end", item: "", detail }))];
}

/** Longer than any authorization lives, with every margin. */
const REST_MS = 2 * 3_600_000;

async function atRest(stage: Stage): Promise<readonly string[]> {
  for (let waited = 0, step = 1_000; ; waited += step, step = Math.min(step * 2, 60_000)) {
    const open = await stage.clock.until(stage.seller.unfinished());
    if (open.length === 0 || waited > REST_MS) return open;
    await stage.clock.advance(step);
  }
}
