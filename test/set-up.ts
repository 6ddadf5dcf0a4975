import { chmodSync, mkdtempSync, readdirSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { bundlePackages } from "./bundled.ts";
import { reportMissing } from "./missing.ts";
import { isRunning, RUN_FOLDER } from "./once.ts";

/** A file system in memory, which every Linux has. Some containers give it a few megabytes. */
const IN_MEMORY = "/dev/shm";
const ENOUGH_BYTES = 4 * 2 ** 30;

const PREFIX = "resource402-run-";

/** Runs once, before and after all test files. */
export default async function setUp(): Promise<() => void> {
  // Hundreds of tests start the command line: each start then loads code that is compiled already.
  process.env.NODE_COMPILE_CACHE ??= fileURLToPath(
    new URL("../node_modules/.cache/compiled", import.meta.url),
  );
  const hook = pathToFileURL(await bundlePackages()).href;
  process.env.NODE_OPTIONS = `${process.env.NODE_OPTIONS ?? ""} --import ${hook}`.trim();
  const parent = place();
  removeAbandoned(parent);
  const folder = mkdtempSync(join(parent, `${PREFIX}${process.pid}-`));
  // Postgres runs as another user, and makes and removes its folder there.
  chmodSync(folder, 0o1777);
  process.env.TMPDIR = folder;
  process.env[RUN_FOLDER] = folder;
  return () => {
    rmSync(folder, { recursive: true, force: true });
    const line = reportMissing();
    if (line !== undefined) console.warn(line);
  };
}

/** A run that was killed has left its folder, and in memory it would stay until the machine restarts. */
function removeAbandoned(parent: string): void {
  for (const name of readdirSync(parent)) {
    const [, run] = new RegExp(`^${PREFIX}(\\d+)-`).exec(name) ?? [];
    if (run === undefined || isRunning(Number(run))) continue;
    try {
      rmSync(join(parent, name), { recursive: true, force: true });
    } catch {
      // Another user's.
    }
  }
}

/** Databases wait for their disk, and no test takes the disk's power: in memory they do the same in half the time. */
function place(): string {
  try {
    const { bavail, bsize } = statfsSync(IN_MEMORY);
    if (bavail * bsize >= ENOUGH_BYTES) return IN_MEMORY;
  } catch {
    // Not Linux.
  }
  return tmpdir();
}
