import { copyFileSync, linkSync, lstatSync, readlinkSync, renameSync, rmSync, symlinkSync } from "node:fs";
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
    const unfinished = `.resource402-${process.pid}.tmp`;
    return { target, text, temporary: target + unfinished, backup: `${target}.was${unfinished}` };
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

interface Step {
  readonly target: string;
  readonly temporary: string;
  readonly backup: string;
}

/**
 * At one go, so that others see old and new side by side as briefly as can be; no system replaces several files at once.
 * When one cannot be replaced, those that were are put back as they were.
 */
function replace(steps: readonly Step[]): void {
  const undo: (() => void)[] = [];
  /** What could not be put back is nowhere else. */
  const kept = new Set<string>();
  try {
    for (const { target, temporary, backup } of steps) {
      const isThere = backUp(target, backup);
      renameSync(temporary, target);
      undo.push(() => {
        kept.add(backup);
        if (isThere) renameSync(backup, target);
        else rmSync(target);
        kept.delete(backup);
      });
    }
  } catch (error) {
    // One that fails must not keep the others from being put back, nor hide why that was needed.
    for (const step of undo.reverse()) attempt(step);
    throw error;
  } finally {
    for (const { backup } of steps) {
      if (!kept.has(backup)) attempt(() => rmSync(backup, { force: true }));
    }
  }
}

function attempt(step: () => void): void {
  try {
    step();
  } catch {}
}

/** Gives what is at a place a second name, so that the place is never empty. Returns whether there is anything. */
function backUp(target: string, backup: string): boolean {
  // A process that had the same id may have left one.
  rmSync(backup, { force: true });
  const found = lstatSync(target, { throwIfNoEntry: false });
  if (found === undefined) return false;
  // What is neither cannot be replaced by a file, or need not be put back.
  if (found.isSymbolicLink()) symlinkSync(readlinkSync(target), backup);
  else if (found.isFile()) linkOrCopy(target, backup);
  return true;
}

/** Not every disk has links, nor may every file be linked to. */
function linkOrCopy(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch {
    copyFileSync(from, to);
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
