import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { GeneratedFile } from "../files.ts";

/** A file whose text on disk, if there is any, is not what it should be. */
export interface Stale extends GeneratedFile {
  readonly before: string | undefined;
}

/** Those files that are missing or differ. */
export async function staleFiles(folder: string, files: readonly GeneratedFile[]): Promise<Stale[]> {
  const compared = await Promise.all(
    files.map(async (file) => ({
      ...file,
      before: await readFile(join(folder, file.path), "utf8").catch(absent),
    })),
  );
  return compared.filter(({ text, before }) => text !== before);
}

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "ENOENT") throw error;
}

/** In the names of files that are being written. What bears the id of a process that is gone was left by it. */
const UNFINISHED = /\.resource402-(\d+)\.tmp$/;

/**
 * Writes all files or, when one of them cannot be written, none. Whoever is killed meanwhile leaves each file as it
 * was or as it should be; what else he leaves, the next one removes.
 */
export async function writeFiles(folder: string, files: readonly GeneratedFile[]): Promise<void> {
  const steps = files.map(({ path, text }) => {
    const target = join(folder, path);
    return { target, text, temporary: `${target}.resource402-${process.pid}.tmp` };
  });
  await clear(new Set([folder, ...steps.map(({ target }) => dirname(target))]));
  try {
    for (const { target, text, temporary } of steps) {
      await mkdir(dirname(target), { recursive: true });
      await writeFile(temporary, text);
    }
    replace(steps);
  } finally {
    // What cannot be removed must not hide why the rest could not be written.
    await Promise.allSettled(steps.map(({ temporary }) => rm(temporary, { force: true })));
  }
}

/**
 * At one go, so that others see old and new side by side as briefly as can be; no system replaces several files at once.
 * When one cannot be replaced, those that were are put back.
 */
function replace(steps: readonly { readonly target: string; readonly temporary: string }[]): void {
  const undo: (() => void)[] = [];
  try {
    for (const { target, temporary } of steps) {
      const before = contentOf(target);
      renameSync(temporary, target);
      undo.push(() => {
        if (before === undefined) return rmSync(target);
        writeFileSync(temporary, before);
        renameSync(temporary, target);
      });
    }
  } catch (error) {
    for (const step of undo.reverse()) step();
    throw error;
  }
}

function contentOf(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    return absent(error as NodeJS.ErrnoException);
  }
}

/** Removes what was left by those who were killed while they wrote. */
async function clear(folders: ReadonlySet<string>): Promise<void> {
  for (const folder of folders) {
    for (const name of await readdir(folder).catch(() => [])) {
      const [, pid] = UNFINISHED.exec(name) ?? [];
      if (pid !== undefined && !isRunning(Number(pid))) await rm(join(folder, name), { force: true });
    }
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // Somebody else's process may not be signalled, and is running.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
