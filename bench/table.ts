import { availableParallelism, cpus, release, type } from "node:os";

/** One number, and how far it may be trusted. */
export interface Measurement {
  readonly value: number;
  /** First and third quartile, where it was taken many times. */
  readonly quartiles?: readonly [number, number];
}

/** A part of a budget: section 8 of the design. */
export interface Goal {
  readonly text: string;
  readonly reached: boolean;
}

/** Less is better in every row. */
export interface Row {
  readonly measure: string;
  readonly unit: string;
  /** The first one is what ours is compared with. */
  readonly peers: readonly (Measurement & { readonly name: string })[];
  readonly ours: Measurement;
  readonly budget: readonly Goal[];
}

export interface MeasureOptions {
  /** Fewer repetitions and smaller cases: says whether it works, not how well. */
  readonly quick: boolean;
  /** Writes a CPU profile of each of our servers to this folder, at the price of the figures. */
  readonly profileTo: string | undefined;
  readonly log: (text: string) => void;
}

/** Measures one thing, as one or more rows of the table. */
export type Measure = (options: MeasureOptions) => Promise<readonly Row[]>;

export function atMost(limit: number, value: number, unit: string): Goal {
  return { text: `≤ ${grouped(limit)}${unit}`, reached: value <= limit };
}

/** How many times less ours must be than the peer. */
export function timesLess(times: number, peer: number, ours: number): Goal {
  return { text: `peer ÷ ours ≥ ${grouped(times)}`, reached: peer / ours >= times };
}

/** What the figures were taken on. */
export function machine(): { cpu: string; cores: number; system: string; node: string } {
  const cpu = cpus()[0]?.model.trim() ?? "unknown CPU";
  return { cpu, cores: availableParallelism(), system: `${type()} ${release()}`, node: process.version };
}

/** The rows as a Markdown table, aligned for terminals. */
export function tableOf(rows: readonly Row[]): string {
  const cells = rows.map(({ measure, unit, peers, ours, budget }) => [
    measure,
    peers.map((peer) => `${peer.name} ${textOf(peer, unit)}`).join(", "),
    textOf(ours, unit),
    peers[0] ? `${(peers[0].value / ours.value).toFixed(2)}` : "",
    budget.map(({ text }) => text).join("; "),
    budget.map(({ reached }) => (reached ? "yes" : "no")).join("; "),
  ]);
  const head = ["measure", "peers", "ours", "peer ÷ ours", "budget", "reached"];
  const widths = head.map((title, column) =>
    Math.max(title.length, ...cells.map((line) => line[column]?.length ?? 0)),
  );
  const line = (texts: readonly string[]): string =>
    `| ${texts.map((text, column) => text.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...cells.map(line)].join("\n");
}

function textOf({ value, quartiles }: Measurement, unit: string): string {
  const spread = quartiles ? ` (${grouped(quartiles[0])}–${grouped(quartiles[1])})` : "";
  return `${grouped(value)}${unit}${spread}`;
}

function grouped(value: number): string {
  return value.toLocaleString("en-US", { maximumFractionDigits: value < 10 ? 2 : value < 1000 ? 1 : 0 });
}
