/** A length of time as people write it: `"20s"`, `"2m"`, `"24h"`, `"7d"`, `"500ms"`. */
export type Duration = `${number}${"ms" | "s" | "m" | "h" | "d"}`;

const UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Milliseconds, or `undefined` when `text` is not a duration above zero. */
export function parseDuration(text: unknown): number | undefined {
  const match = typeof text === "string" ? /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text) : null;
  if (!match) return undefined;
  const ms = Math.round(Number(match[1]) * UNITS[match[2] as keyof typeof UNITS]);
  return ms > 0 && Number.isSafeInteger(ms) ? ms : undefined;
}

/** Milliseconds. @throws RangeError when `text` is not a duration */
export function milliseconds(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined) throw new RangeError(`"${text}" is not a duration such as "2m"`);
  return ms;
}

/** Milliseconds as prose, in the largest unit that fits evenly: "2 minutes", "24 hours". */
export function durationText(ms: number): string {
  const words = [
    [UNITS.d, "day"],
    [UNITS.h, "hour"],
    [UNITS.m, "minute"],
    [UNITS.s, "second"],
    [UNITS.ms, "millisecond"],
  ] as const;
  const [size, word] = words.find(([size]) => ms % size === 0 && (ms !== UNITS.d || size !== UNITS.d)) ?? [
    1,
    "millisecond",
  ];
  const count = ms / size;
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}
