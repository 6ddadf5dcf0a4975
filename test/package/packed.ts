import { execFile } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { mkdir, readdir, rename, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../../", import.meta.url));

/** The tarballs that npm would publish, by absolute path. */
export interface Packed {
  readonly resource402: string;
  readonly cli: string;
}

/**
 * Builds and packs both packages, once for all test files of this run: a second build would delete the files that the
 * tests beside it use.
 */
export async function packed(): Promise<Packed> {
  // All workers of a run have the same parent.
  const folder = packedFolder(process.ppid);
  const made = join(folder, "made");
  const isFirst = await mkdir(folder).then(
    () => true,
    () => false,
  );
  if (isFirst) await pack(folder, made);
  while (!existsSync(made)) {
    if (existsSync(join(folder, "failed"))) throw new Error("another test file could not pack the packages");
    await pause(200);
  }
  const names = await readdir(made);
  const at = (pattern: RegExp): string => join(made, names.find((name) => pattern.test(name)) ?? "");
  return { resource402: at(/^resource402-\d/), cli: at(/^resource402-cli-/) };
}

/** Where the packages of a run are. The run deletes it. */
export function packedFolder(run: number): string {
  return join(tmpdir(), `resource402-packed-${run}`);
}

async function pack(folder: string, made: string): Promise<void> {
  const unfinished = join(folder, "unfinished");
  try {
    await mkdir(unfinished);
    const isBuilt = await isFresh();
    if (!isBuilt) await run("npm", ["run", "--silent", "build"], { cwd: root });
    const places = [".", "codegen"].map((place) => join(root, place));
    await run("npm", ["pack", "--silent", "--ignore-scripts", "--pack-destination", unfinished, ...places], {
      cwd: folder,
    });
    await rename(unfinished, made);
  } catch (error) {
    await writeFile(join(folder, "failed"), "");
    throw error;
  }
}

/** Whether `npm run build` has run since the last change. */
async function isFresh(): Promise<boolean> {
  const last = ["dist/server.d.ts", "codegen/dist/command/main.js", "codegen/dist/runtime/client.d.ts"].map(
    (file) => statSync(join(root, file), { throwIfNoEntry: false })?.mtimeMs ?? 0,
  );
  const { stdout } = await run(
    "git",
    ["ls-files", "-z", "schema", "src", "codegen", "*.json", "tsup.config.ts"],
    {
      cwd: root,
    },
  );
  const sources = stdout.split("\0").filter((path) => path !== "" && existsSync(join(root, path)));
  const changed = Math.max(...sources.map((path) => statSync(join(root, path)).mtimeMs));
  return Math.min(...last) > changed;
}
