import { execFile } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { madeOnce } from "../once.ts";

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
  const made = await madeOnce("packed", pack);
  const names = await readdir(made);
  const at = (pattern: RegExp): string => join(made, names.find((name) => pattern.test(name)) ?? "");
  return { resource402: at(/^resource402-\d/), cli: at(/^resource402-cli-/) };
}

async function pack(folder: string): Promise<void> {
  if (!(await isFresh())) await run("npm", ["run", "--silent", "build"], { cwd: root });
  const places = [".", "codegen"].map((place) => join(root, place));
  await run("npm", ["pack", "--silent", "--ignore-scripts", "--pack-destination", folder, ...places], {
    cwd: dirname(folder),
  });
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
