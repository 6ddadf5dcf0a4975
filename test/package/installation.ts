import { execFile } from "node:child_process";
import { cpSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { madeOnce } from "../once.ts";
import { type Followed, followPages } from "./commands.ts";
import { packed } from "./packed.ts";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../../", import.meta.url));

/** A seller's project where the packed package is installed. */
export interface Installed {
  readonly folder: string;
  /** Leaves what is installed, and nothing else. */
  empty(): Promise<void>;
  /** Runs a command in the project. Never throws: exit code and text. */
  command(file: string, ...args: string[]): Promise<{ code: number; text: string }>;
  remove(): Promise<void>;
}

/** Building, packing and installing take a minute on two idle cores. */
export const INSTALLATION_MS = 900_000;

/** The strictest settings that a user may have. */
export const STRICTEST = {
  compilerOptions: {
    target: "es2023",
    lib: ["es2023", "dom", "dom.iterable", "dom.asynciterable"],
    module: "nodenext",
    moduleResolution: "nodenext",
    types: ["node"],
    strict: true,
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
    noUnusedLocals: true,
    noUnusedParameters: true,
    noImplicitOverride: true,
    noImplicitReturns: true,
    noPropertyAccessFromIndexSignature: true,
    verbatimModuleSyntax: true,
    isolatedModules: true,
    allowImportingTsExtensions: true,
    skipLibCheck: false,
    noEmit: true,
    // Types of packages are checked once, not in each test.
    incremental: true,
    tsBuildInfoFile: "node_modules/.cache/tsc.json",
  },
  include: ["*.ts", "handlers"],
};

/** The project that the commands of the pages lead to. One test file of the run makes it; no test changes it. */
export async function followedPages(): Promise<Followed> {
  const made = await madeOnce("followed-pages", async (folder) => {
    const followed = await followPages(join(folder, "word-kit"), await packed());
    await writeFile(join(folder, "followed.json"), JSON.stringify(followed));
  });
  const followed = JSON.parse(await readFile(join(made, "followed.json"), "utf8")) as Followed;
  return { ...followed, folder: join(made, "word-kit") };
}

/** A copy of that project, which a test file may change. It has everything installed that the tests need. */
export async function installedProject(): Promise<Installed> {
  const { folder: made } = await followedPages();
  const folder = join(await mkdtemp(join(tmpdir(), "resource402-installed-")), "word-kit");
  await copy(made, folder);
  await writeFile(
    join(folder, "package.json"),
    JSON.stringify({ name: "word-house", private: true, type: "module" }),
  );
  // The documentation tells the reader to install these for Prometheus. Only their types are needed here.
  for (const name of ["@opentelemetry/sdk-metrics", "@opentelemetry/exporter-prometheus"]) {
    await symlink(join(root, "node_modules", name), join(folder, "node_modules", name), "junction");
  }
  await writeFile(join(folder, "tsconfig.json"), JSON.stringify(STRICTEST));
  return {
    folder,
    async empty() {
      for (const entry of await readdir(folder)) {
        if (!["node_modules", "package.json", "package-lock.json", "tsconfig.json"].includes(entry)) {
          await rm(join(folder, entry), { recursive: true });
        }
      }
    },
    async command(file, ...args) {
      const env = {
        ...process.env,
        NO_COLOR: "1",
        npm_config_loglevel: "error",
        RESOURCE402_ANVIL: join(root, "node_modules/.bin/anvil"),
      };
      try {
        const { stdout, stderr } = await run(file, args, { cwd: folder, env });
        return { code: 0, text: stdout + stderr };
      } catch (error) {
        const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
        return { code, text: stdout + stderr };
      }
    },
    remove: () => rm(dirname(folder), { recursive: true, force: true }),
  };
}

/** Installed files are linked, since nothing writes to them: tests add, move and delete them at most. */
async function copy(from: string, to: string): Promise<void> {
  const packages = join(from, "node_modules");
  cpSync(from, to, { recursive: true, filter: (path) => path !== packages, verbatimSymlinks: true });
  if (process.platform === "linux") await run("cp", ["-al", packages, to]);
  else cpSync(packages, join(to, "node_modules"), { recursive: true, verbatimSymlinks: true });
}
