#!/usr/bin/env node
import { enableCompileCache } from "node:module";
import { isMainThread } from "node:worker_threads";

// Half of a small run is compiling typescript's own source.
enableCompileCache();

// This file is both the command and the thread in which a definition is read, so that the thread's file
// need not be looked for, wherever the command has been bundled to.
if (isMainThread) {
  // Who reads what is printed may have enough: `resource402 --help | head -1`.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    process.exit();
  });
  const { run } = await import("./program.ts");
  process.exitCode = await run(process.argv.slice(2), new URL(import.meta.url));
} else {
  // Not awaited: a definition that never ends loading then lets the thread end, which is reported as such.
  void import("./reader.ts").then(({ answer }) => answer());
}
