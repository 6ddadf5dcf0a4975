import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { relative, resolve, sep } from "node:path";
import { styleText } from "node:util";
import { type Change, type ChangeKind, groupsOf } from "../diff/change.ts";
import { changelog, releaseOf, versionAdvice } from "../diff/changelog.ts";
import { compareModels } from "../diff/models.ts";
import type { ApiModel } from "../model.ts";
import { type CommandContext, CommandError } from "./command.ts";
import { counted, sayDone, wrapped } from "./say.ts";
import { folderOf, readSource, readText, type Source } from "./source.ts";
import { typed } from "./typed.ts";

export interface DiffFlags {
  readonly json?: boolean;
  readonly markdown?: boolean;
  /** Kinds of change for which the command fails. Of prices, only those that have risen count. */
  readonly failOn: readonly ChangeKind[];
  /** Where the document is in a git repository, when it is not beside the definition. */
  readonly document?: string;
}

/** Prints what has changed for buyers. Returns the exit code: 1 when some of it is of a kind to fail on. */
export async function printDiff(
  before: string,
  named: string | undefined,
  flags: DiffFlags,
  context: CommandContext,
): Promise<number> {
  const now = await readSource(named, context);
  const was = await readBefore(before, now, named, flags, context);
  const changes = compareModels(was, now.model);
  const release = releaseOf(changes, was.version, now.model.version);
  const bad = changes.filter(({ kind, isWorse }) => isWorse && flags.failOn.includes(kind));
  if (flags.json) console.log(JSON.stringify({ ...release, fails: bad.length > 0 }, undefined, 2));
  else if (flags.markdown) process.stdout.write(changelog(release));
  else if (changes.length === 0) sayDone("Nothing has changed for buyers.");
  else {
    sayChanges(changes);
    console.log(
      `\n${[summaryOf(changes), versionAdvice(release).replaceAll("`", "")].filter(Boolean).join(" ")}`,
    );
  }
  return bad.length > 0 ? 1 : 0;
}

/** The API as it was: at an address, in a file, or in a revision of the git repository of what is compared with it. */
async function readBefore(
  before: string,
  now: Source,
  named: string | undefined,
  { document }: DiffFlags,
  context: CommandContext,
): Promise<ApiModel> {
  if (/^https?:\/\//i.test(before)) {
    const { model, baseUrl } = await readSource(before, context);
    // A live server adds its own URL to its document, wherever it runs.
    return { ...model, servers: model.servers.filter(({ url }) => url !== baseUrl || isNamed(now, url)) };
  }
  if (existsSync(before)) return (await readSource(before, context)).model;
  const isFile = named !== undefined && !/^https?:\/\//i.test(named);
  const folder = isFile ? resolve(named, "..") : folderOf(now);
  const path = document === undefined ? "openapi.json" : relative(folder, resolve(document));
  const commit = (
    await git(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", `${before}^{commit}`)
  ).trim();
  if (commit === "") {
    throw new CommandError(
      `"${before}" is neither a file nor a revision of this git repository. Example: ${typed("diff HEAD")}`,
      2,
    );
  }
  const text = await git(folder, "show", `${commit}:./${path.split(sep).join("/")}`);
  if (text === "") {
    throw new CommandError(
      `${before} has no ${path} in ${relative(".", folder) || "this folder"}. Commit the generated files, or name the document: --document <file>`,
      2,
    );
  }
  return (await readText(text, { source: `${before}:${path}` })).model;
}

function isNamed({ model }: Source, url: string): boolean {
  return model.servers.some((server) => server.url === url);
}

/** The output of git; empty when git fails. */
function git(folder: string, ...words: readonly string[]): Promise<string> {
  return new Promise((done) => {
    const options = { cwd: folder, maxBuffer: 64 * 1024 * 1024 };
    execFile("git", words, options, (error, out) => done(error === null ? out : ""));
  });
}

const COLOURS: Readonly<Record<ChangeKind, "red" | "yellow" | "green" | "dim">> = {
  breaking: "red",
  price: "red",
  weaker: "yellow",
  addition: "green",
  note: "dim",
};

/** Prints each group under its title, with columns for resource and path. Long texts wrap in their column. */
function sayChanges(changes: readonly Change[]): void {
  const width = (of: (change: Change) => string): number =>
    Math.min(32, Math.max(...changes.map((change) => of(change).length)));
  const [names, places] = [width(({ resource }) => resource), width(({ path }) => path)];
  for (const [index, { title, kind, isWorse, advice, changes: those }] of groupsOf(changes).entries()) {
    const colour = kind === "price" && !isWorse ? "green" : COLOURS[kind];
    console.log((index === 0 ? "" : "\n") + styleText(["bold", colour], title, { stream: process.stdout }));
    for (const { resource, path, text } of those) {
      const before = `  ${shown(resource).padEnd(names)}  ${shown(path).padEnd(places)}  `;
      console.log(before + folded(shown(text), before.length));
    }
    if (advice !== "") console.log(`  ${folded(advice, 2)}`);
  }
}

/** Wraps text to the terminal, `before` columns from the left. Unchanged without a terminal, or when it is too narrow. */
function folded(text: string, before: number): string {
  const width = process.stdout.columns ?? 0;
  return width - before < 24 ? text : wrapped(text, width, before);
}

/** Removes control characters, which a foreign document could use to control the terminal. */
function shown(text: string): string {
  return text.replace(/\p{Cc}+/gu, " ");
}

/** `2 breaking changes, 1 dearer, 3 notes.` */
function summaryOf(changes: readonly Change[]): string {
  const counts = groupsOf(changes).map(({ title, changes: { length } }) =>
    title === "Breaking"
      ? counted(length, "breaking change")
      : title === "Notes"
        ? counted(length, "note")
        : `${length} ${title.toLowerCase()}`,
  );
  return `${counts.join(", ")}.`;
}
