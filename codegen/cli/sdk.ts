import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm } from "node:fs/promises";
import { basename, join, relative } from "node:path";
import { SDK_MARK, type SdkOptions } from "../emit/sdk.ts";
import { emitSdk } from "../files.ts";
import type { ApiModel } from "../model.ts";
import { CommandError } from "./command.ts";
import { sayDone, sayProgress, sayWarning } from "./say.ts";
import { buildSdk } from "./sdk-build.ts";
import type { Source } from "./source.ts";
import { writeFiles } from "./write.ts";

export interface SdkFlags {
  readonly name: string;
  /** Absolute path of the folder that is written to. */
  readonly out: string;
  readonly packageVersion?: string;
  readonly license?: string;
  readonly repository?: string;
  readonly force?: boolean;
}

/** What the command writes; whatever else is in the folder stays. */
const OWN = ["package.json", "README.md", "dist"];

/**
 * Makes a package from a model: all of it, or nothing when something fails. Returns the exit code.
 * @throws CommandError when a flag is wrong, files of somebody else are in the way, or it cannot be built.
 */
export async function makeSdk(source: Source, flags: SdkFlags, signal: AbortSignal): Promise<number> {
  const options = optionsOf(source, flags);
  if (!flags.force) await checkOwn(flags.out);
  const room = `${flags.out}.${process.pid}.tmp`;
  try {
    sayProgress("Building …");
    const { files, sources } = await emitSdk(source.model, options);
    const built = await buildSdk(join(room, "build"), sources, options.name, signal);
    const made = join(room, "made");
    await writeFiles(made, files);
    await rename(built, join(made, "dist"));
    await putInPlace(made, flags.out, join(room, "before"));
  } finally {
    sayProgress("");
    await rm(room, { recursive: true, force: true });
  }
  const missing = missingOf(options, flags.out);
  const size = await sizeOf(join(flags.out, "dist"));
  sayDone(`Wrote ${options.name} ${options.version} to ${shown(flags.out)} (${size}).`);
  for (const line of missing) sayWarning(line);
  return 0;
}

function optionsOf(
  { model, baseUrl }: Source,
  { name, packageVersion: version = model.version, license = licenseOf(model), repository }: SdkFlags,
): SdkOptions {
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

/** As npm writes it, which is what a provenance is compared with. */
function repositoryUrl(given: string): string {
  const [, owner] = /^(?:github:)?([\w.-]+\/[\w.-]+)$/.exec(given) ?? [];
  if (owner !== undefined) return `git+https://github.com/${owner}.git`;
  const [, web] = /^(?:git\+)?(https:\/\/\S+?)(?:\.git)?\/?$/.exec(given) ?? [];
  if (web !== undefined) return `git+${web}.git`;
  if (/^(?:git\+ssh|git|ssh):\/\/\S+$/.test(given)) return given;
  throw new CommandError(`"${given}" is no repository; write github:owner/name or a git URL`, 2);
}

/** @throws CommandError when something in the way was not written by this command. */
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
      "Name another folder with --out, or overwrite it with --force.",
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
      ? ["No repository: npm publishes with provenance only from the one that is named. Add --repository."]
      : []),
    ...(license === undefined ? ["No license: nobody may use the package. Add --license."] : []),
    ...(existsSync(join(out, "LICENSE"))
      ? []
      : [`No ${shown(join(out, "LICENSE"))}: put the license's text there.`]),
    ...(baseUrl === undefined
      ? ["No address: buyers have to say baseUrl. Add `servers` to the definition."]
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
