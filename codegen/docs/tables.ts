import { boxed, type DocsTable } from "./render.ts";

/** Draws a table of the reference; `undefined` for a table that stays unchanged, such as those of sellers. */
export function draw(table: DocsTable): string | undefined {
  const { names } = table;
  if (names[0] === "Field" && names.includes("Type")) return fields(table);
  if (names.includes("Meaning") && names.every((name) => ENDS.includes(name))) return ends(table);
  const prices = names.some((name) => name.startsWith("Price per ")) ? "prices" : "";
  const known = prices !== "" || names.some((name) => LONG.includes(name));
  return known ? boxed(table, plain(table), prices) : undefined;
}

const ENDS = ["Status", "Code", "status", "state", "Meaning", "Charged", "Try again"];

/** Columns of sentences, which need room to be read. */
const LONG = ["Description", "Meaning", "What you get", "Do"];

function plain({ names, head, rows }: DocsTable): string {
  const line = (cells: readonly string[]): string =>
    `<tr>${cells
      .map((cell, column) => `<td${LONG.includes(names[column] ?? "") ? ' class="wide"' : ""}>${cell}</td>`)
      .join("")}</tr>`;
  const titles = head.map((cell) => `<th scope="col">${cell}</th>`).join("");
  return `<table><thead><tr>${titles}</tr></thead><tbody>\n${rows.map(line).join("\n")}\n</tbody></table>`;
}

/** The columns of a row, by name; empty where there is none. */
type Row = (name: string) => string;

interface Pair {
  readonly heads: readonly [string, string];
  /** What it is. */
  readonly what: (value: Row) => string;
  readonly about: (value: Row) => string;
  /** What else is to be known about it; what is empty is left out. */
  readonly facts: (value: Row) => readonly string[];
}

/** Two columns in place of many, so that a phone can show them: what it is, and what is to be known about it. */
function inPairs(table: DocsTable, { heads, what, about, facts }: Pair): string {
  const { names, rows } = table;
  const lines = rows.map((row) => {
    const value: Row = (name) => row[names.indexOf(name)] ?? "";
    const told = facts(value).filter((fact) => fact !== "");
    const more =
      told.length === 0
        ? ""
        : `<div class="facts">${told.map((fact) => `<span>${fact}</span>`).join("")}</div>`;
    return `<tr><th scope="row">${what(value)}</th><td>${about(value)}${more}</td></tr>`;
  });
  const head = `<thead><tr>${heads.map((text) => `<th scope="col">${text}</th>`).join("")}</tr></thead>`;
  return boxed(table, `<table>${head}<tbody>\n${lines.join("\n")}\n</tbody></table>`, "fields");
}

function labelled(label: string, value: string): string {
  return value === "" ? "" : `${label} ${value}`;
}

function fields(table: DocsTable): string {
  return inPairs(table, {
    heads: ["Field", "Description"],
    what: (value) => {
      const needed = value("Required") === "yes" ? ' <span class="needed">required</span>' : "";
      return `${value("Field")}${needed}<span class="type">${value("Type")}</span>`;
    },
    about: (value) => value("Description"),
    facts: (value) => [
      value("Limits"),
      labelled("default", value("Default")),
      labelled("when", value("When")),
    ],
  });
}

/** How a call can end, and what becomes of the money. */
function ends(table: DocsTable): string {
  const isStatus = table.names[0] === "status";
  return inPairs(table, {
    heads: [isStatus ? "Status" : "Code", "Meaning"],
    what: (value) => {
      const kind = isStatus ? labelled("state", value("state")) : value("Status");
      // A long code can wrap between its words. URLs inside of tags are skipped.
      const word = value(isStatus ? "status" : "Code").replace(
        /(<[^>]*>)|_/g,
        (_, tag?: string) => tag ?? "_<wbr>",
      );
      return `${word}${kind === "" ? "" : `<span class="type">${kind}</span>`}`;
    },
    about: (value) => value("Meaning"),
    facts: (value) => [labelled("Charged:", value("Charged")), labelled("Try again:", value("Try again"))],
  });
}
