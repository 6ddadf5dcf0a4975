#!/usr/bin/env node
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const CLI = "@resource402/cli";

/** The command's file: beside this package, else in the project. Strict package managers do not put packages side by side. */
function commandFile(): string | undefined {
  for (const place of [import.meta.url, join(process.cwd(), "package.json")]) {
    try {
      return createRequire(place).resolve(CLI);
    } catch {
      // Not there.
    }
  }
  return undefined;
}

const file = commandFile();
if (file === undefined) {
  process.stderr.write(`The command is a package of its own. Run: npm install --save-dev ${CLI}\n`);
  process.exit(1);
}
await import(pathToFileURL(file).href);
