import { afterAll, describe, expect, it } from "vitest";
import { whyNoPostgres } from "../store/postgres-server.ts";
import { FAULTS } from "./faults.ts";
import { cases, nameOf, run } from "./matrix.ts";
import { stopPostgres } from "./postgres.ts";

/** The faults at which a server dies, or something else happens than one purchase: with several, all may differ. */
const concerning = FAULTS.filter(({ plan, story }) => plan.crashes || plan.servers || story);
const clients = ["replay", "resend", "resign"] as const;

afterAll(stopPostgres);

describe.skipIf(whyNoPostgres() !== undefined)(
  "with two API nodes and two workers on one Postgres, a buyer pays once and gets what was paid for, when",
  () => {
    for (const [index, fault] of concerning.entries()) {
      it(`${fault.number}: ${fault.name}`, async () => {
        const all = cases({ sellers: ["ours"], stores: ["postgres"], clients }).filter(
          (one) => one.fault === fault,
        );
        // Another resource and another client for each; all of them are for `npm run test:faults`.
        const one = all[(index * 5) % all.length];
        if (!one) throw new Error("no fault has this number");
        const { violations } = await run(one);
        expect(violations.map(({ kind, detail }) => `${nameOf(one)} → ${kind}: ${detail}`)).toEqual([]);
      });
    }
  },
);
