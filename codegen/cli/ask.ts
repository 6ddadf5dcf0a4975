import { createInterface } from "node:readline/promises";
import { CommandError, Interrupted } from "./command.ts";

/** @throws CommandError where there is nobody to ask before something is done, such as "pay" */
export function needSomebody(doing: string): void {
  if (process.stdin.isTTY === true && process.stderr.isTTY === true) return;
  throw new CommandError(`There is nobody to ask. Add --yes to ${doing} without a question.`, 2);
}

/**
 * Asks on the terminal, beside what the command prints. Anything but yes is no, the end of the input too.
 * @throws Interrupted on Ctrl-C
 */
export async function confirmed(question: string): Promise<boolean> {
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  // A question whose terminal is closed would never be answered. At one, Ctrl-C is a key like others, and no signal.
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
