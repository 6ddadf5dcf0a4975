import { createInterface } from "node:readline/promises";
import { CommandError, Interrupted } from "./command.ts";

/** @throws CommandError when there is no terminal to ask on. `doing` is the action to confirm, such as "pay" */
export function needSomebody(doing: string): void {
  if (process.stdin.isTTY === true && process.stderr.isTTY === true) return;
  throw new CommandError(
    `Cannot ask for confirmation without a terminal. Add --yes to ${doing} without a question.`,
    2,
  );
}

/**
 * Asks on the terminal. Any answer other than yes counts as no, and so does the end of the input.
 * @throws Interrupted on Ctrl-C
 */
export async function confirmed(question: string): Promise<boolean> {
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  // A closed terminal would never answer. While the prompt is open, Ctrl-C arrives as a key and not as a signal.
  const closed = new Promise<never>((_, reject) => {
    prompt.once("SIGINT", () => {
      reject(new Interrupted(""));
      prompt.close();
    });
    prompt.once("close", () => reject(new Error("closed")));
  });
  try {
    const said = await Promise.race([prompt.question(`${question} [y/N] `), closed]);
    return /^y(es)?$/i.test(said.trim());
  } catch (error) {
    process.stderr.write("\n");
    if (error instanceof Interrupted) throw error;
    return false;
  } finally {
    closed.catch(() => {});
    prompt.close();
  }
}
