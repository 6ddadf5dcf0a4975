import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";
import { rerun } from "../../codegen/cli/watch.ts";

const folder = mkdtempSync(join(tmpdir(), "resource402-rerun-"));
const file = join(folder, "resources.ts");
const stop = new AbortController();

afterEach(() => {
  stop.abort();
  rmSync(folder, { recursive: true });
});

it("a file that goes while it is read for the first time, before anything is watched, is read again, once", async () => {
  writeFileSync(file, "");
  let count = 0;
  const ended = rerun(async () => {
    if (count === 0) rmSync(file);
    count += 1;
    return { exitCode: 0, files: [file] };
  }, stop.signal);
  await expect.poll(() => count).toBe(2);
  // Whatever the second run would have set off comes before this.
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(count).toBe(2);
  writeFileSync(file, "");
  await expect.poll(() => count).toBe(3);
  stop.abort();
  await ended;
});
