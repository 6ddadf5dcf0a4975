import { fork } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Mistake } from "../mistake.ts";
import { SELLER_COMMAND, type SellerEnd, type SellerMessage, type SellerOrder } from "./order.ts";

/** A seller's code, running in a process of its own. */
export interface SellerProcess {
  /** Of 127.0.0.1. */
  readonly port: number;
  /** How it ended, whoever ended it. */
  readonly ended: Promise<string>;
  /** Takes no more requests, answers those that run for at most `graceMs`; resolves when the process is gone. */
  end(graceMs: number): Promise<void>;
  /** Ends the process at once. */
  kill(): void;
}

export interface Started {
  readonly outcome: SellerProcess | Mistake;
  /** Those that the code is made of, as far as it was read: the files to watch. */
  readonly files: readonly string[];
}

/** Maximum start time. A server that takes longer is stuck. */
const PATIENCE_MS = 30_000;
/** Time after the grace period before the process is killed. Handlers have two seconds to respect their abort signal. */
const DYING_MS = 3_000;

/** Starts a seller's code, unless `signal` aborts first. `entry` is the entry file of the command line. */
export async function startSeller(entry: URL, order: SellerOrder, signal: AbortSignal): Promise<Started> {
  const child = fork(fileURLToPath(entry), [SELLER_COMMAND], {
    // Node warns that TypeScript and SQLite support are experimental. The seller's secrets are in .env.
    execArgv: [
      ...process.execArgv,
      "--disable-warning=ExperimentalWarning",
      ...(existsSync(".env") ? ["--env-file=.env"] : []),
    ],
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const ended = new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("exit", (code, signal) => resolve(signal === null ? `exit code ${code}` : signal));
  });
  const kill = (): void => void child.kill("SIGKILL");
  process.once("exit", kill);
  void ended.then(() => process.off("exit", kill));
  signal.addEventListener("abort", kill);

  const place = order.server ?? "the handlers";
  const failed = (problem: string, fix: string): SellerMessage => ({
    files: [],
    mistake: { path: place, problem, fix, severity: "error" },
  });
  let late: NodeJS.Timeout | undefined;
  const sent = await Promise.race([
    new Promise<SellerMessage>((resolve) => {
      child.once("message", (message) => resolve(message as SellerMessage));
      // An error is told by `ended`.
      child.send(order, () => {});
    }),
    ended.then((how) => failed(`ends before it listens (${how})`, "let no import end the process")),
    new Promise<SellerMessage>((resolve) => {
      late = setTimeout(() => {
        resolve(failed("has not listened within 30 seconds", "let imports do no more than set things up"));
      }, PATIENCE_MS);
    }),
  ]);
  clearTimeout(late);
  signal.removeEventListener("abort", kill);

  async function end(graceMs: number): Promise<void> {
    child.send({ graceMs } satisfies SellerEnd, () => {});
    const forced = setTimeout(kill, graceMs + DYING_MS);
    await ended;
    clearTimeout(forced);
  }

  if ("port" in sent) return { outcome: { port: sent.port, ended, end, kill }, files: sent.files };
  kill();
  await ended;
  return { outcome: sent.mistake, files: sent.files };
}
