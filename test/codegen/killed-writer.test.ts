import { spawn } from "node:child_process";
import { once } from "node:events";
import fs, {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as after } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { beforeEach, describe, expect, it } from "vitest";
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

describe("a file that cannot be replaced", () => {
  /** `c.ts` is a folder, which no file can take the place of. */
  const files = ["a.ts", "b.ts", "c.ts"].map((path) => ({ path, text: "new" }));
  let folder: string;
  const at = (name: string): string => join(folder, name);
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "resource402-"));
    mkdirSync(at("c.ts"));
    return () => rmSync(folder, { recursive: true, force: true });
  });

  it("leaves of those before it the mode, the inode and the link as they were", async () => {
    writeFileSync(at("a.ts"), "old", { mode: 0o751 });
    writeFileSync(at("elsewhere.ts"), "old");
    symlinkSync("elsewhere.ts", at("b.ts"));
    const before = statSync(at("a.ts"));
    await expect(writeFiles(folder, files)).rejects.toThrow(/EISDIR/);
    const { mode, ino } = statSync(at("a.ts"));
    expect({ mode, ino }).toEqual({ mode: before.mode, ino: before.ino });
    expect(readlinkSync(at("b.ts"))).toBe("elsewhere.ts");
    expect(readFileSync(at("b.ts"), "utf8")).toBe("old");
    expect(readdirSync(folder).sort()).toEqual(["a.ts", "b.ts", "c.ts", "elsewhere.ts"]);
  });

  it("is reported even when an earlier file cannot be restored, and all others are restored", async () => {
    for (const name of ["a.ts", "b.ts"]) writeFileSync(at(name), "old");
    const { renameSync } = fs;
    let times = 0;
    fs.renameSync = (from, to) => {
      if (to === at("b.ts") && ++times === 2) throw new Error("cannot be put back");
      renameSync(from, to);
    };
    syncBuiltinESMExports();
    try {
      await expect(writeFiles(folder, files)).rejects.toThrow(/EISDIR/);
    } finally {
      fs.renameSync = renameSync;
      syncBuiltinESMExports();
    }
    expect(times).toBe(2);
    expect(readFileSync(at("a.ts"), "utf8")).toBe("old");
    // It is nowhere else.
    const backup = `b.ts.was.resource402-${process.pid}.tmp`;
    expect(readFileSync(at(backup), "utf8")).toBe("old");
    expect(unfinished(folder)).toEqual([backup]);
  });
});

it("what a writer of the same process id has left does not disturb, and nothing stays behind", async () => {
  const folder = mkdtempSync(join(tmpdir(), "resource402-"));
  try {
    writeFileSync(join(folder, "a.ts"), "old");
    for (const end of ["", ".was"]) {
      writeFileSync(join(folder, `a.ts${end}.resource402-${process.pid}.tmp`), "stale");
    }
    await writeFiles(folder, [{ path: "a.ts", text: "new" }]);
    expect(readFileSync(join(folder, "a.ts"), "utf8")).toBe("new");
    expect(readdirSync(folder)).toEqual(["a.ts"]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
