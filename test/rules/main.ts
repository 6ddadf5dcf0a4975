import { execFile } from "node:child_process";
import { cp, mkdtemp, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs, promisify } from "node:util";
import { type Patch, ROOT, readPatches } from "./patches.ts";

const HELP = `Breaks each clause of the money rules in a copy of the tree, and names the test that turns red.

  node test/rules/main.ts [options]

  --only TEXT   only patches whose name contains TEXT; separate several with commas
  --why         also prints the message of the failed test
  --help

Each test/rules/*.patch breaks one clause, and names the test files that must notice. A test counts only when it passes
without the patch. Ends with 1 when a patch does not apply, breaks the code instead of a clause, or turns no test red.`;

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    why: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

const run = promisify(execFile);
/** What the tests read. Packages are linked. */
const COPIED = [
  "src",
  "schema",
  "codegen",
  "test",
  "examples",
  "docs",
  "package.json",
  "package-lock.json",
  "tsconfig.json",
];
/** A broken rule may let a test wait for what never comes. */
const LIMITS = ["--testTimeout=40000", "--hookTimeout=40000", "--expect.poll.timeout=10000"];
const RUN_MS = 300_000;
/** The patch breaks the code: that any test fails then says nothing about the rule. */
const BROKEN = /^(ReferenceError|SyntaxError)|is not a function|Transform failed/;

interface Failure {
  readonly file: string;
  readonly test: string;
  readonly message: string;
}

interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly message: string;
    readonly assertionResults: readonly {
      readonly status: string;
      readonly fullName: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

/** The tests that fail in the copy, and how many passed. */
async function failuresIn(
  copy: string,
  files: readonly string[],
  bail: boolean,
): Promise<{ readonly failed: readonly Failure[]; readonly passed: number }> {
  const output = join(copy, "report.json");
  await rm(output, { force: true });
  const args = ["run", "--config", "test/vitest.config.ts", "--reporter=json", `--outputFile=${output}`];
  const vitest = join(ROOT, "node_modules", ".bin", "vitest");
  const options = [...args, ...LIMITS, ...(bail ? ["--bail=1"] : []), ...files];
  const { stderr } = await run(vitest, options, { cwd: copy, timeout: RUN_MS, maxBuffer: 2 ** 26 }).catch(
    (error: { stderr?: string }) => ({ stderr: error.stderr ?? String(error) }),
  );
  const text = await readFile(output, "utf8").catch(() => {
    throw new Error(`vitest wrote no report:\n${stderr}`);
  });
  const { testResults } = JSON.parse(text) as Report;
  const failed = testResults.flatMap(({ name: file, message, assertionResults }) => {
    const own = assertionResults.filter(({ status }) => status === "failed");
    if (assertionResults.length === 0 && message !== "") {
      return [{ file, test: file, message: `SyntaxError: ${message}` }];
    }
    return own.map(({ fullName, failureMessages: [first = ""] }) => ({
      file,
      test: fullName,
      message: first,
    }));
  });
  const all = testResults.flatMap(({ assertionResults }) => assertionResults);
  return { failed, passed: all.filter(({ status }) => status === "passed").length };
}

interface Result {
  readonly outcome: "red" | "NOT RED" | "DOES NOT APPLY" | "BROKEN";
  readonly detail: string;
  readonly why?: string;
}

/** Breaks one clause in the copy, runs its tests, and restores the copy. */
async function judge(copy: string, patch: Patch, before: readonly Failure[]): Promise<Result> {
  try {
    await run("git", ["apply", patch.file], { cwd: copy });
  } catch (error) {
    return {
      outcome: "DOES NOT APPLY",
      detail: (error as { stderr?: string }).stderr?.trim() ?? String(error),
    };
  }
  const isOwn = ({ file }: Failure): boolean => patch.tests.some((test) => file.endsWith(`/${test}`));
  const red = before.filter(isOwn).map(({ test }) => test);
  try {
    const { failed } = await failuresIn(copy, patch.tests, !red.length);
    const fresh = failed.filter(({ test }) => !red.includes(test));
    const real = fresh.find(({ message }) => !BROKEN.test(message));
    if (real) return { outcome: "red", detail: real.test, why: real.message };
    const [broken] = fresh;
    return broken
      ? { outcome: "BROKEN", detail: broken.message.split("\n")[0] ?? "" }
      : { outcome: "NOT RED", detail: `no test failed in ${patch.tests.join(", ")}` };
  } finally {
    await run("git", ["apply", "--reverse", patch.file], { cwd: copy });
  }
}

async function main(): Promise<number> {
  const names = values.only?.split(",");
  const patches = readPatches().filter(({ name }) => names?.some((one) => name.includes(one)) ?? true);
  if (patches.length === 0) {
    console.error(`--only: no patch has a name that contains "${values.only}"`);
    return 1;
  }
  const copy = await mkdtemp(join(tmpdir(), "resource402-rules-"));
  try {
    // The packages of test/runtimes are large, and no rule needs them.
    const filter = (source: string): boolean => !/\/(node_modules|\.next)$/.test(source);
    for (const name of COPIED) await cp(join(ROOT, name), join(copy, name), { recursive: true, filter });
    await symlink(join(ROOT, "node_modules"), join(copy, "node_modules"));
    // Inside another repository, git would apply nothing.
    await run("git", ["init", "--quiet"], { cwd: copy });
    const files = [...new Set(patches.flatMap(({ tests }) => tests))];
    console.log(`${patches.length} patches. First, ${files.length} test files run without a patch.`);
    const before = await failuresIn(copy, files, false);
    console.log(`${before.passed} tests pass.`);
    if (before.passed === 0)
      throw new Error("no test passes without a patch, so that no patch can be judged");
    for (const { test } of before.failed) console.log(`red without a patch, so it proves nothing: ${test}`);
    console.log("");

    const width = Math.max(...patches.map(({ name }) => name.length));
    let missed = 0;
    for (const patch of patches) {
      const { outcome, detail, why } = await judge(copy, patch, before.failed);
      if (outcome !== "red") missed += 1;
      console.log(`${patch.name.padEnd(width)}  ${outcome.padEnd(7)}  ${detail}`);
      console.log(`${"".padEnd(width)}           breaks: ${patch.clause}`);
      if (values.why && why !== undefined) console.log(why.split("\n").slice(0, 4).join("\n"));
    }
    console.log(`\n${patches.length - missed} of ${patches.length} broken clauses turn a test red.`);
    return missed === 0 ? 0 : 1;
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
}

if (values.help) console.log(HELP);
else process.exitCode = await main();
