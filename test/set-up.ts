import { rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { reportMissing } from "./missing.ts";
import { packedFolder } from "./package/packed.ts";

/** Runs once, before and after all test files. */
export default function setUp(): () => void {
  // Hundreds of tests start the command line: each start then loads code that is compiled already.
  process.env.NODE_COMPILE_CACHE ??= fileURLToPath(
    new URL("../node_modules/.cache/compiled", import.meta.url),
  );
  return () => {
    rmSync(packedFolder(process.pid), { recursive: true, force: true });
    const line = reportMissing();
    if (line !== undefined) console.warn(line);
  };
}
