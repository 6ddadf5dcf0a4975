import { REFUND_TABLE } from "../../src/ledger/refund.ts";
import { type Kind, TABLES } from "../../src/ledger/transitions.ts";

/** The tables of docs/money.md, by name. Cells that a table leaves out change nothing. */
export function printedTables(): ReadonlyMap<string, string> {
  const kinds = Object.keys(TABLES) as Kind[];
  return new Map([
    ...kinds.map((kind): [string, string] => [kind, printed(TABLES[kind], ["State", "Event", "Next state"])]),
    ["refund", printed(REFUND_TABLE, ["State", "Event", "Next state"])],
  ]);
}

function printed(table: object, titles: readonly string[]): string {
  const rows = Object.entries(table).flatMap(([state, row]: [string, object]) => {
    const byNext = new Map<string, string[]>();
    for (const [event, cell] of Object.entries(row)) {
      const next = cellText(cell, state);
      byNext.set(next, [...(byNext.get(next) ?? []), event]);
    }
    if (byNext.size === 0) return [`| \`${state}\` | | |`];
    return [...byNext].map(
      ([next, events], i) => `| ${i === 0 ? `\`${state}\`` : ""} | ${events.join(", ")} | ${next} |`,
    );
  });
  return [`| ${titles.join(" | ")} |`, "|---|---|---|", ...rows].join("\n");
}

function cellText(cell: unknown, self: string): string {
  if (cell === self) return "unchanged";
  if (typeof cell === "string") return cell === "deleted" ? "deleted" : `\`${cell}\``;
  const choices = Object.entries(cell as Record<string, string>);
  return choices.map(([when, target]) => `${when}: ${cellText(target, self)}`).join(", ");
}
