import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import type { Socket } from "node:net";
import { delimiter, dirname, join } from "node:path";

/** A running anvil that ends with this process, at the latest. */
export interface Anvil {
  rpcUrl: string;
  /** Ends the process; resolves when it is gone, also when it already was. */
  stop(): Promise<void>;
}

const STARTUP_MS = 20_000;

/**
 * Starts anvil on 127.0.0.1 and resolves once it listens.
 *
 * Port 0 lets the system choose a free one at the moment of binding, so there is no gap in which another process
 * could take it; the port is read from anvil's own announcement, which is why it does not run with `--silent`.
 *
 * @throws Error with anvil's own words if it ends, or does not listen within 20 seconds.
 */
export async function launchAnvil(binary: string, port: number, args: string[]): Promise<Anvil> {
  const child = spawnBound(binary, ["--host", "127.0.0.1", "--port", String(port), ...args]);
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  child.once("exit", () => {
    process.off("exit", kill);
    child.stdin?.destroy();
  });
  try {
    const rpcUrl = `http://${await announcedAddress(child)}`;
    // A world that was not stopped must not keep the process alive.
    child.unref();
    for (const pipe of child.stdio) (pipe as Socket | null)?.unref();
    return {
      rpcUrl,
      stop: async () => {
        child.ref();
        kill();
        await gone;
      },
    };
  } catch (error) {
    kill();
    throw error;
  }
}

/**
 * Spawns a child that cannot outlive this process, even when the process is killed and no exit handler runs: a
 * subshell waits on a pipe that only we hold open, and ends the child when the pipe closes. (On Windows there is
 * the exit handler alone.)
 */
function spawnBound(binary: string, args: string[]): ChildProcess {
  if (process.platform === "win32") return spawn(binary, args, { stdio: "pipe", windowsHide: true });
  const guarded = 'exec 3<&0; (read -r _ <&3; kill -9 $$) >/dev/null 2>&1 & exec "$0" "$@" 3<&- </dev/null';
  return spawn("/bin/sh", ["-c", guarded, binary, ...args], { stdio: "pipe" });
}

function announcedAddress(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = "";
    let complaint = "";
    const fail = (what: string) => reject(new Error(`anvil ${what}. ${complaint || output}`.trim()));
    const timer = setTimeout(() => fail(`did not listen within ${STARTUP_MS / 1000} seconds`), STARTUP_MS);
    child.stderr?.on("data", (chunk) => {
      complaint += chunk;
    });
    child.stdout?.on("data", function read(chunk) {
      output += chunk;
      const address = /^Listening on (\S+)\s/m.exec(output)?.[1];
      if (!address) return;
      clearTimeout(timer);
      child.stdout?.off("data", read).resume();
      resolve(address);
    });
    child.once("error", (error) => {
      clearTimeout(timer);
      fail(`could not be started (${error.message})`);
    });
    // "close" and not "exit": only then has everything been read that it said.
    child.once("close", (code, signal) => {
      clearTimeout(timer);
      fail(`ended before it listened (${signal ?? `exit code ${code}`})`);
    });
  });
}

/**
 * Finds the anvil binary: the given path, else `RESOURCE402_ANVIL`, else the npm package
 * `@foundry-rs/anvil-<os>-<arch>` as seen from this library or from the working directory, else the PATH.
 *
 * @throws Error that says what was looked for, if there is none.
 */
export function findAnvil(given: string | undefined): string {
  const named = given ?? process.env.RESOURCE402_ANVIL;
  if (named) {
    if (existsSync(named)) return named;
    throw new Error(`There is no anvil at ${named} (from ${given ? "the option" : "RESOURCE402_ANVIL"}).`);
  }
  const exe = process.platform === "win32" ? "anvil.exe" : "anvil";
  const arch = process.arch === "x64" ? "amd64" : process.arch;
  const pkg = `@foundry-rs/anvil-${process.platform}-${arch}`;
  const candidates = [
    packageBinary(import.meta.url, pkg, exe),
    packageBinary(join(process.cwd(), "package.json"), pkg, exe),
    ...(process.env.PATH ?? "").split(delimiter).map((directory) => join(directory, exe)),
  ];
  const found = candidates.find((path) => path !== undefined && existsSync(path));
  if (found) return found;
  throw new Error(
    `anvil was not found: RESOURCE402_ANVIL is not set, the npm package ${pkg} is not installed, and there is ` +
      `no ${exe} on the PATH. Run \`npm install --save-dev ${pkg}\`, install Foundry (https://getfoundry.sh), ` +
      "or do without a chain: startWorld({ chain: false }).",
  );
}

function packageBinary(from: string, pkg: string, exe: string): string | undefined {
  try {
    return join(dirname(createRequire(from).resolve(`${pkg}/package.json`)), "bin", exe);
  } catch {
    return undefined;
  }
}
