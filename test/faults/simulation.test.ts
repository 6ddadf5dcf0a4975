import { describe, expect, it } from "vitest";
import { simulate } from "./simulation.ts";

/** What `npm run test:faults` runs with seeds of its own; here they are the same every time. */
const SEEDS = 500;
const AT_ONCE = 100;

describe("in random courses of purchases, faults, crashes and restarts the money rules hold", () => {
  for (let first = 1; first <= SEEDS; first += AT_ONCE) {
    it(`with the seeds ${first} to ${first + AT_ONCE - 1}`, async () => {
      const found: string[] = [];
      for (let seed = first; seed < first + AT_ONCE; seed += 1) {
        const store = seed % 4 === 0 ? "sqlite" : "memory";
        const { violations } = await simulate({ seed, seller: "ours", store });
        for (const { kind, item, detail } of violations)
          found.push(`seed ${seed}, ${store}: ${kind}: ${item} ${detail}`);
      }
      expect(found).toEqual([]);
    }, 120_000);
  }
});
