import { styleText } from "node:util";

/** Columns side by side under their titles. Those named in `right` are aligned to the right, as numbers are. */
export function tableOf(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  right: readonly string[] = [],
): string {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => (row[column] ?? "").length)),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return right.includes(head[column] ?? "") ? cell.padStart(width) : cell.padEnd(width);
      })
      .join("  ")
      .trimEnd();
  return [styleText("bold", line(head), { stream: process.stdout }), ...rows.map(line)].join("\n");
}

const BLOCKS = "▁▂▃▄▅▆▇█";

/** Numbers as a line of blocks, the highest as the whole one; nothing at all is a space. */
export function sparkline(values: readonly number[]): string {
  const most = Math.max(...values, 0);
  return values
    .map((value) =>
      value > 0
        ? BLOCKS.charAt(Math.min(BLOCKS.length - 1, Math.floor((value / most) * BLOCKS.length)))
        : " ",
    )
    .join("");
}
