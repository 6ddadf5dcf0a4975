import { existsSync, readdirSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { basename, join, relative } from "node:path";
import { createInterface } from "node:readline/promises";
import type { SampleChoice } from "../init/definition.ts";
import { packageName, packageText } from "../init/package-json.ts";
import { type Answers, sampleFiles, settingFiles } from "../init/project.ts";
import { CommandError, Interrupted } from "./command.ts";
import { generate } from "./generate.ts";
import { sayDone, sayError, sayWarning } from "./say.ts";
import { typed } from "./typed.ts";
import { writeFiles } from "./write.ts";

export interface InitOptions {
  /** Absolute path of the folder, created when missing. */
  readonly folder: string;
  readonly name?: string;
  readonly payTo?: string;
  readonly sample?: SampleChoice;
  /** Do not ask questions. */
  readonly yes: boolean;
  /** Version of this package. */
  readonly version: string;
  /** The file that runs in the reading thread. */
  readonly entry: URL;
}

/** What a new project is developed with. TypeScript's releases change what compiles, so it stays within a minor one. */
const DEVELOPMENT = {
  "@foundry-rs/anvil": "^1.7.1",
  "@types/node": "^24",
  typescript: "~5.9.3",
} as const;

/** Writes a new project and generates its code. Returns the exit code. */
export async function init(options: InitOptions): Promise<number> {
  const { folder, name: given, entry, version } = options;
  if (given?.trim() === "") {
    throw new CommandError('--name is empty. Write what the API is called: --name "Word Kit"', 2);
  }
  const manifest = join(folder, "package.json");
  const before = await readFile(manifest, "utf8").catch(absent);
  checkManifest(before, folder);
  const isNew = !existsSync(join(folder, "resources.ts"));
  const ignored = isNew ? [] : ignoredOf(options);
  // Does not ask questions whose answers would be ignored.
  const answers = await answered(isNew ? options : { ...options, yes: true });
  const name = packageName(answers.title);
  const merged = packageText(
    {
      name,
      scripts: {
        dev: "resource402 dev",
        generate: "resource402 generate",
        check: "resource402 generate --check && tsc",
        start: "node --env-file-if-exists=.env server.ts",
        docs: "resource402 docs --out site",
        sdk: `resource402 sdk --name ${name}-client --out sdk`,
      },
      dependencies: { resource402: `^${version}`, zod: "^4.0.0" },
      devDependencies: { "@resource402/cli": `^${version}`, ...DEVELOPMENT },
    },
    before,
  );

  const files = [...settingFiles(answers), ...(isNew ? sampleFiles(answers) : [])];
  const kept = files.filter(({ path }) => existsSync(join(folder, path))).map(({ path }) => path);
  const fresh = files.filter(({ path }) => !kept.includes(path));
  await mkdir(folder, { recursive: true });
  await writeFiles(folder, [
    ...(merged === before ? [] : [{ path: "package.json", text: merged }]),
    ...fresh,
  ]);
  const hasWritten = fresh.length > 0 || merged !== before;
  const added =
    before === undefined ? "package.json" : merged === before ? undefined : "package.json (added to)";
  const wrote = [...(added === undefined ? [] : [added]), ...fresh.map(({ path }) => path)];
  if (hasWritten) sayDone(`Wrote ${wrote.join(", ")}.`);
  if (kept.length > 0) sayWarning(`Left unchanged: ${kept.join(", ")}.`);
  if (!isNew) sayWarning("resources.ts exists, so no sample was written.");
  for (const line of ignored) sayWarning(line);
  if (before !== undefined && (JSON.parse(before) as { type?: unknown }).type !== "module") {
    sayWarning('package.json now says "type": "module": the files are ES modules.');
  }

  const { exitCode, written = 0 } = await generate({ file: join(folder, "resources.ts"), entry, lend: true });
  if (exitCode === 0 && !hasWritten && written === 0) {
    const another = `Nothing to add. To create another project: ${typed("init <folder>")}`;
    if (ignored.length === 0) {
      sayDone(another);
      return 0;
    }
    sayError(another);
    return 1;
  }
  if (exitCode === 0) sayNext(folder);
  return exitCode;
}

/** Flags that have no effect because existing files are not overwritten. */
function ignoredOf({ folder, name, payTo, sample }: InitOptions): string[] {
  const inDefinition = [
    ...(name === undefined ? [] : ["--name"]),
    ...(sample === undefined ? [] : ["--sample"]),
  ];
  const line = (flags: readonly string[], file: string): string =>
    `Ignored: ${flags.join(", ")}. Write it into ${file} yourself.`;
  return [
    ...(inDefinition.length > 0 ? [line(inDefinition, "resources.ts")] : []),
    ...(payTo !== undefined && existsSync(join(folder, ".env.example")) ? [line(["--pay-to"], ".env")] : []),
  ];
}

function sayNext(folder: string): void {
  const place = relative(process.cwd(), folder);
  console.log("\nNext:\n");
  if (place !== "") console.log(`  cd ${/\s/.test(place) ? JSON.stringify(place) : place}`);
  console.log("  npm install");
  console.log("  npm run dev      serves the API on a local chain, with a funded wallet\n");
}

/** @throws CommandError when the existing package.json cannot be extended */
function checkManifest(text: string | undefined, folder: string): void {
  if (text === undefined) return;
  let type: unknown;
  try {
    ({ type } = JSON.parse(text) as { readonly type?: unknown });
  } catch {
    throw new CommandError("package.json is not valid JSON. Fix it first.", 1);
  }
  if (type === "module") return;
  // `npm init` writes "commonjs" even into an empty folder.
  const scripts = readdirSync(folder).filter((name) => /\.(js|ts|jsx|tsx)$/.test(name));
  if (scripts.length === 0) return;
  throw new CommandError(
    `package.json does not say "type": "module", and ${scripts[0]} may rely on that. Use a folder of its own: ` +
      typed("init api"),
    1,
  );
}

/** The values of the flags, else the answers of the user, else the defaults. */
async function answered({ folder, name, payTo, sample, yes }: InitOptions): Promise<Answers> {
  const title = titleOf(basename(folder));
  const has = name !== undefined || payTo !== undefined || sample !== undefined;
  const asks = !yes && process.stdin.isTTY === true && process.stdout.isTTY === true;
  if (!asks && !yes && !has) {
    throw new CommandError(
      "Cannot ask questions without a terminal. Set flags (--name, --pay-to, --sample), or use the defaults: --yes",
      2,
    );
  }
  if (payTo !== undefined) await checkAddress(payTo);
  if (!asks) return answersOf(name ?? title, payTo, sample ?? "both");

  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  // Ctrl-C and Ctrl-D end the questions before anything is written.
  const closed = new Promise<never>((_, reject) => {
    terminal.once("SIGINT", () => {
      reject(new Interrupted("\nNothing was written."));
      terminal.close();
    });
    terminal.once("close", () => reject(new CommandError("\nNothing was written.", 1)));
  });
  const ask = (question: string): Promise<string> => Promise.race([terminal.question(question), closed]);
  try {
    const chosenName = name ?? ((await ask(`Name of the API (${title}): `)).trim() || title);
    const chosenPayTo = payTo ?? (await askAddress(ask));
    const chosenSample = sample ?? (await askSample(ask));
    return answersOf(chosenName, chosenPayTo, chosenSample);
  } finally {
    closed.catch(() => {});
    terminal.close();
  }
}

function answersOf(title: string, payTo: string | undefined, sample: SampleChoice): Answers {
  return { title, sample, ...(payTo === undefined ? {} : { payTo }) };
}

async function askAddress(ask: (question: string) => Promise<string>): Promise<string | undefined> {
  for (;;) {
    const said = (await ask("Address that receives payments, 0x… (can be empty for now): ")).trim();
    if (said === "") return undefined;
    try {
      await checkAddress(said);
      return said;
    } catch (error) {
      console.log(`  ${(error as Error).message}`);
    }
  }
}

const SAMPLES = ["answer", "job", "both"] as const;

async function askSample(ask: (question: string) => Promise<string>): Promise<SampleChoice> {
  console.log("Sample resources:");
  console.log("  1  answers at once: summarises a text");
  console.log("  2  runs as a job: draws a pattern, with progress");
  console.log("  3  both");
  for (;;) {
    const said = (await ask("Which one (3): ")).trim().toLowerCase();
    const chosen = said === "" ? "both" : (SAMPLES[Number(said) - 1] ?? SAMPLES.find((one) => one === said));
    if (chosen !== undefined) return chosen;
    console.log("  Write 1, 2 or 3.");
  }
}

/** @throws CommandError */
async function checkAddress(text: string): Promise<void> {
  const { addressProblem } = await import("../../src/ledger/address.ts");
  const problem = addressProblem(text);
  if (problem !== undefined) throw new CommandError(`${text} ${problem}.`, 2);
}

/** `word-kit` → `Word Kit` */
function titleOf(folder: string): string {
  const words = folder.split(/[^\p{L}\p{N}]+/u).filter((word) => word !== "");
  const title = words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join(" ");
  return title === "" ? "Paid API" : title;
}

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "ENOENT") throw error;
}
