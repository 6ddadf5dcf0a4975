import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as after } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { writeFiles } from "../../codegen/cli/write.ts";

const NAMES = ["API.md", "client.gen.ts", "openapi.json", "server.gen.ts", "handlers/types.gen.ts"];
const FILLING = "x".repeat(200_000);
const MODULE = fileURLToPath(new URL("../../codegen/cli/write.ts", import.meta.url));

/** Writes one set after the other, each file with its number before and behind, until it is killed. */
const WRITER = `
  import { writeFiles } from ${JSON.stringify(MODULE)};
  const [folder, first] = process.argv.slice(1);
  const names = ${JSON.stringify(NAMES)};
  for (let set = Number(first); ; set += 1) {
    const text = set + "\\n" + "x".repeat(${FILLING.length}) + "\\n" + set;
    await writeFiles(folder, names.map((path) => ({ path, text })));
    if (set === Number(first)) console.log("begun");
  }`;

/** The number of the set that a file is of, wholly. */
function setOf(folder: string, name: string): number {
  const [before, filling, behind, ...more] = readFileSync(join(folder, name), "utf8").split("\n");
  expect([name, filling === FILLING, behind, more]).toEqual([name, true, before, []]);
  return Number(before);
}

const unfinished = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".tmp"));

it("a writer that is killed leaves each file whole, of the last set or the one before; the next one clears up", async () => {
  const folder = mkdtempSync(join(tmpdir(), "resource402-"));
  let killedMidway = 0;
  try {
    let first = 1;
    for (let round = 0; round < 25; round += 1) {
      const writer = spawn(process.execPath, [
        "--input-type=module",
        "--eval",
        WRITER,
        folder,
        String(first),
      ]);
      await once(writer.stdout, "data");
      // Chance decides at which step it is: no place is special.
      await after(Math.random() * 30);
      const closed = once(writer, "close");
      writer.kill("SIGKILL");
      await closed;
      const sets = NAMES.map((name) => setOf(folder, name));
      expect(Math.max(...sets) - Math.min(...sets)).toBeLessThanOrEqual(1);
      if (unfinished(folder).length > 0) killedMidway += 1;
      first = Math.max(...sets) + 1;
    }
    // Otherwise this test would say nothing.
    expect(killedMidway).toBeGreaterThan(0);
    writeFileSync(join(folder, `theirs.resource402-${process.pid}.tmp`), "of a process that runs");
    await writeFiles(
      folder,
      NAMES.map((path) => ({ path, text: "new" })),
    );
    expect(NAMES.map((name) => readFileSync(join(folder, name), "utf8"))).toEqual(NAMES.map(() => "new"));
    expect(unfinished(folder)).toEqual([`theirs.resource402-${process.pid}.tmp`]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

it("a file that cannot be written leaves all others as they were", async () => {
  const folder = mkdtempSync(join(tmpdir(), "resource402-"));
  try {
    await writeFiles(folder, [{ path: "a.ts", text: "old" }]);
    const files = [
      { path: "a.ts", text: "new" },
      { path: "a.ts/b.ts", text: "new" },
    ];
    await expect(writeFiles(folder, files)).rejects.toThrow(/EEXIST|ENOTDIR/);
    expect(readFileSync(join(folder, "a.ts"), "utf8")).toBe("old");
    expect(readdirSync(folder)).toEqual(["a.ts"]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

it("a file that cannot be replaced has those put back that were replaced before it", async () => {
  const folder = mkdtempSync(join(tmpdir(), "resource402-"));
  try {
    mkdirSync(join(folder, "c.ts"));
    await writeFiles(folder, [{ path: "a.ts", text: "old" }]);
    const files = ["a.ts", "b.ts", "c.ts"].map((path) => ({ path, text: "new" }));
    await expect(writeFiles(folder, files)).rejects.toThrow(/EISDIR/);
    expect(readFileSync(join(folder, "a.ts"), "utf8")).toBe("old");
    expect(readdirSync(folder).sort()).toEqual(["a.ts", "c.ts"]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
