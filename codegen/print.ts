/** How text gets into code and Markdown: the only place that escapes. */

const WIDTH = 110;

/** The first line of what is generated, without the comment's own marks. */
export function banner(source: string): string {
  return `Generated from ${source} by \`resource402 generate\`. Do not edit.`;
}

/** A JSDoc block of the given paragraphs and tags, each on lines of its own; empty when there are none. */
export function jsdoc(lines: readonly string[], indent = ""): string {
  const text = lines
    .flatMap((line) => line.replaceAll("*/", "*\\/").split(/\r\n|[\r\n\u2028\u2029]/))
    .map((line) => line.trimEnd());
  while (text.at(-1) === "") text.pop();
  if (text.length === 0) return "";
  if (text.length === 1 && indent.length + 8 + (text[0] ?? "").length <= WIDTH) {
    return `${indent}/** ${text[0]} */\n`;
  }
  const body = text.map((line) => `${indent} *${line === "" ? "" : ` ${line}`}\n`).join("");
  return `${indent}/**\n${body}${indent} */\n`;
}

/** A string literal, the same in TypeScript and JSON. */
export function string(value: string): string {
  return JSON.stringify(value);
}

/** A property's key in an object literal. `__proto__` is computed, or it would set the prototype. */
export function key(name: string): string {
  if (name === "__proto__") return '["__proto__"]';
  return /^[A-Za-z_$][A-Za-z0-9_$]*$/.test(name) ? name : string(name);
}

/** A JSON value as a TypeScript literal, on one line if it fits; `indent` and `before` stand left of it. */
export function literal(value: unknown, indent = "", before = ""): string {
  return pretty(value, key, indent, before.length);
}

/** A JSON document with two spaces; what fits stands on one line. */
export function jsonText(value: unknown): string {
  return `${pretty(value, string, "", 0)}\n`;
}

type PrintKey = (name: string) => string;

function pretty(value: unknown, key: PrintKey, indent: string, before: number): string {
  if (typeof value !== "object" || value === null) return scalar(value);
  // One place is left for the comma.
  const flat = oneLine(value, key, WIDTH - indent.length - before - 1);
  if (flat !== undefined) return flat;
  const inner = `${indent}  `;
  // TypeScript is written with trailing commas, JSON knows none.
  const end = key === string ? "\n" : ",\n";
  if (!Array.isArray(value)) {
    const rows = members(value).map(([name, member]) => {
      const label = `${key(name)}: `;
      return inner + label + pretty(member, key, inner, label.length);
    });
    return `{\n${rows.join(",\n")}${end}${indent}}`;
  }
  const plain = value.every((member) => typeof member !== "object" || member === null);
  const rows = plain
    ? filled(value.map(scalar), inner)
    : value.map((member) => inner + pretty(member, key, inner, 0)).join(",\n");
  return `[\n${rows}${plain ? "\n" : end}${indent}]`;
}

/** As many words on each line as fit. */
function filled(words: readonly string[], indent: string): string {
  const lines: string[] = [];
  let line = "";
  for (const [index, word] of words.entries()) {
    const next = index === words.length - 1 ? word : `${word},`;
    if (line !== "" && indent.length + line.length + 1 + next.length > WIDTH) {
      lines.push(indent + line);
      line = next;
    } else line = line === "" ? next : `${line} ${next}`;
  }
  return [...lines, indent + line].join("\n");
}

/** A value on one line; `undefined` as soon as it is longer than `width`, however large it is. */
function oneLine(value: unknown, key: PrintKey, width: number): string | undefined {
  if (typeof value !== "object" || value === null) {
    const text = scalar(value);
    return text.length > width ? undefined : text;
  }
  const isList = Array.isArray(value);
  let text = "";
  for (const [name, member] of members(value)) {
    text += (text === "" ? "" : ", ") + (isList ? "" : `${key(name)}: `);
    const own = oneLine(member, key, width - text.length - 2);
    if (own === undefined) return undefined;
    text += own;
  }
  if (text === "") return isList ? "[]" : "{}";
  const line = isList ? `[${text}]` : `{ ${text} }`;
  return line.length > width ? undefined : line;
}

function scalar(value: unknown): string {
  return typeof value === "string" ? string(value) : (JSON.stringify(value) ?? "null");
}

const members = (value: object): [string, unknown][] =>
  Object.entries(value).filter(([, member]) => member !== undefined);

/** An import, on one line if it fits; empty when nothing is imported. `how` is `import` or `import type`. */
export function imports(how: "import" | "import type", names: readonly string[], from: string): string {
  if (names.length === 0) return "";
  const line = `${how} { ${names.join(", ")} } from ${string(from)};\n`;
  if (line.length <= WIDTH + 1) return line;
  return `${how} {\n${names.map((name) => `  ${name},\n`).join("")}} from ${string(from)};\n`;
}

/** Text in a cell of a Markdown table. */
export function cell(text: string): string {
  return text
    .trim()
    .replaceAll("|", "\\|")
    .replace(/\s*[\r\n\u2028\u2029]+\s*/g, " ");
}

/** Text as inline code in Markdown, whatever backticks it holds. */
export function code(text: string): string {
  const longest = Math.max(0, ...(text.match(/`+/g) ?? []).map((run) => run.length));
  const fence = "`".repeat(longest + 1);
  return longest === 0 ? `\`${text}\`` : `${fence} ${text} ${fence}`;
}

/** A word of a shell command. */
export function shell(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** How a specifier ends: `.ts`, `.js` or nothing. */
export function suffixOf(specifier: string): string {
  return /\.[tj]s$/.exec(specifier)?.[0] ?? "";
}
