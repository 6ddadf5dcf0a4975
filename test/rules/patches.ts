import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder of the patches. */
const FOLDER = dirname(fileURLToPath(import.meta.url));
/** The root of the tree that the patches change. */
export const ROOT = join(FOLDER, "..", "..");

/** A minimal change that breaks one clause of the money rules. */
export interface Patch {
  /** The file's name without `.patch`. It begins with the number of the rule. */
  readonly name: string;
  readonly file: string;
  /** The clause that it breaks, as a sentence. */
  readonly clause: string;
  /** Test files, from the root, of which at least one test must fail. */
  readonly tests: readonly string[];
}

/** All patches, in the order of the rules. @throws Error when a patch lacks its header lines. */
export function readPatches(): Patch[] {
  return readdirSync(FOLDER)
    .filter((name) => name.endsWith(".patch"))
    .sort()
    .map((name) => {
      const file = join(FOLDER, name);
      const text = readFileSync(file, "utf8");
      const clause = /^# clause: (.+)$/m.exec(text)?.[1];
      const tests = /^# tests: (.+)$/m.exec(text)?.[1]?.split(" ");
      if (clause === undefined || tests === undefined) {
        throw new Error(`${name}: expected the lines "# clause: …" and "# tests: …" before the diff`);
      }
      return { name: name.slice(0, -".patch".length), file, clause, tests };
    });
}
