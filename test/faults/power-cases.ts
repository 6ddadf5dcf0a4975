import { isJob, RESOURCES, type ResourceName } from "./api.ts";
import type { ClientKind } from "./clients.ts";
import type { Found } from "./counts.ts";
import type { Fault } from "./faults.ts";
import { run } from "./matrix.ts";
import type { Plan, Power, StoreKind } from "./stage.ts";
import { cancels, oneBuys, type Story } from "./stories.ts";

/** What else goes on when the power fails. */
const SITUATIONS: readonly {
  name: string;
  plan: Plan;
  to?: (name: ResourceName) => boolean;
  story?: Story;
}[] = [
  { name: "a purchase", plan: {} },
  { name: "a handler that throws", plan: { behaviour: "throws" } },
  {
    name: "a settlement without a reply",
    plan: { facilitator: [{ mode: "cut_after", calls: [1] }, { mode: "strict" }] },
  },
  { name: "a settlement that is refused", plan: { facilitator: [{ mode: "refused", calls: [1] }] } },
  { name: "two servers and a twin", plan: { servers: 2, network: [{ mode: "duplicated", of: "paid" }] } },
  { name: "a cancellation at once", plan: {}, to: isJob, story: cancels(0) },
  { name: "a cancellation while the job runs", plan: {}, to: isJob, story: cancels(150) },
];
const CLIENTS: readonly ClientKind[] = ["replay", "resend", "resign"];
/** Later writes than these are rare in one purchase. */
const WRITES = 8;

interface Loss {
  readonly power: Power;
  readonly store: StoreKind;
  readonly silent?: true;
}
const LOSSES: readonly Loss[] = [
  { power: "machine", store: "memory" },
  { power: "machine", store: "sqlite" },
  { power: "database", store: "memory" },
  { power: "database", store: "memory", silent: true },
];

/** Purchases of every kind, with the power cut after one write and then after another one. */
export interface PowerCuts {
  readonly name: string;
  /**
   * Runs each `every`th of them.
   * @param first skips so many before the first one, so that runs with another seed cut in other places
   */
  run(every: number, first?: number): Promise<Found[]>;
}

export const POWER_CUTS: readonly PowerCuts[] = LOSSES.flatMap(({ power, store, silent }) =>
  SITUATIONS.map((situation, place): PowerCuts => {
    const how = `${power}, ${store}${silent ? ", the writer gets an error" : ""}`;
    return {
      name: `${situation.name} (${how})`,
      async run(every, first = 0) {
        const found: Found[] = [];
        // Each kind of loss takes another part of the cases.
        let index = place + first;
        for (const resource of RESOURCES.filter(situation.to ?? (() => true))) {
          for (const client of CLIENTS) {
            for (let after = 1; after <= WRITES; after += 1) {
              index += 1;
              if (index % every !== 0) continue;
              // A second loss may meet what recovers from the first one.
              for (const lose of [Number.POSITIVE_INFINITY, 1]) {
                const cut = { power, lose, ...(silent ? { silent } : {}) };
                const cuts = [
                  { after, ...cut },
                  { after: after + 2, ...cut },
                ];
                const fault: Fault = {
                  number: "P",
                  name: `power ${after}`,
                  plan: { ...situation.plan, cuts: index % 2 === 0 ? cuts : cuts.slice(0, 1) },
                  story: situation.story ?? oneBuys,
                };
                const { violations } = await run({ fault, resource, store, client, seller: "ours" });
                const where = `${resource}, ${client}, after write ${after}, ${lose}`;
                found.push(...violations.map((one) => ({ ...one, detail: `${where}: ${one.detail}` })));
              }
            }
          }
        }
        return found;
      },
    };
  }),
);
