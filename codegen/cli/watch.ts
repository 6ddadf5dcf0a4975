import { type FSWatcher, watch } from "node:fs";
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
    if (!signal.aborted) follow((await run()).files);
  };

  const stopped = new Promise((stop) => signal.addEventListener("abort", stop, { once: true }));
  running = once();
  await stopped;
  clearTimeout(timer);
  for (const watcher of folders.values()) watcher.close();
  await running;
}
