import { boxed, type Table } from "./render.ts";

/** How the page draws the tables of the reference; `undefined` for a table that it does not know. */
export function draw(table: Table): string | undefined {
  const { names } = table;
  if (names[0] === "Field" && names.includes("Type")) return fields(table);
  const prices = names.some((name) => name.startsWith("Price per ")) ? "prices" : "";
  const known = prices !== "" || names.some((name) => LONG.includes(name));
  return known ? boxed(table, plain(table), prices) : undefined;
}

/** Columns of sentences, which need room to be read. */
const LONG = ["Description", "Meaning", "What you get", "Do"];

function plain({ names, head, rows }: Table): string {
  const line = (cells: readonly string[]): string =>
    `<tr>${cells
      .map((cell, column) => `<td${LONG.includes(names[column] ?? "") ? ' class="wide"' : ""}>${cell}</td>`)
      .join("")}</tr>`;
  const titles = head.map((cell) => `<th scope="col">${cell}</th>`).join("");
  return `<table><thead><tr>${titles}</tr></thead><tbody>\n${rows.map(line).join("\n")}\n</tbody></table>`;
}

/** Two columns in place of six, so that a phone can show them: what it is, and what is to be known about it. */
function fields(table: Table): string {
  const { names, rows } = table;
  const lines = rows.map((row) => {
    const value = (name: string): string => row[names.indexOf(name)] ?? "";
    const needed = value("Required") === "yes" ? ' <span class="needed">required</span>' : "";
    const facts = [
      value("Limits") === "" ? "" : `<span>${value("Limits")}</span>`,
      value("Default") === "" ? "" : `<span>default ${value("Default")}</span>`,
    ].join("");
    const about = [value("Description"), facts === "" ? "" : `<div class="facts">${facts}</div>`].join("");
    const what = `${value("Field")}${needed}<span class="type">${value("Type")}</span>`;
    return `<tr><th scope="row">${what}</th><td>${about}</td></tr>`;
  });
  const head = '<thead><tr><th scope="col">Field</th><th scope="col">Description</th></tr></thead>';
  return boxed(table, `<table>${head}<tbody>\n${lines.join("\n")}\n</tbody></table>`, "fields");
}
