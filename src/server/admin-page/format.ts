/** Values as the page shows them. */

export const total = (list: readonly number[]): number => list.reduce((sum, value) => sum + value, 0);

export const countText = (value: number): string => Math.round(value).toLocaleString("en-US");

export function percentText(part: number, whole: number): string {
  if (!whole) return "–";
  const value = (100 * part) / whole;
  if (value === 100 || value < 0.05) return `${value.toFixed(0)} %`;
  return `${value > 99.9 ? "99.9" : value.toFixed(1)} %`;
}

export function dollarsText(micro: number): string {
  const value = micro / 1e6;
  if (value === 0) return "$0";
  const digits = { minimumFractionDigits: 2, maximumFractionDigits: value < 1 ? 4 : 2 };
  return `$${value.toLocaleString("en-US", digits)}`;
}

/** Sums by currency, each in millionths of its unit. */
export function sumsText(sums: ReadonlyMap<string, number>): string {
  const digits = { minimumFractionDigits: 2, maximumFractionDigits: 6 };
  return Array.from(
    sums,
    ([currency, value]) => `${(value / 1e6).toLocaleString("en-US", digits)} ${currency}`,
  ).join(", ");
}

export function spanText(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(ms < 9950 ? 1 : 0)} s`;
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} days`;
}

export function agoText(now: number, time: number): string {
  return now - time < 1000 ? "just now" : `${spanText(now - time)} ago`;
}

export function clockText(time: number): string {
  return new Date(time).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
}

export function momentText(time: number): string {
  return new Date(time).toLocaleString([], { dateStyle: "medium", timeStyle: "medium", hourCycle: "h23" });
}

/** A code such as `timed_out` as words. */
export const codeText = (code: string): string => code.replaceAll("_", " ");
