import { copyFileSync, linkSync, lstatSync, readlinkSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { GeneratedFile } from "../files.ts";

/** A file whose text on disk is missing or differs. */
export interface Stale extends GeneratedFile {
  readonly before: string | undefined;
}

/** The files that are missing or differ. */
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

/** Matches temporary files. A file with the id of a dead process was left behind by it. */
const UNFINISHED = /\.resource402-(\d+)\.tmp$/;

/**
 * Writes all files or, when one of them cannot be written, none. A killed process leaves each file either old or new. The
 * next run removes its temporary files.
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
    // A failure to clean up must not hide the original error.
    await Promise.allSettled(steps.map(({ temporary }) => rm(temporary, { force: true })));
  }
}

interface Step {
  readonly target: string;
  readonly temporary: string;
  readonly backup: string;
}

/**
 * Replaces all files as quickly as possible, because no system replaces several files atomically. When one cannot be
 * replaced, restores the ones that were.
 */
function replace(steps: readonly Step[]): void {
  const undo: (() => void)[] = [];
  /** The only copy of files that could not be restored. */
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
    // A failing step must not stop the other steps or hide the original error.
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

/** Gives an existing file a second name, so that its path is never missing. Returns whether the file exists. */
function backUp(target: string, backup: string): boolean {
  // An earlier process with the same id may have left one.
  rmSync(backup, { force: true });
  const found = lstatSync(target, { throwIfNoEntry: false });
  if (found === undefined) return false;
  // Other entries cannot be replaced by a file, or need no restore.
  if (found.isSymbolicLink()) symlinkSync(readlinkSync(target), backup);
  else if (found.isFile()) linkOrCopy(target, backup);
  return true;
}

/** Some file systems and files do not support hard links. */
function linkOrCopy(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch {
    copyFileSync(from, to);
  }
}

/** Removes temporary files of killed processes. */
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
    // EPERM: the process of another user is running, and cannot be signaled.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
