import { type ChildProcess, spawn } from "node:child_process";
import { Console } from "node:console";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { runCommand } from "../../codegen/cli/program.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** A seller's project in a folder of its own, in which the command is run as a process. */
export interface Project {
  readonly folder: string;
  write(path: string, text: string): void;
  read(path: string): string;
  has(path: string): boolean;
  /**
   * Runs `resource402` to its end in the process of the test, so that TypeScript is loaded once for all runs of a file.
   */
  run(...words: readonly string[]): Promise<{ code: number | null; out: string; err: string }>;
  /** Runs `resource402` to its end in a process of its own: for what is written past the streams, as logs are, and for `main.ts`. */
  runProcess(...words: readonly string[]): Promise<{ code: number | null; out: string; err: string }>;
  /**
   * Starts `resource402` and leaves it running; `until` waits for a line with a text in what it prints, and
   * returns all up to the end of that line which no `until` has returned yet.
   */
  start(...words: readonly string[]): { process: ChildProcess; until(text: string): Promise<string> };
  [Symbol.dispose](): void;
}

const entry = new URL("../../codegen/cli/main.ts", import.meta.url);

/** The runs of this process, one after the other: they share its folder and its streams. */
let last: Promise<unknown> = Promise.resolve();

function inTurn<T>(task: () => Promise<T>): Promise<T> {
  const mine = last.then(task);
  last = mine.catch(() => undefined);
  return mine;
}

/** Runs the command line in a folder, and returns what it prints. */
async function runHere(folder: string, words: readonly string[]) {
  const printed = { out: "", err: "" };
  const streams = { out: process.stdout, err: process.stderr };
  const before = {
    folder: process.cwd(),
    console: globalThis.console,
    noColor: process.env.NO_COLOR,
    out: streams.out.write,
    err: streams.err.write,
  };
  for (const name of ["out", "err"] as const) {
    streams[name].write = (text: unknown, ...rest: unknown[]) => {
      printed[name] += String(text);
      for (const done of rest) if (typeof done === "function") done();
      return true;
    };
  }
  globalThis.console = new Console(streams.out, streams.err);
  process.env.NO_COLOR = "1";
  process.chdir(folder);
  try {
    const code: number | null = await runCommand(words, entry);
    return { code, ...printed };
  } finally {
    process.chdir(before.folder);
    if (before.noColor === undefined) delete process.env.NO_COLOR;
    else process.env.NO_COLOR = before.noColor;
    globalThis.console = before.console;
    streams.out.write = before.out;
    streams.err.write = before.err;
  }
}

/** Sources stand in for the package: Node reads TypeScript behind a link that leads out of node_modules. */
export function createProject(files: Readonly<Record<string, string>>): Project {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "resource402-")));
  const at = (path: string): string => join(folder, path);
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(at(path)), { recursive: true });
    writeFileSync(at(path), text);
  };
  const exports = {
    ".": "./schema/index.ts",
    "./client": "./src/client/index.ts",
    "./evm": "./src/client/evm-payers.ts",
    "./server": "./src/server/index.ts",
    "./node": "./src/runtime/index.ts",
    "./sqlite": "./src/store/sqlite-store.ts",
  };
  write(
    "node_modules/resource402/package.json",
    JSON.stringify({ name: "resource402", type: "module", exports }),
  );
  for (const name of ["schema", "src"]) symlinkSync(join(root, name), at(`node_modules/resource402/${name}`));
  symlinkSync(join(root, "node_modules/zod"), at("node_modules/zod"));
  write("package.json", JSON.stringify({ type: "module" }));
  for (const [path, text] of Object.entries(files)) write(path, text);

  const running = new Set<ChildProcess>();
  const spawned = (words: readonly string[]) => {
    const child = spawn(process.execPath, [join(root, "codegen/cli/main.ts"), ...words], {
      cwd: folder,
      env: { ...process.env, FORCE_COLOR: undefined, NO_COLOR: "1" },
    });
    running.add(child);
    const printed = { out: "", err: "" };
    for (const [name, stream] of [
      ["out", child.stdout],
      ["err", child.stderr],
    ] as const) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        printed[name] += text;
      });
    }
    return { child, printed };
  };

  return {
    folder,
    write,
    read: (path) => readFileSync(at(path), "utf8"),
    has: (path) => existsSync(at(path)),
    run: (...words) => inTurn(() => runHere(folder, words)),
    runProcess(...words) {
      const { child, printed } = spawned(words);
      return new Promise((resolve) => child.once("close", (code) => resolve({ code, ...printed })));
    },
    start(...words) {
      const { child } = spawned(words);
      let fresh = "";
      for (const stream of [child.stdout, child.stderr]) {
        stream.on("data", (text: string) => {
          fresh += text;
        });
      }
      const until = async (text: string): Promise<string> => {
        for (const started = Date.now(); ; ) {
          const at = fresh.indexOf(text);
          const end = at === -1 ? 0 : fresh.indexOf("\n", at + text.length - 1) + 1;
          if (end > 0) {
            const printed = fresh.slice(0, end);
            fresh = fresh.slice(end);
            return printed;
          }
          if (Date.now() - started > 60_000) throw new Error(`"${text}" was not printed, but: ${fresh}`);
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      };
      return { process: child, until };
    },
    [Symbol.dispose]() {
      for (const child of running) child.kill("SIGKILL");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
