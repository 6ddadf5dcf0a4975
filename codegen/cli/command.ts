import type { Command } from "commander";

/** What the program gives to each of its commands. */
export interface Context {
  /** The file that runs in the reading thread. */
  readonly entry: URL;
  /** Sets the exit code: 0 all is well, 1 what was found is bad, 2 the command is wrong. */
  exit(code: number): void;
  /** Aborts when somebody wants the command to end. Ctrl-C then no longer ends the process by itself. */
  interruption(): AbortSignal;
}

/** Adds a command to the program. What it does is imported when it is run. */
export type Register = (program: Command, context: Context) => void;

/** Ends a command with a message for people, which says the mend. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  /** 1: what was asked for cannot be had. 2: the command is wrong. */
  readonly exitCode: 1 | 2;

  constructor(message: string, exitCode: 1 | 2 = 1, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}
