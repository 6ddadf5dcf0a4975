import { describe, expect, it } from "vitest";
import { ATTACKS } from "./attacks/catalog.ts";
import { attackOnChain } from "./attacks/on-chain.ts";
import { attack } from "./attacks/run.ts";

/** One seed of each attack of `npm run test:faults`: in memory, and every eighth in a file. */
const SEED = 20_261_129;

const PARTS = {
  i: "a facilitator that replies anything",
  ii: "a node that does not tell the truth",
  iii: "a row that cannot be handled",
  v: "clocks that are an hour off",
  vi: "two faults at once",
} as const;

for (const [part, title] of Object.entries(PARTS)) {
  describe(`loses no money and says nothing untrue with ${title}`, () => {
    for (const [index, one] of ATTACKS.filter((attack) => attack.part === part).entries()) {
      const seed = SEED + index;
      const store = index % 8 === 7 ? "sqlite" : "memory";
      it(`${one.name} (${store}, seed ${seed})`, async () => {
        expect(await attack(one, seed, store)).toEqual([]);
      });
    }
  });
}

it.each([943_454, 943_456])(
  "tells how a charged call stands when its schema throws (seed %i)",
  async (seed) => {
    const name = "the schema throws at a stored input, and the settlement was left open";
    const one = ATTACKS.find((found) => found.name === name);
    if (!one) throw new Error(`no attack is called "${name}"`);
    expect(await attack(one, seed, "memory")).toEqual([]);
  },
);

it("waits for a node on a real chain that omits its logs", async () => {
  expect(await attackOnChain({ omitLogs: true })).toEqual([]);
});
