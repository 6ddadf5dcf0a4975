import { styleText } from "node:util";
import type { OutputConfiguration } from "commander";
import { wrapped } from "./say.ts";
import { typed } from "./typed.ts";

/** The text below the list of commands. */
export const OVERVIEW = `
The main path:
  $ resource402 init shop && cd shop         begin, then edit resources.ts and handlers/
  $ resource402 generate                     after every change of resources.ts
  $ resource402 dev                          try it in the browser, and buy from it
  $ resource402 diff HEAD                    before a commit: changes for buyers
  $ resource402 docs                         publish: documentation for people,
  $ resource402 sdk --name @you/shop         a package for programs,
  $ resource402 mcp https://shop.example     tools for agents
  $ resource402 doctor https://shop.example  check the live API

${typed("<command> --help")} explains a command, with examples and exit codes.

Exit codes: 0 success, 1 a failure or a finding, 2 invalid usage, 130 stopped by Ctrl-C.`;

/** Fits help to the terminal, and formats errors of commander like ours. */
export const OUTPUT: OutputConfiguration = {
  // A terminal of unknown width reports 0.
  getOutHelpWidth: () => process.stdout.columns || 80,
  getErrHelpWidth: () => process.stderr.columns || 80,
  writeOut: (text) => process.stdout.write(fitted(text, process.stdout.columns)),
  writeErr: (text) => process.stderr.write(fitted(text, process.stderr.columns)),
  outputError: (text, write) => write(`${styleText("red", text.trimEnd(), { stream: process.stderr })}\n`),
};

/** Wraps paragraphs again on narrow terminals. Lists and examples are left unchanged. */
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
