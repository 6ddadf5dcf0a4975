import { cpSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const BENCH = fileURLToPath(new URL("..", import.meta.url));
const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Our command line, as it is published. */
export const CLI = join(ROOT, "dist/cli.js");
export const TSC = join(BENCH, "node_modules/typescript/bin/tsc");
export const OPENAPI_TYPESCRIPT = join(BENCH, "node_modules/openapi-typescript/bin/cli.js");

/**
 * An empty folder `bench/.cache/<name>` in which the built project is installed. One zod serves definition and
 * compiler, as with any user.
 */
export function workshop(name: string, files: Readonly<Record<string, string>>): string {
  const folder = join(BENCH, ".cache", name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, "node_modules"), { recursive: true });
  const installed = join(folder, "node_modules/resource402");
  cpSync(join(ROOT, "dist"), join(installed, "dist"), { recursive: true });
  cpSync(join(ROOT, "package.json"), join(installed, "package.json"));
  symlinkSync(join(ROOT, "node_modules/zod"), join(folder, "node_modules/zod"));
  write(folder, { "package.json": `{ "type": "module", "private": true }\n`, ...files });
  return folder;
}

export function write(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) writeFileSync(join(folder, path), text);
}
