import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { SDK_DOORS } from "../emit/sdk.ts";
import type { GeneratedFile } from "../files.ts";
import { CommandError, stopCode } from "./command.ts";
import { writeFiles } from "./write.ts";

/**
 * Builds sources into modules that need nothing, with their types, in a folder of their own: neither the settings nor
 * the dependencies of the project around it have a say. Returns the folder with what was built.
 * @throws CommandError when it cannot be built.
 */
export async function buildSdk(
  workspace: string,
  sources: readonly GeneratedFile[],
  name: string,
  signal: AbortSignal,
): Promise<string> {
  const runtime = dirname(fileURLToPath(import.meta.resolve("resource402/client")));
  if (!existsSync(join(runtime, "client.d.ts"))) {
    throw new CommandError(`${runtime} has no types: this copy of resource402 was built without them`);
  }
  const typescript = folderOf("typescript");
  const tsup = folderOf("tsup");
  await writeFiles(workspace, [...sources, ...settings()]);
  await mkdir(join(workspace, "node_modules"));
  // By a name without node_modules in it: what comes from there is taken for a dependency, and left out of the types.
  await symlink(runtime, join(workspace, "runtime"), "junction");
  await symlink(typescript, join(workspace, "node_modules/typescript"), "junction");
  await writeFile(join(workspace, "typescript.mjs"), chooseTypescript(join(typescript, "lib/typescript.js")));
  const run = [join(tsup, "dist/cli-default.js"), "--silent"];
  try {
    const options = { cwd: workspace, signal, env: { ...process.env, NO_COLOR: "1" } };
    await promisify(execFile)(process.execPath, ["--import", "./typescript.mjs", ...run], options);
  } catch (error) {
    if (signal.aborted) throw new CommandError("Interrupted. Nothing was written.", stopCode(signal));
    const { stdout = "", stderr = "" } = error as { readonly stdout?: string; readonly stderr?: string };
    throw new CommandError(`The package cannot be built:\n${`${stdout}\n${stderr}`.trim()}`, 1, {
      cause: error,
    });
  }
  const dist = join(workspace, "dist");
  await finish(dist, workspace, name);
  return dist;
}

/** Settings of the build, as files. */
function settings(): GeneratedFile[] {
  const tsup = {
    entry: Object.fromEntries(Object.keys(SDK_DOORS).map((door) => [door, `${door}.ts`])),
    format: ["esm"],
    // Runs everywhere; only `node` imports what Node.js has built in.
    platform: "neutral",
    external: ["node:crypto", "node:fs/promises", "node:path"],
    removeNodeProtocol: false,
    target: "es2022",
    // Few files with names that do not change.
    splitting: false,
    treeshake: true,
    dts: true,
    metafile: true,
  };
  const compilerOptions = {
    target: "es2022",
    lib: ["es2023", "dom", "dom.iterable", "dom.asynciterable"],
    module: "esnext",
    moduleResolution: "bundler",
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: true,
    types: [],
    paths: { "resource402/*": ["./runtime/*"] },
  };
  return [
    { path: "package.json", text: JSON.stringify({ type: "module", sideEffects: false, tsup }) },
    { path: "tsconfig.json", text: JSON.stringify({ compilerOptions, include: ["*.ts"] }) },
  ];
}

/** Our own dependencies, wherever npm has put them. @throws CommandError when one is not there. */
function folderOf(dependency: string): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const found = join(folder, "node_modules", dependency);
    if (existsSync(join(found, "package.json"))) return found;
    if (folder === dirname(folder)) {
      throw new CommandError(
        `The package ${dependency} is missing beside resource402, which depends on it. Run \`npm install\`.`,
      );
    }
  }
}

/**
 * tsup writes types with the typescript that it finds beside itself. That may be one of the project, and TypeScript 7
 * cannot be called by other programs, so it is given ours.
 */
function chooseTypescript(ours: string): string {
  const url = JSON.stringify(pathToFileURL(ours).href);
  return `import { registerHooks } from "node:module";
registerHooks({
  resolve: (specifier, context, next) =>
    specifier === "typescript" ? { url: ${url}, shortCircuit: true } : next(specifier, context),
});
`;
}

/** Makes what was built the same wherever it was built, and adds the licenses of what is in it. */
async function finish(dist: string, workspace: string, name: string): Promise<void> {
  const metafile = join(dist, "metafile-esm.json");
  const { inputs } = JSON.parse(await readFile(metafile, "utf8")) as { inputs: Record<string, unknown> };
  await rm(metafile);
  const licenses = await licensesOf(Object.keys(inputs).map((path) => join(workspace, path)));
  const names = plainNames(await readdir(dist));
  for (const [file, plain] of names) {
    let text = await readFile(join(dist, file), "utf8");
    // esbuild says above each module where it was.
    if (file.endsWith(".js")) text = text.replace(/^\/\/ \S+\.[cm]?[jt]s\n/gm, "");
    if (file.endsWith(".d.ts")) {
      for (const [from, to] of names) text = text.replaceAll(`./${moduleOf(from)}`, `./${moduleOf(to)}`);
      // Comments name the doors of the runtime.
      text = text.replace(/\bresource402\/(evm|node)\b/g, `${name}/$1`);
    }
    await rm(join(dist, file));
    await writeFile(join(dist, plain), text);
  }
  await writeFile(join(dist, "THIRD-PARTY.txt"), licenses);
}

/** Files by what they are to be called: types that doors share come with hashes of how they were built. */
function plainNames(files: readonly string[]): Map<string, string> {
  const names = new Map<string, string>();
  const taken = new Set(files);
  for (const file of [...files].sort()) {
    const plain = file.replace(/-[\w-]{8}\.d-[\w-]{8}\.d\.ts$/, ".d.ts");
    names.set(file, taken.has(plain) ? file : plain);
    taken.add(plain);
  }
  return names;
}

function moduleOf(file: string): string {
  return file.replace(/\.d\.ts$/, ".js");
}

/** The names and licenses of the packages that files come from, ours and others'. */
async function licensesOf(paths: readonly string[]): Promise<string> {
  const folders = paths.flatMap(
    (path) => /^.*[\\/]node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/]+/.exec(path)?.[0] ?? [],
  );
  const texts = await Promise.all(
    [...new Set(folders)].sort().map(async (folder) => {
      const { name, version } = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
      const file = (await readdir(folder)).find((name) => /^licen[cs]e/i.test(name));
      return `${name} ${version}\n\n${file === undefined ? "" : (await readFile(join(folder, file), "utf8")).trim()}`;
    }),
  );
  return ["This package contains code of the following packages.", ...texts]
    .join("\n\n----\n\n")
    .concat("\n");
}
