import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ts from "typescript";

/**
 * The public types of `resource402`, as its build declares them, without comments. The committed files say what a change
 * does to users: `npm run api` writes them, `npm run api:check` fails when they differ from the build.
 */
const reports = new URL("./", import.meta.url);
const dist = new URL("../../dist/", import.meta.url);
const SUFFIX = ".api.txt";
/** What the bundler adds to the names of files that entries share. It changes with every change of their content. */
const HASH = /-[\w-]{8}(?=\.d\.ts$|\.js["'])/g;

/** The reports of the build, by file. */
export function reportsOf(files: ReadonlyMap<string, string>): Map<string, string> {
  const printer = ts.createPrinter({ removeComments: true });
  const made = new Map<string, string>();
  for (const [file, text] of files) {
    const name = file.replace(HASH, "").replace(/\.d\.ts$/, SUFFIX);
    if (made.has(name)) throw new Error(`two files of the build would both be ${name}`);
    const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest);
    made.set(name, printer.printFile(source).replace(HASH, ""));
  }
  return made;
}

/** Reports that differ, with how. */
export function changesOf(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): string[] {
  const names = [...new Set([...before.keys(), ...after.keys()])].sort();
  return names.flatMap((name) => {
    const [old = "", now = ""] = [before.get(name), after.get(name)];
    if (old === now) return [];
    const [oldLines, nowLines] = [old, now].map((text) => text.split("\n"));
    const lines = [
      ...(oldLines ?? []).filter((line) => !nowLines?.includes(line)).map((line) => `- ${line}`),
      ...(nowLines ?? []).filter((line) => !oldLines?.includes(line)).map((line) => `+ ${line}`),
    ];
    return [`test/api/${name}`, ...lines];
  });
}

function filesIn(folder: URL, ending: string): Map<string, string> {
  const names = readdirSync(folder).filter((name) => name.endsWith(ending));
  return new Map(names.sort().map((name) => [name, readFileSync(new URL(name, folder), "utf8")]));
}

function main(isCheck: boolean): number {
  const built = filesIn(dist, ".d.ts");
  if (built.size === 0) {
    console.error("There are no types in dist. Run `npm run build` first.");
    return 2;
  }
  const [before, after] = [filesIn(reports, SUFFIX), reportsOf(built)];
  const changes = changesOf(before, after);
  if (isCheck) {
    if (changes.length === 0) return 0;
    console.error(changes.join("\n"));
    console.error("\nPublic types have changed. Run `npm run api`, and add the change to CHANGELOG.md.");
    return 1;
  }
  for (const name of before.keys()) if (!after.has(name)) rmSync(new URL(name, reports));
  for (const [name, text] of after) writeFileSync(new URL(name, reports), text);
  console.log(
    `${after.size} reports, ${changes.filter((line) => line.startsWith("test/api/")).length} changed.`,
  );
  return 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  process.exitCode = main(process.argv.includes("--check"));
