import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import words from "./language.json" with { type: "json" };

const root = fileURLToPath(new URL("..", import.meta.url));
export const read = (file: string): string => readFileSync(`${root}${file}`, "utf8");

/** Generated files, which the compiler's own texts decide, and texts of sellers. */
const EXEMPT = [/\.gen\.ts$/, /\bAPI\.md$/, /^test\/golden\//, /^test\/fixtures\//, /\/resources\.ts$/];

/** A space stands for any white space, and for the break between two lines of one comment. */
const prose = words.prose.map(({ pattern, write }) => ({
  pattern: new RegExp(`(?<![\\w-])(?:${pattern.replaceAll(" ", "\\s+")})(?![\\w-])`, "gi"),
  write,
}));

export interface Finding {
  readonly line: number;
  readonly text: string;
  readonly write: string;
}

/** Words of the list in comments, strings, test names and Markdown. */
function inProse(text: string): Finding[] {
  const joined = text.replace(/(?<=\n)[ \t]*(?:\*(?!\/)|\/\/)[ \t]/g, "");
  return prose.flatMap(({ pattern, write }) =>
    [...joined.matchAll(pattern)].map((match) => {
      const line = joined.slice(0, match.index).split("\n").length;
      return { line, text: match[0].replace(/\s+/g, " "), write };
    }),
  );
}

/** The rule that a name breaks: `roomOf` and `ROOM_MS` contain the word `room`. A rule with `_` is a prefix. */
function ruleFor(name: string): { readonly write: string } | undefined {
  const parts = name.split(/(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+/).map((part) => part.toLowerCase());
  return words.names.find((rule) =>
    rule.words.some((word) =>
      word.endsWith("_") ? name.startsWith(word) : parts.includes(word) || parts.includes(`${word}s`),
    ),
  );
}

/** Words of the list in identifiers. */
function inNames(file: string, text: string): Finding[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest);
  const found: Finding[] = [];
  const walk = (node: ts.Node): void => {
    const rule = ts.isIdentifier(node) ? ruleFor(node.text) : undefined;
    if (rule && ts.isIdentifier(node)) {
      const line = source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1;
      found.push({ line, text: node.text, write: rule.write });
    }
    ts.forEachChild(node, walk);
  };
  walk(source);
  return found;
}

/** Every place in a text that the list forbids, except for the allowed ones. */
export function findingsIn(file: string, text: string): Finding[] {
  const named = ruleFor(file);
  const all = [
    ...(named ? [{ line: 1, text: file, write: named.write }] : []),
    ...inProse(text),
    ...(file.endsWith(".ts") ? inNames(file, text) : []),
  ];
  return all.filter(
    (finding) =>
      !words.allowed.some(
        (one) => one.file === file && one.text.toLowerCase() === finding.text.toLowerCase(),
      ),
  );
}

/** The tracked and new files that follow the list, by path from the root. */
export const files: readonly string[] = execFileSync(
  "git",
  ["ls-files", "--cached", "--others", "--exclude-standard", "*.ts", "*.md"],
  {
    cwd: root,
    encoding: "utf8",
  },
)
  .split("\n")
  .filter((file) => file !== "" && existsSync(`${root}${file}`) && !EXEMPT.some((one) => one.test(file)));
