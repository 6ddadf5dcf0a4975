import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";

const fromSource = new URL("./from-source.ts", import.meta.url).href;

/** A program of an example, as a process of its own. It ends with its test at the latest. */
export interface Program {
  readonly child: ChildProcess;
  /** All lines so far, of standard output and of standard error. */
  readonly lines: readonly string[];
  /** The first line that contains `text`. @throws when the program ends without it */
  line(text: string): Promise<string>;
  /** Its exit code, or the signal that ended it. */
  ended(): Promise<number | string | null>;
}

/** Starts `examples/<file>` with these environment variables and no other but PATH. */
export function startProgram(file: string, env: Record<string, string>): Program {
  const path = fileURLToPath(new URL(`../../examples/${file}`, import.meta.url));
  const child = spawn(process.execPath, ["--import", fromSource, path], {
    env: {
      PATH: process.env.PATH,
      NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  // SIGTERM, so that a program can end the processes that it has started.
  onTestFinished(() => void child.kill());
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  for (const input of [child.stdout, child.stderr]) {
    createInterface({ input }).on("line", (line) => {
      lines.push(line);
      for (const look of waiting) look();
    });
  }
  const exit = once(child, "close");
  return {
    child,
    lines,
    line: (text) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const found = lines.find((line) => line.includes(text));
          if (found === undefined) return;
          waiting.delete(look);
          resolve(found);
        };
        waiting.add(look);
        look();
        void exit.then(() => reject(new Error(`${file} ended without "${text}":\n${lines.join("\n")}`)));
      }),
    async ended() {
      await exit;
      return child.exitCode ?? child.signalCode;
    },
  };
}
