import type { ResourceStats } from "../../store/stats.ts";
import type { AdminData } from "./data.ts";
import { total } from "./format.ts";
import type { Series } from "./plot.ts";

/** The stats of several resources as those of one. */
export function sumOf(list: readonly ResourceStats[]): Omit<ResourceStats, "resource"> {
  const add = (name: "calls" | "revenue" | "good" | "bad" | "ms"): number[] =>
    list.reduce<number[]>((sums, one) => one[name].map((value, index) => value + (sums[index] ?? 0)), []);
  const sum = (name: "queued" | "running" | "unpaid" | "cancelled" | "paid"): number =>
    total(list.map((one) => one[name]));
  const since = list.flatMap((one) => one.since ?? []);
  return {
    calls: add("calls"),
    revenue: add("revenue"),
    good: add("good"),
    bad: add("bad"),
    ms: add("ms"),
    queued: sum("queued"),
    running: sum("running"),
    unpaid: sum("unpaid"),
    cancelled: sum("cancelled"),
    paid: sum("paid"),
    since: since.length > 0 ? Math.min(...since) : undefined,
  };
}

type Ends = Pick<ResourceStats, "good" | "bad" | "ms">;

export const endedOf = ({ good, bad }: Ends): number => total(good) + total(bad);

/** Per bucket: the share that succeeded, in percent. */
export function successSeries({ good, bad }: Ends): Series {
  return good.map((value, index) => percentOf(value, value + (bad[index] ?? 0)));
}

function percentOf(part: number, whole: number): number | undefined {
  return whole === 0 ? undefined : (100 * part) / whole;
}

/** Per bucket: the mean time, in milliseconds. */
export function meanSeries({ good, bad, ms }: Ends): Series {
  return ms.map((value, index) => {
    const ended = (good[index] ?? 0) + (bad[index] ?? 0);
    return ended === 0 ? undefined : value / ended;
  });
}

/** How many calls got a 402, and how many of those were paid. */
export function funnelOf(
  { funnels }: AdminData,
  names: readonly string[],
): { challenged: number; paid: number } {
  const found = funnels.filter(({ resource }) => names.includes(resource));
  const challenged = total(found.map((one) => one.challenged));
  return { challenged, paid: Math.min(challenged, total(found.map((one) => one.paid))) };
}
