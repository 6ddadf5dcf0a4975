import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";

/** What a release is made of. */
export interface Release {
  readonly root: Manifest;
  readonly cli: Manifest;
  readonly changelog: string;
  /** `git status --porcelain`. */
  readonly status: string;
}

interface Manifest {
  readonly version?: string;
  readonly homepage?: string;
  readonly bugs?: string;
  readonly repository?: { readonly url?: string };
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

/** The owner of the repository before it has one. */
const PLACEHOLDER = "OWNER";

/** Why this tree must not be released, with how to fix it. Empty when it may. */
export function releaseProblems({ root, cli, changelog, status }: Release): string[] {
  const problems: string[] = [];
  for (const [file, manifest] of [
    ["package.json", root],
    ["codegen/package.json", cli],
  ] as const) {
    const fields = { homepage: manifest.homepage, bugs: manifest.bugs, repository: manifest.repository?.url };
    for (const [field, value] of Object.entries(fields)) {
      if (value && !value.split(/[/:#.]/).includes(PLACEHOLDER)) continue;
      const got = value ? `a placeholder, "${value}"` : "missing";
      problems.push(`${file}: ${field} is ${got}. Write the address of the repository.`);
    }
  }
  const version = root.version ?? "";
  if (!/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))
    problems.push(`package.json: version is "${version}". Write a version such as 1.2.0.`);
  if (cli.version !== version)
    problems.push(`codegen/package.json: version is ${cli.version}, expected ${version} as in package.json.`);
  const peer = cli.peerDependencies?.resource402;
  if (peer !== version)
    problems.push(
      `codegen/package.json: peerDependencies.resource402 is ${peer}, expected exactly ${version}.`,
    );
  if (entryOf(changelog, version) === "")
    problems.push(
      `CHANGELOG.md: there is no entry for ${version}. Rename "Unreleased" to "${version} - <date>", and list the changes below it.`,
    );
  if (status.trim() !== "")
    problems.push(
      `git: there are changes that are not committed:\n${status.trimEnd()}\nCommit or discard them.`,
    );
  return problems;
}

/** The lines below the heading of a version. */
function entryOf(changelog: string, version: string): string {
  const [, ...entries] = changelog.split(/^## /m);
  const entry = entries.find((one) => /^\[?([^\s\]]+)/.exec(one)?.[1] === version) ?? "";
  return entry.split("\n").slice(1).join("\n").trim();
}

function readRelease(folder: URL): Release {
  const read = (file: string): string => readFileSync(new URL(file, folder), "utf8");
  return {
    root: JSON.parse(read("package.json")),
    cli: JSON.parse(read("codegen/package.json")),
    changelog: read("CHANGELOG.md"),
    status: execFileSync("git", ["status", "--porcelain"], { cwd: folder, encoding: "utf8" }),
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const folder = process.argv[2] ?? fileURLToPath(new URL("../../", import.meta.url));
  const problems = releaseProblems(readRelease(pathToFileURL(`${folder}/`)));
  for (const problem of problems) console.error(`error  ${problem}`);
  if (problems.length === 0) console.log("Ready to release. See docs/releasing.md.");
  process.exitCode = problems.length === 0 ? 0 : 1;
}
