import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../../", import.meta.url));

/** The way of the README from an empty folder to a package, line by line. `tarball` stands in for what npm would fetch. */
export function describeCommands(tarball: () => Promise<string>): void {
  it("the commands of the README lead from an empty folder to a package for buyers", async () => {
    const readme = await readFile(join(root, "README.md"), "utf8");
    const lines = /```sh commands\n([\s\S]*?)```/.exec(readme)?.[1]?.trim().split("\n") ?? [];
    expect(lines.length).toBeGreaterThan(6);
    const { devDependencies } = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
    const parent = await mkdtemp(join(tmpdir(), "resource402-empty-"));
    const folder = join(parent, "word-kit");
    await mkdir(folder);
    const env = {
      ...process.env,
      NO_COLOR: "1",
      npm_config_prefer_offline: "true",
      npm_config_audit: "false",
    };
    try {
      for (const line of lines) {
        const command = line.replace("resource402 zod", `${await tarball()} zod@${devDependencies.zod}`);
        await run("bash", ["-c", command], { cwd: folder, env }).catch((error) => {
          throw new Error(`${line}\n${error.stdout}\n${error.stderr}`);
        });
      }
      const files = await readdir(folder);
      for (const file of ["resources.ts", "handlers", "openapi.json", "server.ts"])
        expect(files).toContain(file);
      expect((await readdir(join(folder, "site"))).sort()).toEqual([
        "API.md",
        "index.html",
        "llms.txt",
        "openapi.json",
      ]);
      expect(files.filter((file) => file.endsWith(".tgz"))).toEqual([expect.stringMatching(/^words-kit-\d/)]);
      const manifest = JSON.parse(await readFile(join(folder, "sdk/package.json"), "utf8"));
      expect(manifest).toMatchObject({ name: "@words/kit", type: "module", sideEffects: false });
      expect(manifest.dependencies).toBeUndefined();
    } finally {
      await rm(parent, { recursive: true, force: true });
    }
  }, 300_000);
}
