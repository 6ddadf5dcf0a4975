import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
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

/** Writes all files or, when one of them cannot be written, none. */
export async function writeFiles(folder: string, files: readonly GeneratedFile[]): Promise<void> {
  const steps = files.map(({ path, text }) => {
    const target = join(folder, path);
    return { target, text, temporary: `${target}.${process.pid}.tmp` };
  });
  try {
    for (const { target, text, temporary } of steps) {
      await mkdir(dirname(target), { recursive: true });
      await writeFile(temporary, text);
    }
    for (const { target, temporary } of steps) await rename(temporary, target);
  } finally {
    await Promise.all(steps.map(({ temporary }) => rm(temporary, { force: true })));
  }
}
