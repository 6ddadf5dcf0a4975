import { chmodSync, mkdtempSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { reportMissing } from "./missing.ts";
import { RUN_FOLDER } from "./once.ts";

/** A file system in memory, which every Linux has. Some containers give it a few megabytes. */
const IN_MEMORY = "/dev/shm";
const ENOUGH_BYTES = 4 * 2 ** 30;

/** Runs once, before and after all test files. */
export default function setUp(): () => void {
  // Hundreds of tests start the command line: each start then loads code that is compiled already.
  process.env.NODE_COMPILE_CACHE ??= fileURLToPath(
    new URL("../node_modules/.cache/compiled", import.meta.url),
  );
  const folder = mkdtempSync(join(place(), "resource402-run-"));
  // Postgres runs as another user, and must reach its folder.
  chmodSync(folder, 0o755);
  process.env.TMPDIR = folder;
  process.env[RUN_FOLDER] = folder;
  return () => {
    rmSync(folder, { recursive: true, force: true });
    const line = reportMissing();
    if (line !== undefined) console.warn(line);
  };
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
