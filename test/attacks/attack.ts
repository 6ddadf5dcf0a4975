import type { World } from "resource402/testing";
import type { Seller, Tree } from "./tree.ts";

/** What an attack works with. */
export interface Target {
  readonly tree: Tree;
  readonly seller: Seller;
  readonly world: World;
  /** Counts the status of the response. The body is read. */
  send(path: string, init?: RequestInit): Promise<Sent>;
}

interface Sent {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** One way to harm a server, a client or a command. */
export interface Attack {
  readonly name: string;
  /** What it comes down to in this version, for the table. @throws what is wrong with this version */
  readonly run: (target: Target) => Promise<Seen>;
  /** Handlers that may run without a payment. @default 0 */
  readonly unpaid?: number;
  /** Memory that the server may take beyond what it had, in MB. @default 150 */
  readonly memoryMb?: number;
}

export interface Seen {
  readonly text: string;
  /** Whether it is bounded as it should be. */
  readonly isBounded: boolean;
}

export const post = (body: string, headers: Readonly<Record<string, string>> = {}): RequestInit => ({
  method: "POST",
  headers: { "content-type": "application/json", ...headers },
  body,
});

/** Runs `count` tasks, `width` at a time. */
export async function crowd(
  count: number,
  width: number,
  task: (index: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const lanes = Array.from({ length: width }, async () => {
    while (next < count) await task(next++);
  });
  await Promise.all(lanes);
}

/** Statuses with their number, like "402 × 3, 503 × 1". */
export function statusText(statuses: readonly number[]): string {
  const counts = new Map<number, number>();
  for (const status of statuses) counts.set(status, (counts.get(status) ?? 0) + 1);
  return [...counts]
    .sort(([a], [b]) => a - b)
    .map(([status, count]) => `${status} × ${count}`)
    .join(", ");
}

export const kilobytes = (bytes: number): string => `${Math.ceil(bytes / 1_024)} kB`;
