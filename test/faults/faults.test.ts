import { describe, expect, it } from "vitest";
import { FAULT_POINTS, type FaultPoint } from "../../src/testing/index.ts";
import { FAULTS, type Fault, NOT_HERE } from "./faults.ts";
import { type Case, cases, nameOf, run, type Selection } from "./matrix.ts";

/**
 * The cut of `npm run test:faults` that is part of `npm test`: every fault, for every resource and every client with a
 * key, in memory, and in a file for one of them; the comparisons for every third case.
 */

const passed = new Set<FaultPoint>();

/** Runs the cases; what went wrong in them, in words. */
async function failures(some: readonly Case[]): Promise<string[]> {
  const found: string[] = [];
  for (const one of some) {
    const ran = await run(one);
    for (const point of ran.passed) passed.add(point);
    for (const { kind, item, detail } of ran.violations)
      found.push(`${nameOf(one)} → ${kind}: ${item} ${detail}`);
  }
  return found;
}

const third = <T>(all: readonly T[]): T[] => all.filter((_, index) => index % 3 === 0);
const casesOf = (fault: Fault, selection: Selection) => cases(selection).filter((one) => one.fault === fault);
const keyed = ["replay", "resend", "resign"] as const;

describe("a buyer who keeps key or payment pays once and gets what was paid for, when", () => {
  for (const [index, fault] of FAULTS.entries()) {
    it(`${fault.number}: ${fault.name}`, async () => {
      const inMemory = casesOf(fault, { sellers: ["ours"], stores: ["memory"], clients: keyed });
      const inFile = casesOf(fault, { sellers: ["ours"], stores: ["sqlite"], clients: keyed });
      const ahead = casesOf(fault, { sellers: ["ours"], stores: ["memory"], clients: ["ahead"] });
      const some = [inFile, ahead].flatMap((all) => all.slice(index % Math.max(1, all.length)).slice(0, 1));
      expect(await failures([...inMemory, ...some])).toEqual([]);
    });
  }
});

it("a server is stopped at every named point", () => {
  const stopped = new Set(FAULTS.flatMap(({ plan }) => (plan.crashes ?? []).map(({ point }) => point)));
  expect(FAULT_POINTS.filter((point) => !stopped.has(point))).toEqual([]);
  expect(FAULT_POINTS.filter((point) => !passed.has(point))).toEqual([]);
});

it("every one of the 30 faults is in the matrix, or it is said why it cannot occur", () => {
  const there = FAULTS.flatMap(({ number }) => (number === "F11–F12" ? ["F11", "F12"] : [number]));
  const all = Array.from({ length: 30 }, (_, index) => `F${index + 1}`);
  expect(all.filter((number) => !there.includes(number) && !(number in NOT_HERE))).toEqual([]);
});

describe("a buyer who signs again and names no key", () => {
  const keyless = { sellers: ["ours"], stores: ["memory"], clients: ["keyless"] } as const;

  it("may be charged twice when an answer is lost, and for nothing else", async () => {
    const found = await failures(third(cases(keyless)));
    expect(found.length).toBeGreaterThan(0);
    expect(found.filter((one) => !one.includes("→ double charge"))).toEqual([]);
  });

  it("is charged at most once where a second purchase of the same within ten minutes is refused", async () => {
    expect(await failures(third(cases({ ...keyless, settings: { duplicateWindow: "10m" } })))).toEqual([]);
  });

  it("is not charged at all where a key is required", async () => {
    expect(await failures(third(cases({ ...keyless, settings: { requireKey: true } })))).toEqual([]);
  });
});

it("the same faults leave the official middleware with double charges, lost results and unpaid work", async () => {
  const stock = cases({ sellers: ["stock"], stores: ["memory"], clients: ["replay", "keyless"] });
  const found = (await failures(third(stock))).join("\n");
  for (const kind of ["double charge", "paid, no result", "ran unpaid", "sums differ"])
    expect(found).toContain(kind);
});
