import { execFile } from "node:child_process";
import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import type { Packed } from "./packed.ts";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../../", import.meta.url));

/** What npm has installed by one command. */
export interface Installation {
  readonly packages: number;
  /** Of npm, on packages that want to run a script. */
  readonly warnings: readonly string[];
}

/** How a command has ended. */
interface Outcome {
  readonly code: number;
  readonly stderr: string;
}

/** What the commands of the pages have left in a folder. */
export interface Followed {
  /** The project. No test changes it. */
  readonly folder: string;
  /** By each `npm install`: of the package, and of the command after it. */
  readonly installations: readonly Installation[];
  /** What happens before the second one, where only the package is installed. */
  readonly without: Readonly<Record<"command" | "postgres" | "prometheus" | "server", Outcome>>;
  readonly commands: number;
  readonly files: readonly string[];
  readonly site: readonly string[];
  /** `package.json` of the package for buyers. */
  readonly sdk: Readonly<Record<string, unknown>>;
}

/** The quick start, and then what its reader publishes. */
const PAGES = ["README.md", "docs/publishing.md"];

/** Runs the commands of the pages in a new folder, line by line. Our packages come from the tarballs. */
export async function followPages(folder: string, { resource402, cli }: Packed): Promise<Followed> {
  const pages = await Promise.all(PAGES.map((page) => readFile(join(root, page), "utf8")));
  const lines = pages.flatMap(
    (page) => /```sh commands\n([\s\S]*?)```/.exec(page)?.[1]?.trim().split("\n") ?? [],
  );
  const { devDependencies } = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
  const sources: Readonly<Record<string, string>> = {
    resource402,
    "@resource402/cli": cli,
    zod: `zod@${devDependencies.zod}`,
  };
  const env = {
    ...process.env,
    NO_COLOR: "1",
    npm_config_prefer_offline: "true",
    npm_config_audit: "false",
    npm_config_loglevel: "warn",
  };
  await mkdir(folder);
  const installations: Installation[] = [];
  let without: Followed["without"] | undefined;
  for (const line of lines) {
    const command = /^npm install \S/.test(line)
      ? line.replace(/(?<= )(@resource402\/cli|resource402|zod)(?= |$)/g, (name) => sources[name] ?? name)
      : line;
    const { stderr } = await run("bash", ["-c", command], { cwd: folder, env }).catch((error) => {
      throw new Error(`${line}\n${error.stdout}\n${error.stderr}`);
    });
    if (!/^npm install\b/.test(line)) continue;
    installations.push(await installation(folder, stderr));
    without ??= await withoutTheRest(folder);
  }
  if (without === undefined) throw new Error("the pages install nothing");
  return {
    folder,
    installations,
    without,
    commands: lines.length,
    files: await readdir(folder),
    site: (await readdir(join(folder, "site"))).sort(),
    sdk: JSON.parse(await readFile(join(folder, "sdk/package.json"), "utf8")),
  };
}

/** What npm has installed in a folder. `stderr` is what it has printed there. */
export async function installation(folder: string, stderr: string): Promise<Installation> {
  const lock = JSON.parse(await readFile(join(folder, "node_modules/.package-lock.json"), "utf8"));
  const warnings = stderr.split("\n").filter((line) => line.includes("install-scripts"));
  return { packages: Object.keys(lock.packages).length, warnings };
}

async function withoutTheRest(folder: string): Promise<Followed["without"]> {
  const outcome = (file: string, ...args: string[]): Promise<Outcome> =>
    run(file, args, { cwd: folder }).then(
      ({ stderr }) => ({ code: 0, stderr }),
      ({ code, stderr }: Outcome) => ({ code, stderr }),
    );
  const evaluated = (code: string) => outcome("node", "--input-type=module", "--eval", code);
  return {
    command: await outcome(join(folder, "node_modules/.bin/resource402"), "--version"),
    postgres: await evaluated('await import("resource402/postgres")'),
    prometheus: await evaluated('await import("resource402/prometheus")'),
    server: await evaluated('await import("resource402/server"); await import("resource402/sqlite")'),
  };
}

/** The way from an empty folder to a package. */
export function describeCommands(followed: () => Followed): void {
  it("the commands of README and Publishing lead from an empty folder to a package for buyers", () => {
    const { commands, files, site, sdk } = followed();
    expect(commands).toBeGreaterThan(6);
    for (const file of ["resources.ts", "handlers", "openapi.json", "server.ts"])
      expect(files).toContain(file);
    expect(site).toEqual(["API.md", "index.html", "llms.txt", "openapi.json"]);
    expect(files.filter((file) => file.endsWith(".tgz"))).toEqual([expect.stringMatching(/^words-kit-\d/)]);
    expect(sdk).toMatchObject({ name: "@words/kit", type: "module", sideEffects: false });
    expect(sdk.dependencies).toBeUndefined();
  });
}
