import { type ChildProcess, spawn } from "node:child_process";

const running = new Set<ChildProcess>();

/** Sees to it that a child ends no later than this process, however this one ends. */
export function track<Child extends ChildProcess>(child: Child): Child {
  running.add(child);
  child.once("exit", () => running.delete(child));
  return child;
}

process.on("exit", () => {
  for (const child of running) child.kill();
});
// A signal alone would skip "exit".
process.once("SIGINT", () => process.exit(130));
process.once("SIGTERM", () => process.exit(143));

export interface Ran {
  /** From the start of the process to its end. */
  readonly milliseconds: number;
  readonly stdout: string;
}

/** Runs Node to its end. @throws when it ends with another code than 0 */
export function runNode(args: readonly string[], cwd: string): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const started = performance.now();
    const child = track(spawn(process.execPath, args, { cwd, stdio: ["ignore", "pipe", "pipe"] }));
    let [stdout, stderr] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    child.once("error", reject);
    child.once("close", (code) => {
      if (code === 0) resolve({ milliseconds: performance.now() - started, stdout });
      else
        reject(
          new Error(`node ${args.join(" ")} ended with code ${code}\n${(stdout + stderr).slice(0, 2000)}`),
        );
    });
  });
}
