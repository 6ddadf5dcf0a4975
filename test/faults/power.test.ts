import { expect, it } from "vitest";
import { isJob, RESOURCES, type ResourceName } from "./api.ts";
import type { ClientKind } from "./clients.ts";
import { Stuck } from "./clock.ts";
import type { Fault } from "./faults.ts";
import { run } from "./matrix.ts";
import { memoryDisk } from "./power.ts";
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

/** `POWER_EVERY=1` runs all cases, some thousands. Each kind of loss takes another part of them here. */
const EVERY = Number(process.env.POWER_EVERY ?? 60);

for (const { power, store, silent } of LOSSES) {
  for (const [place, situation] of SITUATIONS.entries()) {
    const how = `${power}, ${store}${silent ? ", the writer gets an error" : ""}`;
    it(`keeps the money rules when relaxed writes are lost (${how}) during ${situation.name}`, async () => {
      const found: string[] = [];
      let index = place;
      for (const resource of RESOURCES.filter(situation.to ?? (() => true))) {
        for (const client of CLIENTS) {
          for (let after = 1; after <= WRITES; after += 1) {
            index += 1;
            if (index % EVERY !== 0) continue;
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
              const once = () => run({ fault, resource, store, client, seller: "ours" });
              // The clock may lose a wait when the machine is busy. A violation is never tried again.
              const { violations } = await once().catch((error: unknown) => {
                if (error instanceof Stuck) return once();
                throw error;
              });
              for (const { kind, item, detail } of violations)
                found.push(
                  `${resource}, ${client}, after write ${after}, ${lose}: ${kind}: ${item} ${detail}`,
                );
            }
          }
        }
      }
      expect(found).toEqual([]);
    }, 240_000);
  }
}

it("a memory disk goes back to any relaxed write, and never before a durable one", async () => {
  const disk = memoryDisk();
  const store = disk.open();
  const heard: unknown[] = [];
  store.watch((event) => heard.push(event));
  await store.attend("srv_1", 60_000, true);
  await store.claimJobs({ owner: "srv_1", limit: 1 });
  await store.attend("srv_2", 60_000, true);
  await store.attend("srv_3", 60_000, true);
  expect(await store.workers()).toBe(3);
  expect(disk.cut(() => 1)).toBe(1);
  expect(await store.workers()).toBe(2);
  expect(disk.cut((relaxed) => relaxed)).toBe(0);
  await store.attend("srv_2", 0);
  expect(disk.cut((relaxed) => relaxed + 5)).toBe(1);
  expect(await store.workers()).toBe(2);
  expect(heard).toEqual([undefined, undefined, undefined]);
});
