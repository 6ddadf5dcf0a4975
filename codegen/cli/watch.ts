import { type FSWatcher, statSync, watch } from "node:fs";
import { dirname, join } from "node:path";
import type { Outcome } from "./generate.ts";

/** Editors write in several steps; what comes within this time is one change. */
const QUIET_MS = 60;

/** Runs now, and again whenever one of the files has changed that the run has named, until `signal` aborts. */
export async function rerun(run: () => Promise<Outcome>, signal: AbortSignal): Promise<void> {
  let watched = new Set<string>();
  const folders = new Map<string, FSWatcher>();
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();

  /** Watches folders, as editors replace files; a file that is missing yet is seen when it comes. */
  const follow = (files: readonly string[]): void => {
    watched = new Set(files);
    const wanted = new Set(files.map(dirname));
    for (const [folder, watcher] of folders) {
      if (wanted.has(folder)) continue;
      watcher.close();
      folders.delete(folder);
    }
    for (const folder of wanted) {
      if (folders.has(folder)) continue;
      const watcher = watch(folder, (_, name) => {
        if (name === null || watched.has(join(folder, name))) schedule();
      });
      // A folder that goes away is watched again when a run names it again.
      watcher.on("error", () => folders.delete(folder));
      folders.set(folder, watcher);
    }
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
    const { files } = await run();
    const unwatched = files.filter((file) => !folders.has(dirname(file)));
    follow(files);
    // What has changed since the run began, in a folder that was not watched yet, no watcher will tell.
    if (unwatched.some((file) => changedSince(file, started))) schedule();
  };

  const stopped = new Promise((stop) => signal.addEventListener("abort", stop, { once: true }));
  running = once();
  await stopped;
  // A run that goes on when it is stopped begins to watch at its end.
  await running;
  clearTimeout(timer);
  for (const watcher of folders.values()) watcher.close();
}

/** A file's time is that of the kernel's last tick, which may lie some milliseconds back. */
const TICK_MS = 20;

function changedSince(file: string, time: number): boolean {
  const { mtimeMs } = statSync(file, { throwIfNoEntry: false }) ?? {};
  return mtimeMs !== undefined && mtimeMs > time - TICK_MS;
}
