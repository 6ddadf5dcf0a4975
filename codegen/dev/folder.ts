import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** Where one run of `dev` keeps what it needs: `.resource402/`, beside the definition. */
export interface DevFolder {
  /** Path of the SQLite file. New with every start, as is the chain on which it says what was paid. */
  readonly store: string;
  leave(): Promise<void>;
}

/** The id of the process that has the folder already, or the folder. */
export async function claimFolder(beside: string): Promise<DevFolder | number> {
  const folder = join(beside, ".resource402");
  const claim = join(folder, "dev.pid");
  const other = Number(await readFile(claim, "utf8").catch(() => 0));
  if (other !== process.pid && isAlive(other)) return other;
  await mkdir(folder, { recursive: true });
  // Nothing in it is worth keeping.
  await Promise.all([writeFile(join(folder, ".gitignore"), "*\n"), writeFile(claim, String(process.pid))]);
  const store = join(folder, "dev.db");
  await Promise.all(["", "-wal", "-shm"].map((end) => rm(store + end, { force: true })));
  return { store, leave: () => rm(claim, { force: true }) };
}

function isAlive(pid: number): boolean {
  try {
    return pid > 0 && process.kill(pid, 0);
  } catch {
    return false;
  }
}
