import type { Handlers } from "../server.gen.ts";

const MEASURED = {
  harbor: { "2026-03-30": [11.2, 0], "2026-03-31": [9.5, 6.25] },
  summit: { "2026-03-31": [4, 12.5] },
} as const satisfies Record<string, Record<string, readonly [number, number]>>;

/** Get the measured weather of one day. */
export const day: Handlers["day"] = ({ date, station }, ctx) => {
  const found = Object.entries(MEASURED[station]).find(([measured]) => measured === date);
  if (found === undefined) return ctx.fail("not_measured");
  const [highCelsius, rainMm] = found[1];
  return { date, station, highCelsius, rainMm };
};
