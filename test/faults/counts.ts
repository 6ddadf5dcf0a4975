import { KINDS } from "./invariants.ts";

/** Something that should not be. */
export interface Found {
  readonly kind: string;
  readonly item: string;
  readonly detail: string;
}

/** How often each kind of violation was found, by row. */
export class Counts {
  readonly #kinds: readonly string[];
  readonly #rows = new Map<string, { cases: number; bad: number; kinds: Map<string, number> }>();

  /** @param kinds the columns */
  constructor(kinds: readonly string[] = KINDS) {
    this.#kinds = kinds;
  }

  /** Gives a row its place. */
  open(row: string): void {
    if (!this.#rows.has(row)) this.#rows.set(row, { cases: 0, bad: 0, kinds: new Map() });
  }

  add(row: string, violations: readonly Found[]): void {
    this.open(row);
    const found = this.#rows.get(row) as { cases: number; bad: number; kinds: Map<string, number> };
    found.cases += 1;
    if (violations.length > 0) found.bad += 1;
    for (const kind of new Set(violations.map((one) => one.kind))) {
      found.kinds.set(kind, (found.kinds.get(kind) ?? 0) + 1);
    }
  }

  get isEmpty(): boolean {
    return this.#rows.size === 0;
  }

  bad(row: string): number {
    return this.#rows.get(row)?.bad ?? 0;
  }

  /** One line a row: how many cases, how many with a violation, and how many with each kind. */
  toString(): string {
    const head = ["", "cases", "violated", ...this.#kinds];
    const lines = Array.from(this.#rows, ([row, { cases: all, bad, kinds }]) => [
      row,
      String(all),
      String(bad),
      ...this.#kinds.map((kind) => String(kinds.get(kind) ?? "·")),
    ]);
    const widths = head.map((_, column) =>
      Math.max(...[head, ...lines].map((line) => line[column]?.length ?? 0)),
    );
    return [head, ...lines]
      .map((line) =>
        line
          .map((cell, column) =>
            column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
          )
          .join("  "),
      )
      .join("\n");
  }
}
