import { styleText } from "node:util";
import type { Mistake } from "../mistake.ts";
import type { Stale } from "./write.ts";

/** What the command says. Colours only on a terminal, and not where NO_COLOR is set. */

/** Prints mistakes to standard error: place and problem in one line, the fix in the next. */
export function sayMistakes(mistakes: readonly Mistake[]): void {
  for (const { path, problem, fix, severity } of mistakes) {
    const colour = severity === "error" ? "red" : "yellow";
    const word = styleText(colour, severity, { stream: process.stderr });
    const place = path === "" ? "" : `  ${styleText("bold", path, { stream: process.stderr })}`;
    console.error(`${word}${place}  ${problem}`);
    console.error(`${" ".repeat(severity.length)}  fix: ${fix}`);
  }
}

export function sayError(text: string): void {
  console.error(styleText("red", text, { stream: process.stderr }));
}

/** Something that is worth knowing and stops nothing; beside what a command was asked for. */
export function sayNote(text: string): void {
  console.error(styleText("yellow", text, { stream: process.stderr }));
}

export function sayDone(text: string): void {
  console.log(styleText("green", text, { stream: process.stdout }));
}

export function sayWarning(text: string): void {
  console.log(styleText("yellow", text, { stream: process.stdout }));
}

/** One line on a terminal that the next one takes the place of; nowhere else. */
export function sayProgress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`);
}

/** Characters of a line in a diff. */
const LONGEST = 240;

/** Prints a unified diff to standard output. */
function sayDiff(diff: string): void {
  for (const whole of diff.trimEnd().split("\n")) {
    // What a file holds as one long text, its own file shows line by line.
    const line = whole.length > LONGEST ? `${whole.slice(0, LONGEST)}…` : whole;
    const mark = line.charAt(0);
    const colour = mark === "+" ? "green" : mark === "-" ? "red" : undefined;
    console.log(colour === undefined ? line : styleText(colour, line, { stream: process.stdout }));
  }
}

/** Prints how files differ from what they should be, all but those that are built, and the command that fixes them. */
export async function sayStale(stale: readonly Stale[], fix: string): Promise<void> {
  const { createTwoFilesPatch, FILE_HEADERS_ONLY } = await import("diff");
  const headerOptions = FILE_HEADERS_ONLY;
  for (const { path, text, before } of stale) {
    if (path.endsWith(".js")) continue;
    const was = before === undefined ? "/dev/null" : `a/${path}`;
    sayDiff(
      createTwoFilesPatch(was, `b/${path}`, before ?? "", text, undefined, undefined, { headerOptions }),
    );
  }
  sayError(`Stale: ${stale.map(({ path }) => path).join(", ")}. Run \`${fix}\`.`);
}

/** `1 file`, `2 files`. */
export function counted(count: number, one: string): string {
  return `${count} ${one}${count === 1 ? "" : "s"}`;
}

/** Text in lines of at most `width`, of which all but the first are indented; words are not broken. */
export function wrapped(text: string, width: number, indent = 0): string {
  const lines: string[] = [""];
  for (const word of text.split(" ")) {
    const line = lines.at(-1) ?? "";
    if (line !== "" && line.length + 1 + word.length > width - indent) lines.push(word);
    else lines[lines.length - 1] = line === "" ? word : `${line} ${word}`;
  }
  return lines.join(`\n${" ".repeat(indent)}`);
}
