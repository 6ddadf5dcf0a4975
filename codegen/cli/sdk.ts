import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import { SDK_MARK, type SdkOptions } from "../emit/sdk.ts";
import { emitSdk, type GeneratedFile } from "../files.ts";
import type { ApiModel } from "../model.ts";
import { CommandError, stopCode } from "./command.ts";
import { counted, sayDone, sayProgress, sayStale, sayWarning } from "./say.ts";
import { buildSdk } from "./sdk-build.ts";
import type { Source } from "./source.ts";
import { staleFiles, writeFiles } from "./write.ts";

export interface SdkFlags {
  readonly name: string;
  /** Absolute path of the folder that is written to. */
  readonly out: string;
  readonly packageVersion?: string;
  readonly license?: string;
  readonly repository?: string;
  readonly force?: boolean;
  /** Write nothing, and say what is stale. */
  readonly check?: boolean;
}

/** What the command writes; whatever else is in the folder stays. */
const OWN = ["package.json", "README.md", "dist"];

/**
 * Writes a package for a model. On a failure it writes nothing. Returns the exit code.
 * @throws CommandError when a flag is wrong, it would overwrite foreign files, or the build fails.
 */
export async function makeSdk(source: Source, flags: SdkFlags, signal: AbortSignal): Promise<0 | 1> {
  const options = await optionsOf(source, flags);
  if (flags.check) return checkSdk(source.model, options, flags);
  if (!flags.force) await checkOwn(flags.out);
  // Beside the folder, so that what is made can be moved into it.
  const workspace = `${flags.out}.${process.pid}.tmp`;
  try {
    const made = join(workspace, "made");
    await writeFiles(made, await filesOfPackage(source.model, options));
    if (signal.aborted) throw new CommandError("Interrupted. Nothing was written.", stopCode(signal));
    await putInPlace(made, flags.out, join(workspace, "before"));
  } finally {
    await rm(workspace, { recursive: true, force: true });
  }
  const missing = missingOf(options, flags.out);
  const size = await sizeOf(join(flags.out, "dist"));
  sayDone(`Wrote ${options.name} ${options.version} to ${shown(flags.out)} (${size}).`);
  for (const line of missing) sayWarning(line);
  return 0;
}

/** Makes the package elsewhere, and says how the one that is there differs from it. */
async function checkSdk(model: ApiModel, options: SdkOptions, { out }: SdkFlags): Promise<0 | 1> {
  const made = await filesOfPackage(model, options);
  const names = new Set(made.map(({ path }) => path));
  // The new files replace the whole folder `dist`, so an extra file there is out of date too.
  const more = (await filesOf(out)).filter(({ path }) => !names.has(path));
  const gone = more.map(({ path, text }) => ({ path, text: "", before: text }));
  const stale = [...(await staleFiles(out, made)), ...gone];
  if (stale.length === 0) sayDone(`Up to date: ${counted(made.length, "file")}.`);
  else await sayStale(stale, SDK_MARK);
  return stale.length === 0 ? 0 : 1;
}

/** The files of a package, by their paths in it. */
async function filesOfPackage(model: ApiModel, options: SdkOptions): Promise<GeneratedFile[]> {
  sayProgress("Building …");
  try {
    const { files, sources } = emitSdk(model, options);
    const built = await buildSdk(sources, options.name);
    return [...files, ...built.map(({ path, text }) => ({ path: `dist/${path}`, text }))];
  } finally {
    sayProgress("");
  }
}

/** Those files of a package that the command writes, as far as they are there. */
async function filesOf(folder: string): Promise<GeneratedFile[]> {
  const entries = await readdir(join(folder, "dist"), { withFileTypes: true }).catch(() => []);
  const built = entries.filter((entry) => entry.isFile()).map(({ name }) => `dist/${name}`);
  const paths = [...OWN.filter((name) => name !== "dist"), ...built.sort()];
  const files = await Promise.all(
    paths.map(async (path) => {
      const text = await readFile(join(folder, path), "utf8").catch(() => undefined);
      return text === undefined ? [] : [{ path, text }];
    }),
  );
  return files.flat();
}

async function optionsOf(
  { model, baseUrl, file }: Source,
  { name, packageVersion: version = model.version, license: named, repository }: SdkFlags,
): Promise<SdkOptions> {
  const license = named ?? licenseOf(model) ?? (file === undefined ? undefined : await licenseAround(file));
  if (name.length > 214 || !/^(?:@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~-][a-z0-9._~-]*$/.test(name)) {
    throw new CommandError(`"${name}" cannot be the name of a package; write it like @pixel/studio`, 2);
  }
  if (!/^\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?$/.test(version)) {
    throw new CommandError(
      `"${version}" cannot be the version of a package; name one: --package-version 1.0.0`,
      2,
    );
  }
  const url = repository === undefined ? undefined : repositoryUrl(repository);
  const address = [...model.servers.map((server) => server.url), baseUrl ?? ""].find((url) =>
    /^https?:\/\/[^{]+$/.test(url),
  );
  return {
    ...{ name, version },
    ...(license === undefined ? {} : { license }),
    ...(url === undefined ? {} : { repository: url }),
    ...(address === undefined ? {} : { baseUrl: address.replace(/\/+$/, "") }),
  };
}

/** The API's license as npm takes it, which knows identifiers and no terms in words. */
function licenseOf({ license }: ApiModel): string | undefined {
  return license !== undefined && /^[A-Za-z0-9][\w.+-]*$/.test(license.name) ? license.name : undefined;
}

/**
 * The license of the seller's own project, from the nearest package.json. One that says how little others may do with
 * the server says nothing of the client that they are to use.
 */
async function licenseAround(file: string): Promise<string | undefined> {
  for (let folder = dirname(file); ; folder = dirname(folder)) {
    const text = await readFile(join(folder, "package.json"), "utf8").catch(() => undefined);
    if (text === undefined && folder !== dirname(folder)) continue;
    const license = licenseIn(text ?? "");
    return license === undefined || /^UNLICENSED$|^SEE LICENSE/i.test(license) ? undefined : license;
  }
}

function licenseIn(manifest: string): string | undefined {
  try {
    const { license } = JSON.parse(manifest) as { readonly license?: unknown };
    return typeof license === "string" && /^[\w.+() -]+$/.test(license) ? license : undefined;
  } catch {
    // npm will say what is wrong with it.
    return undefined;
  }
}

/** As npm writes it, which is what a provenance is compared with. */
function repositoryUrl(given: string): string {
  const [, owner] = /^(?:github:)?([\w.-]+\/[\w.-]+)$/.exec(given) ?? [];
  if (owner !== undefined) return `git+https://github.com/${owner}.git`;
  const [, web] = /^(?:git\+)?(https:\/\/\S+?)(?:\.git)?\/?$/.exec(given) ?? [];
  if (web !== undefined) return `git+${web}.git`;
  if (/^(?:git\+ssh|git|ssh):\/\/\S+$/.test(given)) return given;
  throw new CommandError(`"${given}" is not a valid repository; write github:owner/name or a git URL`, 2);
}

/** @throws CommandError when it would overwrite files that this command did not write. */
async function checkOwn(out: string): Promise<void> {
  const foreign = await Promise.all(
    ["package.json", "README.md"].map(async (name) => {
      const text = await readFile(join(out, name), "utf8").catch(() => undefined);
      return text !== undefined && !text.slice(0, 400).includes(SDK_MARK) ? [name] : [];
    }),
  );
  const names = foreign.flat();
  if (existsSync(join(out, "dist")) && !existsSync(join(out, "package.json"))) names.push("dist");
  if (names.length === 0) return;
  throw new CommandError(
    `${names.map((name) => shown(join(out, name))).join(", ")} was not written by \`${SDK_MARK}\`. ` +
      "Choose another folder with --out, or overwrite with --force.",
  );
}

/** Moves what is made to where it belongs. When a step fails, what was there before comes back. */
async function putInPlace(made: string, out: string, before: string): Promise<void> {
  await Promise.all([out, before].map((folder) => mkdir(folder, { recursive: true })));
  const undo: (() => Promise<void>)[] = [];
  const move = async (from: string, to: string): Promise<void> => {
    await rename(from, to);
    undo.unshift(() => rename(to, from));
  };
  try {
    for (const name of OWN) {
      if (existsSync(join(out, name))) await move(join(out, name), join(before, name));
      await move(join(made, name), join(out, name));
    }
  } catch (error) {
    for (const back of undo) await back();
    throw error;
  }
}

/** What npm or buyers will ask for. */
function missingOf({ license, repository, baseUrl }: SdkOptions, out: string): string[] {
  return [
    ...(repository === undefined
      ? ["No repository: npm requires one to publish with provenance. Add --repository."]
      : []),
    ...(license === undefined
      ? ["No license: without one, buyers may not use the package. Add --license."]
      : []),
    ...(existsSync(join(out, "LICENSE")) ? [] : [`No ${shown(join(out, "LICENSE"))}: add the license text.`]),
    ...(baseUrl === undefined
      ? ["No server URL: buyers must set baseUrl. Add `servers` to the definition."]
      : []),
  ];
}

async function sizeOf(folder: string): Promise<string> {
  const names = await readdir(folder);
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name))));
  const bytes = texts.reduce((sum, text) => sum + text.byteLength, 0);
  return `${names.length} files in ${basename(folder)}, ${Math.ceil(bytes / 1024)} KiB`;
}

function shown(path: string): string {
  return relative(process.cwd(), path) || ".";
}
