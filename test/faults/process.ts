import { type ChildProcess, fork } from "node:child_process";
import type { ServerOrder } from "./server.ts";

/**
 * Starts a server in a process of its own.
 * @param program The server's code, where it has been written to another file.
 * @returns listening: its port; `undefined` when it was killed before it listened. Rejects when it has ended by itself.
 */
export function forkServer(
  order: ServerOrder,
  program: string | URL = new URL(import.meta.resolve("./server.ts")),
): { child: ChildProcess; listening: Promise<number | undefined> } {
  const child = fork(program, {
    env: { ...process.env, SERVER: JSON.stringify(order) },
    execArgv: ["--disable-warning=ExperimentalWarning"],
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  let complaint = "";
  child.stderr?.on("data", (chunk) => {
    complaint += chunk;
  });
  const listening = new Promise<number | undefined>((resolve, reject) => {
    child.once("message", (told: { port: number }) => resolve(told.port));
    child.once("exit", (code) => {
      if (code === null) resolve(undefined);
      else reject(new Error(`the server ended with ${code}: ${complaint}`));
    });
    child.once("error", reject);
  });
  return { child, listening };
}

const MAX_TRIES = 40;
const TRY_AGAIN_MS = 250;

/**
 * Starts a server where another one listened, again while its port is taken: between the two, the system may give the port
 * to any process of the machine.
 */
export async function againWhilePortIsTaken(start: () => Promise<void>): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await start();
    } catch (error) {
      if (!String(error).includes("EADDRINUSE") || tries === MAX_TRIES) throw error;
      await new Promise((resolve) => setTimeout(resolve, TRY_AGAIN_MS));
    }
  }
}

/** Kills it, and waits until it is gone. */
export async function end(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const gone = new Promise((resolve) => server.once("exit", resolve));
  server.kill("SIGKILL");
  await gone;
}
