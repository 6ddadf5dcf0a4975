import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, mkdtemp, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import type { Settings } from "./api/server.ts";
import type { Place } from "./checks.ts";
import { NEXT_EXAMPLE, PLACES, type Start } from "./places.ts";

const HELP = `Runs the packed package in every place that it is said to run in, and prints what works where.

  node test/runtimes/main.ts [options]

  --only TEXT   only places whose name contains TEXT; separate several with commas
  --write       writes the table into docs/deploying.md; not together with --only
  --why         also prints the output of a place in which something failed
  --help

Needs \`npm ci --prefix test/runtimes\` and a build. Ends with 1 when a check fails that is not marked impossible.`;

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    write: { type: "boolean", default: false },
    why: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

const HERE = fileURLToPath(new URL("./", import.meta.url));
const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const EXAMPLES = join(ROOT, "examples", "runtimes");
const NEXT = join(HERE, "places", "next");
const NEXT_LIB = join(NEXT, "lib");
const NEXT_ROUTE = NEXT_EXAMPLE.slice("next/".length);
const START_MS = 60_000;
const BUILD_MS = 400_000;
const CHECK_MS = 30_000;
const run = promisify(execFile);
const [BEGIN, END] = ["<!-- places: written by `npm run test:runtimes -- --write` -->", "<!-- /places -->"];
const DEPLOYING = join(ROOT, "docs", "deploying.md");

interface Row {
  readonly name: string;
  /** By check: nothing, or what is wrong. */
  readonly outcomes: ReadonlyMap<string, string | undefined>;
}

if (values.help) process.stdout.write(`${HELP}\n`);
else process.exitCode = await main();

async function main(): Promise<number> {
  await install();
  // From the packed package, which is there now.
  const { CHECKS } = await import("./checks.ts");
  const { startWorld } = await import("resource402/testing");
  await using world = await startWorld({ chain: false });
  await world.fund(world.buyer.address, "1000");
  await world.fund(world.seller.address, "100");
  const { generatePrivateKey, privateKeyToAccount } = await import("viem/accounts");
  const refundKey = generatePrivateKey();
  await world.fund(privateKeyToAccount(refundKey).address, "100");
  const settings: Settings = {
    PAY_TO: world.seller.address,
    FACILITATOR_URL: (await world.startFacilitatorServer()).url,
    REFUND_KEY: refundKey,
  };
  const only = values.only?.split(",").map((text) => text.trim().toLowerCase());
  const chosen = PLACES.filter(({ name }) => only?.some((text) => name.toLowerCase().includes(text)) ?? true);
  const rows: Row[] = [];
  for (const start of chosen) {
    const begun = performance.now();
    const outcomes = new Map<string, string | undefined>();
    const folder = await mkdtemp(join(tmpdir(), "resource402-place-"));
    const own = { ...settings, PORT: String(await freePort()), DATABASE: join(folder, "store.db") };
    let process_ = await build(start, own)
      .then(() => open(start, own))
      .catch((error: unknown) => String(error));
    if (typeof process_ === "string") {
      for (const { name } of CHECKS) outcomes.set(name, `does not start: ${process_}`);
    } else {
      const place: Place = {
        url: process_.url,
        buyer: world.buyer,
        balance: () => world.balanceOf(world.buyer.address),
        async restart() {
          if (typeof process_ === "object") await close(process_.child);
          process_ = await open(start, own);
        },
      };
      for (const { name, run } of CHECKS) {
        const reason = start.impossible?.[name];
        if (reason !== undefined) outcomes.set(name, `impossible: ${reason}`);
        else outcomes.set(name, await outcomeOf(run(place)));
      }
      if (typeof process_ === "object") await close(process_.child);
      const failed = [...outcomes.values()].some(
        (text) => text !== undefined && !text.startsWith("impossible"),
      );
      if (failed && values.why) process.stdout.write(`${process_.output()}\n`);
    }
    await rm(folder, { recursive: true });
    rows.push({ name: start.name, outcomes });
    for (const [name, text] of outcomes) if (text !== undefined) say(`${start.name}: ${name}: ${text}`);
    say(`${start.name}: ${Math.round((performance.now() - begun) / 1000)} s`);
  }
  const names = CHECKS.map(({ name }) => name);
  say(`\n${tableOf(rows, names)}`);
  const isStoreSound = only !== undefined || (await storeOnWorkers());
  const all = rows.flatMap(({ outcomes }) => [...outcomes.values()]);
  const isAllRight = all.every((text) => text === undefined || text.startsWith("impossible"));
  if (values.write && only === undefined) await writeTable(rows, names);
  return isAllRight && isStoreSound ? 0 : 1;
}

/** Runs the tests of a store's contract against one in a Durable Object, on the workerd of these packages. */
async function storeOnWorkers(): Promise<boolean> {
  const files = ["store", "model", "sweep", "call-stats"].map((name) => `test/store/${name}.test.ts`);
  const vitest = join(ROOT, "node_modules", "vitest", "vitest.mjs");
  const args = [vitest, "run", "--config", "test/vitest.config.ts", ...files];
  const env = { ...process.env, STORE_ON_WORKERS: "1", NO_COLOR: "1" };
  const problem = await run("node", args, { cwd: ROOT, env, maxBuffer: 1e8 }).then(
    () => undefined,
    ({ stdout = "" }: { stdout?: string }) => stdout.slice(-4_000),
  );
  say(problem === undefined ? "the store in a Durable Object passes its tests" : `NO  ${problem}`);
  return problem === undefined;
}

async function writeTable(rows: readonly Row[], names: readonly string[]): Promise<void> {
  const reasons = new Map<string, string[]>();
  for (const { name, outcomes } of rows) {
    for (const [check, text] of outcomes) {
      if (!text?.startsWith("impossible: ")) continue;
      const about = `${check}: ${text.slice("impossible: ".length)}`;
      reasons.set(about, [...(reasons.get(about) ?? []), name]);
    }
  }
  const notes = [...reasons].map(([about, places]) => `- – ${about} (${places.join(", ")}).`);
  const document = await readFile(DEPLOYING, "utf8");
  const [before = "", rest = ""] = document.split(BEGIN);
  const [, after = ""] = rest.split(END);
  const written = [BEGIN, "", tableOf(rows, names), "", ...notes, "", END].join("\n");
  await writeFile(DEPLOYING, `${before}${written}${after}`);
}

/** Puts the packed package beside the places. What it depends on is found in the root, whose lock file pins it. */
async function install(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "resource402-runtimes-"));
  try {
    const pack = ["pack", "--ignore-scripts", "--silent", "--pack-destination", folder];
    const { stdout } = await run("npm", pack, { cwd: ROOT });
    await run("tar", ["-xzf", join(folder, stdout.trim()), "-C", folder]);
    const target = join(HERE, "node_modules", "resource402");
    await rm(target, { recursive: true, force: true });
    await mkdir(join(HERE, "node_modules"), { recursive: true });
    await cp(join(folder, "package"), target, { recursive: true });
    await copyExamples();
    await cp(join(HERE, "api", "resources.ts"), join(NEXT_LIB, "resources.ts"));
    // As in an application that was made by create-next-app, which writes no extensions.
    const server = await readFile(join(HERE, "api", "server.ts"), "utf8");
    await writeFile(join(NEXT_LIB, "server.ts"), server.replace(".gen.ts", ".gen"));
    for (const file of ["api/resources.ts", "places/next/lib/resources.ts"]) {
      await run("node", [join(target, "dist", "cli.js"), "generate", file], { cwd: HERE });
    }
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Puts the files of examples/runtimes beside the places, with the API that the checks buy from in the place of their own. */
async function copyExamples(): Promise<void> {
  const target = join(HERE, "examples");
  await rm(target, { recursive: true, force: true });
  await mkdir(target);
  for (const { example } of PLACES) {
    if (example === undefined || example === NEXT_EXAMPLE) continue;
    await cp(join(EXAMPLES, example), join(target, example));
  }
  await writeFile(join(target, "server.ts"), 'export * from "../api/server.ts";\n');
  const route = await readFile(join(EXAMPLES, NEXT_EXAMPLE), "utf8");
  await mkdir(dirname(join(NEXT, NEXT_ROUTE)), { recursive: true });
  await writeFile(join(NEXT, NEXT_ROUTE), route.replace("../../../../server.ts", "../../../lib/server"));
}

/** The folder that holds the places and the packages of the root, which may be a link. */
async function packagesRoot(): Promise<string> {
  let root = ROOT;
  const packages = await realpath(join(ROOT, "node_modules"));
  while (!packages.startsWith(root)) root = dirname(root);
  return root;
}

async function environment(start: Start, settings: Settings) {
  const common = { NO_COLOR: "1", WRANGLER_SEND_METRICS: "false", PACKAGES: await packagesRoot() };
  return { ...process.env, ...settings, ...common, ...start.env };
}

async function build(start: Start, settings: Settings): Promise<void> {
  if (!start.build) return;
  const [file = "", ...args] = start.build;
  await run(file, args, { cwd: HERE, env: await environment(start, settings), timeout: BUILD_MS });
}

async function open(start: Start, settings: Settings) {
  const env = await environment(start, settings);
  const [file = "", ...args] = start.command;
  const child = spawn(file, args, { cwd: HERE, env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (part: string) => {
      text = (text + part).slice(-20_000);
    });
  }
  const url = `http://127.0.0.1:${settings.PORT}${start.path ?? ""}`;
  const end = performance.now() + START_MS;
  for (;;) {
    if (child.exitCode !== null)
      throw new Error(`ended with ${child.exitCode}: ${text.trim().slice(-2_000)}`);
    const answer = await fetch(`${url}/v1/ping`).catch(() => undefined);
    await answer?.text();
    if (answer?.status === 200) return { child, url, output: () => text };
    if (performance.now() > end) {
      await close(child);
      throw new Error(`no answer in ${START_MS} ms: ${text.trim().slice(-2_000)}`);
    }
    await pause(200);
  }
}

/** Ends the place and what it has started. */
async function close(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.pid === undefined) return;
  const ended = once(child, "exit");
  process.kill(-child.pid, "SIGKILL");
  await ended;
}

async function outcomeOf(check: Promise<void>): Promise<string | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(`no end after ${CHECK_MS} ms`), CHECK_MS);
  });
  const done = check.then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
  return Promise.race([done, late]).finally(() => clearTimeout(timer));
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  return typeof address === "object" && address !== null ? address.port : 0;
}

function tableOf(rows: readonly Row[], names: readonly string[]): string {
  const cell = (text: string | undefined): string =>
    text === undefined ? "yes" : text.startsWith("impossible") ? "–" : "NO";
  const lines = rows.map(({ name, outcomes }) => [name, ...names.map((one) => cell(outcomes.get(one)))]);
  const all = [["place", ...names], ["---", ...names.map(() => "---")], ...lines];
  return all.map((line) => `| ${line.join(" | ")} |`).join("\n");
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
