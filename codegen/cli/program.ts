import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Command, CommanderError } from "commander";
import { type CommandContext, CommandError, Interrupted, type Register } from "./command.ts";
import { addCall } from "./commands/call.ts";
import { addCalls } from "./commands/calls.ts";
import { addDev } from "./commands/dev.ts";
import { addDiff } from "./commands/diff.ts";
import { addDocs } from "./commands/docs.ts";
import { addDoctor } from "./commands/doctor.ts";
import { addGenerate } from "./commands/generate.ts";
import { addInit } from "./commands/init.ts";
import { addMcp } from "./commands/mcp.ts";
import { addPayments } from "./commands/payments.ts";
import { addRefunds } from "./commands/refunds.ts";
import { addSdk } from "./commands/sdk.ts";
import { addStats } from "./commands/stats.ts";
import { addSweep } from "./commands/sweep.ts";
import { diskProblem } from "./disk.ts";
import { OUTPUT, OVERVIEW } from "./help.ts";
import { sayError } from "./say.ts";

const USAGE = 2;

/** The commands by heading, in the order of the help. */
const COMMANDS: Readonly<Record<string, readonly Register[]>> = {
  "Make an API:": [addInit, addGenerate, addDev],
  "Publish it:": [addDocs, addSdk, addDiff],
  "Buy and examine:": [addCall, addCalls, addMcp, addDoctor],
  "Manage payments and refunds:": [addPayments, addRefunds, addStats, addSweep],
};

/** Runs the command line and returns its exit code. `entry` is the file that the worker thread runs. */
export async function runCommand(words: readonly string[], entry: URL): Promise<number> {
  let exitCode = 0;
  const context: CommandContext = {
    entry,
    exit: (code) => {
      exitCode = code;
    },
    interruption,
  };
  try {
    await program(context).parseAsync(words, { from: "user" });
  } catch (error) {
    if (error instanceof CommandError) {
      if (error.message !== "") sayError(error.message);
      return error.exitCode;
    }
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE;
    // A full disk or a missing permission is not a bug, so the message has no stack.
    const problem = diskProblem(error);
    if (problem === undefined) throw error;
    sayError(problem);
    return 1;
  }
  return exitCode;
}

function program(context: CommandContext): Command {
  const program = new Command("resource402")
    .description("Turns a definition of what an API sells into server, client and documents.")
    .version(version(), "-v, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .helpCommand(false)
    .configureOutput(OUTPUT)
    .configureHelp({ subcommandTerm: (command) => command.name() })
    .addHelpText("after", OVERVIEW);
  for (const [heading, adds] of Object.entries(COMMANDS)) {
    program.commandsGroup(heading);
    for (const add of adds) add(program, context);
  }
  throwing(program);
  return program;
}

/** Makes invalid usage throw instead of ending the process. */
function throwing(command: Command): void {
  command.exitOverride();
  for (const one of command.commands) throwing(one);
}

/** Aborts when the user stops the command, with an {@link Interrupted} as its reason. */
function interruption(): AbortSignal {
  const interrupted = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => interrupted.abort(new Interrupted("", signal)));
  }
  return interrupted.signal;
}

function version(): string {
  const file = fileURLToPath(import.meta.resolve("resource402/package.json"));
  return (JSON.parse(readFileSync(file, "utf8")) as { readonly version: string }).version;
}
