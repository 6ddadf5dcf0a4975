import { existsSync, type FSWatcher, statSync, watch } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { GenerateOutcome } from "./generate.ts";

/** Editors write in several steps. Events within this time count as one change. */
const QUIET_MS = 25;

/** Runs now, and again when one of the files that the run returned changes, until `signal` aborts. */
export async function rerun(run: () => Promise<GenerateOutcome>, signal: AbortSignal): Promise<void> {
  let watched = new Set<string>();
  const folders = new Map<string, { readonly watcher: FSWatcher; readonly at: string }>();
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();

  /** Watches folders, because editors replace files. It also notices a missing file when it is created. */
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
          // A missing parent folder was created.
          if (nearest(folder) !== at) schedule();
        } else if (name === basename(folder) && !watched.has(join(folder, name))) {
          // The folder was removed or replaced. The next run watches it again.
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
    // A listener may change a file immediately.
    say?.();
    // A folder was not watched while the run changed it, so no watcher reports changes since the run began.
    if (unwatched.some((file) => changedSince(file, started))) schedule();
  };

  const stopped = new Promise((stop) => signal.addEventListener("abort", stop, { once: true }));
  running = once();
  await stopped;
  // A run that finishes after the abort would start to watch again.
  await running;
  clearTimeout(timer);
  for (const { watcher } of folders.values()) watcher.close();
}

/** The folder, or its nearest existing ancestor. */
function nearest(folder: string): string {
  return existsSync(folder) || folder === dirname(folder) ? folder : nearest(dirname(folder));
}

/** A file's modification time has the precision of a kernel tick, so it can be some milliseconds early. */
const TICK_MS = 20;

function changedSince(file: string, time: number): boolean {
  const { mtimeMs } = statSync(file, { throwIfNoEntry: false }) ?? {};
  return mtimeMs !== undefined && mtimeMs > time - TICK_MS;
}
