import { existsSync, type FSWatcher, statSync, watch } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Outcome } from "./generate.ts";

/** Editors write in several steps; what comes within this time is one change. */
const QUIET_MS = 60;

/** Runs now, and again whenever one of the files has changed that the run has named, until `signal` aborts. */
export async function rerun(run: () => Promise<Outcome>, signal: AbortSignal): Promise<void> {
  let watched = new Set<string>();
  const folders = new Map<string, { readonly watcher: FSWatcher; readonly at: string }>();
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();

  /** Watches folders, as editors replace files; a file that is missing yet is seen when it comes. */
  const follow = (files: readonly string[]): void => {
    watched = new Set(files);
    const wanted = new Set(files.map(dirname));
    for (const [folder, { at }] of folders) {
      if (!wanted.has(folder) || at !== nearest(folder)) drop(folder);
    }
    for (const folder of wanted) {
      if (folders.has(folder)) continue;
      const at = nearest(folder);
      const watcher = watch(at, (_, name) => {
        if (at !== folder) {
          // What is missing on the way has come.
          if (nearest(folder) !== at) schedule();
        } else if (name === basename(folder) && !watched.has(join(folder, name))) {
          // The folder itself has gone, or another has taken its place: the run that follows watches anew.
          drop(folder);
          schedule();
        } else if (name === null || watched.has(join(folder, name))) schedule();
      });
      watcher.on("error", () => drop(folder));
      folders.set(folder, { watcher, at });
    }
  };
  const drop = (folder: string): void => {
    folders.get(folder)?.watcher.close();
    folders.delete(folder);
  };
  const schedule = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      running = running.then(once);
    }, QUIET_MS);
  };
  const once = async (): Promise<void> => {
    if (signal.aborted) return;
    const started = Date.now();
    const { files, say } = await run();
    const unwatched = files.filter((file) => folders.get(dirname(file))?.at !== dirname(file));
    follow(files);
    // Who hears of it may change a file at once.
    say?.();
    // What has changed since the run began, in a folder that was not watched yet, no watcher will tell.
    if (unwatched.some((file) => changedSince(file, started))) schedule();
  };

  const stopped = new Promise((stop) => signal.addEventListener("abort", stop, { once: true }));
  running = once();
  await stopped;
  // A run that goes on when it is stopped begins to watch at its end.
  await running;
  clearTimeout(timer);
  for (const { watcher } of folders.values()) watcher.close();
}

/** The folder, or the nearest of those around it that is there. */
function nearest(folder: string): string {
  return existsSync(folder) || folder === dirname(folder) ? folder : nearest(dirname(folder));
}

/** A file's time is that of the kernel's last tick, which may lie some milliseconds back. */
const TICK_MS = 20;

function changedSince(file: string, time: number): boolean {
  const { mtimeMs } = statSync(file, { throwIfNoEntry: false }) ?? {};
  return mtimeMs !== undefined && mtimeMs > time - TICK_MS;
}
