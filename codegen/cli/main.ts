#!/usr/bin/env node
import * as modules from "node:module";
import { isMainThread } from "node:worker_threads";

// As package.json says; an older one would fail over the first thing that it lacks, without a word of what to do.
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  console.error(`resource402 needs Node 22.18 or later, and this is ${process.versions.node}.`);
  process.exit(2);
}

// Half of a small run is compiling typescript's own source.
modules.enableCompileCache();

// This file is both the command and the thread in which a definition is read, so that the thread's file
// need not be looked for, wherever the command has been bundled to.
if (isMainThread) {
  // Who reads what is printed may have enough: `resource402 --help | head -1`.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    process.exit();
  });
  const { runCommand } = await import("./program.ts");
  process.exitCode = await runCommand(process.argv.slice(2), new URL(import.meta.url));
} else {
  void import("./reader.ts").then(({ answer }) => answer());
}
