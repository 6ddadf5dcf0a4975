import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ROOT, readPatches } from "./patches.ts";

const patches = readPatches();

describe("the patches that break the money rules (npm run test:rules)", () => {
  it("cover all eleven rules", () => {
    const rules = new Set(patches.map(({ name }) => Number.parseInt(name, 10)));
    expect([...rules].sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  });

  it.each(patches)("$name applies, and names tests that exist", ({ file, tests }) => {
    execFileSync("git", ["apply", "--check", file], { cwd: ROOT });
    expect(tests.filter((test) => !existsSync(join(ROOT, test)))).toEqual([]);
  });
});
