import { existsSync } from "node:fs";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

/** The temporary folder of this run, which all its test files share. Absent outside `npm test`. */
export const RUN_FOLDER = "RESOURCE402_RUN_FOLDER";

/**
 * A folder that the first test file to ask for it fills, for all test files of this run. The run deletes it.
 * @throws Error when the first one failed, and outside a run of vitest
 */
export async function madeOnce(name: string, make: (folder: string) => Promise<void>): Promise<string> {
  const run = process.env[RUN_FOLDER];
  if (run === undefined) throw new Error(`${name} is made once in a run of vitest, and this is none`);
  const folder = join(run, name);
  const made = join(folder, "made");
  const isFirst = await mkdir(folder).then(
    () => true,
    () => false,
  );
  if (isFirst) {
    const unfinished = join(folder, "unfinished");
    await writeFile(join(folder, "maker"), String(process.pid));
    try {
      await mkdir(unfinished);
      await make(unfinished);
      await rename(unfinished, made);
    } catch (error) {
      await writeFile(join(folder, "failed"), "");
      throw error;
    }
  }
  while (!existsSync(made)) {
    if (existsSync(join(folder, "failed")) || (await isAbandoned(folder)))
      throw new Error(`another test file could not make ${name}`);
    await pause(100);
  }
  return made;
}

/** A test file that took too long has been ended in the middle of it. */
async function isAbandoned(folder: string): Promise<boolean> {
  const maker = Number(await readFile(join(folder, "maker"), "utf8").catch(() => "0"));
  if (maker === 0 || isRunning(maker)) return false;
  return !existsSync(join(folder, "made"));
}

/** Whether a process with this id is running. */
export function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // EPERM: it belongs to another user.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
