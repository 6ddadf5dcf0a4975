import processes from "node:child_process";
import { syncBuiltinESMExports } from "node:module";

/** The fast lane's rule: a test that starts a chain, a database, a browser or a command belongs to `npm test` only. */
function refuse(): never {
  throw new Error(
    "A test of the fast lane starts a process. Remove its file from the list in test/lanes.ts.",
  );
}

Object.assign(processes, { spawn: refuse, fork: refuse, exec: refuse, execFile: refuse });
syncBuiltinESMExports();
