import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { type Release, releaseProblems } from "./check.ts";

const run = promisify(execFile);

const LINKS = {
  homepage: "https://github.com/words/resource402#readme",
  bugs: "https://github.com/words/resource402/issues",
  repository: { url: "git+https://github.com/words/resource402.git" },
};
const READY: Release = {
  root: { version: "1.2.0", ...LINKS },
  cli: { version: "1.2.0", ...LINKS, peerDependencies: { resource402: "1.2.0" } },
  changelog:
    "# Changelog\n\n## Unreleased\n\n## 1.2.0 - 2026-12-01\n\n### Added\n- Words.\n\n## 1.1.0\n\n- One.\n",
  status: "",
};

describe("the release check", () => {
  it("finds nothing in a tree that is ready", () => {
    expect(releaseProblems(READY)).toEqual([]);
  });

  it.each<[string, Partial<Release>, string]>([
    [
      "a placeholder",
      { root: { ...READY.root, bugs: "https://github.com/OWNER/resource402/issues" } },
      "package.json: bugs is a placeholder",
    ],
    [
      "a placeholder in an address for git",
      { cli: { ...READY.cli, repository: { url: "git@github.com:OWNER/resource402.git" } } },
      "codegen/package.json: repository is a placeholder",
    ],
    ["a missing field", { root: { ...READY.root, homepage: "" } }, "package.json: homepage is missing"],
    ["different versions", { cli: { ...READY.cli, version: "1.1.9" } }, "version is 1.1.9, expected 1.2.0"],
    [
      "a CLI that asks for another version",
      { cli: { ...READY.cli, peerDependencies: { resource402: "^1.2.0" } } },
      "peerDependencies.resource402 is ^1.2.0",
    ],
    [
      "a changelog without the version",
      { changelog: READY.changelog.replace("## 1.2.0", "## 1.2.0-rc.1") },
      "CHANGELOG.md: there is no entry for 1.2.0",
    ],
    [
      "an empty entry of the changelog",
      { changelog: "## 1.2.0\n\n## 1.1.0\n\n- One.\n" },
      "CHANGELOG.md: there is no entry for 1.2.0",
    ],
    ["uncommitted changes", { status: " M src/index.ts\n" }, "M src/index.ts"],
  ])("refuses %s", (_, change, expected) => {
    const problems = releaseProblems({ ...READY, ...change });
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(expected);
  });

  it("reads a folder, names every problem, and exits with 1 until none is left", async () => {
    const folder = await mkdtemp(join(tmpdir(), "resource402-release-"));
    try {
      const write = async (file: string, content: unknown): Promise<void> =>
        writeFile(join(folder, file), typeof content === "string" ? content : JSON.stringify(content));
      await mkdir(join(folder, "codegen"));
      await write("package.json", { version: "1.2.0" });
      await write("codegen/package.json", READY.cli);
      await write("CHANGELOG.md", "");
      await run("git", ["init", "--quiet"], { cwd: folder });
      const refused = await check(folder);
      expect(refused.code).toBe(1);
      expect(refused.stderr.match(/^error {2}/gm)).toHaveLength(5);

      await write("package.json", READY.root);
      await write("CHANGELOG.md", READY.changelog);
      await run("git", ["add", "."], { cwd: folder });
      const author = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"];
      await run("git", [...author, "commit", "--quiet", "-m", "Release"], { cwd: folder });
      expect(await check(folder)).toEqual({ code: 0, stderr: "" });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

async function check(folder: string): Promise<{ code: unknown; stderr: string }> {
  const script = fileURLToPath(new URL("./check.ts", import.meta.url));
  return new Promise((resolve) => {
    execFile(process.execPath, [script, folder], (error, _, stderr) =>
      resolve({ code: error?.code ?? 0, stderr }),
    );
  });
}
