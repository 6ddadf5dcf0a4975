import { styleText } from "node:util";
import type { OutputConfiguration } from "commander";
import { wrapped } from "./say.ts";

/** What stands below the list of commands. */
export const OVERVIEW = `
The main path:
  $ resource402 init shop && cd shop         begin, then edit resources.ts and handlers/
  $ resource402 generate                     after every change of resources.ts
  $ resource402 dev                          try it in the browser, and buy from it
  $ resource402 diff HEAD                    before a commit: what buyers will notice
  $ resource402 docs                         publish: documentation for people,
  $ resource402 sdk --name @you/shop         a package for programs,
  $ resource402 mcp https://shop.example     tools for agents
  $ resource402 doctor https://shop.example  what is wrong with what is served

resource402 <command> --help explains a command, with examples and exit codes.

Exit codes: 0 all is well, 1 what was found is bad, 2 the command is wrong, 130 it was stopped by Ctrl-C before its end.`;

/** Help fits the terminal, and errors look like those of our own. */
export const OUTPUT: OutputConfiguration = {
  // A terminal that does not know how wide it is says 0.
  getOutHelpWidth: () => process.stdout.columns || 80,
  getErrHelpWidth: () => process.stderr.columns || 80,
  writeOut: (text) => process.stdout.write(fitted(text, process.stdout.columns)),
  writeErr: (text) => process.stderr.write(fitted(text, process.stderr.columns)),
  outputError: (text, write) => write(`${styleText("red", text.trimEnd(), { stream: process.stderr })}\n`),
};

/** Paragraphs are written for wide terminals; on others they are broken anew. Lists and examples are left alone. */
function fitted(text: string, columns: number | undefined): string {
  if (!columns) return text;
  const isProse = (lines: readonly string[]): boolean =>
    lines.some((line) => line.length > columns) && lines.every((line) => !line.startsWith(" "));
  return text
    .split("\n\n")
    .map((paragraph) => {
      const lines = paragraph.trimEnd().split("\n");
      const end = paragraph.slice(paragraph.trimEnd().length);
      return isProse(lines) ? wrapped(lines.join(" "), columns) + end : paragraph;
    })
    .join("\n\n");
}
